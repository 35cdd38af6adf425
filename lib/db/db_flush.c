/* db_flush.c - frozen memtables become tables: given away, taken back, installed in order.
 *
 * Jobs may run side by side and end in any order; their results are installed oldest first,
 * because each says "the log before this point is not needed any more".  A job that fails is
 * tried again with new file numbers, at growing intervals, for ever: everything in it is in the
 * log.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/compaction.h"
#include "db/db_internal.h"
#include "db/db_snapshot.h"
#include "db/family_record.h"
#include "io/file.h"
#include "version/file_name.h"

static void
free_edits(struct frozen *frozen)
{
    for (uint32_t i = 0; i < frozen->edit_count; i++)
        version_edit_deinit(&frozen->edits[i]);
    free(frozen->edits);
    frozen->edits = NULL;
    frozen->edit_count = 0;
}

static void
unpin_families(struct frozen *frozen)
{
    for (uint32_t i = 0; frozen->families != NULL && i < frozen->job.output_count; i++)
        db_family_unpin(frozen->families[i]);
    free(frozen->families);
    frozen->families = NULL;
}

void
db_frozen_free(struct frozen *frozen)
{
    KV_ASSERT(frozen->state != FROZEN_INSTALLING);
    io_timer_stop(frozen->db->io, &frozen->retry_timer);
    list_remove(&frozen->link);
    free_edits(frozen);
    unpin_families(frozen);
    free(frozen->job.outputs);
    free(frozen->snapshots);
    memtable_unref(frozen->memtable);
    free(frozen);
}

/* The active memtable is replaced by an empty one; the log goes on in a new segment. */
enum kv_status
db_freeze(struct db *db)
{
    struct frozen *frozen;
    struct memtable *fresh;
    enum kv_status st = memtable_new(db->pool, 0, &fresh);

    if (st != KV_OK)
        return st;
    KV_ASSERT(memtable_entry_count(db->active) > 0);
    frozen = kv_alloc_zero(sizeof(*frozen));
    frozen->db = db;
    frozen->id = db->frozen_id_next++;
    frozen->memtable = db->active;
    frozen->log_next = wal_is_failed(db->wal) ? 0 : wal_switch(db->wal);
    db_holes_all_fresh(&db->holes);
    list_push_back(&db->frozen, &frozen->link);
    db->frozen_count++;
    db->active = fresh;
    db_update_budget(db);
    return KV_OK;
}

/* --- a job comes back --- */

void
db_fill_table_meta(struct table_meta *meta, const struct table_summary *table,
                   uint64_t creation_time_s)
{
    meta->number = table->file_number;
    meta->bytes = table->file_bytes;
    buffer_append_slice(&meta->smallest, buffer_slice(&table->smallest));
    buffer_append_slice(&meta->largest, buffer_slice(&table->largest));
    meta->seq_smallest = table->seq_smallest;
    meta->seq_largest = table->seq_largest;
    meta->creation_time_s = creation_time_s;
    meta->oldest_ancestor_time_s = creation_time_s;
    meta->checksum_crc32c = table->checksum_crc32c;
    meta->has_checksum = true;
    meta->has_counts = table->entry_count <= TABLE_ENTRY_COUNT_MAX &&
                       table->deletion_count <= table->entry_count &&
                       table->range_tombstone_count <= table->deletion_count;
    meta->entry_count = table->entry_count;
    meta->deletion_count = table->deletion_count;
    meta->range_tombstone_count = table->range_tombstone_count;
    meta->deadlines = table->deadlines;
}

static void
take_results(struct frozen *frozen, const struct table_summary *tables)
{
    const uint32_t count = frozen->job.output_count;

    frozen->edits = kv_alloc_zero(sizeof(frozen->edits[0]) * count);
    frozen->edit_count = count;
    frozen->bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct version_edit *edit = &frozen->edits[i];

        edit->cf_id = frozen->job.outputs[i].cf_id;
        db_fill_table_meta(version_edit_add_table(edit, 0), &tables[i],
                           frozen->job.creation_time_s);
        frozen->bytes += tables[i].file_bytes;
    }
}

