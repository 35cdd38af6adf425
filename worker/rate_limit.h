/* rate_limit.h - no more than so many bytes a second, with short naps.
 *
 * A bucket that fills with time and holds what a tenth of a second brings, so a pause is not made
 * up for by a burst.
 */
#ifndef KV_WORKER_RATE_LIMIT_H
#define KV_WORKER_RATE_LIMIT_H

#include "base/status.h"
#include "io/io.h"

struct rate_limit {
    struct io *io;        /* borrowed: the clock */
    uint64_t bytes_per_s; /* 0: no limit */
    int64_t bytes_left;   /* negative: more has been taken than was there */
    uint64_t filled_us;   /* when bytes_left was right */
};

void rate_limit_init(struct rate_limit *limit, struct io *io, uint64_t bytes_per_s);
/* How long to nap, at most a tenth of a second, until more may be taken; 0: now. */
uint64_t rate_limit_wait_us(struct rate_limit *limit);
void rate_limit_take(struct rate_limit *limit, uint64_t bytes);

#endif
