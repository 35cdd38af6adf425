/* key_lines.c - built once, searched by every read.
 *
 * Invariant: words ascend, and a key with a lower word than another is lower.  A short key is
 * filled up with zeros, which keeps that.
 */
#include "key/key_lines.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "key/key_words.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LINE_COUNT = 8 /* words of a cache line */ };

static size_t
line_count_of(size_t word_count)
{
    return word_count / LINE_COUNT + (word_count % LINE_COUNT != 0);
}

/* Room for all levels; a level's unused words are above every key's. */
static void
allocate(struct key_lines *lines)
{
    size_t counts[KEY_LINES_LEVEL_COUNT_MAX];
    int64_t *next;

    for (size_t count = lines->count; lines->level_count == 0 || count > 1;) {
        KV_ASSERT(lines->level_count < KEY_LINES_LEVEL_COUNT_MAX);
        count = line_count_of(count);
        counts[lines->level_count++] = count;
        lines->line_count += count;
    }
    lines->words = next = kv_alloc_aligned(64, key_lines_bytes(lines));
    for (size_t i = 0; i < lines->line_count * LINE_COUNT; i++)
        next[i] = WORD_UNUSED;
    for (unsigned i = 0; i < lines->level_count; i++) {
        lines->levels[i] = next;
        next += counts[i] * LINE_COUNT;
    }
}

/* False: too many in a row are the same. */
static bool
fill(struct key_lines *lines)
{
    size_t same_count = 1;

    for (size_t i = 0; i < lines->count; i++) {
        lines->words[i] = word_load(lines->keys[i], lines->prefix_size);
        KV_ASSERT(i == 0 || lines->words[i] >= lines->words[i - 1]);
        same_count = i > 0 && lines->words[i] == lines->words[i - 1] ? same_count + 1 : 1;
        if (same_count > KEY_LINES_SAME_COUNT_MAX)
            return false;
    }
    return true;
}

static void
build_levels(struct key_lines *lines)
{
    size_t count = lines->count;

    for (unsigned level = 1; level < lines->level_count; level++) {
        int64_t *target = lines->words + (lines->levels[level] - lines->levels[0]);
        const int64_t *below = lines->levels[level - 1];

        count = line_count_of(count);
        for (size_t i = 0; i < count; i++)
            target[i] = below[i * LINE_COUNT + LINE_COUNT - 1];
        target[count - 1] = WORD_UNUSED; /* what is above all is sought in the last line */
    }
}

bool
key_lines_init(struct key_lines *lines, const struct slice *keys, size_t count)
{
    KV_ASSERT(count > 0);
    *lines = (struct key_lines){
        .keys = keys,
        .count = count,
        .prefix_size = key_common_size(keys[0], keys[count - 1]),
    };
    allocate(lines);
    if (!fill(lines)) {
        key_lines_deinit(lines);
        return false;
    }
    build_levels(lines);
    return true;
}

void
key_lines_deinit(struct key_lines *lines)
{
    free(lines->words);
    *lines = (struct key_lines){0};
}

/* How many of a line's words are below `word`.  Without branches: a random search would mispredict
 * every other one. */
static inline size_t
count_below(const int64_t *line, int64_t word)
{
    size_t count = 0;

    for (unsigned i = 0; i < LINE_COUNT; i++)
        count += line[i] < word;
    return count;
}

/* The first place in level 0 whose word is not below `word`. */
static size_t
descend_portable(const struct key_lines *lines, int64_t word)
{
    size_t at = 0;

    for (unsigned level = lines->level_count; level-- > 0;)
        at = at * LINE_COUNT + count_below(lines->levels[level] + at * LINE_COUNT, word);
    return at;
}

#if defined(__x86_64__)

__attribute__((target("avx2,popcnt"))) static size_t
descend_avx2(const struct key_lines *lines, int64_t word)
{
    const __m256i wanted = _mm256_set1_epi64x(word);
    size_t at = 0;

    for (unsigned level = lines->level_count; level-- > 0;) {
        const __m256i *line =
            (const __m256i *)(const void *)(lines->levels[level] + at * LINE_COUNT);
        const __m256i low = _mm256_cmpgt_epi64(wanted, _mm256_load_si256(line));
        const __m256i high = _mm256_cmpgt_epi64(wanted, _mm256_load_si256(line + 1));
        /* Four bits a word. */
        const int both = _mm256_movemask_epi8(_mm256_packs_epi32(low, high));

        at = at * LINE_COUNT + (size_t)__builtin_popcount((unsigned)both) / 4;
    }
    return at;
}

#endif

static size_t
descend(const struct key_lines *lines, int64_t word)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return descend_avx2(lines, word);
#endif
    return descend_portable(lines, word);
}

/* Of keys that begin with the prefix and have equal words.  Where these have all of both keys, the
 * longer one has more of the zeros that a word is filled up with. */
static int
compare_same(const struct key_lines *lines, struct slice a, struct slice b)
{
    const size_t seen = lines->prefix_size + sizeof(lines->words[0]);

    if (a.size <= seen && b.size <= seen)
        return (a.size > b.size) - (a.size < b.size);
    return slice_compare(a, b);
}

size_t
key_lines_up_to(const struct key_lines *lines, struct slice key)
{
    const size_t shared = key.size < lines->prefix_size ? key.size : lines->prefix_size;
    const int order = shared == 0 ? 0 : memcmp(key.data, lines->keys[0].data, shared);
    int64_t word;
    size_t at;

    KV_ASSERT(lines->count > 0);
    if (order != 0 || shared < lines->prefix_size)
        return order > 0 ? lines->count : 0;
    word = word_load(key, lines->prefix_size);
    at = descend(lines, word);
    KV_DCHECK(at == descend_portable(lines, word));
    at = at < lines->count ? at : lines->count;
    while (at < lines->count && lines->words[at] == word &&
           compare_same(lines, lines->keys[at], key) <= 0)
        at++;
    return at;
}
