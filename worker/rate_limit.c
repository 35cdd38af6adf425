#include "worker/rate_limit.h"

#include "base/assert.h"

enum { BURST_US = 100 * 1000 };

static int64_t
bytes_in(const struct rate_limit *limit, uint64_t us)
{
    return (int64_t)((double)limit->bytes_per_s * (double)us / 1e6);
}

void
rate_limit_init(struct rate_limit *limit, struct io *io, uint64_t bytes_per_s)
{
    *limit = (struct rate_limit){.io = io, .bytes_per_s = bytes_per_s, .filled_us = io_now_us(io)};
}

uint64_t
rate_limit_wait_us(struct rate_limit *limit)
{
    const uint64_t now_us = io_now_us(limit->io);
    uint64_t wait_us;

    if (limit->bytes_per_s == 0)
        return 0;
    limit->bytes_left += bytes_in(limit, now_us - limit->filled_us);
    limit->filled_us = now_us;
    if (limit->bytes_left > bytes_in(limit, BURST_US))
        limit->bytes_left = bytes_in(limit, BURST_US);
    if (limit->bytes_left >= 0)
        return 0;
    wait_us = (uint64_t)((double)-limit->bytes_left * 1e6 / (double)limit->bytes_per_s) + 1;
    return wait_us < BURST_US ? wait_us : BURST_US;
}

void
rate_limit_take(struct rate_limit *limit, uint64_t bytes)
{
    KV_ASSERT(bytes <= INT64_MAX / 2);
    if (limit->bytes_per_s > 0)
        limit->bytes_left -= (int64_t)bytes;
}
