/* histogram.h - latencies, counted log-linearly to three significant digits.
 *
 * Values are nanoseconds.  Below 2,048 each value has a bucket of its own; above, each power of two
 * is cut into 1,024 buckets, so a value is known to 0.1 %; what is reported is the middle of a
 * bucket, off by 0.05 % at most.  Memory is fixed (254 KB, of which an allocation by calloc only
 * takes the pages that are used); recording is a shift and three additions.  Count, minimum,
 * maximum and mean are exact.  A value above HISTOGRAM_NS_MAX counts as that.
 */
#ifndef KV_KVBENCH_HISTOGRAM_H
#define KV_KVBENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

enum {
    HISTOGRAM_SUB_BITS = 10, /* 1,024 buckets for each power of two */
    HISTOGRAM_TOP_BITS = 40, /* 2^40 ns is a little more than 1,000 s */
    HISTOGRAM_BUCKET_COUNT = (HISTOGRAM_TOP_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};
#define HISTOGRAM_NS_MAX UINT64_C(1000000000000)

/* All zero is empty and valid. */
struct histogram {
    uint64_t count;
    uint64_t min_ns; /* 0 while empty */
    uint64_t max_ns;
    double sum_ns;
    uint64_t buckets[HISTOGRAM_BUCKET_COUNT];
};

/* The bucket of a value of at most HISTOGRAM_NS_MAX. */
static inline uint32_t
histogram_bucket_of(uint64_t ns)
{
    const unsigned width = 64u - (unsigned)__builtin_clzll(ns | 1);
    const unsigned shift = width > HISTOGRAM_SUB_BITS + 1 ? width - (HISTOGRAM_SUB_BITS + 1) : 0;

    return (shift << HISTOGRAM_SUB_BITS) + (uint32_t)(ns >> shift);
}

static inline void
histogram_record(struct histogram *histogram, uint64_t ns)
{
    if (__builtin_expect(ns > HISTOGRAM_NS_MAX, 0))
        ns = HISTOGRAM_NS_MAX;
    if (ns < histogram->min_ns || histogram->count == 0)
        histogram->min_ns = ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->count++;
    histogram->sum_ns += (double)ns;
    histogram->buckets[histogram_bucket_of(ns)]++;
}

void histogram_clear(struct histogram *histogram);
/* Adds everything that `from` counted. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* The smallest reported value that at least `percent` (0 to 100) of all values do not exceed: 0
 * gives the minimum, 100 the maximum.  An empty histogram gives 0. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double percent);
double histogram_mean_ns(const struct histogram *histogram);

/* The lowest value that goes to a bucket, and how many values do. */
uint64_t histogram_bucket_low_ns(uint32_t bucket);
uint64_t histogram_bucket_width_ns(uint32_t bucket);

#endif
