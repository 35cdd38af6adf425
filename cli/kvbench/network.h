/* network.h - a server as the target: connections, and what is in flight on each. */
#ifndef KV_KVBENCH_NETWORK_H
#define KV_KVBENCH_NETWORK_H

#include "cli/kvbench/observer.h"
#include "cli/kvbench/reply_parser.h"
#include "cli/kvbench/requests.h"
#include "cli/kvbench/target.h"
#include "io/ring.h"

struct network;

/* A connection; `pending` are its operations in the order of their requests, of which the last
 * unsent_count are in `filling` and not sent. */
struct bench_connection {
    struct network *network; /* borrowed */
    struct ring_event on_receive;
    struct ring_event on_sent;
    int fd; /* owned; -1: closed */
    uint32_t lane;
    struct op *pending; /* a ring, of the network's */
    uint32_t capacity;  /* a power of two */
    uint32_t first;
    uint32_t pending_count;
    uint32_t unsent_count;
    bool is_marked;  /* in network->ready */
    bool is_offered; /* in network->room */
    bool is_sending; /* open loop: a send has not reported */
    bool is_lost;
    struct buffer filling;
    struct buffer sending; /* the kernel may read from it */
    struct reply_parser parser;
};

struct network {
    struct target target;
    const struct bench_options *options; /* borrowed */
    struct run *run;                     /* borrowed; the one that runs */
    struct ring *ring;
    struct requests requests;
    struct observer observer;
    uint32_t depth;
    bool has_fixed_files;

    struct bench_connection *connections; /* owned */
    uint32_t connection_count;
    uint32_t lost_count;
    uint64_t pending_count; /* on all connections */
    struct op *pending;     /* owned; theirs */

    struct bench_connection **ready; /* owned; those with something to send in this turn */
    uint32_t ready_count;
    struct bench_connection **room; /* owned; a ring: open loop, those that take an operation */
    uint32_t room_first;
    uint32_t room_count;
    uint64_t able_ns;     /* since when there is room */
    uint64_t together_ns; /* until then what is due waits for more, if it has not waited */

    uint64_t turn_ns;    /* when the last system call returned; 0: not looked at yet */
    uint64_t heard_ns;   /* when the server last said anything */
    uint64_t stopped_ns; /* when the run was cut short */

    struct io_uring_buf_ring *buffers; /* owned */
    uint8_t *buffer_bytes;             /* owned */
    uint32_t buffer_count;
};

/* Between network.c, which has the loop, and network_open.c. */
enum { NETWORK_BUFFER_GROUP = 1 };

enum exit_code network_drive(struct target *target, struct run *run,
                             const volatile bool *interrupted);
void network_arm_receive(struct bench_connection *connection);
void network_on_receive(struct ring_event *event, int32_t result, uint32_t flags);
void network_on_sent(struct ring_event *event, int32_t result, uint32_t flags);
uint8_t *network_buffer(struct network *network, uint32_t index);
void network_return_buffer(struct network *network, uint32_t index);

#endif
