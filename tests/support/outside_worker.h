/* outside_worker.h - a test as a worker from outside, which says what no real one would.
 *
 * It connects to the pool's socket and speaks the protocol by hand.  The pool lives in the same
 * thread: whoever waits for its answer turns its ring.  A descriptor is the caller's to close.
 */
#ifndef KV_TESTS_SUPPORT_OUTSIDE_WORKER_H
#define KV_TESTS_SUPPORT_OUTSIDE_WORKER_H

#include "io/ring.h"
#include "ipc/worker_channel.h"

/* Has said nothing yet. */
int outside_worker_connect(const char *socket_path);
/* Has said HELLO and been welcomed to `dir`, then that its jail stands; the pool may not have
 * heard the last. */
int outside_worker_join(struct ring *ring, const char *socket_path, const char *dir);
/* The next message from the pool, as worker_channel_receive.  KV_CANCELLED: it has hung up;
 * KV_BUSY: it said nothing for a minute. */
MUST_CHECK enum kv_status outside_worker_receive(struct ring *ring, int fd, struct worker_msg *msg,
                                                 int *memtable_fd);
/* Fails the test if the pool has hung up. */
void outside_worker_send(int fd, const struct worker_msg *msg);

#endif
