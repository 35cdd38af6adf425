/* worker_priority.h - whose turn it is, when a worker and kvd want the same core.
 *
 * kvd sets this for its workers and not they themselves: it knows what their work is worth now, and
 * one that gets no time at all could not raise itself.
 */
#ifndef KV_DAEMON_WORKER_PRIORITY_H
#define KV_DAEMON_WORKER_PRIORITY_H

#include <stdbool.h>
#include <sys/types.h>

enum worker_priority {
    WORKER_PRIORITY_NORMAL, /* a flush that writers may wait for */
    WORKER_PRIORITY_BATCH,  /* a compaction that has to get on */
    WORKER_PRIORITY_IDLE,   /* gets what nobody else wants */
};

/* Whether a process that has become IDLE may be made NORMAL again: that takes CAP_SYS_NICE, or an
 * RLIMIT_NICE of the process that its nice value keeps to (LimitNICE in kvd.service). */
bool worker_priority_may_return(pid_t pid);
/* False: it stays as it is (logged).  IDLE only if it may return. */
bool worker_priority_set(pid_t pid, enum worker_priority priority);

#endif
