/* db.h - the engine as one object, without sockets or processes.
 *
 * Single-threaded and asynchronous: nothing here waits for the disk once db_open has returned.
 * The owner runs the loop (ring_turn, or a simulator) and calls db_turn once a turn.
 *
 * The durable-sequence rule: every version has a sequence number; a reply may leave only when
 * db_durable_seq has reached the newest sequence that its command wrote (db_write's result) or
 * saw (read_op.seq_seen).  db_events.on_durable tells when to look again.
 */
#ifndef KV_DB_DB_H
#define KV_DB_DB_H

#include "base/status.h"
#include "cache/read_ctx.h"
#include "db/job_port.h"
#include "key/lookup.h"
#include "key/write_batch.h"
#include "version/compaction_options.h"
#include "version/version_set.h"
#include "wal/wal.h"
#include "wal/wal_replay.h"

struct db;
struct io;
struct merge_operator;

/* How tables are kept in shape, for all families.  What is zero is as their OPTIONS say. */
struct db_compaction_settings {
    uint32_t job_count;        /* at once; 0: 1 */
    uint64_t rate_bytes_per_s; /* that all of them write; 0: no limit */
    bool has_style, has_bottommost_compression;
    enum compaction_style style;
    enum compression bottommost_compression;
    uint64_t fifo_bytes_max;
    uint64_t ttl_s;
    uint64_t file_bytes, level_base_bytes;
    uint32_t level0_trigger, level0_slowdown, level0_stop; /* tables */
    uint64_t part_bytes_min; /* a plan is cut into jobs of at least this; 0: 64 MiB */
};

struct db_options {
    struct io *io;
    struct job_port *port;
    const char *dir; /* copied */
    bool create_if_missing;
    uint64_t memory_limit_bytes; /* memtables, block cache, table readers */
    uint64_t memtable_bytes;     /* freeze at this size */
    uint64_t wal_bytes_max;      /* or when the WAL since the last freeze is this long */
    enum wal_sync wal_sync;
    uint64_t wal_interval_us;
    enum wal_recovery_mode wal_recovery_mode;
    enum compression compression;
    uint32_t block_bytes;
    uint32_t bloom_bits_per_key;
    bool direct_reads; /* of tables, past the page cache */
    struct db_compaction_settings compaction;
    /* Of the default family, as merge_operator_parse reads it; NULL or "": what is stored. */
    const char *merge_operator;

    /* Called from db_turn or from io's turn, never from inside another db_ function. */
    void *owner;
    void (*on_durable)(void *owner, uint64_t seq);
    /* What wal-sync interval or never has only handed to the system is on stable storage up to
     * here. May be NULL. */
    void (*on_synced)(void *owner, uint64_t seq);
    /* All versions above `seq_durable` are gone again; their writers must get an error. */
    void (*on_write_failed)(void *owner, uint64_t seq_durable);
    /* After a db_write that returned KV_BUSY: try again. */
    void (*on_writable)(void *owner);
    /* During db_open, for the service manager; may be NULL. */
    void (*on_recovery_progress)(void *owner, uint64_t bytes_done, uint64_t bytes_total);
};

/* Locks, recovers and makes durable anew what the WALs gave back.  Blocking; runs flushes with
 * its own in-place builder, since no worker is connected yet.
 * KV_LOCKED, KV_CORRUPT, KV_UNSUPPORTED, KV_IO: with a logged line that says what to do. */
MUST_CHECK enum kv_status db_open(const struct db_options *options, struct db **db_out);
/* No job is given to the port any more.  Before the port is closed; db_close follows. */
void db_stop(struct db *db);
/* Nothing of the engine's is in flight: no log group, no MANIFEST change, no fetch.  A clean stop
 * runs the loop until this is true, then closes. */
bool db_is_idle(const struct db *db);
/* Makes all that was written durable and frees everything; memtables stay in the WAL.  The port's
 * jobs must have been ended before, and db_is_idle.  KV_IO: something acknowledged under wal-sync
 * interval or never could not be synced. */