static void
on_retry_timer(struct io_timer *timer)
{
    struct frozen *frozen = KV_CONTAINER_OF(timer, struct frozen, retry_timer);

    db_start_flushes(frozen->db);
}

static void
retry_later(struct frozen *frozen, enum kv_status why)
{
    struct db *db = frozen->db;
    uint64_t delay_us = FLUSH_RETRY_US_MIN;

    for (uint32_t i = 0; i < frozen->failure_count && delay_us < FLUSH_RETRY_US_MAX; i++)
        delay_us *= 2;
    frozen->failure_count++;
    frozen->last_error = why;
    db->flush_failure_count++;
    frozen->state = FROZEN_WAITING;
    frozen->retry_timer.on_expire = on_retry_timer;
    io_timer_start(db->io, &frozen->retry_timer, io_now_us(db->io) + delay_us);
}

void
db_retry_flushes(struct db *db)
{
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        struct frozen *frozen = LIST_ENTRY(node, struct frozen, link);

        if (frozen->state == FROZEN_WAITING && frozen->failure_count > 0)
            io_timer_start(db->io, &frozen->retry_timer, io_now_us(db->io));
    }
}

static void
on_flush_done(struct flush_job *job, enum kv_status st, const struct table_summary *tables)
{
    struct frozen *frozen = job->owner;
    struct db *db = frozen->db;

    KV_ASSERT(frozen->state == FROZEN_RUNNING);
    if (st != KV_OK) {
        if (st != KV_CANCELLED)
            kv_log(LOG_LEVEL_WARNING, "flush %llu failed (%s); it will be tried again",
                   (unsigned long long)job->job_id, kv_status_text(st));
        if (st == KV_NO_SPACE)
            compaction_yield_space(db);
        retry_later(frozen, st);
        return;
    }
    take_results(frozen, tables);
    frozen->state = FROZEN_BUILT;
    db->flush_count++;
    db->flush_drain_bytes_per_s =
        write_drain_mix(db->flush_drain_bytes_per_s, memtable_bytes_used(frozen->memtable),
                        io_now_us(db->io) - frozen->started_us);
    db->flush_bytes += frozen->bytes;
    db_install_built(db);
}

/* --- a job goes out --- */

/* Those in the memtable that have not been dropped; the caller frees *families_out. */
static uint32_t
find_live_families(const struct frozen *frozen, struct memtable_family **families_out)
{
    const uint32_t count = memtable_families(frozen->memtable, NULL, 0);
    struct memtable_family *families = kv_alloc(sizeof(families[0]) * (count + 1));
    uint32_t live_count = 0;

    memtable_families(frozen->memtable, families, count);
    for (uint32_t i = 0; i < count; i++) {
        if (version_set_family(frozen->db->versions, families[i].cf_id) != NULL)
            families[live_count++] = families[i];
    }
    *families_out = families;
    return live_count;
}

static void
plan_output(struct frozen *frozen, uint32_t index, uint32_t cf_id)
{
    struct db *db = frozen->db;
    struct db_family *family = db_family_pin(db, cf_id);
    const struct family_options options = db_effective_options(db, family);

    frozen->families[index] = family;
    frozen->job.outputs[index] = (struct flush_output){
        .cf_id = cf_id,
        .file_number = version_set_next_file_number(db->versions),
        .cf_name = family->stored.name,
        .merge_operator = db_family_merge_spec(family),
        .compression = options.compression,
        .block_bytes = options.block_bytes,
        .bloom_bits_per_key = options.bloom_bits_per_key,
    };
}

static void
plan_outputs(struct frozen *frozen)
{
    struct memtable_family *families;
    const uint32_t count = find_live_families(frozen, &families);
    struct flush_job *job = &frozen->job;

    KV_ASSERT(count > 0);
    unpin_families(frozen);
    free(job->outputs);
    job->outputs = kv_alloc_zero(sizeof(job->outputs[0]) * count);
    frozen->families = kv_alloc_zero(sizeof(frozen->families[0]) * count);
    job->output_count = count;
    for (uint32_t i = 0; i < count; i++)
        plan_output(frozen, i, families[i].cf_id);
    free(families);
}

