/* restart_words.c - built once when a table is opened, searched by every lookup.
 *
 * Invariant: words ascend, and a key with a lower word than another is the lower one.  A short
 * key is filled up with zeros, which keeps that: what it is a prefix of has at least its word.
 */
#include "sst/restart_words.h"

#include "base/assert.h"
#include "key/key_words.h"

static bool
fill(struct restart_words *words, struct block_iter *iter)
{
    int64_t *target = words->words.words;

    for (uint32_t i = 0; i < words->count; i++) {
        struct slice key;

        if (!block_iter_restart_key(iter, i, &key))
            return false;
        if (!slice_starts_with(key, words->prefix))
            return block_iter_fault(iter, "restart points do not ascend");
        target[i] = word_load(key, words->prefix.size);
        if (i > 0 && target[i] < target[i - 1])
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
    words->prefix = slice_of(first.data, key_common_size(first, last));
    words->count = iter->restart_count;
    word_lines_init(&words->words, words->count);
    if (!fill(words, iter)) {
        restart_words_deinit(words);
        return false;
    }
    word_lines_finish(&words->words);
    return true;
}

void
restart_words_deinit(struct restart_words *words)
{
    word_lines_deinit(&words->words);
    *words = (struct restart_words){0};
}

/* The key's word, if the prefix does not decide alone: it is below (-1) or above (1) all. */
static int
place_by_prefix(const struct restart_words *words, struct slice user_key, int64_t *word_out)
{
    const size_t prefix_bytes = words->prefix.size;
    const size_t shared = user_key.size < prefix_bytes ? user_key.size : prefix_bytes;
    const int order = shared == 0 ? 0 : memcmp(user_key.data, words->prefix.data, shared);

    if (order != 0)
        return order < 0 ? -1 : 1;
    if (shared < prefix_bytes)
        return -1;
    *word_out = word_load(user_key, prefix_bytes);
    return 0;
}

struct restart_range
restart_words_find(const struct restart_words *words, struct slice user_key)
{
    const int64_t *all = words->words.words;
    int64_t word = 0;
    const int order = place_by_prefix(words, user_key, &word);
    uint32_t low, high;

    KV_ASSERT(words->count > 0);
    if (order < 0)
        return (struct restart_range){0};
    if (order > 0)
        return (struct restart_range){.low = words->count - 1, .high = words->count - 1};
    low = (uint32_t)word_lines_below(&words->words, word);
    high = low;
    if (low < words->count && all[low] == word)
        high =
            word == INT64_MAX ? words->count : (uint32_t)word_lines_below(&words->words, word + 1);
    KV_ASSERT(low <= high && high <= words->count);
    return (struct restart_range){.low = low > 0 ? low - 1 : 0, .high = high > 0 ? high - 1 : 0};
}

bool
restart_search_begin(const struct restart_words *words, struct slice user_key,
                     struct restart_search *search)
{
    if (words->count == 0 || place_by_prefix(words, user_key, &search->word) != 0)
        return false;
    search->line = word_lines_find_line(&words->words, search->word);
    return true;
}

bool
restart_search_end(const struct restart_words *words, const struct restart_search *search,
                   uint32_t *index_out)
{
    const size_t index = word_lines_below_from(&words->words, search->line, search->word);

    if (index >= words->count || words->words.words[index] == search->word)
        return false;
    *index_out = (uint32_t)index;
    return true;
}
