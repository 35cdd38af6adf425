/* db_recover.c - from the logs of the last run to tables of this one.
 *
 * Every batch that the logs give back goes through a memtable into L0 tables, which are synced
 * before the new MANIFEST names them.  Nothing that was read from an old log is trusted further:
 * after a failed fsync the page cache may show bytes that the disk has never had.  A crash in
 * here changes nothing: tables that no MANIFEST names are purged at the next open.
 *
 * On a disk without space for that, everything is held in one memtable instead (one, because
 * only what leaves the logs' sight as a whole can never be replayed twice), whose room is found by
 * replaying the logs once for nothing.  The logs stay; db_repair.c does the rest when it can.
 */
#include "db/db_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "compact/flush_build.h"
#include "db/db_hole_log.h"
#include "db/family_record.h"
#include "io/file.h"
#include "version/file_name.h"

/* A bound on the room, much of which is never touched. */
static const uint64_t HELD_ROOM_BYTES_MAX = UINT64_C(3) << 30;

enum replay_goal { REPLAY_TO_TABLES, REPLAY_TO_COUNT, REPLAY_TO_HOLD };

struct recovery {
    struct db *db;
    struct recovery_result *result;
    struct memtable *memtable;  /* owned */
    uint64_t seq_replayed;      /* the last one given to a memtable */
    uint64_t log_number;        /* of the batches that are pending */
    struct write_batch pending; /* owned: batches of one log that follow each other, as one */
    uint64_t *logs;             /* owned: numbers of the WALs to replay, ascending */
    uint32_t log_count;
    enum replay_goal goal;
    uint64_t room_bytes; /* counted so far */
    /* Owned: of tables that are written and not yet synced. */
    int unsynced[FILE_SYNC_COUNT_MAX];
    uint32_t unsynced_count;
};

/* --- a memtable becomes tables, in place ---
 *
 * A start with hundreds of families writes hundreds of small tables.  They are synced together: one
 * by one each would wait for a commit of its own.
 */

static void
close_unsynced(struct recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->unsynced_count; i++)
        file_close(recovery->db->io, recovery->unsynced[i]);
    recovery->unsynced_count = 0;
}

static enum kv_status
sync_tables(struct recovery *recovery)
{
    const enum kv_status st =
        file_sync_all(recovery->db->io, recovery->unsynced, recovery->unsynced_count);

    close_unsynced(recovery);
    return st;
}

static enum kv_status
build_table(struct recovery *recovery, const struct table_build_options *options,
            struct table_summary *summary_out)
{
    struct db *db = recovery->db;
    const struct flush_build build = {.memtable = recovery->memtable, .options = options};
    char path[PATH_BYTES_MAX];
    enum kv_status st = KV_OK;

    if (recovery->unsynced_count == FILE_SYNC_COUNT_MAX)
        st = sync_tables(recovery);
    if (st != KV_OK)
        return st;
    file_name_format(path, db->dir, FILE_TABLE, options->file_number);
    st = flush_build_write(&build, db->io, path, &recovery->unsynced[recovery->unsynced_count],
                           summary_out);
    recovery->unsynced_count += st == KV_OK;
    return st;
}

static void
add_result(struct recovery_result *result, uint32_t cf_id, const struct table_summary *table,
           uint64_t creation_time_s)
{
    struct version_edit *edit;
    struct table_meta *meta;

    result->edits = kv_realloc(result->edits, sizeof(result->edits[0]) * (result->edit_count + 1));
    edit = &result->edits[result->edit_count++];
    memset(edit, 0, sizeof(*edit));
    edit->cf_id = cf_id;
    meta = version_edit_add_table(edit, 0);
    db_fill_table_meta(meta, table, creation_time_s);
}

static enum kv_status
flush_family(struct recovery *recovery, uint32_t cf_id)
{
    struct db *db = recovery->db;
    const struct column_family *family = version_set_family(db->versions, cf_id);
    const struct db_family *record = db_family_of(db, cf_id);
    const struct family_options effective = db_effective_options(db, record);
    const struct table_build_options options = {
        .file_number = version_set_next_file_number(db->versions),
        .cf_id = cf_id,
        .cf_name = family->name,
        .db_identity = version_set_db_id(db->versions),
        .session_identity = "",
        .merge_operator = db_family_merge_spec(record),
        .compression = db_flush_compression(&effective),
        .block_bytes = effective.block_bytes,
        .bloom_bits_per_key = effective.bloom_bits_per_key,
        .creation_time_s = io_wall_us(db->io) / 1000000,
    };
    struct table_summary summary;
    enum kv_status st = build_table(recovery, &options, &summary);

    if (st != KV_OK)
        return st;
    add_result(recovery->result, cf_id, &summary, options.creation_time_s);
    table_summary_deinit(&summary);
    return KV_OK;
}

