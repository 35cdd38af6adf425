/* restart_words.c - built once when a table is opened, searched by every lookup.
 *
 * Invariant: words ascend, and a key with a lower word than another is the lower one.  A short
 * key is filled up with zeros, which keeps that: what it is a prefix of has at least its word.
 */
#include "sst/restart_words.h"

#include <endian.h>

#include "base/alloc.h"
#include "base/coding.h"

enum { WORD_BYTES = 8, LINE_COUNT = 8 /* words of a cache line */ };

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

static uint32_t
line_count_of(uint32_t word_count)
{
    return word_count / LINE_COUNT + (word_count % LINE_COUNT != 0);
}

/* Room for all levels; a level's unused words are above every key's. */
static void
allocate(struct restart_words *words)
{
    uint32_t lines[RESTART_LEVEL_COUNT_MAX];
    size_t line_sum = 0;
    uint64_t *next;

    for (uint32_t count = words->count; words->level_count == 0 || count > 1;) {
        KV_ASSERT(words->level_count < RESTART_LEVEL_COUNT_MAX);
        count = line_count_of(count);
        lines[words->level_count++] = count;
        line_sum += count;
    }
    words->bytes = line_sum * LINE_COUNT * WORD_BYTES;
    words->words = next = kv_alloc_aligned(LINE_COUNT * WORD_BYTES, words->bytes);
    memset(next, 0xff, words->bytes);
    for (uint32_t i = 0; i < words->level_count; i++) {
        words->levels[i] = next;
        next += (size_t)lines[i] * LINE_COUNT;
    }
}

static void
build_levels(struct restart_words *words)
{
    uint32_t count = words->count;

    for (uint32_t level = 1; level < words->level_count; level++) {
        uint64_t *target = words->words + (words->levels[level] - words->levels[0]);
        const uint64_t *below = words->levels[level - 1];

        count = line_count_of(count);
        for (uint32_t i = 0; i < count; i++)
            target[i] = below[(size_t)i * LINE_COUNT + LINE_COUNT - 1];
        target[count - 1] = UINT64_MAX; /* what is above all is sought in the last line */
    }
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
    allocate(words);
    if (!fill(words, iter)) {
        restart_words_deinit(words);
        return false;
    }
    build_levels(words);
    return true;
}

void
restart_words_deinit(struct restart_words *words)
{
    free(words->words);
    *words = (struct restart_words){0};
}

/* How many of a line's words are below `word`.  Without branches: a random search would mispredict
 * every other one. */
static inline uint32_t
count_below(const uint64_t *line, uint64_t word)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < LINE_COUNT; i++)
        count += line[i] < word;
    return count;
}

/* The line of level 0 where the first word >= `word` is, if there is one. */
static uint32_t
find_line(const struct restart_words *words, uint64_t word)
{
    uint32_t line = 0;

    for (uint32_t level = words->level_count - 1; level > 0; level--)
        line =
            line * LINE_COUNT + count_below(words->levels[level] + (size_t)line * LINE_COUNT, word);
    KV_ASSERT(line < line_count_of(words->count));
    return line;
}

/* The first place whose word is at least `word`, or count. */
static uint32_t
lower_bound(const struct restart_words *words, uint64_t word)
{
    const uint32_t line = find_line(words, word);
    const uint32_t index =
        line * LINE_COUNT + count_below(words->words + (size_t)line * LINE_COUNT, word);

    return index < words->count ? index : words->count;
}

/* The key's word, if the prefix does not decide alone: it is below (-1) or above (1) all. */
static int
place_by_prefix(const struct restart_words *words, struct slice user_key, uint64_t *word_out)
{
    const size_t prefix_bytes = words->prefix.size;
    const size_t shared = user_key.size < prefix_bytes ? user_key.size : prefix_bytes;
    const int order = shared == 0 ? 0 : memcmp(user_key.data, words->prefix.data, shared);

    if (order != 0)
        return order < 0 ? -1 : 1;
    if (shared < prefix_bytes)
        return -1;
    *word_out = word_of(slice_of(user_key.data + prefix_bytes, user_key.size - prefix_bytes));
    return 0;
}

struct restart_range
restart_words_find(const struct restart_words *words, struct slice user_key)
{
    uint64_t word = 0;
    const int order = place_by_prefix(words, user_key, &word);
    uint32_t low, high;

    KV_ASSERT(words->count > 0);
    if (order < 0)
        return (struct restart_range){0};
    if (order > 0)
        return (struct restart_range){.low = words->count - 1, .high = words->count - 1};
    low = lower_bound(words, word);
    high = low;
    if (low < words->count && words->words[low] == word)
        high = word == UINT64_MAX ? words->count : lower_bound(words, word + 1);
    KV_ASSERT(low <= high && high <= words->count);
    return (struct restart_range){.low = low > 0 ? low - 1 : 0, .high = high > 0 ? high - 1 : 0};
}

bool
restart_search_begin(const struct restart_words *words, struct slice user_key,
                     struct restart_search *search)
{
    if (words->count == 0 || place_by_prefix(words, user_key, &search->word) != 0)
        return false;
    search->line = find_line(words, search->word);
    __builtin_prefetch(words->words + (size_t)search->line * LINE_COUNT);
    return true;
}

bool
restart_search_end(const struct restart_words *words, const struct restart_search *search,
                   uint32_t *index_out)
{
    const uint64_t *line = words->words + (size_t)search->line * LINE_COUNT;
    const uint32_t at = count_below(line, search->word);
    const uint32_t index = search->line * LINE_COUNT + at;

    if (index >= words->count || line[at] == search->word)
        return false;
    *index_out = index;
    return true;
}
