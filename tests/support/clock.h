/* clock.h - the machine's clocks, for tests and tools that measure. */
#ifndef KV_TESTS_SUPPORT_CLOCK_H
#define KV_TESTS_SUPPORT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