static enum kv_status
flush_memtable(struct recovery *recovery)
{
    const uint32_t count = memtable_families(recovery->memtable, NULL, 0);
    struct memtable_family *families;
    enum kv_status st = KV_OK;

    /* Without a family there is no table, but a batch may still need a larger memtable. */
    families = kv_alloc(sizeof(families[0]) * (count + 1));
    memtable_families(recovery->memtable, families, count);
    memtable_freeze(recovery->memtable);
    for (uint32_t i = 0; i < count && st == KV_OK; i++)
        st = flush_family(recovery, families[i].cf_id);
    free(families);
    memtable_unref(recovery->memtable);
    recovery->memtable = NULL;
    return st;
}

/* --- replay ---
 *
 * Most batches hold one record.  Batches that continue each other are joined, so that the
 * memtable gets records in groups, whose inserts wait for memory together.
 */

enum { PENDING_BYTES_MAX = 16 * 1024 };

/* A log's records apply to the families that had not flushed them yet. */
static bool
family_needs_log(void *owner, uint32_t cf_id)
{
    const struct recovery *recovery = owner;
    const struct column_family *family = version_set_family(recovery->db->versions, cf_id);

    return family != NULL && recovery->log_number >= family->log_number;
}

static enum kv_status
make_room(struct recovery *recovery, struct slice batch, uint32_t count)
{
    const size_t needed = memtable_room_for(batch.size, count);
    enum kv_status st;

    if (recovery->memtable != NULL) {
        const size_t used = memtable_bytes_used(recovery->memtable);

        if (memtable_has_room(recovery->memtable, batch.size, count) &&
            (recovery->goal == REPLAY_TO_HOLD ||
             used + needed <= recovery->db->options.memtable_bytes))
            return KV_OK;
        KV_ASSERT(recovery->goal == REPLAY_TO_TABLES); /* else its room was counted */
        st = flush_memtable(recovery);
        if (st != KV_OK)
            return st;
    }
    if (recovery->memtable == NULL) {
        st = memtable_new(recovery->db->pool, 0, &recovery->memtable);
        if (st == KV_OK && !memtable_has_room(recovery->memtable, batch.size, count)) {
            memtable_unref(recovery->memtable);
            st = memtable_new(recovery->db->pool, needed, &recovery->memtable);
        }
        if (st != KV_OK)
            return st;
    }
    return KV_OK;
}

static enum kv_status
apply_batch(struct recovery *recovery, struct slice batch, uint32_t count)
{
    enum kv_status st;

    if (recovery->goal == REPLAY_TO_COUNT) {
        recovery->room_bytes += memtable_room_for(batch.size, count);
        return KV_OK;
    }
    st = make_room(recovery, batch, count);
    if (st != KV_OK)
        return st == KV_CORRUPT ? KV_IO : st;
    memtable_apply(recovery->memtable, batch, family_needs_log, recovery);
    return KV_OK;
}

static enum kv_status
apply_pending(struct recovery *recovery)
{
    const uint32_t count = write_batch_count(&recovery->pending);
    enum kv_status st = KV_OK;

    if (count > 0)
        st = apply_batch(recovery, buffer_slice(&recovery->pending.bytes), count);
    write_batch_clear(&recovery->pending);
    return st;
}

/* `batch` begins at `seq`, of the log that recovery->log_number says. */
static enum kv_status
take_batch(struct recovery *recovery, struct slice batch, uint64_t seq, uint32_t count)
{
    struct write_batch *pending = &recovery->pending;
    const bool stays_alone = batch.size > PENDING_BYTES_MAX / 2;
    enum kv_status st;

    /* What is pending comes before this one, whichever way this one goes. */
    if (stays_alone || batch.size + pending->bytes.size > PENDING_BYTES_MAX ||
        seq != write_batch_sequence(pending) + write_batch_count(pending)) {
        st = apply_pending(recovery);
        if (st != KV_OK)
            return st;
        write_batch_set_sequence(pending, seq);
    }
    if (stays_alone)
        return apply_batch(recovery, batch, count);
    write_batch_append(pending, batch);
    return KV_OK;
}

