/* key_chooser.c - popular keys must not be neighbours, or a range-ordered server would find all of
 * them in one block; so ranks go through a permutation.  It is a Feistel network over the smallest
 * square that holds all keys, walked until it comes out inside: one to one, without a table.
 */
#include "cli/kvbench/key_chooser.h"

#include <string.h>

#include "base/assert.h"

enum { FEISTEL_ROUND_COUNT = 4 };

static const char *const names[DISTRIBUTION_COUNT] = {
    [DISTRIBUTION_UNIFORM] = "uniform",       [DISTRIBUTION_ZIPFIAN] = "zipfian",
    [DISTRIBUTION_LATEST] = "latest",         [DISTRIBUTION_HOTSPOT] = "hotspot",
    [DISTRIBUTION_SEQUENTIAL] = "sequential",
};

const char *
distribution_name(enum distribution distribution)
{
    return (unsigned)distribution < DISTRIBUTION_COUNT ? names[distribution] : NULL;
}

bool
distribution_from_name(const char *name, enum distribution *distribution_out)
{
    for (unsigned i = 0; i < DISTRIBUTION_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *distribution_out = (enum distribution)i;
            return true;
        }
    }
    return false;
}

void
permutation_init(struct permutation *permutation, uint64_t count)
{
    unsigned half_bits = 1;

    KV_ASSERT(count > 0);
    KV_ASSERT(count <= UINT64_C(1) << KEY_COUNT_BITS_MAX);
    while (UINT64_C(1) << (2 * half_bits) < count)
        half_bits++;
    *permutation = (struct permutation){
        .count = count,
        .half_bits = half_bits,
        .half_mask = (UINT64_C(1) << half_bits) - 1,
    };
}

uint64_t
permutation_at(const struct permutation *permutation, uint64_t index)
{
    const uint64_t mask = permutation->half_mask;

    KV_ASSERT(index < permutation->count);
    do {
        uint64_t left = index >> permutation->half_bits, right = index & mask;

        for (unsigned round = 1; round <= FEISTEL_ROUND_COUNT; round++) {
            const uint64_t mixed = (right + round) * UINT64_C(0x9e3779b97f4a7c15);
            const uint64_t next =
                left ^ ((mixed ^ (mixed >> 29)) * UINT64_C(0xbf58476d1ce4e5b9) >> 32 & mask);

            left = right;
            right = next;
        }
        index = left << permutation->half_bits | right;
    } while (index >= permutation->count);
    return index;
}

void
key_chooser_init(struct key_chooser *chooser, const struct key_chooser_options *options,
                 uint64_t count)
{
    KV_ASSERT(count > 0);
    KV_ASSERT((unsigned)options->distribution < DISTRIBUTION_COUNT);
    *chooser = (struct key_chooser){.options = *options, .count = count};
    permutation_init(&chooser->permutation, count);
    if (options->distribution == DISTRIBUTION_ZIPFIAN ||
        options->distribution == DISTRIBUTION_LATEST)
        zipf_init(&chooser->zipf, count, options->theta);
    chooser->hot_count = (uint64_t)((double)count * options->hot_keys);
    if (chooser->hot_count == 0)
        chooser->hot_count = 1;
    if (chooser->hot_count > count)
        chooser->hot_count = count;
}

void
key_chooser_grow(struct key_chooser *chooser, uint64_t count)
{
    KV_ASSERT(count >= chooser->count);
    chooser->count = count;
    if (chooser->options.distribution == DISTRIBUTION_LATEST)
        zipf_grow(&chooser->zipf, count);
}

static uint64_t
next_of_hotspot(struct key_chooser *chooser, struct random *random)
{
    const uint64_t old_count = chooser->permutation.count;
    const uint64_t cold_count = old_count - chooser->hot_count;
    uint64_t rank;

    if (cold_count == 0 || random_fraction(random) < chooser->options.hot_ops)
        rank = random_below(random, chooser->hot_count);
    else
        rank = chooser->hot_count + random_below(random, cold_count);
    return permutation_at(&chooser->permutation, rank);
}

uint64_t
key_chooser_next(struct key_chooser *chooser, struct random *random)
{
    switch (chooser->options.distribution) {
    case DISTRIBUTION_ZIPFIAN:
        return permutation_at(&chooser->permutation, zipf_next(&chooser->zipf, random));
    case DISTRIBUTION_LATEST:
        return chooser->count - 1 - zipf_next(&chooser->zipf, random);
    case DISTRIBUTION_HOTSPOT:
        return next_of_hotspot(chooser, random);
    case DISTRIBUTION_SEQUENTIAL:
        if (chooser->next >= chooser->count)
            chooser->next = 0;
        return chooser->next++;
    default:
        return random_below(random, chooser->count);
    }
}
