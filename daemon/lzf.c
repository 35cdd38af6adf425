#include "daemon/lzf.h"

#include "base/assert.h"

enum {
    LITERAL_MAX = 1 << 5, /* a control byte below it is of literals */
    SHORT_MAX = 7,
    EXPANSION_MAX = 264, /* bytes that one packed byte can stand for, and more */
};

/* A run that is in `target` already, from `back` bytes before its end. */
static bool
copy_back(struct buffer *target, size_t back, size_t count, size_t size)
{
    if (back > target->size || count > size - target->size)
        return false;
    for (size_t i = 0; i < count; i++, target->size++)
        target->data[target->size] = target->data[target->size - back];
    return true;
}

static bool
copy_literals(struct buffer *target, struct slice packed, size_t *at, size_t count, size_t size)
{
    if (count > packed.size - *at || count > size - target->size)
        return false;
    memcpy(target->data + target->size, packed.data + *at, count);
    target->size += count;
    *at += count;
    return true;
}

bool
lzf_unpack(struct slice packed, size_t size, struct buffer *target)
{
    size_t at = 0;

    target->size = 0;
    if (size / EXPANSION_MAX > packed.size)
        return false;
    (void)buffer_reserve(target, size + 1);
    while (at < packed.size) {
        const uint8_t control = packed.data[at++];
        size_t count = control >> 5, back = (size_t)(control & (LITERAL_MAX - 1)) << 8;

        KV_ASSERT(target->size <= size);
        if (control < LITERAL_MAX) {
            if (!copy_literals(target, packed, &at, (size_t)control + 1, size))
                return false;
            continue;
        }
        if (count == SHORT_MAX && at < packed.size)
            count += packed.data[at++];
        if (at == packed.size)
            return false;
        back += (size_t)packed.data[at++] + 1;
        if (!copy_back(target, back, count + 2, size))
            return false;
    }
    return target->size == size;
}
