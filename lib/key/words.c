/* words.c - counting instead of searching.
 *
 * A binary search over 64 words mispredicts about three branches; counting all of them with
 * vector compares has no branch to mispredict, and the eight cache lines come in parallel.
 */
#include "key/words.h"

#include "base/assert.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

unsigned
words_count_below_portable(const int64_t *words, int64_t word)
{
    unsigned count = 0;

    for (unsigned i = 0; i < WORDS_COUNT; i++)
        count += words[i] < word;
    return count;
}

#if defined(__x86_64__)

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
