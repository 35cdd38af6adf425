/* ring_internal.h - shared by ring.c, io_ring.c and ring_explain.c, included nowhere else but in
 * their test.
 */
#ifndef KV_IO_RING_INTERNAL_H
#define KV_IO_RING_INTERNAL_H

#include "base/random.h"
#include "io/ring.h"
#include "io/timer_heap.h"

struct ring {
    struct io io; /* first */
    struct io_uring uring;
    struct timer_heap timers;
    struct random random;
    struct list deferred;       /* requests whose result is known and whose done waits for a turn */
    struct list arrived;        /* reads whose result is known, likewise; a few a turn */
    uint32_t queued_read_count; /* since the last submission */
    uint64_t busy_poll_us;
    struct ring_turn_times times;
    bool dispatching;
    bool is_cut; /* by ring_cut_turn */
};

/* Hands what is queued to the kernel now, before the turn ends. */
void ring_push(struct ring *ring);

/* ring_sync.c: io_ops.sync_all. */
void ring_sync_all(struct io *io, struct io_request *requests, uint32_t count);

/* The vtable of ring->io. */
void io_ring_init(struct ring *ring);
/* Calls `done` of all that was deferred before the call, and of the first reads that have arrived;
 * returns how many. */
uint32_t io_ring_deliver(struct ring *ring);

/* What was seen when io_uring_setup failed. */
struct ring_refusal {
    int error;                  /* errno, positive */
    int sysctl_disabled;        /* kernel.io_uring_disabled; -1: there is none */
    bool seccomp;               /* a filter is on this process */
    const char *kernel_release; /* uname's, borrowed */
};

/* One line: the cause, and what to change. */
void ring_explain(const struct ring_refusal *refusal, char *text, size_t size);
/* ring_explain for this process and kernel, to the log. */
void ring_explain_here(int error);

#endif