/* Of what the tables and the batches so far have, the last one. */
static uint64_t
seq_known(const struct recovery *recovery)
{
    const uint64_t in_tables = version_set_last_seq(recovery->db->versions);

    return recovery->seq_replayed > in_tables ? recovery->seq_replayed : in_tables;
}

static enum kv_status
on_batch(void *owner, uint64_t log_number, struct slice batch)
{
    struct recovery *recovery = owner;
    struct write_batch_reader reader;
    enum kv_status st = write_batch_reader_init(&reader, batch);

    if (st != KV_OK)
        return st;
    if (recovery->goal != REPLAY_TO_COUNT)
        db_hole_log_replay(recovery->db, batch, seq_known(recovery));
    if (reader.count == 0)
        return KV_OK;
    if (reader.seq_next <= recovery->seq_replayed)
        return KV_FAIL(KV_CORRUPT,
                       "%06" PRIu64 ".log: a batch at sequence %" PRIu64 ", but %" PRIu64
                       " was there before",
                       log_number, reader.seq_next, recovery->seq_replayed);
    if (reader.seq_next + reader.count > SEQUENCE_MAX)
        return KV_FAIL(KV_CORRUPT, "%06" PRIu64 ".log: sequence %" PRIu64 " is out of range",
                       log_number, reader.seq_next);
    if (log_number != recovery->log_number) {
        st = apply_pending(recovery);
        if (st != KV_OK)
            return st;
        recovery->log_number = log_number;
    }
    recovery->seq_replayed = reader.seq_next + reader.count - 1;
    return take_batch(recovery, batch, reader.seq_next, reader.count);
}

/* --- which logs --- */

static bool
on_name(void *owner, const char *name)
{
    struct recovery *recovery = owner;
    uint64_t number;

    if (file_name_parse(name, &number) == FILE_WAL &&
        number >= version_set_min_log(recovery->db->versions)) {
        recovery->logs = kv_realloc(recovery->logs, sizeof(uint64_t) * (recovery->log_count + 1));
        recovery->logs[recovery->log_count++] = number;
    }
    return true;
}

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static enum kv_status
find_logs(struct recovery *recovery)
{
    const int result = io_list_dir(recovery->db->io, recovery->db->dir, on_name, recovery);

    if (result < 0)
        return KV_FAIL(kv_status_from_errno(result), "%s: cannot list: %s", recovery->db->dir,
                       strerror(-result));
    if (recovery->log_count > 0)
        qsort(recovery->logs, recovery->log_count, sizeof(uint64_t), compare_numbers);
    return KV_OK;
}

/* RocksDB can keep the logs elsewhere.  A directory without any that says so must not be opened
 * as if nothing had been logged.  (Older versions name their own directory, wherever that was
 * then; with a log at hand that is taken for what it means.) */
static enum kv_status
check_logs_are_here(const struct recovery *recovery)
{
    const struct db *db = recovery->db;
    const char *wal_dir = db->loaded_options.wal_dir;

    if (recovery->log_count > 0 || wal_dir[0] == '\0' || strcmp(wal_dir, db->dir) == 0)
        return KV_OK;
    return KV_FAIL(KV_UNSUPPORTED,
                   "%s has no log, and its OPTIONS file says wal_dir=%s: move the logs (*.log) "
                   "from there to here; if there are none, remove that line",
                   db->dir, wal_dir);
}

/* A family with tables from behind the point where the replay stopped is ahead of the others
 * (FORMAT.md section 2.1). */
static enum kv_status
check_families_not_ahead(const struct recovery *recovery, uint64_t stopped_in)
{
    const struct column_family *family;

    if (stopped_in == 0)
        return KV_OK;
    for (uint32_t i = 0; (family = version_set_family_at(recovery->db->versions, i)) != NULL; i++) {
        if (family->log_number > stopped_in && family->current->bytes_total > 0)
            return KV_FAIL(KV_CORRUPT,
                           "the replay stopped in %06" PRIu64
                           ".log, but column family '%s' has tables from %06" PRIu64
                           ".log on; wal-recovery-mode tolerate-corrupted-tail would open it",
                           stopped_in, family->name, family->log_number);
    }
    return KV_OK;
}

static void
on_progress(void *owner, uint64_t bytes_done, uint64_t bytes_total)
{
    const struct recovery *recovery = owner;
    const struct db_options *options = &recovery->db->options;

    recovery->db->recovery_wal_bytes = bytes_done;
    if (options->on_recovery_progress != NULL)
        options->on_recovery_progress(options->owner, bytes_done, bytes_total);
}

