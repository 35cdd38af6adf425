/* command_multi.c - MULTI, EXEC, DISCARD, WATCH, UNWATCH; see transaction.h. */
#include "base/alloc.h"
#include "base/limits.h"
#include "daemon/client_internal.h"
#include "daemon/command_family.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/key_expiry.h"
#include "daemon/monitor.h"
#include "daemon/server.h"
#include "daemon/transaction.h"
#include "db/db_txn.h"

/* --- WATCH --- */

/* All that watches need to know of a key.  Goes on behind one that is not there yet. */
static enum kv_status
look_at(struct command_call *call, uint32_t cf_id, struct slice key, struct lookup *found)
{
    *found = (struct lookup){.kind = LOOKUP_ABSENT};
    if (key.size > KEY_BYTES_MAX)
        return KV_OK; /* cannot have been written */
    return db_get(call->server->db, call->ctx, cf_id, key, SEQUENCE_MAX, found);
}

/* Whether the next key is to be looked at as well, though `st` came of this one. */
static bool
goes_on(const struct command_call *call, enum kv_status st)
{
    return st == KV_OK || (st == KV_WANT_BLOCK && !read_ctx_wants_enough(call->ctx));
}

static bool
is_watched(const struct transaction *transaction, uint32_t cf_id, struct slice key)
{
    for (uint32_t i = 0; i < transaction->watched_count; i++) {
        const struct watched_key *watched = &transaction->watched[i];

        if (watched->cf_id == cf_id &&
            slice_equal(slice_of(transaction->keys.data + watched->offset, watched->size), key))
            return true;
    }
    return false;
}

static void
watch(struct command_call *call, struct slice key, bool exists)
{
    struct transaction *transaction = &call->client->transaction;

    if (is_watched(transaction, call->cf_id, key))
        return;
    if (transaction->watched_count == transaction->watched_capacity) {
        transaction->watched_capacity = 2 * transaction->watched_capacity + 8;
        transaction->watched = kv_realloc(
            transaction->watched, transaction->watched_capacity * sizeof(transaction->watched[0]));
    }
    transaction->watched[transaction->watched_count++] =
        (struct watched_key){.cf_id = call->cf_id,
                             .existed = exists,
                             .seq = db_last_seq(call->server->db),
                             .rollback_count = db_rollback_count(call->server->db),
                             .offset = transaction->keys.size,
                             .size = key.size};
    buffer_append_slice(&transaction->keys, key);
}

enum kv_status
command_watch(struct command_call *call)
{
    enum kv_status st = KV_OK, result = KV_OK;
    bool *exists;

    if (call->client->transaction.is_open) {
        resp_error(&call->reply, "ERR WATCH inside MULTI is not allowed");
        return KV_OK;
    }
    exists = kv_alloc_zero(call->arg_count * sizeof(exists[0]));
    for (uint32_t i = 1; i < call->arg_count && goes_on(call, st); i++) {
        struct lookup found;

        st = look_at(call, call->cf_id, call->args[i], &found);
        exists[i] = found.kind == LOOKUP_VALUE;
        if (st != KV_OK)
            result = st;
    }
    for (uint32_t i = 1; result == KV_OK && i < call->arg_count; i++)
        watch(call, call->args[i], exists[i]);
    free(exists);
    if (result == KV_OK) {
        client_account(call->client);
        resp_simple(&call->reply, "OK");
    }
    return result;
}

