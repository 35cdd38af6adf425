/* slice.h - a borrowed run of bytes; never owns, never freed. */
#ifndef KV_BASE_SLICE_H
#define KV_BASE_SLICE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;
};

static inline struct slice
slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

static inline struct slice
slice_from_text(const char *text)
{
    return slice_of(text, strlen(text));
}

/* Eight bytes as a number that orders as they do. */
static inline uint64_t
slice_word(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof(word));
    return be64toh(word);
}

/* memcmp for the few bytes that keys have, without the call: 8 <= size <= 64. */
static inline int
slice_compare_words(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint64_t left, right;

    for (size_t at = 0; at + 8 < size; at += 8) {
        left = slice_word(a + at);
        right = slice_word(b + at);
        if (left != right)
            return left < right ? -1 : 1;
    }
    left = slice_word(a + size - 8);
    right = slice_word(b + size - 8);
    return (left > right) - (left < right);
}

static inline int
slice_compare(struct slice a, struct slice b)
{
    const size_t shared = a.size < b.size ? a.size : b.size;
    int order = 0;

    if (shared >= 8 && shared <= 64)
        order = slice_compare_words(a.data, b.data, shared);
    else if (shared > 0)
        order = memcmp(a.data, b.data, shared);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* Likewise. */
static inline bool
slice_equal_words(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t at = 0; at + 8 < size; at += 8) {
        if (slice_word(a + at) != slice_word(b + at))
            return false;
    }
    return slice_word(a + size - 8) == slice_word(b + size - 8);
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    if (a.size >= 8 && a.size <= 64)
        return slice_equal_words(a.data, b.data, a.size);
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}

static inline bool
slice_starts_with(struct slice a, struct slice prefix)
{
    return a.size >= prefix.size &&
           (prefix.size == 0 || memcmp(a.data, prefix.data, prefix.size) == 0);
}

/* Takes what is before the next `mark`, which is passed too, or all. */
static inline struct slice
slice_take_until(struct slice *text, uint8_t mark)
{
    const uint8_t *at =
        text->size > 0 ? (const uint8_t *)memchr(text->data, mark, text->size) : NULL;
    const size_t size = at != NULL ? (size_t)(at - text->data) : text->size;
    const struct slice taken = slice_of(text->data, size);

    *text = at != NULL ? slice_of(at + 1, text->size - size - 1) : slice_of(NULL, 0);
    return taken;
}

#endif
