/* db_write.c - from a batch to the log and the memtable, and what happens when there is no room.
 *
 * The order is the whole secret: a batch gets its sequence numbers, goes into the log's filling
 * group and into the memtable in one go, and nothing waits.  Whoever replies waits, for
 * durable_seq.  A full memtable is frozen and replaced at once; only when too many frozen ones
 * wait for their flush does a writer have to (KV_BUSY), and if flushes make no progress for
 * STALL_REFUSE_US it is told so instead of hanging.
 */
#include "db/compactor.h"
#include "db/db_hole_log.h"
#include "db/family_record.h"

/* An eighth more, so that the batch that would exceed the size finds it, not the mapping. */
size_t
db_memtable_capacity(uint64_t memtable_bytes)
{
    KV_ASSERT(memtable_bytes <= UINT64_MAX / 2);
    return (size_t)(memtable_bytes + memtable_bytes / 8);
}

/* Somebody was told KV_BUSY: there is room again, or a reason to refuse. */
void
db_wake_writer(struct db *db)
{
    if (!db->writer_waits)
        return;
    db->writer_waits = false;
    if (db->options.on_writable != NULL)
        db->options.on_writable(db->options.owner);
}

static void
on_stall_timer(struct io_timer *timer)
{
    db_wake_writer(KV_CONTAINER_OF(timer, struct db, stall_timer));
}

/* Too many memtables wait.  Patience is counted from the first writer who had to wait. */
static enum kv_status
stall(struct db *db)
{
    const uint64_t now_us = io_now_us(db->io);

    if (db->stalled_since == 0) {
        db->stalled_since = now_us;
        db->stall_timer.on_expire = on_stall_timer;
        io_timer_start(db->io, &db->stall_timer, now_us + STALL_REFUSE_US);
    }
    if (now_us - db->stalled_since >= STALL_REFUSE_US)
        return KV_STALLED;
    db->writer_waits = true;
    return KV_BUSY;
}

static bool
is_full(const struct db *db, const struct write_batch *batch)
{
    const size_t bytes = batch->bytes.size;
    const uint32_t count = write_batch_count(batch);

    if (!memtable_has_room(db->active, bytes, count))
        return true;
    if (memtable_entry_count(db->active) == 0)
        return false;
    return memtable_bytes_used(db->active) + memtable_room_for(bytes, count) >
               db->options.memtable_bytes ||
           db->a_family_is_full || wal_bytes(db->wal) + bytes > db->options.wal_bytes_max;
}

/* A batch that is larger than a usual memtable gets one of its own size. */
static enum kv_status
make_room(struct db *db, const struct write_batch *batch)
{
    const size_t needed = memtable_room_for(batch->bytes.size, write_batch_count(batch));
    struct memtable *larger;
    enum kv_status st;

    if (memtable_entry_count(db->active) > 0) {
        if (db->frozen_count >= FROZEN_MEMTABLE_COUNT_MAX)
            return stall(db);
        st = db_freeze(db);
        if (st != KV_OK)
            return st;
        db->stalled_since = 0; /* here only: a small write that still fits is no progress */
    }
    if (!memtable_has_room(db->active, batch->bytes.size, write_batch_count(batch))) {
        st = memtable_new(db->pool, needed, &larger);
        if (st != KV_OK)
            return st;
        memtable_unref(db->active);
        db->active = larger;
    }
    db_update_budget(db);
    return KV_OK;
}

static bool
family_is_live(void *owner, uint32_t cf_id)
{
    struct db *db = owner;

    return version_set_family(db->versions, cf_id) != NULL;
}

void
db_fill_holes(struct db *db, struct slice batch)
{
    struct write_batch_reader reader;
    struct batch_record record;

    write_batch_walk_init(&reader, batch);
    while (write_batch_walk_next(&reader, &record)) {
        if (!db_is_deletion(record.type) && record.type != TYPE_RANGE_DELETION)
            db_holes_put(&db->holes, record.cf_id, record.key);
    }
}

enum kv_status
db_admit(struct db *db, const struct write_batch *batch)
{
    enum kv_status st;

    if (db->fault != KV_OK)
        return db->fault == KV_NO_SPACE ? KV_NO_SPACE : KV_READ_ONLY;
    if (batch->bytes.size > BATCH_BYTES_MAX ||
        db->last_seq + write_batch_count(batch) >= SEQUENCE_MAX)
        return KV_LIMIT;

    st = db_space_admit(db, batch);
    if (st != KV_OK)
        return st;
    if (db_must_wait(db))
        return KV_BUSY;
    return is_full(db, batch) ? make_room(db, batch) : KV_OK;
}

enum kv_status
db_write(struct db *db, struct write_batch *batch, uint64_t *seq_last_out)
{
    const uint32_t count = write_batch_count(batch);
    enum kv_status st;

    *seq_last_out = db->last_seq;
    if (count == 0)
        return KV_OK;
    st = db_admit(db, batch);
    if (st != KV_OK)
        return st;
    write_batch_set_sequence(batch, db->last_seq + 1);
    st = wal_append(db->wal, buffer_slice(&batch->bytes), db->last_seq + count);
    if (st != KV_OK)
        return st;
    if (db->pacer.rate_bytes_per_s != WRITE_RATE_UNLIMITED)
        write_pacer_charge(&db->pacer, batch->bytes.size, io_now_us(db->io));
    db_space_charge(db, batch);
    memtable_apply(db->active, buffer_slice(&batch->bytes), family_is_live, db);
    if (db->holes.count > 0)
        db_fill_holes(db, buffer_slice(&batch->bytes));
    if (db->sized_family_count > 0)
        db_family_sizes_charge(db, buffer_slice(&batch->bytes));
    db->memtable_change_count++;
    db->last_seq += count;
    *seq_last_out = db->last_seq;
    return KV_OK;
}

uint64_t
db_durable_seq(const struct db *db)
{
    return wal_durable_seq(db->wal);
}

uint64_t
db_synced_seq(const struct db *db)
{
    return wal_synced_seq(db->wal);
}

uint64_t
db_submitted_seq(const struct db *db)
{
    return wal_submitted_seq(db->wal);
}

void
db_sync_to(struct db *db, uint64_t seq)
{
    wal_sync_to(db->wal, seq);
}

uint64_t
db_last_seq(const struct db *db)
{
    return db->last_seq;
}

uint64_t
db_rollback_count(const struct db *db)
{
    return db->rollback_count;
}

void
db_turn(struct db *db)
{
    db_let_time_pass(db);
    db_hole_log_turn(db);
    wal_turn(db->wal);
    db_family_changes_turn(db);
    db_install_built(db);
    db_start_flushes(db);
    db_guard_frozen(db);
    db_space_turn(db);
    compactor_turn(db->compactor);
    db_update_pressure(db);
    db_sweep_turn(&db->sweep);
}
