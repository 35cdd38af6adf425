/* db_repair.c - back to service after the log has failed.
 *
 * What the failed segment holds above durable_seq has an unknown fate, so it must never be read
 * again; and what it holds below exists only there and in memory.  Hence:
 *
 *     failed --> versions above durable_seq leave the memtables, their clients get an error
 *            --> writes are refused; reads go on
 *            --> a new segment (retried until there is one)
 *            --> everything that is in memory is flushed and installed, with the new segment as
 *                its log number: the failed one is out of the recovery's sight
 *            --> writes are accepted again
 *
 * Sequence numbers that were given to lost versions are not used again.
 */
#include "base/log.h"
#include "db/compactor.h"
#include "db/db_internal.h"

enum { RESTART_BYTES_MIN = 2 << 20 };

static void
on_repair_timer(struct io_timer *timer)
{
    db_repair_step(KV_CONTAINER_OF(timer, struct db, repair_timer));
}

static void
try_again_later(struct db *db)
{
    db->repair_timer.on_expire = on_repair_timer;
    io_timer_start(db->io, &db->repair_timer, io_now_us(db->io) + REPAIR_RETRY_US);
}

/* What a start does that had no space to: no job has run since. */
static void
finish_start(struct db *db)
{
    db->is_holding = false;
    version_set_purge(db->versions);
    if (db_store_options(db) != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "OPTIONS will be written at the next start");
    compactor_poke(db->compactor);
}

static void
finish_repair(struct db *db)
{
    if (db->is_holding)
        finish_start(db);
    kv_log(LOG_LEVEL_NOTICE, "the log goes on in %06llu.log: writes are accepted again",
           (unsigned long long)db->repair_log);
    db->fault = KV_OK;
    db->repair_has_log = false;
    db->repair_log = 0;
    db_wake_writer(db);
}

static void
on_log_number_installed(void *owner, enum kv_status st)
{
    struct db *db = owner;

    KV_ASSERT(st == KV_OK);
    db->changes_in_flight--;
    db_repair_step(db);
}

/* Nothing was in memory, so no flush carried the new log number. */
static void
install_log_number(struct db *db)
{
    struct version_edit edit = {
        .has_log_number = true,
        .log_number = db->repair_log,
        .has_min_log_to_keep = true,
        .min_log_to_keep = db->repair_log,
    };

    db->changes_in_flight++;
    version_set_apply(db->versions, &edit, 1, on_log_number_installed, db);
}

/* The memtable that was active may be empty by now, and then stays. */
static bool
freeze_rest(struct db *db)
{
    if (memtable_entry_count(db->active) == 0)
        return true;
    return db_freeze(db) == KV_OK;
}

static void
give_log_number(struct db *db)
{
    db->repair_log = wal_number(db->wal);
    db->repair_has_log = true;
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        struct frozen *frozen = LIST_ENTRY(node, struct frozen, link);

        if (frozen->log_next == 0)
            frozen->log_next = db->repair_log;
    }
}

/* A log takes space that the tables need: so first these, as far as memory is what fills them. */
static bool
has_space_for_log(struct db *db)
{
    if (db->fault != KV_NO_SPACE)
        return true;
    db_space_measure(db);
    db_start_flushes(db);
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        if (LIST_ENTRY(node, struct frozen, link)->state < FROZEN_BUILT)
            return false;
    }
    return db->space.reserve.free_bytes >= RESTART_BYTES_MIN;
}

/* Takes the repair as far as it goes now; called again by each event that may help. */
void
db_repair_step(struct db *db)
{
    if (db->fault == KV_OK)
        return;
    if (!db->repair_has_log) {
        if (!freeze_rest(db) || !has_space_for_log(db) || wal_restart(db->wal) != KV_OK) {
            try_again_later(db);
            return;
        }
        give_log_number(db);
        db_install_built(db);
        db_start_flushes(db);
    }
    if (!list_empty(&db->frozen) || db->changes_in_flight > 0)
        return;
    if (version_set_min_log(db->versions) < db->repair_log)
        install_log_number(db);
    else
        finish_repair(db);
}

void
db_on_wal_failed(void *owner, enum kv_status st)
{
    struct db *db = owner;
    const uint64_t durable = wal_durable_seq(db->wal);

    KV_ASSERT(st != KV_OK);
    kv_log(LOG_LEVEL_WARNING,
           "the log failed (%s): writes above sequence %llu are taken back and new ones refused "
           "until a new log works; reads go on",
           kv_status_text(st), (unsigned long long)durable);
    db->fault = st;
    db->repair_has_log = false;
    db->memtable_change_count++;
    db->rollback_count++;
    db_holes_clear(&db->holes);
    memtable_rollback(db->active, durable);
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        struct frozen *frozen = LIST_ENTRY(node, struct frozen, link);

        if (!frozen->sealed)
            memtable_rollback(frozen->memtable, durable);
        /* The log behind this memtable never was: the new one is. */
        if (!wal_is_named(db->wal, frozen->log_next))
            frozen->log_next = 0;
    }
    if (db->options.on_write_failed != NULL)
        db->options.on_write_failed(db->options.owner, durable);
    db_wake_writer(db);
    try_again_later(db);
}

void
db_repair_begin(struct db *db)
{
    KV_ASSERT(wal_is_failed(db->wal) && db->fault == KV_OK);
    kv_log(LOG_LEVEL_WARNING,
           "the disk is full: what the logs hold is held in memory, writes are refused until there "
           "is space, reads go on");
    db->fault = KV_NO_SPACE;
    try_again_later(db);
}
