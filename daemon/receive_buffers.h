/* receive_buffers.h - the buffers that all clients' receives share: the kernel picks one when
 * data is there, so an idle connection costs no buffer. */
#ifndef KV_DAEMON_RECEIVE_BUFFERS_H
#define KV_DAEMON_RECEIVE_BUFFERS_H

#include "io/ring.h"

enum {
    RECEIVE_BUFFER_COUNT = 1024, /* a power of two */
    RECEIVE_BUFFER_BYTES = 16 * 1024,
    RECEIVE_BUFFER_GROUP = 1,
};

struct receive_buffers;

MUST_CHECK enum kv_status receive_buffers_open(struct ring *ring, struct receive_buffers **out);
void receive_buffers_close(struct receive_buffers *buffers); /* NULL is fine */
/* The bytes of the buffer that a completion's flags name; until it is given back. */
uint8_t *receive_buffers_at(struct receive_buffers *buffers, uint32_t cqe_flags);
void receive_buffers_give_back(struct receive_buffers *buffers, uint32_t cqe_flags);

#endif
