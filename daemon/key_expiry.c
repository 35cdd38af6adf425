/* key_expiry.c - the dead keys of a command are kept as the deletions that they become.
 *
 * They must go in one write with what the command itself writes, since a second write may be
 * refused when the first one is done, and the command would run again without finding them.
 */
#include "daemon/key_expiry.h"

#include "daemon/key_event.h"
#include "daemon/server.h"
#include "db/db_txn.h"

static void
forget(struct key_expiry *expiry)
{
    buffer_clear(&expiry->deletions);
    expiry->count = 0;
}

static bool
is_noted(const struct key_expiry *expiry, struct slice key, uint32_t cf_id)
{
    struct write_batch_reader reader;
    struct batch_record record;

    if (expiry->count == 0)
        return false;
    write_batch_walk_init(&reader, buffer_slice(&expiry->deletions));
    while (write_batch_walk_next(&reader, &record)) {
        if (record.cf_id == cf_id && slice_equal(record.key, key))
            return true;
    }
    return false;
}

void
key_expiry_note(struct command_call *call, struct slice key, uint32_t cf_id)
{
    struct server *server = call->server;
    struct key_expiry *expiry = &server->expiry;
    struct write_batch deletions = {.bytes = expiry->deletions};

    KV_ASSERT(call->seq_max == SEQUENCE_MAX && cf_id < CF_NONE_MIN);
    if (expiry->count == KEY_EXPIRY_COUNT_MAX || is_noted(expiry, key, cf_id) ||
        server->gate & (GATE_PAUSES_WRITES | GATE_PAUSES_ALL))
        return;
    if (expiry->count++ == 0)
        write_batch_clear(&deletions);
    write_batch_delete(&deletions, cf_id, key);
    expiry->deletions = deletions.bytes;
    server->gate |= GATE_EXPIRED;
    notify_key_event(call, NOTIFY_EXPIRED, "expired", key, cf_id);
}

enum kv_status
key_expiry_note_put(struct command_call *call, const struct batch_record *record)
{
    struct lookup found;
    enum kv_status st;

    if (record->cf_id >= CF_NONE_MIN)
        return KV_OK;
    st = db_get(call->server->db, call->ctx, record->cf_id, record->key, SEQUENCE_MAX, &found);
    if (st == KV_OK && lookup_is_dead(&found))
        key_expiry_note(call, record->key, record->cf_id);
    return st;
}

void
key_expiry_lead(struct command_call *call)
{
    struct key_expiry *expiry = &call->server->expiry;
    struct write_batch all = {.bytes = expiry->deletions};

    if (expiry->count == 0)
        return;
    KV_ASSERT(write_batch_count(&all) == expiry->count);
    write_batch_append(&all, buffer_slice(&call->batch->bytes));
    buffer_deinit(&call->batch->bytes);
    *call->batch = all; /* taken over */
    expiry->deletions = (struct buffer){0};
    expiry->deleted_count += expiry->count;
    expiry->count = 0;
}

static enum kv_status
write_deletions(struct command_call *call)
{
    uint64_t seq_last = 0;
    enum kv_status st;

    if (call->is_in_transaction)
        return db_txn_write(call->server->db, call->batch);
    st = db_write(call->server->db, call->batch, &seq_last);
    if (st == KV_OK && seq_last > call->seq_wait)
        call->seq_wait = seq_last;
    return st;
}

/* A read does not fail because a deletion cannot be written. */
void
key_expiry_bury(struct command_call *call, enum kv_status st)
{
    struct key_expiry *expiry = &call->server->expiry;
    const uint32_t count = expiry->count;

    if (st == KV_OK && count > 0) {
        write_batch_clear(call->batch);
        key_expiry_lead(call);
        if (write_deletions(call) != KV_OK)
            expiry->deleted_count -= count;
    }
    forget(expiry);
}

void
key_expiry_end(struct command_call *call, enum kv_status st)
{
    struct key_expiry *expiry = &call->server->expiry;

    KV_ASSERT(call->server->gate & GATE_EXPIRED);
    key_expiry_bury(call, st);
    if (st == KV_OK)
        call->server->stats.expired_count += expiry->deleted_count;
    expiry->deleted_count = 0;
    call->server->gate &= ~(uint32_t)GATE_EXPIRED;
}

void
key_expiry_deinit(struct key_expiry *expiry)
{
    buffer_deinit(&expiry->deletions);
    *expiry = (struct key_expiry){0};
}