static enum kv_status
replay(struct recovery *recovery)
{
    struct db *db = recovery->db;
    struct wal_replay replay = {
        .io = db->io,
        .dir = db->dir,
        .mode = db->options.wal_recovery_mode,
        .on_batch = on_batch,
        .owner = recovery,
        .on_progress = on_progress,
        .seq_next = version_set_last_seq(db->versions) + 1,
    };
    enum kv_status st = wal_replay_run(&replay, recovery->logs, recovery->log_count);

    /* These two leave out what is damaged, and go on. */
    if (replay.mode == WAL_TOLERATE_CORRUPTED_TAIL || replay.mode == WAL_SKIP_ANY_CORRUPTED)
        db_holes_clear(&db->holes);
    if (st == KV_OK)
        st = apply_pending(recovery);
    if (st == KV_OK)
        st = check_families_not_ahead(recovery, replay.stopped_in);
    if (st == KV_OK && recovery->memtable != NULL && recovery->goal == REPLAY_TO_TABLES)
        st = flush_memtable(recovery);
    if (st == KV_OK)
        st = sync_tables(recovery);
    if (st == KV_OK && recovery->result->edit_count > 0)
        st = file_sync_dir(db->io, db->dir);
    db->recovered_batch_count = replay.batch_count;
    return st;
}

static enum kv_status
sync_file(struct db *db, enum file_kind kind, uint64_t number)
{
    char path[PATH_BYTES_MAX];
    enum kv_status st;
    int fd = -1;

    file_name_format(path, db->dir, kind, number);
    st = file_open(db->io, path, O_RDWR | O_CLOEXEC, &fd);
    if (st == KV_OK)
        st = file_sync(db->io, fd);
    file_close(db->io, fd);
    return st;
}

/* Readers will be shown what is in the logs, and the families that the MANIFEST tells of, so it
 * must be there to stay.  (A sync that failed before, in a process that is gone, may hide behind
 * one that works: until the logs have become tables, such bytes are only as good as the page
 * cache.) */
static enum kv_status
sync_what_is_read(const struct recovery *recovery)
{
    struct db *db = recovery->db;
    enum kv_status st = sync_file(db, FILE_MANIFEST, version_set_manifest_number(db->versions));

    for (uint32_t i = 0; i < recovery->log_count && st == KV_OK; i++)
        st = sync_file(db, FILE_WAL, recovery->logs[i]);
    return st == KV_OK ? file_sync_dir(db->io, db->dir) : st;
}

/* The same again, and the memtable becomes the active one. */
static enum kv_status
replay_and_hold(struct recovery *recovery)
{
    struct db *db = recovery->db;
    enum kv_status st;

    recovery->goal = REPLAY_TO_COUNT;
    st = sync_what_is_read(recovery);
    if (st == KV_OK)
        st = replay(recovery);
    if (st != KV_OK)
        return st;
    if (recovery->room_bytes > HELD_ROOM_BYTES_MAX)
        return KV_FAIL(KV_NO_SPACE, "the logs are too long to be held in memory");
    recovery->goal = REPLAY_TO_HOLD;
    recovery->seq_replayed = recovery->log_number = 0;
    st = memtable_new(db->pool, (size_t)recovery->room_bytes, &recovery->memtable);
    if (st == KV_OK)
        st = replay(recovery);
    if (st == KV_OK) {
        db->active = recovery->memtable;
        recovery->memtable = NULL;
    }
    return st;
}

enum kv_status
db_recover(struct db *db, struct recovery_result *result)
{
    struct recovery recovery = {.db = db, .result = result};
    const uint64_t start_us = io_now_us(db->io);
    enum kv_status st;

    write_batch_init(&recovery.pending);
    st = find_logs(&recovery);
    if (st == KV_OK)
        st = check_logs_are_here(&recovery);
    if (st == KV_OK)
        st = db->is_holding ? replay_and_hold(&recovery) : replay(&recovery);
    db->last_seq = version_set_last_seq(db->versions);
    if (recovery.seq_replayed > db->last_seq)
        db->last_seq = recovery.seq_replayed;
    db->recovery_us = io_now_us(db->io) - start_us;
    db->log_live = recovery.log_count > 0 ? recovery.logs[0] : version_set_min_log(db->versions);
    memtable_unref(recovery.memtable);
    close_unsynced(&recovery);
    write_batch_deinit(&recovery.pending);
    free(recovery.logs);
    return st;
}
