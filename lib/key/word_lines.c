/* word_lines.c - built once, searched by every read.
 *
 * Invariant: words of a level ascend, and what is unused at its end is WORD_UNUSED, as is the last
 * word in use above level 0: what is above all words is sought in the last line.
 */
#include "key/word_lines.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "key/words.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static size_t
line_count_of(size_t word_count)
{
    return word_count / WORD_LINE_COUNT + (word_count % WORD_LINE_COUNT != 0);
}

void
word_lines_init(struct word_lines *lines, size_t count)
{
    size_t counts[WORD_LINES_LEVEL_COUNT_MAX];
    int64_t *next;

    KV_ASSERT(count > 0);
    *lines = (struct word_lines){.count = count};
    while (lines->level_count == 0 || count > 1) {
        KV_ASSERT(lines->level_count < WORD_LINES_LEVEL_COUNT_MAX);
        count = line_count_of(count);
        counts[lines->level_count++] = count;
        lines->line_count += count;
    }
    lines->words = next = kv_alloc_aligned(64, word_lines_bytes(lines));
    for (size_t i = 0; i < lines->line_count * WORD_LINE_COUNT; i++)
        next[i] = WORD_UNUSED;
    for (unsigned i = 0; i < lines->level_count; i++) {
        lines->levels[i] = next;
        next += counts[i] * WORD_LINE_COUNT;
    }
}

void
word_lines_finish(struct word_lines *lines)
{
    size_t count = lines->count;

    for (size_t i = 1; i < count; i++)
        KV_DCHECK(lines->words[i - 1] <= lines->words[i]);
    for (unsigned level = 1; level < lines->level_count; level++) {
        int64_t *target = lines->words + (lines->levels[level] - lines->levels[0]);
        const int64_t *below = lines->levels[level - 1];

        count = line_count_of(count);
        for (size_t i = 0; i < count; i++)
            target[i] = below[i * WORD_LINE_COUNT + WORD_LINE_COUNT - 1];
        target[count - 1] = WORD_UNUSED;
    }
}

void
word_lines_deinit(struct word_lines *lines)
{
    free(lines->words);
    *lines = (struct word_lines){0};
}

/* How many of a line's words are below `word`.  Without branches: a random search would mispredict
 * every other one. */
static inline size_t
count_below(const int64_t *line, int64_t word)
{
    size_t count = 0;

    for (unsigned i = 0; i < WORD_LINE_COUNT; i++)
        count += line[i] < word;
    return count;
}

/* From the root to the line, or the word, of level `end`. */
static size_t
descend_portable(const struct word_lines *lines, int64_t word, unsigned end)
{
    size_t at = 0;

    for (unsigned level = lines->level_count; level-- > end;)
        at = at * WORD_LINE_COUNT + count_below(lines->levels[level] + at * WORD_LINE_COUNT, word);
    return at;
}

/* A level further.  The lines of the next one are on their way when this returns. */
static inline void
note_step(struct word_search *search, size_t below)
{
    search->below = search->below * WORD_LINE_COUNT + below;
    if (search->level > 0)
        __builtin_prefetch(search->lines->levels[search->level - 1] +
                           search->below * WORD_LINE_COUNT);
}

static inline const int64_t *
next_line(struct word_search *search)
{
    return search->lines->levels[--search->level] + search->below * WORD_LINE_COUNT;
}

static void
search_portable(struct word_search *searches, unsigned count, unsigned step_count)
{
    while (step_count-- > 0) {
        for (unsigned i = 0; i < count; i++) {
            if (searches[i].level > 0)
                note_step(&searches[i], count_below(next_line(&searches[i]), searches[i].word));
        }
    }
}

#if defined(__x86_64__)

__attribute__((target("avx2,popcnt"))) static inline size_t
count_below_avx2(const int64_t *words, __m256i wanted)
{
    const __m256i *line = (const __m256i *)(const void *)words;
    const __m256i low = _mm256_cmpgt_epi64(wanted, _mm256_load_si256(line));
    const __m256i high = _mm256_cmpgt_epi64(wanted, _mm256_load_si256(line + 1));
    /* Four bits a word. */
    const int both = _mm256_movemask_epi8(_mm256_packs_epi32(low, high));

    return (size_t)__builtin_popcount((unsigned)both) / 4;
}

__attribute__((target("avx2,popcnt"))) static size_t
descend_avx2(const struct word_lines *lines, int64_t word, unsigned end)
{
    const __m256i wanted = _mm256_set1_epi64x(word);
    size_t at = 0;

    for (unsigned level = lines->level_count; level-- > end;)
        at = at * WORD_LINE_COUNT +
             count_below_avx2(lines->levels[level] + at * WORD_LINE_COUNT, wanted);
    return at;
}

__attribute__((target("avx2,popcnt"))) static void
search_avx2(struct word_search *searches, unsigned count, unsigned step_count)
{
    while (step_count-- > 0) {
        for (unsigned i = 0; i < count; i++) {
            if (searches[i].level > 0)
                note_step(&searches[i], count_below_avx2(next_line(&searches[i]),
                                                         _mm256_set1_epi64x(searches[i].word)));
        }
    }
}

#endif

static size_t
descend(const struct word_lines *lines, int64_t word, unsigned end)
{
    KV_ASSERT(lines->count > 0);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return descend_avx2(lines, word, end);
#endif
    return descend_portable(lines, word, end);
}

/* What is unused is below no word, but the words of the last line may be fewer than it has. */
static size_t
at_most_all(const struct word_lines *lines, size_t below)
{
    return below < lines->count ? below : lines->count;
}

size_t
word_lines_below_portable(const struct word_lines *lines, int64_t word)
{
    return at_most_all(lines, descend_portable(lines, word, 0));
}

size_t
word_lines_below(const struct word_lines *lines, int64_t word)
{
    const size_t below = at_most_all(lines, descend(lines, word, 0));

    KV_DCHECK(below == word_lines_below_portable(lines, word));
    return below;
}

size_t
word_lines_find_line(const struct word_lines *lines, int64_t word)
{
    const size_t line = descend(lines, word, 1);

    __builtin_prefetch(lines->words + line * WORD_LINE_COUNT);
    return line;
}

size_t
word_lines_below_from(const struct word_lines *lines, size_t line, int64_t word)
{
    KV_ASSERT(line < line_count_of(lines->count));
    return at_most_all(lines, line * WORD_LINE_COUNT +
                                  count_below(lines->words + line * WORD_LINE_COUNT, word));
}

void
word_lines_search(struct word_search *searches, unsigned count)
{
    unsigned step_count = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct word_lines *lines = searches[i].lines;

        KV_ASSERT(lines->count > 0);
        searches[i].below = 0;
        searches[i].level = lines->level_count;
        if (lines->level_count > step_count)
            step_count = lines->level_count;
    }
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        search_avx2(searches, count, step_count);
    else
#endif
        search_portable(searches, count, step_count);
    for (unsigned i = 0; i < count; i++)
        searches[i].below = at_most_all(searches[i].lines, searches[i].below);
}
