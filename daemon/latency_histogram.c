/* latency_histogram.c - exact below 32 us, then sixteen buckets for each power of two. */
#include "base/alloc.h"
#include "daemon/latency.h"

enum { EXACT_US = 32, EXACT_BITS = 5, STEPS = 16 };

static uint32_t
bucket_of(uint64_t us)
{
    uint32_t power;

    if (us > LATENCY_US_MAX)
        us = LATENCY_US_MAX;
    if (us < EXACT_US)
        return (uint32_t)us;
    power = 63 - (uint32_t)__builtin_clzll(us);
    return EXACT_US + (power - EXACT_BITS) * STEPS + (uint32_t)(us >> (power - 4)) - STEPS;
}

/* The least time in a bucket. */
static uint64_t
start_of(uint32_t bucket)
{
    const uint32_t step = bucket - EXACT_US;

    KV_ASSERT(bucket <= LATENCY_BUCKET_COUNT);
    if (bucket < EXACT_US)
        return bucket;
    return (uint64_t)(STEPS + step % STEPS) << (step / STEPS + 1);
}

void
latency_histogram_add(struct latency_histogram **place, uint64_t us)
{
    const uint32_t bucket = bucket_of(us);

    KV_ASSERT(bucket < LATENCY_BUCKET_COUNT);
    if (*place == NULL)
        *place = kv_alloc_zero(sizeof(**place));
    (*place)->count++;
    (*place)->buckets[bucket]++;
}

uint64_t
latency_histogram_at(const struct latency_histogram *histogram, double share)
{
    const double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    uint32_t i;

    KV_ASSERT(histogram->count > 0 && share >= 0 && share <= 1);
    for (i = 0; i + 1 < LATENCY_BUCKET_COUNT; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            break;
    }
    return start_of(i + 1) - 1;
}

uint64_t
latency_histogram_below(const struct latency_histogram *histogram, uint64_t us)
{
    uint64_t seen = 0;

    for (uint32_t i = 0; i < LATENCY_BUCKET_COUNT && start_of(i) <= us; i++)
        seen += histogram->buckets[i];
    return seen;
}