/* Nobody can be told of a version that is not durable, so no table may hold one. */
static void
start_flush(struct frozen *frozen)
{
    struct db *db = frozen->db;
    struct flush_job *job = &frozen->job;

    if (!frozen->sealed) {
        memtable_freeze(frozen->memtable);
        frozen->sealed = true;
    }
    io_timer_stop(db->io, &frozen->retry_timer);
    plan_outputs(frozen);
    job->job_id = db->job_id_next++;
    job->memtable = frozen->memtable;
    job->dir = db->dir;
    job->db_identity = version_set_db_id(db->versions);
    job->creation_time_s = io_wall_us(db->io) / 1000000;
    job->now_ms = io_wall_us(db->io) / 1000;
    free(frozen->snapshots);
    job->snapshots = frozen->snapshots = db_snapshot_copy(db, &job->snapshot_count);
    job->on_done = on_flush_done;
    job->owner = frozen;
    frozen->state = FROZEN_RUNNING;
    frozen->started_us = io_now_us(db->io);
    db->options.port->start_flush(db->options.port, job);
}

static bool
is_due(const struct frozen *frozen)
{
    const struct db *db = frozen->db;

    if (frozen->state != FROZEN_WAITING)
        return false;
    if (frozen->failure_count > 0 && io_now_us(db->io) < frozen->retry_timer.deadline_us)
        return false;
    return memtable_seq_last(frozen->memtable) <= wal_durable_seq(db->wal);
}

/* A rolled-back memtable may have nothing left, and families may be gone; there is no table of
 * nothing. */
static bool
is_empty(const struct frozen *frozen)
{
    struct memtable_family *families;
    const uint32_t count = find_live_families(frozen, &families);

    free(families);
    return count == 0;
}

/* A flush was asked for: what is in the active memtable goes too, as soon as there is room. */
static void
freeze_for_waiters(struct db *db)
{
    const struct flush_waiter *last;

    if (list_empty(&db->flush_waiters) || memtable_entry_count(db->active) == 0)
        return;
    last = LIST_ENTRY(db->flush_waiters.prev, struct flush_waiter, link);
    if (last->frozen_id < db->frozen_id_next || db->frozen_count >= FROZEN_MEMTABLE_COUNT_MAX)
        return;
    if (db_freeze(db) != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "a flush was asked for, but there is no memory for a memtable");
}

void
db_start_flushes(struct db *db)
{
    struct list *node, *next;

    if (db->is_closing)
        return;
    freeze_for_waiters(db);
    for (node = db->frozen.next; node != &db->frozen; node = next) {
        struct frozen *frozen = LIST_ENTRY(node, struct frozen, link);

        next = node->next;
        if (!is_due(frozen))
            continue;
        if (is_empty(frozen))
            frozen->state = FROZEN_BUILT;
        else
            start_flush(frozen);
    }
    db_install_built(db);
    db_finish_flush_waiters(db);
}

/* --- installing --- */

static void
retire_logs(struct db *db)
{
    const uint64_t log_min = version_set_min_log(db->versions);

    while (db->log_live < log_min)
        wal_retire(db->wal, db->log_live++);
}

static void
on_installed(void *owner, enum kv_status st)
{
    struct frozen *frozen = owner;
    struct db *db = frozen->db;

    KV_ASSERT(frozen->state == FROZEN_INSTALLING);
    KV_ASSERT(st == KV_OK); /* the version set tries until it has worked */
    frozen->state = FROZEN_BUILT;
    db->changes_in_flight--;
    db->frozen_count--;
    db_frozen_free(frozen);
    db->stalled_since = 0;
    retire_logs(db);
    db_update_budget(db);
    compactor_poke(db->compactor);
    db_repair_step(db);
    db_finish_flush_waiters(db);
    db_wake_writer(db);
}

