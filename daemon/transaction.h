/* transaction.h - what a client has said between MULTI and EXEC, and what it watches.
 *
 * EXEC is one command of one try: it checks the watched keys, runs the queued commands one after
 * another over an engine transaction (db/db_txn.h), and writes all at once.  When a block is
 * missing, all of it is tried again from the top, so it never shows half of itself.  Commands that
 * do what cannot be dropped (CLIENT KILL) run in the last try only: with them each try begins with
 * a rehearsal that leaves them out, and ends with it unless nothing is missing.
 *
 * A watched key has changed if it is there now and was not then, or the other way round, or if its
 * newest version is younger than the watch.
 */
#ifndef KV_DAEMON_TRANSACTION_H
#define KV_DAEMON_TRANSACTION_H

#include "base/buffer.h"
#include "daemon/command.h"
#include "daemon/family_choice.h"

struct client;

/* A command between MULTI and EXEC, and how its last try went. */
struct queued_command {
    const struct command *command;
    uint32_t arg_count;
    size_t offset; /* in transaction.arguments: a size_t and the bytes of each */
    uint64_t time_us;
    size_t reply_start, reply_end; /* in the replies of the client */
};

struct watched_key {
    uint32_t cf_id;
    bool existed;
    uint64_t seq, rollback_count; /* the engine's, when the watch began */
    size_t offset, size;          /* in transaction.keys */
};

/* Zeroed is a client that has neither. */
struct transaction {
    bool is_open;   /* between MULTI and EXEC */
    bool is_broken; /* a command could not be queued */
    bool has_acts;  /* there are some with COMMAND_ACTS */
    bool rehearses; /* this run is dropped, and leaves those out */
    struct family_choice choice;
    uint8_t protocol;        /* as they were at MULTI: each try begins with them */
    uint32_t cf_id_absent;   /* of a family that EXEC needs and that is not there yet; 0: of none */
    uint64_t lcs_cell_count; /* work of LCS in this try of EXEC; command_lcs.c */

    struct buffer arguments;         /* owned */
    struct queued_command *commands; /* owned */
    uint32_t command_count, command_capacity;
    uint32_t arg_count_max;

    struct buffer keys;          /* owned */
    struct watched_key *watched; /* owned */
    uint32_t watched_count, watched_capacity;
};

/* Forgets all, the watched keys too, and gives the memory back. */
void transaction_reset(struct transaction *transaction);
size_t transaction_bytes(const struct transaction *transaction);

/* Whether a command is kept for EXEC rather than run. */
bool transaction_takes(const struct transaction *transaction, const struct command *command);
/* EXEC was refused with the error at reply_start: says so in Redis's words, and forgets all. */
void transaction_abort(struct command_call *call, size_t reply_start);
/* Keeps it, and replies that, or why it cannot be: false. */
bool transaction_queue(struct command_call *call);

#endif
