/* words.c - counting instead of searching.
 *
 * A binary search over 64 words mispredicts about three branches; counting all of them with
 * vector compares has no branch to mispredict, and the eight cache lines come in parallel.  Who has
 * the lines' last words beside each other needs only one of the lines: a second load to wait for,
 * but little of the cache.
 */
#include "key/words.h"

#include "base/assert.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LINE_COUNT = WORDS_COUNT / WORDS_STEP_COUNT };

unsigned
words_count_below_portable(const int64_t *words, int64_t word)
{
    unsigned count = 0;

    for (unsigned i = 0; i < WORDS_COUNT; i++)
        count += words[i] < word;
    return count;
}

void
words_make_steps(const int64_t *words, int64_t *steps)
{
    for (unsigned i = 0; i < WORDS_STEP_COUNT; i++)
        steps[i] = words[i * LINE_COUNT + LINE_COUNT - 1];
}

static unsigned
count_in_line(const int64_t *line, int64_t word)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LINE_COUNT; i++)
        count += line[i] < word;
    return count;
}

unsigned
words_find_portable(const int64_t *words, const int64_t *steps, int64_t word)
{
    const unsigned line = count_in_line(steps, word);

    return line == WORDS_STEP_COUNT
               ? WORDS_COUNT
               : line * LINE_COUNT + count_in_line(words + line * LINE_COUNT, word);
}

#if defined(__x86_64__)

__attribute__((target("avx2,popcnt"))) static inline unsigned
count_in_line_avx2(const int64_t *line, __m256i wanted)
{
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)line);
    const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(line + 4));
    const int below_a = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(wanted, a)));
    const int below_b = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(wanted, b)));

    return (unsigned)__builtin_popcount((unsigned)(below_a | below_b << 4));
}

__attribute__((target("avx2,popcnt"))) static unsigned
find_avx2(const int64_t *words, const int64_t *steps, int64_t word)
{
    const __m256i wanted = _mm256_set1_epi64x(word);
    const unsigned line = count_in_line_avx2(steps, wanted);

    return line == WORDS_STEP_COUNT
               ? WORDS_COUNT
               : line * LINE_COUNT + count_in_line_avx2(words + line * LINE_COUNT, wanted);
}

__attribute__((target("avx2"))) static unsigned
count_below_avx2(const int64_t *words, int64_t word)
{
    const __m256i wanted = _mm256_set1_epi64x(word);
    __m256i sum_a = _mm256_setzero_si256();
    __m256i sum_b = _mm256_setzero_si256();
    __m128i half;

    /* A true compare is -1 in its lane, so the lanes count downwards. */
    for (unsigned i = 0; i < WORDS_COUNT; i += 8) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(words + i));
        const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(words + i + 4));

        sum_a = _mm256_add_epi64(sum_a, _mm256_cmpgt_epi64(wanted, a));
        sum_b = _mm256_add_epi64(sum_b, _mm256_cmpgt_epi64(wanted, b));
    }
    sum_a = _mm256_add_epi64(sum_a, sum_b);
    half = _mm_add_epi64(_mm256_castsi256_si128(sum_a), _mm256_extracti128_si256(sum_a, 1));
    return (unsigned)-(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

#endif

unsigned
words_count_below(const int64_t *words, int64_t word)
{
    KV_DCHECK(words != NULL);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return count_below_avx2(words, word);
#endif
    return words_count_below_portable(words, word);
}

unsigned
words_find(const int64_t *words, const int64_t *steps, int64_t word)
{
    KV_DCHECK(words != NULL && steps != NULL);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return find_avx2(words, steps, word);
#endif
    return words_find_portable(words, steps, word);
}