enum kv_status db_close(struct db *db);

/* Once at the end of every turn of the owner's loop. */
void db_turn(struct db *db);

/* --- writing --- */

/* Gives the batch its sequence numbers, logs and applies it; visible to reads at once.
 * KV_OK: *seq_last_out is the sequence whose durability the reply must await.
 * KV_BUSY: memtables are full; nothing was done, on_writable follows.
 * KV_STALLED: the same for longer than a writer should wait; nothing was done.
 * KV_READ_ONLY: a WAL fault is being repaired; nothing was done.
 * KV_NO_SPACE: the same, and the disk is full; or there is so little space left that only what
 * deletes is let in (db_get_space tells).  Goes by itself when there is more.
 * KV_LIMIT: larger than BATCH_BYTES_MAX. */
MUST_CHECK enum kv_status db_write(struct db *db, struct write_batch *batch,
                                   uint64_t *seq_last_out);
uint64_t db_durable_seq(const struct db *db);
uint64_t db_last_seq(const struct db *db);
/* Like db_durable_seq, but of stable storage whatever wal_sync is; and of what the system has been
 * given so far, which under WAL_SYNC_ALWAYS may still be lost with the process. */
uint64_t db_synced_seq(const struct db *db);
uint64_t db_submitted_seq(const struct db *db);
/* Brings what was written up to `seq` to stable storage without waiting for wal_interval_us. */
void db_sync_to(struct db *db, uint64_t seq);
/* Rises whenever versions are taken back; what was read before may then never have been. */
uint64_t db_rollback_count(const struct db *db);

/* --- time --- */

/* Milliseconds since 1970 (UTC), by which values are dead or alive (key/entity.h).  Time stands
 * still from the first read that asks for it until db_let_time_pass: everything in between belongs
 * to one moment.  db_turn lets it pass, too.  The clock may be set back. */
uint64_t db_now_ms(struct db *db);
void db_let_time_pass(struct db *db);
/* By which whoever reads at `seq_max` sees them: a live snapshot's time is that of its making. */
uint64_t db_time_at(struct db *db, uint64_t seq_max);
/* Whether a value with a deadline may lie under the key, whoever sees it: then a merge operand may
 * not be written blindly. */
bool db_may_have_deadline(struct db *db, uint32_t cf_id, struct slice key);

/* --- reading --- */

/* One read operation, over as many passes as it needs.  Embedded in its owner. */
struct db_waiter;
typedef void db_arrived_fn(struct db_waiter *waiter, enum kv_status st);
struct db_waiter {
    db_arrived_fn *on_arrived;
    uint32_t missing_count; /* private */
    enum kv_status st;      /* private */
};

/* The newest version of `key` with sequence <= seq_max (SEQUENCE_MAX: the latest; or that of a
 * live snapshot, db_snapshot.h: others' versions may be gone), folded to what
 * a user sees: LOOKUP_VALUE (an entity's default column) or LOOKUP_ABSENT, also when what is there
 * is dead; with found->seq being the sequence that decided it (0: nothing was ever there).  The
 * value lives until anything else is called on the db or ctx is deinited. KV_WANT_BLOCK: db_fetch,
 * then call again with the same ctx. KV_UNSUPPORTED: the key holds merge operands of an operator
 * that kvd does not know or that is not set.  KV_INVALID: its operands cannot be applied to what
 * they were written to. */
MUST_CHECK enum kv_status db_get(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
                                 struct slice key, uint64_t seq_max, struct lookup *found);
/* Begins the reads of up to READ_PREFETCH_COUNT_MAX keys that are about to be read, in any order
 * and with anything between: their waits for memory overlap.  Changes no answer. */
void db_prefetch(struct db *db, uint32_t cf_id, uint64_t seq_max, const struct slice *keys,
                 unsigned count, struct version_probe *probes_out);
