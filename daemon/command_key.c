/* command_key.c - commands about keys whatever their values are: RENAME, COPY, MOVE, OBJECT.
 *
 * A value that goes elsewhere takes its deadline along.  It is put there in the same batch that
 * deletes it here, so that it is always at one place, also after a crash.
 */
#include "daemon/command_family.h"
#include "daemon/command_handlers.h"
#include "daemon/command_table.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_deadline.h"
#include "resp/resp_number.h"

/* A value on its way, and what there is at its end. */
struct transfer {
    struct lookup found; /* borrowed until the write */
    bool exists;         /* the source */
    bool is_taken;       /* the target; false if it was not looked at */
};

/* Reads the key args[1] and, if `looks_at_target`, whether `target` in `target_cf_id` is there. */
static enum kv_status
read_both(struct command_call *call, struct slice target, uint32_t target_cf_id,
          bool looks_at_target, struct transfer *transfer)
{
    const uint32_t cf_id = call->cf_id;
    struct slice old;
    enum kv_status st, target_st = KV_OK;

    transfer->is_taken = false;
    st = value_find(call, call->args[1], &transfer->found);
    transfer->exists = st == KV_OK && transfer->found.kind == LOOKUP_VALUE;
    if (st != KV_OK && st != KV_WANT_BLOCK)
        return st;
    /* Also when the first is not there yet: their blocks come together. */
    if (looks_at_target) {
        call->cf_id = target_cf_id;
        target_st = value_read(call, target, &transfer->is_taken, &old);
        call->cf_id = cf_id;
    }
    return st != KV_OK ? st : target_st;
}

/* Puts the value where it goes; with `moves`, takes it away here.  *done: false if the key is too
 * long, and the error reply has been written. */
static enum kv_status
transfer_value(struct command_call *call, struct slice target, uint32_t target_cf_id, bool moves,
               const struct transfer *transfer, bool *done)
{
    const uint32_t cf_id = call->cf_id;

    if (target_cf_id >= CF_NONE_MIN) {
        *done = true;
        return command_need_family(call, target_cf_id);
    }
    if (moves)
        write_batch_delete(call->batch, cf_id, call->args[1]);
    call->cf_id = target_cf_id;
    *done = value_put_copy(call, target, &transfer->found);
    call->cf_id = cf_id;
    return *done ? command_write(call) : KV_OK;
}

static enum kv_status
rename_key(struct command_call *call, bool if_absent)
{
    const struct slice target = call->args[2];
    const bool is_same = slice_equal(call->args[1], target);
    struct transfer transfer;
    bool done = true;
    enum kv_status st = read_both(call, target, call->cf_id, if_absent && !is_same, &transfer);

    if (st != KV_OK)
        return st;
    if (!transfer.exists) {
        resp_error(&call->reply, "ERR no such key");
        return KV_OK;
    }
    if (!is_same && !transfer.is_taken)
        st = transfer_value(call, target, call->cf_id, true, &transfer, &done);
    if (st != KV_OK || !done)
        return st;
    if (if_absent)
        resp_integer(&call->reply, !is_same && !transfer.is_taken);
    else
        resp_simple(&call->reply, "OK");
    return KV_OK;
}

enum kv_status
command_rename(struct command_call *call)
{
    return rename_key(call, false);
}

enum kv_status
command_renamenx(struct command_call *call)
{
    return rename_key(call, true);
}

static void
reply_same_object(struct command_call *call)
{
    resp_error(&call->reply, "ERR source and destination objects are the same");
}

struct copy_options {
    uint32_t cf_id; /* of the target */
    bool replaces;
};

/* False: the error reply has been written. */
static bool
parse_copy_options(struct command_call *call, struct copy_options *options)
{
    uint32_t database;

    *options = (struct copy_options){.cf_id = call->cf_id};
    for (uint32_t i = 3; i < call->arg_count; i++) {
        if (argument_is(call->args[i], "replace")) {
            options->replaces = true;
        } else if (argument_is(call->args[i], "db") && i + 1 < call->arg_count) {
            if (!command_parse_database(call, call->args[++i], &database, &options->cf_id))
                return false;
        } else {
            resp_error(&call->reply, "ERR syntax error");
            return false;
        }
    }
    if (options->cf_id != call->cf_id || !slice_equal(call->args[1], call->args[2]))
        return true;
    reply_same_object(call);
    return false;
}

/* To another place, there alone or also; replies whether it was done. */
static enum kv_status
copy_value(struct command_call *call, struct slice target, const struct copy_options *options,
           bool moves)
{
    struct transfer transfer;
    bool goes, done = true;
    enum kv_status st = read_both(call, target, options->cf_id, !options->replaces, &transfer);

    if (st != KV_OK)
        return st;
    goes = transfer.exists && !transfer.is_taken;
    if (goes)
        st = transfer_value(call, target, options->cf_id, moves, &transfer, &done);
    if (st == KV_OK && done)
        resp_integer(&call->reply, goes);
    return st;
}

enum kv_status
command_copy(struct command_call *call)
{
    struct copy_options options;

    if (!parse_copy_options(call, &options))
        return KV_OK;
    return copy_value(call, call->args[2], &options, false);
}

enum kv_status
command_move(struct command_call *call)
{
    struct copy_options options = {0};
    uint32_t database;

    if (!command_parse_database(call, call->args[2], &database, &options.cf_id))
        return KV_OK;
    if (options.cf_id == call->cf_id) {
        reply_same_object(call);
        return KV_OK;
    }
    return copy_value(call, call->args[1], &options, true);
}

/* --- OBJECT --- */

/* What Redis would keep a value in that was just SET to this. */
static const char *
encoding_of(struct slice value)
{
    enum { INTEGER_TEXT_BYTES_MAX = 20, EMBEDDED_BYTES_MAX = 44 };
    int64_t number;

    if (value.size <= INTEGER_TEXT_BYTES_MAX && resp_parse_int64(value, &number))
        return "int";
    return value.size <= EMBEDDED_BYTES_MAX ? "embstr" : "raw";
}

static enum kv_status
object_encoding(struct command_call *call)
{
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[2], &exists, &value);

    if (st == KV_OK && exists)
        resp_bulk_text(&call->reply, encoding_of(value));
    else if (st == KV_OK)
        resp_null(&call->reply);
    return st;
}

/* Nothing is shared between keys, so whatever exists is there once. */
static enum kv_status
object_refcount(struct command_call *call)
{
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[2], &exists, &value);

    if (st == KV_OK && exists)
        resp_integer(&call->reply, 1);
    else if (st == KV_OK)
        resp_null(&call->reply);
    return st;
}

static enum kv_status
object_access(struct command_call *call)
{
    resp_error(&call->reply, "ERR kvd keeps no access times and frequencies: nothing is evicted");
    return KV_OK;
}

const struct subcommand object_subcommands[] = {
    {"encoding", object_encoding, 3,
     "ENCODING <key>\nThe name of what Redis would keep a value in that was SET to this."},
    {"freq", object_access, 3, NULL},
    {"idletime", object_access, 3, NULL},
    {"refcount", object_refcount, 3, "REFCOUNT <key>\nHow many times the value is used: 1."},
    {NULL, NULL, 0, NULL},
};
