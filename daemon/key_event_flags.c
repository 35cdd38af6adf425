/* key_event_flags.c - "KEA" and its like; A stands for all classes but m and n. */
#include "daemon/key_event_flags.h"

#include "daemon/key_event.h"

static const struct {
    char letter;
    uint64_t flag;
} letters[] = {
    {'g', NOTIFY_GENERIC},  {'$', NOTIFY_STRING},   {'l', NOTIFY_LIST},    {'s', NOTIFY_SET},
    {'h', NOTIFY_HASH},     {'z', NOTIFY_ZSET},     {'x', NOTIFY_EXPIRED}, {'e', NOTIFY_EVICTED},
    {'t', NOTIFY_STREAM},   {'d', NOTIFY_MODULE},   {'n', NOTIFY_NEW},     {'K', NOTIFY_KEYSPACE},
    {'E', NOTIFY_KEYEVENT}, {'m', NOTIFY_KEY_MISS},
};

enum { LETTER_COUNT = sizeof(letters) / sizeof(letters[0]) };

bool
key_event_flags_parse(const char *text, uint64_t *flags_out)
{
    uint64_t flags = 0;

    for (; *text != '\0'; text++) {
        uint64_t flag = *text == 'A' ? NOTIFY_ALL : 0;

        for (int i = 0; i < LETTER_COUNT; i++)
            flag |= letters[i].letter == *text ? letters[i].flag : 0;
        if (flag == 0)
            return false;
        flags |= flag;
    }
    *flags_out = flags;
    return true;
}

void
key_event_flags_format(uint64_t flags, struct buffer *target)
{
    const bool has_all = (flags & NOTIFY_ALL) == NOTIFY_ALL;

    if (has_all)
        buffer_append_byte(target, 'A');
    for (int i = 0; i < LETTER_COUNT; i++) {
        if (flags & letters[i].flag && !(has_all && letters[i].flag & NOTIFY_ALL))
            buffer_append_byte(target, (uint8_t)letters[i].letter);
    }
}
