/* patience.h - a test that waits for events on a ring, and not for ever. */
#ifndef KV_TESTS_SUPPORT_PATIENCE_H
#define KV_TESTS_SUPPORT_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/ring.h"

enum { PATIENCE_US = 60 * 1000 * 1000, PATIENCE_TURN_US = 50 * 1000 };

struct patience {
    struct ring *ring;
    uint64_t deadline_us;
};

/* From now on. */
struct patience patience_begin(struct ring *ring);
/* Turns the ring once.  False: a minute is over. */
bool patience_turn(const struct patience *patience);

#endif
