/* core_watch.h - kvd does not wait for its core while a worker has another one.
 *
 * The kernel gives a process that wakes up a free core, and a core with a worker of the idle class
 * is as good as free; but it looks for one only while the machine is not busy, and a worker keeps
 * it busy.  So kvd and a client of it may stay together on one core for tenths of a second and wait
 * for each other, beside a worker that has a core to itself.  kvd sees from its own account that
 * it waits, and changes places with the worker, which then gets what is left over on either.
 */
#ifndef KV_DAEMON_CORE_WATCH_H
#define KV_DAEMON_CORE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct worker_pool;

enum { CORE_WATCH_PIDS_MAX = 64 }; /* of one call */

struct core_watch {
    int fd;             /* the kernel's account of this thread; -1: there is none */
    uint64_t looked_us; /* when waited_ns was read; 0: not lately */
    uint64_t waited_ns; /* for a core, since the start */
    uint64_t exchange_count;
};

void core_watch_open(struct core_watch *watch);
void core_watch_close(struct core_watch *watch);
/* Once a turn; almost always costs nothing.  `pool` may be NULL. */
void core_watch_turn(struct core_watch *watch, const struct worker_pool *pool, uint64_t now_us);

/* The core that a process runs on or ran on last; -1: not known. */
int core_of_process(pid_t pid);
/* The calling thread goes to the core of the first of these processes that has another one than it,
 * and those that are there come to where it was.  All may leave as before.  False: it stays. */
bool core_exchange(const pid_t *pids, uint32_t pid_count);

#endif
