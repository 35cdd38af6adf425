/* read_ahead.h - the reads of a pipeline, begun together.
 *
 * A client that sends many commands at once has said what it will read.  Before they run, the keys
 * of the next few reading commands are told to the engine, so that their waits for memory overlap
 * (db_prefetch); each command then ends its own read in its turn.  The answers are the same as
 * without.
 *
 * Lives in the server; what it knows is of one client's input and one turn.
 */
#ifndef KV_DAEMON_READ_AHEAD_H
#define KV_DAEMON_READ_AHEAD_H

#include "db/db.h"

struct read_ahead {
    const uint8_t *end; /* input up to here has been looked at; NULL: nothing is known */
    uint32_t cf_id;
    uint32_t count;
    uint32_t next; /* the commands come in their order */
    struct slice keys[READ_PREFETCH_COUNT_MAX];
    struct version_probe probes[READ_PREFETCH_COUNT_MAX];
};

/* Must be called when a client's input begins or ends to be looked at. */
void read_ahead_forget(struct read_ahead *ahead);
/* Before the command at the front of `input` is parsed. */
void read_ahead_look(struct read_ahead *ahead, struct db *db, uint32_t cf_id, struct slice input);
/* Instead: a command is about to read args[0], args[step] and so on, `count` in all.  Begins the
 * first few of them. */
void read_ahead_begin(struct read_ahead *ahead, struct db *db, uint32_t cf_id,
                      const struct slice *args, uint32_t step, uint32_t count);
/* The read of this very key that was begun, or NULL. */
const struct version_probe *read_ahead_take(struct read_ahead *ahead, uint32_t cf_id,
                                            struct slice key);

#endif
