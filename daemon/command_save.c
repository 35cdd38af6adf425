/* command_save.c - KV.CHECKPOINT, SAVE, BGSAVE, LASTSAVE.
 *
 * A client that waits for a checkpoint has a ticket (command_flush.h) that wakes it, and a work
 * that keeps what there is to tell.  The engine has the work until it reports, whatever becomes of
 * the client:
 *
 *     awaited --done--> the client runs again, replies, frees it
 *        `--client goes--> not awaited --done--> freed
 */
#include "base/alloc.h"
#include "daemon/checkpoint_keeper.h"
#include "daemon/client.h"
#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

struct checkpoint_wait {
    struct command_work base;
    struct client *client; /* borrowed; NULL: nobody waits */
    bool is_done;
    enum kv_status st;
    struct db_checkpoint_info info;
};

static void
wait_free(struct command_work *base)
{
    struct checkpoint_wait *wait = KV_CONTAINER_OF(base, struct checkpoint_wait, base);

    if (wait->is_done) {
        free(wait);
        return;
    }
    flush_ticket_forget(wait->client);
    wait->client = NULL;
}

static struct checkpoint_wait *
wait_new(struct command_call *call)
{
    struct checkpoint_wait *wait = kv_alloc_zero(sizeof(*wait));

    KV_ASSERT(call->client->work == NULL && call->client->flush == NULL);
    wait->base.free = wait_free;
    wait->client = call->client;
    return wait;
}

static void
on_made(void *owner, enum kv_status st, const struct db_checkpoint_info *info)
{
    struct checkpoint_wait *wait = owner;

    if (wait->client == NULL) {
        free(wait);
        return;
    }
    wait->is_done = true;
    wait->st = st;
    wait->info = *info;
    flush_ticket_done(wait->client->flush, KV_OK);
}

/* `st` came of beginning; the client waits, or not. */
static enum kv_status
begin_waiting(struct command_call *call, struct checkpoint_wait *wait, enum kv_status st)
{
    if (st == KV_OK) {
        call->client->work = &wait->base;
        (void)flush_ticket_new(call, true);
        return KV_BUSY;
    }
    free(wait);
    if (st != KV_BUSY)
        return st;
    resp_error(&call->reply, "ERR another checkpoint is being made or removed");
    return KV_OK;
}

/* KV_BUSY: it is not done yet. */
static enum kv_status
take(struct command_call *call, struct checkpoint_wait **wait_out)
{
    *wait_out = KV_CONTAINER_OF(call->client->work, struct checkpoint_wait, base);
    return flush_ticket_take(call);
}

static void
reply_failure(struct command_call *call, enum kv_status st)
{
    if (st == KV_INVALID)
        resp_error(&call->reply, "ERR there is a checkpoint of this name");
    else
        resp_error_format(&call->reply, "ERR the checkpoint could not be made: %s; see the log",
                          kv_status_text(st));
}

/* --- KV.CHECKPOINT name --- */

/* A name, not a path: a client must not be able to write anywhere but in the data directory. */
static bool
is_name(struct slice text)
{
    const char *suffix = CHECKPOINT_TMP_SUFFIX, *prefix = CHECKPOINT_SAVE_PREFIX;
    const size_t size = strlen(suffix);
    bool is_valid = text.size > 0 && text.size <= CHECKPOINT_NAME_BYTES_MAX && text.data[0] != '.';

    for (size_t i = 0; i < text.size && is_valid; i++)
        is_valid = text.data[i] > ' ' && text.data[i] <= '~' && text.data[i] != '/';
    if (text.size >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0)
        return false; /* SAVE's, which go by themselves */
    return is_valid &&
           (text.size < size || memcmp(text.data + text.size - size, suffix, size) != 0);
}

static enum kv_status
begin_checkpoint(struct command_call *call)
{
    struct server *server = call->server;
    char name[CHECKPOINT_NAME_BYTES_MAX + 1] = "";
    struct checkpoint_wait *wait;

    if (!is_name(call->args[1])) {
        resp_error_format(&call->reply,
                          "ERR a checkpoint has a name, not a path: 1 to %d printable characters, "
                          "no slash, no dot or save- at the beginning and no .tmp at the end. It "
                          "is made in %s",
                          CHECKPOINT_NAME_BYTES_MAX, server->keeper.parent);
        return KV_OK;
    }
    memcpy(name, call->args[1].data, call->args[1].size);
    wait = wait_new(call);
    return begin_waiting(call, wait, checkpoint_keeper_make(&server->keeper, name, on_made, wait));
}

enum kv_status
command_kv_checkpoint(struct command_call *call)
{
    const struct db_checkpoint_info *info;
    struct checkpoint_wait *wait;
    enum kv_status st;

    if (call->client->work == NULL)
        return begin_checkpoint(call);
    st = take(call, &wait);
    if (st != KV_OK)
        return st;
    if (wait->st != KV_OK) {
        reply_failure(call, wait->st);
        return KV_OK;
    }
    info = &wait->info;
    resp_map(&call->reply, 4);
    resp_bulk_text(&call->reply, "path");
    resp_bulk_text(&call->reply, info->path);
    resp_bulk_text(&call->reply, "sequence");
    resp_integer(&call->reply, (int64_t)info->seq);
    resp_bulk_text(&call->reply, "tables");
    resp_integer(&call->reply, (int64_t)info->table_count);
    resp_bulk_text(&call->reply, "bytes");
    resp_integer(&call->reply, (int64_t)info->table_bytes);
    return KV_OK;
}

/* --- SAVE, BGSAVE, LASTSAVE --- */

/* True: replied. */
static bool
is_saving(struct command_call *call)
{
    if (call->server->keeper.is_saving)
        resp_error(&call->reply, "ERR Background save already in progress");
    return call->server->keeper.is_saving;
}

enum kv_status
command_save(struct command_call *call)
{
    struct checkpoint_wait *wait;
    enum kv_status st;

    if (call->client->work == NULL) {
        if (is_saving(call))
            return KV_OK;
        wait = wait_new(call);
        return begin_waiting(call, wait,
                             checkpoint_keeper_save(&call->server->keeper, on_made, wait));
    }
    st = take(call, &wait);
    if (st == KV_OK && wait->st == KV_OK)
        resp_simple(&call->reply, "OK");
    else if (st == KV_OK)
        reply_failure(call, wait->st);
    return st;
}

/* In EXEC a save is only scheduled, as in Redis. */
enum kv_status
command_bgsave(struct command_call *call)
{
    struct checkpoint_keeper *keeper = &call->server->keeper;
    const bool may_schedule = call->arg_count == 2 && argument_is(call->args[1], "schedule");
    enum kv_status st = KV_BUSY;

    if (call->arg_count > 1 && !may_schedule) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    if (is_saving(call))
        return KV_OK;
    if (!call->is_in_transaction)
        st = checkpoint_keeper_save(keeper, NULL, NULL);
    if (st == KV_OK) {
        resp_simple(&call->reply, "Background saving started");
    } else if (st == KV_BUSY && (may_schedule || call->is_in_transaction)) {
        checkpoint_keeper_schedule(keeper);
        resp_simple(&call->reply, "Background saving scheduled");
    } else if (st == KV_BUSY) {
        resp_error(&call->reply, "ERR Another checkpoint is being made (KV.CHECKPOINT): can't "
                                 "BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a "
                                 "BGSAVE whenever possible.");
    } else {
        return st;
    }
    return KV_OK;
}

enum kv_status
command_lastsave(struct command_call *call)
{
    resp_integer(&call->reply, (int64_t)call->server->keeper.last_save_s);
    return KV_OK;
}
