/* core_watch.h - kvd does not wait for its core while a worker has another one.
 *
 * The kernel gives a process that wakes up a free core, and a core with a worker of the idle class
 * is as good as free; but it looks for one only while the machine is not busy, and a worker keeps
 * it busy.  So kvd and a client of it may stay together on one core for tenths of a second and wait
 * for each other, beside a worker that has a core to itself.  kvd sees from its own account that
 * it waits, and moves to the worker's core, where it goes first; the worker then gets what is left
 * over on either.
 */
#ifndef KV_DAEMON_CORE_WATCH_H
#define KV_DAEMON_CORE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct worker_pool;

struct core_watch {
    int fd;             /* the kernel's account of this thread; -1: there is none */
    uint64_t looked_us; /* when waited_ns was read; 0: not lately */
    uint64_t waited_ns; /* for a core, since the start */
    uint64_t move_count;
};

void core_watch_open(struct core_watch *watch);
void core_watch_close(struct core_watch *watch);
/* Once a turn; almost always costs nothing.  `pool` may be NULL. */
void core_watch_turn(struct core_watch *watch, const struct worker_pool *pool, uint64_t now_us);

/* For tests.  The core that a process runs on or ran on last; -1: not known. */
int core_of_process(pid_t pid);
/* Moves the calling thread there, once: it may leave as before.  False: it could not. */
bool core_move_to(int core);

#endif