enum kv_status
command_unwatch(struct command_call *call)
{
    if (!call->client->transaction.is_open)
        transaction_reset(&call->client->transaction);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

/* A range deletion of keys that were not there changes nothing. */
static bool
has_changed(const struct watched_key *watched, const struct lookup *found)
{
    const bool exists = found->kind == LOOKUP_VALUE;

    if (exists != watched->existed)
        return true;
    return found->seq > watched->seq && (exists || found->type != TYPE_RANGE_DELETION);
}

/* A database may have got its family meanwhile; false: the family is gone. */
static bool
find_watched_family(struct server *server, uint32_t watched_id, uint32_t *cf_id_out)
{
    *cf_id_out = watched_id;
    if (watched_id > CF_NONE_MIN && watched_id != CF_NONE)
        return server_find_database(server, CF_NONE - watched_id, cf_id_out);
    return db_has_family(server->db, watched_id);
}

static enum kv_status
check_watched(struct command_call *call, bool *changed)
{
    const struct transaction *transaction = &call->client->transaction;
    enum kv_status st = KV_OK, result = KV_OK;

    *changed = false;
    for (uint32_t i = 0; i < transaction->watched_count && goes_on(call, st); i++) {
        const struct watched_key *watched = &transaction->watched[i];
        struct lookup found;
        uint32_t cf_id;

        /* What it had seen may have been taken back; so it is not known what there was. */
        if (watched->rollback_count != db_rollback_count(call->server->db)) {
            *changed = true;
            return KV_OK;
        }
        if (!find_watched_family(call->server, watched->cf_id, &cf_id)) {
            *changed = true;
            return KV_OK;
        }
        st = look_at(call, cf_id, slice_of(transaction->keys.data + watched->offset, watched->size),
                     &found);
        if (st != KV_OK)
            result = st;
        else if (has_changed(watched, &found))
            *changed = true;
        if (st == KV_OK && found.seq > call->seq_wait)
            call->seq_wait = found.seq; /* a refusal tells of this version */
    }
    return result;
}

/* --- MULTI --- */

enum kv_status
command_multi(struct command_call *call)
{
    struct client *client = call->client;

    if (client->transaction.is_open) {
        resp_error(&call->reply, "ERR MULTI calls can not be nested");
        return KV_OK;
    }
    client->transaction.is_open = true;
    client->transaction.choice = client->choice;
    client->transaction.protocol = client->protocol;
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

enum kv_status
command_discard(struct command_call *call)
{
    if (!call->client->transaction.is_open) {
        resp_error(&call->reply, "ERR DISCARD without MULTI");
        return KV_OK;
    }
    transaction_reset(&call->client->transaction);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

/* The arguments of a queued command, which stay where they are until EXEC is over. */
static void
load_arguments(const struct transaction *transaction, const struct queued_command *queued,
               struct slice *args)
{
    const uint8_t *at = transaction->arguments.data + queued->offset;

    for (uint32_t i = 0; i < queued->arg_count; i++) {
        size_t size;

        memcpy(&size, at, sizeof(size));
        args[i] = slice_of(at + sizeof(size), size);
        at += sizeof(size) + size;
    }
}

/* One queued command.  An error of its own is its reply; KV_WANT_BLOCK ends the try. */
static enum kv_status
run_queued(struct command_call *exec, struct queued_command *queued, struct slice *args)
{
    struct client *client = exec->client;
    struct command_call call = *exec;
    enum kv_status st;

    load_arguments(&client->transaction, queued, args);
    call.command = queued->command;
    call.args = args;
    call.arg_count = queued->arg_count;
    call.cf_id = client->cf_id;
    call.reply.protocol = client->protocol;
    call.seq_wait = 0;
    call.is_in_transaction = true;
    write_batch_clear(call.batch);
    queued->reply_start = client->replies.bytes.size;
    if (client->transaction.rehearses && (call.command->flags & COMMAND_ACTS))
        return KV_OK;
    st = command_has_family(&call) ? queued->command->run(&call) : KV_OK;
    KV_ASSERT(st != KV_BUSY && client->work == NULL && client->flush == NULL);
    if (call.server->gate & GATE_EXPIRED)
        key_expiry_bury(&call, st);
    if (st != KV_OK)
        reply_queue_take_back(&client->replies, queued->reply_start);
    if (st != KV_OK && st != KV_WANT_BLOCK) {
        client_reply_status(call.server, &call.reply, st);
        st = KV_OK;
    }
    queued->reply_end = client->replies.bytes.size;
    queued->time_us = client_clock_lap(exec->server);
    if (call.seq_wait > exec->seq_wait)
        exec->seq_wait = call.seq_wait;
    return st;
}

/* All of them.  Behind one that wants a block only what just reads goes on, and only for the blocks
 * that it wants as well. */
static enum kv_status
run_all(struct command_call *call)
{
    struct transaction *transaction = &call->client->transaction;
    struct slice *args = kv_alloc((transaction->arg_count_max + 1) * sizeof(args[0]));
    enum kv_status st = KV_OK, result = KV_OK;

    resp_array(&call->reply, transaction->command_count);
    for (uint32_t i = 0; i < transaction->command_count && goes_on(call, st); i++) {
        struct queued_command *queued = &transaction->commands[i];

        if (result != KV_OK && !(queued->command->flags & COMMAND_READONLY))
            break;
        st = run_queued(call, queued, args);
        if (st != KV_OK)
            result = st;
        if (call->client->is_closing)
            break; /* it has ended itself */
    }
    free(args);
    return result;
}

static void
count_all(struct command_call *exec)
{
    const struct transaction *transaction = &exec->client->transaction;
    struct slice *args = kv_alloc((transaction->arg_count_max + 1) * sizeof(args[0]));

    for (uint32_t i = 0; i < transaction->command_count; i++) {
        const struct queued_command *queued = &transaction->commands[i];
        const struct slice reply = slice_of(exec->client->replies.bytes.data + queued->reply_start,
                                            queued->reply_end - queued->reply_start);
        struct command_call call = *exec;

        load_arguments(transaction, queued, args);
        call.command = queued->command;
        call.args = args;
        call.arg_count = queued->arg_count;
        client_count_command(&call, reply, queued->time_us, 0);
        if (call.server->gate & GATE_MONITORS)
            monitor_show(&call);
    }
    free(args);
}

/* Writes what the commands wrote, or sees whether that could be done now.  As one alone does not
 * (key_expiry_bury), commands that only read do not fail because deletions of dead keys that they
 * met cannot be written. */
static enum kv_status
commit(struct command_call *call, bool rehearses, uint64_t *seq_last_out)
{
    struct db *db = call->server->db;
    struct key_expiry *expiry = &call->server->expiry;
    const bool has_only_read = db_txn_record_count(db) == expiry->deleted_count;
    const enum kv_status st = rehearses ? db_txn_admit(db) : db_txn_commit(db, seq_last_out);

    if (st == KV_OK || !has_only_read)
        return st;
    *seq_last_out = 0;
    expiry->deleted_count = 0;
    return KV_OK;
}

static enum kv_status
run_once(struct command_call *call, bool rehearses, uint64_t *seq_last_out)
{
    struct client *client = call->client;
    struct transaction *transaction = &client->transaction;
    struct db *db = call->server->db;
    enum kv_status st;

    client_restore_family(client, &transaction->choice);
    client->protocol = transaction->protocol;
    call->reply.protocol = client->protocol;
    call->seq_wait = 0;
    transaction->cf_id_absent = 0;
    transaction->lcs_cell_count = 0;
    transaction->rehearses = rehearses;
    db_txn_begin(db);
    st = run_all(call);
    if (st == KV_OK)
        st = command_need_family(call, transaction->cf_id_absent);
    if (st == KV_OK)
        st = commit(call, rehearses, seq_last_out);
    db_txn_end(db);
    return st;
}

/* KV_OK: nothing is missing, and as nobody else has a turn in between, nothing will be in the run
 * that follows.  Whatever it is, this run leaves nothing. */
static enum kv_status
rehearse(struct command_call *call)
{
    struct server *server = call->server;
    const size_t reply_start = call->client->replies.bytes.size;
    const uint64_t hit_count = server->stats.keyspace_hit_count;
    const uint64_t miss_count = server->stats.keyspace_miss_count;
    uint64_t seq_last;
    const enum kv_status st = run_once(call, true, &seq_last);

    reply_queue_take_back(&call->client->replies, reply_start);
    server->stats.keyspace_hit_count = hit_count;
    server->stats.keyspace_miss_count = miss_count;
    if (server->gate & GATE_STAGED)
        pubsub_drop_staged(call->client);
    if (server->gate & GATE_EXPIRED)
        key_expiry_end(call, KV_WANT_BLOCK);
    return st;
}

static enum kv_status
run_transaction(struct command_call *call)
{
    uint64_t seq_last = 0;
    enum kv_status st;

    st = command_need_family(call, CF_DEFAULT); /* takes what the try before has waited for */
    if (st == KV_OK && call->client->transaction.has_acts)
        st = rehearse(call);
    if (st == KV_OK)
        st = run_once(call, false, &seq_last);
    if (st == KV_OK && seq_last > 0)
        call->seq_wait = seq_last; /* the highest; what was seen of the transaction has none yet */
    if (st == KV_OK)
        count_all(call);
    return st;
}

static enum kv_status
try_exec(struct command_call *call)
{
    bool changed;
    const enum kv_status st = check_watched(call, &changed);

    if (st != KV_OK)
        return st;
    if (changed) {
        resp_null_array(&call->reply);
        return KV_OK;
    }
    return run_transaction(call);
}

enum kv_status
command_exec(struct command_call *call)
{
    struct transaction *transaction = &call->client->transaction;
    enum kv_status st = KV_OK;

    if (!transaction->is_open) {
        resp_error(&call->reply, "ERR EXEC without MULTI");
        return KV_OK;
    }
    if (transaction->is_broken)
        resp_error(&call->reply, "EXECABORT Transaction discarded because of previous errors.");
    else
        st = try_exec(call);
    if (st != KV_WANT_BLOCK && st != KV_BUSY)
        transaction_reset(transaction);
    return st;
}
