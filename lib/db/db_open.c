/* db_open.c - start and stop of the engine.
 *
 *     lock, CURRENT, MANIFEST --> logs into tables --> new log --> new MANIFEST names both
 *                             --> OPTIONS --> purge --> ready
 *
 * Up to the new MANIFEST nothing that the directory needs has been changed, so a crash anywhere
 * leaves either the old state or the new one.
 *
 * All of that needs space.  When there is none, it is tried again without the tables that the last
 * process had not finished, and if that isn't enough, nothing is written at all: what the logs hold
 * is held in memory, the logs stay, reads are served, and the engine begins as if its log had just
 * failed (db_repair.c), which ends when there is space.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/compactor.h"
#include "db/db_checkpoint.h"
#include "db/db_internal.h"
#include "db/family_record.h"
#include "io/file.h"
#include "version/file_name.h"

static uint64_t
next_file_number(void *owner)
{
    return version_set_next_file_number(((struct db *)owner)->versions);
}

static void
on_wal_durable(void *owner, uint64_t seq)
{
    const struct db *db = owner;

    /* A flush that waited for this starts at the end of the turn, in db_turn. */
    if (db->options.on_durable != NULL)
        db->options.on_durable(db->options.owner, seq);
}

static void
on_wal_synced(void *owner, uint64_t seq)
{
    const struct db *db = owner;

    if (db->options.on_synced != NULL)
        db->options.on_synced(db->options.owner, seq);
}

/* --- opening --- */

static enum kv_status
open_versions(struct db *db)
{
    const struct version_set_options options = {
        .io = db->io,
        .dir = db->dir,
        .create_if_missing = db->options.create_if_missing,
    };
    enum kv_status st;

    if (db->options.create_if_missing) {
        struct io_request make = {.op = IO_MKDIR, .path = db->dir};
        const int64_t result = io_call(db->io, &make);

        if (result < 0 && result != -EEXIST)
            return KV_FAIL(kv_status_from_errno((int)result), "%s: cannot create: %s", db->dir,
                           strerror((int)-result));
    }
    st = version_set_open(&options, &db->versions);
    if (st != KV_OK)
        return st;
    version_set_on_obsolete(db->versions, db_delete_file, db);
    db->no_tables = version_new_empty(db->versions);
    return KV_OK;
}

/* A log ends with its memtable or at wal-max-size (is_full in db_write.c), whichever comes first.
 * Beyond the maximum it pays no more to write zeros in advance: a start has to read them. */
uint64_t
db_segment_bytes(const struct db *db)
{
    uint64_t bytes = SEGMENT_BYTES_MAX;

    if (bytes > db->options.memtable_bytes)
        bytes = db->options.memtable_bytes;
    if (bytes > db->options.wal_bytes_max)
        bytes = db->options.wal_bytes_max;
    return bytes;
}

static struct wal_options
wal_options_of(struct db *db)
{
    return (struct wal_options){
        .io = db->io,
        .dir = db->dir,
        .sync = db->options.wal_sync,
        .interval_us = db->options.wal_interval_us,
        .segment_bytes = db_segment_bytes(db),
        .recycle_count_max = FROZEN_MEMTABLE_COUNT_MAX,
        .owner = db,
        .next_file_number = next_file_number,
        .on_durable = on_wal_durable,
        .on_synced = on_wal_synced,
        .on_failed = db_on_wal_failed,
    };
}

static enum kv_status
open_wal(struct db *db)
{
    const struct wal_options options = wal_options_of(db);
    enum kv_status st = KV_OK;

    if (db->is_holding)
        db->wal = wal_open_dead(&options);
    else
        st = wal_open(&options, &db->wal);

    if (st == KV_OK)
        wal_set_durable_seq(db->wal, db->last_seq);
    return st;
}

/* The new MANIFEST says: these tables, and for every family nothing before the new log. */
static enum kv_status
start_versions(struct db *db, struct recovery_result *recovered)
{
    struct column_family *family;
    enum kv_status st;

    version_set_raise_last_seq(db->versions, db->last_seq);
    if (db->is_holding) {
        version_set_start_later(db->versions);
        return KV_OK;
    }
    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++) {
        struct version_edit *edit;

        recovered->edits =
            kv_realloc(recovered->edits, sizeof(recovered->edits[0]) * (recovered->edit_count + 1));
        edit = &recovered->edits[recovered->edit_count++];
        memset(edit, 0, sizeof(*edit));
        edit->cf_id = family->id;
        edit->has_log_number = true;
        edit->log_number = wal_number(db->wal);
    }
    recovered->edits[0].has_min_log_to_keep = true;
    recovered->edits[0].min_log_to_keep = wal_number(db->wal);
    st = version_set_start(db->versions, recovered->edits, recovered->edit_count);
    if (st == KV_OK)
        db->log_live = wal_number(db->wal);
    return st;
}

