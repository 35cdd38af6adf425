/* observer.h - what a kvd says about itself while it is loaded: once a second, how many writes it
 * has delayed.  Over a connection of its own, so that it waits for nobody and nobody for it.
 */
#ifndef KV_KVBENCH_OBSERVER_H
#define KV_KVBENCH_OBSERVER_H

#include "cli/exit_code.h"
#include "cli/kvbench/reply_parser.h"
#include "cli/kvbench/run.h"
#include "io/ring.h"

enum { OBSERVER_BYTES = 16 * 1024 };

struct observer {
    struct ring *ring; /* borrowed */
    struct run *run;   /* borrowed; the one that runs */
    struct ring_event on_sent;
    struct ring_event on_received;
    struct reply_parser parser;
    int fd; /* owned; -1: there is nothing to be asked */
    bool is_waiting;
    bool is_known; /* delayed_count is the server's */
    uint64_t asked_ns;
    uint64_t delayed_count;
    uint8_t bytes[OBSERVER_BYTES];
};

/* EXIT_OK, or what dial says.  To be closed anyway, before the ring. */
enum exit_code observer_open(struct observer *observer, const struct bench_options *options,
                             struct ring *ring);
void observer_close(struct observer *observer);
/* For each turn of the loop. */
void observer_turn(struct observer *observer, struct run *run, uint64_t now_ns);

/* The number of a line "<name>:<number>" of INFO; false: there is none. */
bool observer_find_number(struct slice info, const char *name, uint64_t *number_out);

#endif
