#include "support/patience.h"

#include "io/io.h"

struct patience
patience_begin(struct ring *ring)
{
    return (struct patience){.ring = ring, .deadline_us = io_now_us(ring_io(ring)) + PATIENCE_US};
}

bool
patience_turn(const struct patience *patience)
{
    if (io_now_us(ring_io(patience->ring)) >= patience->deadline_us)
        return false;
    (void)ring_turn(patience->ring, PATIENCE_TURN_US);
    return true;
}
