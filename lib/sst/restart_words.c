/* restart_words.c - built once when a table is opened, searched by every lookup.
 *
 * Invariant: words ascend, and a key with a lower word than another is the lower one.  A short
 * key is filled up with zeros, which keeps that: what it is a prefix of has at least its word.
 */
#include "sst/restart_words.h"

#include <endian.h>

#include "base/alloc.h"
#include "base/coding.h"

enum { WORD_BYTES = 8 };

static uint64_t
word_of(struct slice rest)
{
    uint64_t bytes = 0;

    if (rest.size >= WORD_BYTES)
        return be64toh(load_fixed64(rest.data));
    if (rest.size > 0)
        memcpy(&bytes, rest.data, rest.size);
    return be64toh(bytes);
}

static struct slice
common_prefix(struct slice a, struct slice b)
{
    const size_t size_max = a.size < b.size ? a.size : b.size;
    size_t size = 0;

    while (size < size_max && a.data[size] == b.data[size])
        size++;
    return slice_of(a.data, size);
}

static bool
fill(struct restart_words *words, struct block_iter *iter)
{
    for (uint32_t i = 0; i < words->count; i++) {
        struct slice key;

        if (!block_iter_restart_key(iter, i, &key))
            return false;
        if (!slice_starts_with(key, words->prefix))
            return block_iter_fault(iter, "restart points do not ascend");
        words->words[i] =
            word_of(slice_of(key.data + words->prefix.size, key.size - words->prefix.size));
        if (i > 0 && words->words[i] < words->words[i - 1])
            return block_iter_fault(iter, "restart points do not ascend");
    }
    return true;
}

bool
restart_words_init(struct restart_words *words, struct block_iter *iter)
{
    struct slice first, last;

    *words = (struct restart_words){0};
    if (iter->entries_bytes == 0)
        return true;
    if (!block_iter_restart_key(iter, 0, &first) ||
        !block_iter_restart_key(iter, iter->restart_count - 1, &last))
        return false;
    words->prefix = common_prefix(first, last);
    words->count = iter->restart_count;
    words->words = kv_alloc(words->count * sizeof(words->words[0]));
    if (fill(words, iter))
        return true;
    restart_words_deinit(words);
    return false;
}

void
restart_words_deinit(struct restart_words *words)
{
    free(words->words);
    *words = (struct restart_words){0};
}

/* The first place at or behind `from` whose word is at least `word`, or count.  Without branches:
 * a random search would mispredict every other one. */
static uint32_t
lower_bound(const struct restart_words *words, uint32_t from, uint64_t word)
{
    const uint64_t *base = words->words + from;
    size_t count = words->count - from;

    if (count == 0)
        return words->count;
    while (count > 1) {
        const size_t half = count / 2;

        base += half & -(size_t)(base[half - 1] < word);
        count -= half;
    }
    return (uint32_t)(base - words->words) + (*base < word);
}

struct restart_range
restart_words_find(const struct restart_words *words, struct slice user_key)
{
    const size_t prefix_bytes = words->prefix.size;
    const size_t shared = user_key.size < prefix_bytes ? user_key.size : prefix_bytes;
    const int order = shared == 0 ? 0 : memcmp(user_key.data, words->prefix.data, shared);
    uint32_t low, high;
    uint64_t word;

    KV_ASSERT(words->count > 0);
    if (order < 0 || (order == 0 && shared < prefix_bytes))
        return (struct restart_range){0};
    if (order > 0)
        return (struct restart_range){.low = words->count - 1, .high = words->count - 1};
    word = word_of(slice_of(user_key.data + prefix_bytes, user_key.size - prefix_bytes));
    low = lower_bound(words, 0, word);
    high = low;
    if (low < words->count && words->words[low] == word)
        high = word == UINT64_MAX ? words->count : lower_bound(words, low, word + 1);
    KV_ASSERT(low <= high && high <= words->count);
    return (struct restart_range){.low = low > 0 ? low - 1 : 0, .high = high > 0 ? high - 1 : 0};
}
