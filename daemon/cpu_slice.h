/* cpu_slice.h - for how long a process would like to run once it has a core.
 *
 * It changes nothing of how much a process gets, only when.  When two want the same core, the
 * kernel (from 6.12 on) lets the one with the shorter slice in as soon as it wakes up; between two
 * of the same length the second waits until the first has had its slice, or for the next tick of
 * the clock: three or four milliseconds, which is more than a request takes.
 *
 * But a process may be owed two of its slices, at least a tick, and takes them in one piece from
 * whoever shares a core with it next.  So a worker's is longer than kvd's by far, and no longer
 * than half a tick: with the longest that there is, 100 ms, kvd waited up to 90 ms for its core.
 */
#ifndef KV_DAEMON_CPU_SLICE_H
#define KV_DAEMON_CPU_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CPU_SLICE_SHORT_US = 100,     /* kvd: much to do for many, but little at once */
    CPU_SLICE_LONG_US = 2 * 1000, /* a worker: seconds of work that nobody waits for */
};

/* Sets the class (SCHED_OTHER, SCHED_BATCH or SCHED_IDLE; the nice value stays) and the slice,
 * which an older kernel and SCHED_IDLE ignore.  False with errno: nothing has changed. */
bool cpu_slice_set(pid_t pid, int policy, uint32_t slice_us);
/* The calling process's slice, if it is of SCHED_OTHER; what somebody gave another class stays. */
void cpu_slice_shorten_own(void);

#endif
