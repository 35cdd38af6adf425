/* worker_channel.h - one message at a time over a SOCK_SEQPACKET socket, with a descriptor.
 *
 * Plain system calls for both ends: the worker waits, kvd asks the ring when to look and says
 * CHANNEL_NOWAIT.  The socket stays the caller's.
 */
#ifndef KV_IPC_WORKER_CHANNEL_H
#define KV_IPC_WORKER_CHANNEL_H

#include "ipc/worker_msg.h"

enum worker_channel_mode {
    CHANNEL_WAIT,
    CHANNEL_NOWAIT, /* KV_BUSY: nothing was there, or no room now */
};

/* Room for the longest message in both directions. */
void worker_channel_prepare(int socket);

/* `fd` travels with the message and stays the caller's too; -1: none.
 * KV_CANCELLED: the other side is gone (not logged: who asks knows what it means).
 * KV_BUSY: only with CHANNEL_NOWAIT; nothing was sent.  A COMPACT, which may be longer than a
 * packet, has no descriptor of its own. */
MUST_CHECK enum kv_status worker_channel_send(int socket, enum worker_channel_mode mode,
                                              const struct worker_msg *msg, int fd);

/* KV_OK: the caller deinits *msg_out and owns *fd_out (-1: none came).  A descriptor that comes
 * where `fd_out` is NULL, or a second one, is closed and makes the message KV_CORRUPT.
 * KV_CANCELLED: the other side is gone.  KV_BUSY: only with CHANNEL_NOWAIT.  A message that came
 * through a file is never LARGE itself; with `fd_out` NULL the LARGE stays as it is.
 * KV_CORRUPT: the packet was too long or not a message. */
MUST_CHECK enum kv_status worker_channel_receive(int socket, enum worker_channel_mode mode,
                                                 struct worker_msg *msg_out, int *fd_out);

#endif