/* The default family is the one that cannot be dropped meanwhile, so its edit says of all. */
static void
put_default_first(struct frozen *frozen)
{
    if (frozen->edit_count > 0 && frozen->edits[0].cf_id == CF_DEFAULT)
        return;
    frozen->edits =
        kv_realloc(frozen->edits, sizeof(frozen->edits[0]) * ((size_t)frozen->edit_count + 1));
    if (frozen->edit_count > 0)
        memmove(frozen->edits + 1, frozen->edits, sizeof(frozen->edits[0]) * frozen->edit_count);
    frozen->edits[0] = (struct version_edit){.cf_id = CF_DEFAULT};
    frozen->edit_count++;
}

/* All families of the memtable and the end of its log, as one atomic change. */
static void
install(struct frozen *frozen)
{
    struct db *db = frozen->db;

    put_default_first(frozen);
    for (uint32_t i = 0; i < frozen->edit_count; i++) {
        frozen->edits[i].has_log_number = true;
        frozen->edits[i].log_number = frozen->log_next;
    }
    /* What a family had that is dropped by now is in no table, but its numbers are not free. */
    frozen->edits[0].has_last_seq = true;
    frozen->edits[0].last_seq = memtable_seq_last(frozen->memtable);
    frozen->edits[0].has_min_log_to_keep = true;
    frozen->edits[0].min_log_to_keep = frozen->log_next;
    frozen->state = FROZEN_INSTALLING;
    if (memtable_seq_last(frozen->memtable) > db->tables_seq_max)
        db->tables_seq_max = memtable_seq_last(frozen->memtable);
    db->changes_in_flight++;
    version_set_apply(db->versions, frozen->edits, frozen->edit_count, on_installed, frozen);
}

void
db_install_built(struct db *db)
{
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        struct frozen *frozen = LIST_ENTRY(node, struct frozen, link);

        if (frozen->state == FROZEN_INSTALLING)
            continue;
        if (frozen->state != FROZEN_BUILT || frozen->log_next == 0)
            return;
        /* The MANIFEST names no log that is not there: recovery takes one that is missing for
         * lost when the MANIFEST's end is damaged. */
        if (!wal_is_named(db->wal, frozen->log_next))
            return;
        install(frozen);
    }
}

/* --- whoever waits for a flush --- */

static bool
is_flushed(const struct db *db, uint64_t frozen_id)
{
    if (!list_empty(&db->frozen))
        return LIST_ENTRY(db->frozen.next, struct frozen, link)->id > frozen_id;
    /* Not frozen yet, unless a rollback has left nothing to freeze. */
    return frozen_id < db->frozen_id_next || memtable_entry_count(db->active) == 0;
}

void
db_finish_flush_waiters(struct db *db)
{
    while (!list_empty(&db->flush_waiters)) {
        struct flush_waiter *waiter = LIST_ENTRY(db->flush_waiters.next, struct flush_waiter, link);

        if (!is_flushed(db, waiter->frozen_id))
            return;
        list_remove(&waiter->link);
        waiter->on_done(waiter->owner, KV_OK);
        free(waiter);
    }
}

void
db_flush_forget(struct db *db, const void *owner)
{
    for (struct list *node = db->flush_waiters.next, *next; node != &db->flush_waiters;
         node = next) {
        struct flush_waiter *waiter = LIST_ENTRY(node, struct flush_waiter, link);

        next = node->next;
        if (waiter->owner != owner)
            continue;
        list_remove(&waiter->link);
        free(waiter);
    }
}

/* Done from the next turn on, never from inside. */
void
db_flush(struct db *db, db_done_fn *on_done, void *owner)
{
    struct flush_waiter *waiter = kv_alloc_zero(sizeof(*waiter));

    waiter->frozen_id =
        memtable_entry_count(db->active) > 0 ? db->frozen_id_next : db->frozen_id_next - 1;
    waiter->on_done = on_done;
    waiter->owner = owner;
    list_push_back(&db->flush_waiters, &waiter->link);
}
