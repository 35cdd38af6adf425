/* crash_wire.h - the client's end of the Redis protocol, for tests: connections and replies. */
#ifndef KV_TESTS_CRASH_WIRE_H
#define KV_TESTS_CRASH_WIRE_H

#include "base/buffer.h"

/* Where the server listens: a Unix socket, or else a port of this machine. */
struct wire_address {
    const char *socket_path; /* NULL: TCP */
    uint16_t port;
};

enum reply_type {
    REPLY_INCOMPLETE,
    REPLY_BROKEN,
    REPLY_TEXT,
    REPLY_ERROR,
    REPLY_INTEGER,
    REPLY_BULK,
    REPLY_NULL
};

struct reply {
    enum reply_type type;
    size_t size;       /* of the whole */
    struct slice text; /* borrowed from the input */
    long long integer;
};

uint64_t wire_now_us(void);
/* A blocking socket; -1: nobody listens. */
int wire_connect(const struct wire_address *address);
/* Gets a PONG first, so a server that still recovers is waited for.  -1: not within `wait_s`, and
 * says so on standard error. */
int wire_connect_when_ready(const struct wire_address *address, double wait_s);
/* The reply at the front of `input`, which it borrows. */
struct reply wire_parse(struct slice input);
/* Appends what there is.  False: the other side has gone. */
bool wire_receive(int fd, struct buffer *in);
/* Drops what was sent from the front.  False: the other side has gone. */
bool wire_send(int fd, struct buffer *out);

#endif
