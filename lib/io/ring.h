/* ring.h - the event loop: one io_uring, one thread, one system call a turn.
 *
 * The ring is made with SINGLE_ISSUER | DEFER_TASKRUN (measured best, ARCHITECTURE.md), so
 * completions are delivered only from ring_turn.  Everything of kvd hangs on this one ring:
 * sockets through ring_get_sqe, files and timers through the struct io of ring_io.
 */
#ifndef KV_IO_RING_H
#define KV_IO_RING_H

#include <liburing.h>

#include "base/status.h"
#include "io/io.h"

struct ring;
struct ring_event;

/* `flags` are the CQE's: IORING_CQE_F_MORE, IORING_CQE_F_BUFFER and the buffer id. */
typedef void ring_event_fn(struct ring_event *event, int32_t result, uint32_t flags);

/* Embedded in whatever waits for a completion; must outlive it. */
struct ring_event {
    ring_event_fn *on_complete;
};

/* KV_UNSUPPORTED: the system refuses io_uring; one line that says why (seccomp, the
 * kernel.io_uring_disabled sysctl, an old kernel) and what to change has been logged. */
MUST_CHECK enum kv_status ring_open(uint32_t entry_count, struct ring **ring_out);
void ring_close(struct ring *ring); /* NULL is fine; nothing may be in flight */

/* An empty submission entry whose completion goes to `event` (NULL: ignored).  Never NULL: a
 * full queue is submitted first. */
struct io_uring_sqe *ring_get_sqe(struct ring *ring, struct ring_event *event);

/* Submits what is queued, waits until something completes, a timer is due or `timeout_us` has
 * passed (0: does not wait), and calls the handlers of all that has completed.
 * Returns the number of handlers called. */
uint32_t ring_turn(struct ring *ring, uint64_t timeout_us);

/* For handlers: enough has been done in this turn.  The other completions keep their order and wait
 * for the next one, which first submits what is queued, and does not wait; of bytes received no
 * more than half a megabyte is left. */
void ring_cut_turn(struct ring *ring);

/* From now on ring_turn looks for so long whether something has completed before it sleeps, 0: not
 * at all.  A processor that sleeps takes its time to wake up, longer than a fast disk needs; one
 * that looks is busy. */
void ring_set_busy_poll(struct ring *ring, uint64_t poll_us);

/* Files, timers, clock and randomness over this ring; lives as long as the ring. */
struct io *ring_io(struct ring *ring);

struct io_uring *ring_uring(struct ring *ring); /* for registering buffers */

#endif