static struct db *
db_new(const struct db_options *options)
{
    struct db *db = kv_alloc_zero(sizeof(*db));

    KV_ASSERT(options->io != NULL && options->port != NULL);
    KV_ASSERT(options->memtable_bytes >= MEMTABLE_BYTES_MIN && options->wal_bytes_max > 0);
    db->options = *options;
    db->io = options->io;
    db->dir = strdup(options->dir);
    KV_ASSERT(db->dir != NULL);
    list_init(&db->frozen);
    list_init(&db->flush_waiters);
    list_init(&db->obsolete);
    db->unlink.fd = -1;
    list_init(&db->snapshots);
    db->frozen_id_next = 1;
    db->job_id_next = 1;
    /* One active, one being flushed and a spare: the usual number in turn. */
    db->pool = memtable_pool_new(db_memtable_capacity(options->memtable_bytes), 2);
    db->cache = block_cache_new(options->memory_limit_bytes / 8);
    db->fetcher = block_fetcher_new(db->io, db->cache, options->direct_reads);
    db->compactor = compactor_new(db);
    db_sweep_init(&db->sweep, db);
    db->txn = db_txn_new();
    db->pacer.rate_bytes_per_s = db->tables_rate_bytes_per_s = WRITE_RATE_UNLIMITED;
    db->pressure_is_stale = true;
    db->flush_urgency = JOB_PRESSING;
    db_space_init(db);
    return db;
}

static void
db_destroy(struct db *db)
{
    while (!list_empty(&db->frozen)) {
        struct frozen *frozen = LIST_ENTRY(db->frozen.next, struct frozen, link);

        frozen->state = FROZEN_WAITING;
        db_frozen_free(frozen);
    }
    while (!list_empty(&db->flush_waiters)) {
        struct flush_waiter *waiter = LIST_ENTRY(db->flush_waiters.next, struct flush_waiter, link);

        list_remove(&waiter->link);
        free(waiter);
    }
    db_checkpoint_free(db);
    compactor_free(db->compactor);
    db_family_changes_free(db);
    db_txn_free(db->txn);
    io_timer_stop(db->io, &db->stall_timer);
    io_timer_stop(db->io, &db->pace_timer);
    io_timer_stop(db->io, &db->repair_timer);
    io_timer_stop(db->io, &db->budget_timer);
    db_space_deinit(db);
    db_forget_obsolete(db);
    db_sweep_deinit(&db->sweep);
    db_holes_clear(&db->holes);
    memtable_unref(db->active);
    if (db->wal != NULL)
        wal_close(db->wal);
    if (db->no_tables != NULL)
        version_unref(db->no_tables);
    if (db->versions != NULL)
        version_set_close(db->versions);
    db_families_free(db);
    buffer_deinit(&db->family_file);
    memtable_pool_free(db->pool);
    block_fetcher_free(db->fetcher);
    block_cache_free(db->cache);
    options_file_deinit(&db->loaded_options);
    free(db->dir);
    free(db);
}

/* How much may be asked of the disk. */
enum open_way { OPEN_AS_USUAL, OPEN_CLEARED, OPEN_HOLDING };

static enum kv_status
open_in_place(struct db *db, struct recovery_result *recovered)
{
    enum kv_status st = db_load_options(db);

    if (st == KV_OK)
        st = db_merge_configure(db);
    if (st == KV_OK)
        st = db_recover(db, recovered);
    if (st == KV_OK)
        st = open_wal(db);
    if (st == KV_OK)
        st = start_versions(db, recovered);
    if (st == KV_OK && !db->is_holding)
        st = db_store_options(db);
    if (st == KV_OK && db->active == NULL)
        st = memtable_new(db->pool, 0, &db->active);
    return st;
}

/* *may_help: another way may do better. */
static enum kv_status
open_one_way(const struct db_options *options, enum open_way way, struct db **db_out,
             bool *may_help)
{
    struct db *db = db_new(options);
    struct recovery_result recovered = {0};
    enum kv_status st = open_versions(db);

    db->is_holding = way == OPEN_HOLDING;
    *may_help = st == KV_OK;
    if (st == KV_OK && way != OPEN_AS_USUAL)
        version_set_purge_unborn(db->versions);
    if (st == KV_OK)
        st = open_in_place(db, &recovered);
    *may_help = *may_help && st == KV_NO_SPACE && way != OPEN_HOLDING;
    for (uint32_t i = 0; i < recovered.edit_count; i++)
        version_edit_deinit(&recovered.edits[i]);
    free(recovered.edits);
    if (st == KV_OK)
        *db_out = db;
    else
        db_destroy(db);
    return st;
}

enum kv_status
db_open(const struct db_options *options, struct db **db_out)
{
    enum open_way way = OPEN_AS_USUAL;
    struct db *db = NULL;
    bool may_help;
    enum kv_status st = open_one_way(options, way, &db, &may_help);

    *db_out = NULL;
    while (may_help)
        st = open_one_way(options, ++way, &db, &may_help);
    if (st != KV_OK)
        return st;
    if (db->is_holding)
        db_repair_begin(db);
    else
        version_set_purge(db->versions);
    db_sweep_start(&db->sweep);
    db->tables_seq_max = db->last_seq;
    db_update_budget(db);
    db_space_measure(db);
    *db_out = db;
    return KV_OK;
}

void
db_stop(struct db *db)
{
    db->is_closing = true;
    compactor_stop(db->compactor);
    db_sweep_stop(&db->sweep);
}

bool
db_is_idle(const struct db *db)
{
    return db->changes_in_flight == 0 && !db->unlink.is_busy &&
           block_fetcher_in_flight(db->fetcher) == 0 && wal_is_idle(db->wal) &&
           version_set_is_idle(db->versions) && db_family_changes_are_idle(db) &&
           db_checkpoint_is_idle(db);
}

enum kv_status
db_close(struct db *db)
{
    enum kv_status st = KV_OK;

    KV_ASSERT(db_is_idle(db) && db->snapshot_count == 0);
    db_stop(db);
    if (!wal_is_failed(db->wal))
        st = wal_drain(db->wal);
    if (db_options_are_old(db) && db_store_options(db) != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "OPTIONS will be written at the next start");
    db_destroy(db);
    return st;
}