/* The same for puts, each of which db_write will get in a batch of its own. */
void db_prefetch_puts(struct db *db, uint32_t cf_id, const struct slice *keys, unsigned count);
/* db_get of a probe's key at its sequence, which the probe may make faster.  It is of no
 * use after the next turn, and must be forgotten then, with the bytes of its key. */
MUST_CHECK enum kv_status db_get_probed(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
                                        const struct version_probe *probe, struct lookup *found);
struct block_cache *db_block_cache(struct db *db);
/* Brings everything that ctx wants; on_arrived follows once, from the loop.  Reads that want the
 * same bytes share one fetch.  ctx and waiter must live until then. */
void db_fetch(struct db *db, struct read_ctx *ctx, struct db_waiter *waiter);

/* A consistent walk over all live keys of a family, at the sequence of its making, ascending:
 * key is the user key, value what a user sees. */
struct db_scan;
struct db_scan *db_scan_new(struct db *db, struct read_ctx *ctx, uint32_t cf_id);
void db_scan_free(struct db_scan *scan);
/* To the first live key >= from / the next one.  KV_OK with *found false: the end. */
MUST_CHECK enum kv_status db_scan_seek(struct db_scan *scan, struct slice from, bool *found);
MUST_CHECK enum kv_status db_scan_next(struct db_scan *scan, bool *found);
struct slice db_scan_key(const struct db_scan *scan);
struct slice db_scan_value(const struct db_scan *scan);

/* --- column families --- */

#define CF_DEFAULT UINT32_C(0)
/* From CF_NONE_MIN on an id is of no family: reads find nothing.  The owner may tell them apart. */
#define CF_NONE     UINT32_MAX
#define CF_NONE_MIN (CF_NONE - COLUMN_FAMILY_COUNT_MAX)
/* False: there is no such family. */
bool db_find_family(struct db *db, struct slice name, uint32_t *cf_id_out);
/* What merge operands of the family mean; its kind is NULL if there is none.  Borrowed while the
 * family lives. */
const struct merge_operator *db_merge_operator(struct db *db, uint32_t cf_id);
/* Whether so many operands of the key stand on each other in memory that whoever adds one should
 * read the value and put the result instead: else each read has to walk them all.  The answer
 * changes only with the key, so it is the same in each pass of a command. */
bool db_merge_is_long(struct db *db, uint32_t cf_id, struct slice key);

/* --- administration --- */

typedef void db_done_fn(void *owner, enum kv_status st);
/* Freezes what is there and reports when all that was written before this call is in tables. */
void db_flush(struct db *db, db_done_fn *on_done, void *owner);
/* Compacts the user keys begin..end, both included (empty: no bound), down to the last level, with
 * all that was written before the call; writers aren't slowed for it.  is_forced: also tables that
 * have nothing to shed.  on_done (may be NULL): KV_OK, KV_CANCELLED, or why it could not go on: a
 * table cannot be rewritten, or for want of space nothing could be started or flushed for some
 * seconds, which is_patient waits out.  Never when the engine is closed first.  Returns the job's
 * id. */
struct db_compact_request {
    uint32_t cf_id;
    struct slice begin, end;
    bool is_forced, is_patient;
};
uint64_t db_compact(struct db *db, const struct db_compact_request *request, db_done_fn *on_done,
                    void *owner);

/* What runs or waits in the background. */
enum { DB_JOB_TEXT_BYTES = 160 };
struct db_job_info {
    uint64_t id;
    const char *kind;  /* "flush", "compaction", "compact" (asked for by db_compact) */
    const char *state; /* "waiting", "running", "paused", "resting", "ending", "installing" */
    char text[DB_JOB_TEXT_BYTES];
    uint32_t cf_id;
    uint32_t level_from, level_to, part_count;
    uint64_t bytes_done, bytes_total, bytes_per_s, age_us;
    enum kv_status last_error; /* why it rests or waits; KV_OK: for no failure */
};
/* Returns how many there are; writes at most `max` of them. */
uint32_t db_jobs(const struct db *db, struct db_job_info *infos, uint32_t max);
/* The following give KV_NO_FILE for an id that isn't there, KV_UNSUPPORTED for a flush.
 * Cancelling: what it has written is deleted; the picker leaves the tables alone for a minute. */
