/* command.h - one command of one client, from its arguments to its reply.
 *
 * A handler is a function that may be run more than once (DESIGN: try, want a block, try again):
 * it does all its reads first, then at most one write, and replies last.  When it returns
 * KV_WANT_BLOCK nothing has been written and the reply bytes of the try are taken back; the
 * blocks are fetched and it runs again from the top, with the same ctx.  So every command is
 * atomic and isolated without a lock: its last try runs from start to end in memory.
 */
#ifndef KV_DAEMON_COMMAND_H
#define KV_DAEMON_COMMAND_H

#include "cache/read_ctx.h"
#include "daemon/reply_queue.h"
#include "key/lookup.h"
#include "key/write_batch.h"
#include "resp/resp_writer.h"

struct client;
struct command;
struct server;
struct subcommand;

struct command_call {
    struct server *server;
    struct client *client;
    const struct command *command;
    const struct slice *args; /* args[0] is the name; valid during the try */
    uint32_t arg_count;
    uint32_t cf_id;   /* the connection's family */
    uint64_t seq_max; /* reads see nothing newer: SEQUENCE_MAX, or a snapshot's (KV.AT) */
    struct read_ctx *ctx;
    struct write_batch *batch; /* empty at the start of a try */
    struct resp_writer reply;
    uint64_t seq_wait;      /* the reply may leave when this is durable, */
    enum reply_level level; /* which means this; KV.WRITE sets it */
    bool leaves_at_once;    /* or it need not wait at all */
    bool is_in_transaction; /* command_write only adds to the open one */
};

/* What a long command keeps between its tries, in client->work: what it has done so far, so that a
 * try need not begin anew.  Freed with the command, before its read_ctx ends. */
struct command_work {
    void (*free)(struct command_work *work);
    bool is_idle;     /* the command does nothing but wait: who ends the connection may do so */
    bool has_yielded; /* KV_BUSY means: the others first, then another try */
};

/* KV_OK: the reply (perhaps an error reply) is complete.
 * KV_WANT_BLOCK: run again when ctx's wants are there.
 * KV_BUSY: run again when the engine is writable.
 * Others: the caller replies with an error that says what the status means to a user. */
typedef enum kv_status command_fn(struct command_call *call);

/* Redis's command flags, as COMMAND INFO shows them. */
enum command_flags {
    COMMAND_WRITE = 1 << 0,
    COMMAND_READONLY = 1 << 1,
    COMMAND_DENYOOM = 1 << 2,
    COMMAND_ADMIN = 1 << 3,
    COMMAND_NOSCRIPT = 1 << 4,
    COMMAND_LOADING = 1 << 5,
    COMMAND_STALE = 1 << 6,
    COMMAND_FAST = 1 << 7,
    COMMAND_NO_AUTH = 1 << 8,
    COMMAND_ALLOW_BUSY = 1 << 9,
    COMMAND_NO_MULTI = 1 << 10,
    COMMAND_SKIP_SLOWLOG = 1 << 11,
    COMMAND_NO_ASYNC_LOADING = 1 << 12,
    COMMAND_PUBSUB = 1 << 13,
    /* Not shown: */
    COMMAND_DANGEROUS = 1 << 14, /* a category */
    COMMAND_WALKS = 1 << 15,     /* takes several tries over one view, so not inside MULTI */
    COMMAND_PUSHES = 1 << 16,    /* its replies are pushes */
    COMMAND_ACTS = 1 << 17,      /* changes what is no key, so not twice in an EXEC */
    COMMAND_HIDDEN_FLAGS = COMMAND_DANGEROUS | COMMAND_WALKS | COMMAND_PUSHES | COMMAND_ACTS,
};

struct command {
    const char *name; /* lower case */
    command_fn *run;
    const struct subcommand *subcommands; /* by the second word (command_table.h); NULL: none */
    int32_t arity;                        /* Redis's: negative means "at least" */
    uint32_t flags;
    int32_t key_first, key_last,
        key_step;      /* argument positions; 0: no keys; last < 0: from the end */
    bool reads_key;    /* the handler reads its first argument's value, and before all else */
    bool puts_key;     /* the handler puts its first argument, mostly without reading it */
    const char *group; /* "string", "connection", ... */
    const char *since;
    const char *summary; /* one sentence, our own words */
    const char *complexity;
};

/* The table; NULL: unknown.  `name` in any case. */
const struct command *command_find(struct slice name);
/* For COMMAND and the completions; NULL past the end. */
const struct command *command_at(uint32_t index);

/* For handlers: db_get in the connection's family; what was seen goes into call->seq_wait. */
MUST_CHECK enum kv_status command_get(struct command_call *call, struct slice key,
                                      struct lookup *found);
/* A database's number, as SELECT takes it, and its family; false: the error reply has been written.
 */
bool command_parse_database(struct command_call *call, struct slice text, uint32_t *database_out,
                            uint32_t *cf_id_out);
/* Writes call->batch; its sequence goes into call->seq_wait.  The reply comes after it. */
MUST_CHECK enum kv_status command_write(struct command_call *call);

#endif
