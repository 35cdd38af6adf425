/* give_way.c - sched_yield, a few thousand times a second.
 *
 * The kernel owes the idle class a three-hundredth of a core that others want as well, and pays in
 * one piece: until the next tick of its clock, four milliseconds, in which kvd waits with all that
 * it was about to answer.  A yield ends the piece at once and gives up what is owed; where nobody
 * waits it changes nothing.  In other classes a worker has a share that it is meant to use.
 */
#include "worker/give_way.h"

#include <sched.h>
#include <stdint.h>

#include "io/io.h"

enum { INTERVAL_US = 50 };

void
give_way(struct io *io)
{
    static uint64_t gave_way_us; /* the class is of the process too */
    const uint64_t now_us = io_now_us(io);

    if (now_us - gave_way_us < INTERVAL_US)
        return;
    if (sched_getscheduler(0) == SCHED_IDLE)
        (void)sched_yield();
    gave_way_us = io_now_us(io);
}
