/* words.h - eight bytes of a key as one number whose order is the order of the bytes.
 *
 * A word is big-endian and zero-padded, with the sign bit flipped, so that the signed compare
 * of AVX2 orders it.  Two different keys may have equal words: the caller compares those in full.
 */
#ifndef KV_KEY_WORDS_H
#define KV_KEY_WORDS_H

#include "base/coding.h"
#include "base/slice.h"

/* Not below any word, so it needs no mask when words are counted. */
#define WORD_UNUSED INT64_MAX

enum { WORDS_COUNT = 64, WORDS_STEP_COUNT = 8 };

static inline int64_t
word_flip(uint64_t plain)
{
    return (int64_t)(plain ^ (UINT64_C(1) << 63));
}

static inline uint64_t
word_plain(int64_t word)
{
    return (uint64_t)word ^ (UINT64_C(1) << 63);
}

/* The word of the bytes from `skip` on; skip <= key.size. */
static inline int64_t
word_load(struct slice key, size_t skip)
{
    const size_t rest = key.size - skip;
    uint64_t plain = 0;

    if (rest >= 8)
        return word_flip(__builtin_bswap64(load_fixed64(key.data + skip)));
    if (rest == 0)
        return word_flip(0);
    if (key.size >= 8) {
        plain = __builtin_bswap64(load_fixed64(key.data + key.size - 8));
        return word_flip(plain << (8 * (8 - rest)));
    }
    for (size_t i = 0; i < rest; i++)
        plain |= (uint64_t)key.data[skip + i] << (56 - 8 * i);
    return word_flip(plain);
}

/* How many of the WORDS_COUNT sorted words are below `word`: with AVX2 where the CPU has it. */
unsigned words_count_below(const int64_t *words, int64_t word);
/* What it is on other CPUs; public so that a test compares the two. */
unsigned words_count_below_portable(const int64_t *words, int64_t word);

/* The same from two of the words' cache lines: step i is the last word of line i. */
void words_make_steps(const int64_t *words, int64_t *steps);
unsigned words_find(const int64_t *words, const int64_t *steps, int64_t word);
unsigned words_find_portable(const int64_t *words, const int64_t *steps, int64_t word);

#endif
