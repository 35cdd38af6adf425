/* request.c - each word is an allocation of its own, so that a large value that was read from
 * standard input is never copied. */
#include "cli/request.h"

#include <strings.h>

#include "base/alloc.h"
#include "resp/resp_inline.h"

enum { CAPACITY_FIRST = 8 };

void
request_clear(struct request *request)
{
    for (uint32_t i = 0; i < request->count; i++)
        free((void *)(uintptr_t)request->words[i].data);
    request->count = 0;
}

void
request_deinit(struct request *request)
{
    request_clear(request);
    free(request->words);
    *request = (struct request){0};
}

static void
add_owned(struct request *request, struct slice word)
{
    KV_ASSERT(request->count <= request->capacity);
    if (request->count == request->capacity) {
        request->capacity = request->capacity == 0 ? CAPACITY_FIRST : request->capacity * 2;
        request->words = kv_realloc(request->words, request->capacity * sizeof(request->words[0]));
    }
    request->words[request->count++] = word;
}

void
request_add(struct request *request, struct slice word)
{
    uint8_t *copy = kv_alloc(word.size + 1);

    if (word.size > 0)
        memcpy(copy, word.data, word.size);
    add_owned(request, slice_of(copy, word.size));
}

void
request_add_text(struct request *request, const char *text)
{
    request_add(request, slice_from_text(text));
}

void
request_take(struct request *request, struct buffer *word)
{
    add_owned(request, buffer_slice(word));
    *word = (struct buffer){0};
}

bool
request_split(struct request *request, struct slice line)
{
    struct buffer word = {0};

    for (;;) {
        switch (resp_inline_next(&line, &word)) {
        case RESP_INLINE_WORD:
            request_take(request, &word);
            break;
        case RESP_INLINE_END:
            buffer_deinit(&word);
            return true;
        case RESP_INLINE_UNBALANCED:
            buffer_deinit(&word);
            return false;
        }
    }
}

bool
request_word_is(const struct request *request, uint32_t index, const char *text)
{
    if (index >= request->count || request->words[index].size != strlen(text))
        return false;
    return strncasecmp((const char *)request->words[index].data, text, strlen(text)) == 0;
}