MUST_CHECK enum kv_status db_job_cancel(struct db *db, uint64_t id);
/* A paused job's work on tables that it has not finished is begun again later. */
MUST_CHECK enum kv_status db_job_pause(struct db *db, uint64_t id, bool is_paused);
/* All compactions, those to come too. */
void db_compaction_pause(struct db *db, bool is_paused);

/* Options that may change while running. */
void db_set_compaction(struct db *db, const struct db_compaction_settings *settings);
void db_set_wal_sync(struct db *db, enum wal_sync sync, uint64_t interval_us);
void db_set_memtable_bytes(struct db *db, uint64_t bytes);
void db_set_memory_limit(struct db *db, uint64_t bytes);

struct db_compaction_totals {
    uint64_t count, failure_count, read_bytes, written_bytes;
    uint64_t job_count;               /* of the above; a plan may be several */
    uint64_t move_count, moved_bytes; /* without rewriting */
    uint64_t drop_count, dropped_bytes;
    uint64_t level_written_bytes[LEVEL_COUNT];
};

struct db_stats {
    uint64_t last_seq, durable_seq;
    uint64_t key_count_estimate; /* of CF_DEFAULT: DBSIZE */
    uint64_t memtable_bytes, memtable_count, frozen_count, memtable_entry_count;
    uint64_t flush_count, flush_bytes, flush_failure_count;
    uint64_t table_count, table_bytes, table_reader_bytes;
    struct db_compaction_totals compaction;
    uint64_t compaction_running_count, compaction_parked_count;
    bool compaction_is_paused;
    bool compaction_is_settled; /* the picker has nothing to do, and nothing runs */
    uint64_t compaction_debt_bytes;
    uint64_t write_rate_bytes_per_s;            /* that writers are slowed to; UINT64_MAX: not */
    uint64_t write_delay_count, write_delay_us; /* tries that had to wait for it */
    double level_score[LEVEL_COUNT];            /* of the family that is worst off */
    uint64_t obsolete_count;                    /* table files that wait to be deleted */
    uint64_t level_table_count[LEVEL_COUNT], level_bytes[LEVEL_COUNT];
    uint64_t family_count;
    uint64_t snapshot_count; /* moments that are held */
    uint64_t snapshot_oldest_seq, snapshot_oldest_age_us;
    uint64_t read_fetch_count, read_fetch_bytes;
    uint64_t wal_number;
    bool read_only;       /* a WAL or MANIFEST fault is being repaired */
    enum kv_status fault; /* the first one, while read_only */
    uint64_t recovered_batch_count, recovery_us, recovery_wal_bytes;
    struct wal_stats wal;
    struct block_cache_stats cache;
};
void db_get_stats(struct db *db, struct db_stats *stats);

/* The disk, as measured a moment ago. */
struct db_space_info {
    uint64_t free_bytes, total_bytes; /* UINT64_MAX: not known */
    uint64_t kept_bytes;              /* of the free ones, to flush and to compact */
    const char *state;                /* "ample", "deletions-only", "full" */
    bool is_refusing, is_full;
    uint64_t refused_count; /* writes, so far */
};
void db_get_space(struct db *db, struct db_space_info *info_out);
/* Estimates: live keys, and those among them that have a deadline. */
struct db_key_counts {
    uint64_t key_count, deadline_count;
};
/* KV_WANT_BLOCK while a table is not open whose deletions may count. */
MUST_CHECK enum kv_status db_count_keys(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
                                        struct db_key_counts *counts_out);
/* Of what is in memory: deletions in tables that nobody has opened don't count. */
void db_key_counts(struct db *db, uint32_t cf_id, struct db_key_counts *counts_out);
uint64_t db_key_count_estimate(struct db *db, uint32_t cf_id);
const char *db_identity(const struct db *db);

#endif
