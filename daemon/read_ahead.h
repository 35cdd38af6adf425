/* read_ahead.h - the reads and the puts of a pipeline, begun together.
 *
 * A client that sends many commands at once has said what it will read.  Before they run, the keys
 * of the next few reading commands are told to the engine, so that their waits for memory overlap
 * (db_prefetch); each command then ends its own read in its turn.  The places of keys that will be
 * put are brought near in the same way.  The answers are the same as without.
 *
 * When a command has to wait for a block, the blocks that the next ones lack are read with it: a
 * wave.  The disk then sees as many reads at once as the clients have asked for, not one of each
 * client.  The wave shares its command's read_ctx, which holds the blocks until the commands that
 * they are for have run.
 *
 * A struct read_ahead lives in the server; what it knows is of one client's input and one turn, but
 * for wave_bytes.
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
    struct slice put_keys[READ_PREFETCH_COUNT_MAX];
    uint32_t put_count;
    struct version_probe probes[READ_PREFETCH_COUNT_MAX];
    uint64_t wave_bytes; /* the sum over all waves */
};

/* The commands behind one that waits, as far as their blocks come with its own.  Zeroed: none. */
struct read_wave {
    bool is_alive;  /* its ctx has outlived the command that it was made for */
    bool is_off;    /* a block could not be read: every command that is left reads for itself */
    uint32_t left;  /* commands behind the current one */
    uint64_t bytes; /* of memory that what was wanted for them will take, about */
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

/* A command wants blocks in ctx, and `input` follows it: adds wishes for what the next commands
 * will lack, as far as the block cache has room for the pins.  Within a wave only for those that
 * are left of it. */
void read_wave_grow(struct read_wave *wave, struct read_ahead *ahead, struct db *db, uint32_t cf_id,
                    struct read_ctx *ctx, struct slice input);
/* A command has ended: whether ctx must live on for the next one. */
bool read_wave_step(struct read_wave *wave);
/* The ctx goes. */
void read_wave_end(struct read_wave *wave, struct read_ahead *ahead);

#endif
