/* slowlog.h - the latest commands that took long, and where their time went.
 *
 * Redis counts only what a command computes, since it never waits; here a command may wait for
 * blocks of tables, for room to write or for its turn, and that counts as well.  What comes after
 * it, until its reply is durable, belongs to the log, which shows it in INFO.
 */
#ifndef KV_DAEMON_SLOWLOG_H
#define KV_DAEMON_SLOWLOG_H

#include "base/buffer.h"
#include "daemon/command.h"

enum {
    SLOWLOG_ARG_COUNT_MAX = 32,  /* kept of a command; Redis's limits */
    SLOWLOG_ARG_BYTES_MAX = 128, /* and of an argument */
};

struct slowlog_entry {
    struct slowlog_entry *older;
    uint64_t id;
    uint64_t begun_wall_us;
    uint64_t run_us, wait_us; /* on the CPU, in all tries; and between them */
    uint32_t arg_count;
    struct buffer args;   /* owned: an array of bulks, as RESP */
    struct buffer client; /* owned: address and name, each with a 0 behind it */
};

struct slowlog {
    struct slowlog_entry *newest; /* owned */
    uint64_t length, id_next;
};

/* `call` is over.  Keeps at most `length_max` entries. */
void slowlog_add(struct slowlog *log, const struct command_call *call, uint64_t run_us,
                 uint64_t wait_us, uint64_t length_max);
void slowlog_reset(struct slowlog *log);

#endif
