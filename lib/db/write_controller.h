/* write_controller.h - how fast writers may go, so that flushes and compactions keep up.
 *
 * Two parts without a world.  write_rate_of is a pure function from what piles up to a rate: with
 * nothing piled up there is no limit; half-way between where slowing begins and where it must end,
 * writers go at the speed at which the work drains, so there the pile neither grows nor shrinks;
 * at the end they all but stop.  Between these the rate changes without a step.
 *
 * write_pacer spreads a rate evenly: each write pays for its bytes with time, and the next one may
 * go when that is paid.  No write waits longer than WRITE_DELAY_US_MAX for those before it.
 */
#ifndef KV_DB_WRITE_CONTROLLER_H
#define KV_DB_WRITE_CONTROLLER_H

#include <stdint.h>

#define WRITE_RATE_UNLIMITED UINT64_MAX

enum {
    WRITE_BURST_US = 1000, /* writes may run ahead of their rate by this much time */
    WRITE_DELAY_US_MAX = 1000 * 1000,
    WRITE_RATE_MIN = 64 * 1024,          /* bytes a second */
    WRITE_RATE_GUESS = 16 * 1024 * 1024, /* until a drain has been measured */
};

/* One thing that piles up: slowing begins at `soft`, and it should never reach `hard`. */
struct write_pile {
    double amount, soft, hard;  /* in any unit */
    uint64_t drain_bytes_per_s; /* 0: not known yet */
};

/* The rate that this pile allows.  hard <= soft: it doesn't matter. */
uint64_t write_rate_of(const struct write_pile *pile);

/* A new measurement mixed into what is known (0: nothing is). */
uint64_t write_drain_mix(uint64_t known_bytes_per_s, uint64_t bytes, uint64_t duration_us);

/* Zeroed: set a rate first. */
struct write_pacer {
    uint64_t rate_bytes_per_s; /* WRITE_RATE_UNLIMITED: none */
    uint64_t paid_us;          /* all that was let in will be paid at this time */
};

/* 0: a write may go now; else try again in so many microseconds. */
uint64_t write_pacer_delay_us(const struct write_pacer *pacer, uint64_t now_us);
/* A write went. */
void write_pacer_charge(struct write_pacer *pacer, uint64_t bytes, uint64_t now_us);

#endif
