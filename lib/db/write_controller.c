#include "db/write_controller.h"

#include "base/assert.h"

uint64_t
write_rate_of(const struct write_pile *pile)
{
    const uint64_t drain =
        pile->drain_bytes_per_s > 0 ? pile->drain_bytes_per_s : (uint64_t)WRITE_RATE_GUESS;
    double fullness, rate;

    if (pile->hard <= pile->soft || pile->amount <= pile->soft)
        return WRITE_RATE_UNLIMITED;
    fullness = (pile->amount - pile->soft) / (pile->hard - pile->soft);
    if (fullness >= 1)
        return WRITE_RATE_MIN;
    rate = (double)drain * (1 - fullness) / fullness;
    if (rate < WRITE_RATE_MIN)
        return WRITE_RATE_MIN;
    return rate < 1e15 ? (uint64_t)rate : WRITE_RATE_UNLIMITED;
}

uint64_t
write_drain_mix(uint64_t known_bytes_per_s, uint64_t bytes, uint64_t duration_us)
{
    const double measured = (double)bytes * 1e6 / (double)(duration_us > 0 ? duration_us : 1);
    const double bounded = measured < 1e13 ? measured : 1e13;

    if (known_bytes_per_s == 0)
        return bounded >= 1 ? (uint64_t)bounded : 1;
    return (uint64_t)((double)known_bytes_per_s * 0.75 + bounded * 0.25) + 1;
}

uint64_t
write_pacer_delay_us(const struct write_pacer *pacer, uint64_t now_us)
{
    if (pacer->rate_bytes_per_s == WRITE_RATE_UNLIMITED ||
        pacer->paid_us <= now_us + WRITE_BURST_US)
        return 0;
    return pacer->paid_us - now_us - WRITE_BURST_US;
}

void
write_pacer_charge(struct write_pacer *pacer, uint64_t bytes, uint64_t now_us)
{
    double cost_us;

    if (pacer->rate_bytes_per_s == WRITE_RATE_UNLIMITED)
        return;
    KV_ASSERT(pacer->rate_bytes_per_s > 0);
    cost_us = (double)bytes * 1e6 / (double)pacer->rate_bytes_per_s;
    if (pacer->paid_us < now_us)
        pacer->paid_us = now_us;
    if (cost_us > WRITE_DELAY_US_MAX)
        cost_us = WRITE_DELAY_US_MAX;
    pacer->paid_us += (uint64_t)cost_us;
    if (pacer->paid_us > now_us + WRITE_DELAY_US_MAX)
        pacer->paid_us = now_us + WRITE_DELAY_US_MAX;
}
