/* histogram.c - counting latencies log-linearly.
 *
 * Buckets are numbered so that the number grows with the value without a gap: `shift` powers of two
 * above the exact ones, bucket = shift * 1024 + (value >> shift), where value >> shift is in
 * [1024, 2048).  Widths are powers of two, so going back is a shift too.
 */
#include "cli/kvbench/histogram.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static unsigned
shift_of(uint32_t bucket)
{
    const uint32_t octave = bucket >> HISTOGRAM_SUB_BITS;

    KV_ASSERT(bucket < HISTOGRAM_BUCKET_COUNT);
    return octave < 2 ? 0 : octave - 1;
}

uint64_t
histogram_bucket_low_ns(uint32_t bucket)
{
    const unsigned shift = shift_of(bucket);

    return ((uint64_t)bucket - ((uint64_t)shift << HISTOGRAM_SUB_BITS)) << shift;
}

uint64_t
histogram_bucket_width_ns(uint32_t bucket)
{
    return UINT64_C(1) << shift_of(bucket);
}

void
histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void
histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    uint32_t first, last;

    if (from->count == 0)
        return;
    first = histogram_bucket_of(from->min_ns);
    last = histogram_bucket_of(from->max_ns);
    KV_ASSERT(last < HISTOGRAM_BUCKET_COUNT);
    if (histogram->count == 0 || from->min_ns < histogram->min_ns)
        histogram->min_ns = from->min_ns;
    if (from->max_ns > histogram->max_ns)
        histogram->max_ns = from->max_ns;
    histogram->count += from->count;
    histogram->sum_ns += from->sum_ns;
    for (uint32_t i = first; i <= last; i++) {
        if (from->buckets[i] != 0) /* a page that was never written is left so */
            histogram->buckets[i] += from->buckets[i];
    }
}

/* The middle of the bucket, but nothing that is outside of what was recorded. */
static uint64_t
reported_ns(const struct histogram *histogram, uint32_t bucket)
{
    const uint64_t middle =
        histogram_bucket_low_ns(bucket) + (histogram_bucket_width_ns(bucket) - 1) / 2;

    if (middle < histogram->min_ns)
        return histogram->min_ns;
    return middle > histogram->max_ns ? histogram->max_ns : middle;
}

uint64_t
histogram_percentile_ns(const struct histogram *histogram, double percent)
{
    const double wanted = ceil(percent / 100.0 * (double)histogram->count);
    uint64_t rank, seen = 0;

    KV_ASSERT(percent >= 0.0 && percent <= 100.0);
    if (histogram->count == 0 || wanted <= 0.0)
        return histogram->min_ns;
    rank = wanted >= (double)histogram->count ? histogram->count : (uint64_t)wanted;
    if (rank == histogram->count)
        return histogram->max_ns;
    for (uint32_t i = histogram_bucket_of(histogram->min_ns); i < HISTOGRAM_BUCKET_COUNT; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank)
            return reported_ns(histogram, i);
    }
    KV_ASSERT(false);
    return histogram->max_ns;
}

double
histogram_mean_ns(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0.0 : histogram->sum_ns / (double)histogram->count;
}
