/* db_internal.h - what the files of lib/db share; included nowhere else. */
#ifndef KV_DB_DB_INTERNAL_H
#define KV_DB_DB_INTERNAL_H

#include "base/list.h"
#include "db/block_fetch.h"
#include "db/db.h"
#include "db/db_holes.h"
#include "db/db_space.h"
#include "db/db_sweep.h"
#include "db/write_controller.h"
#include "io/file.h"
#include "io/io.h"
#include "mem/memtable.h"
#include "merge/merge_operator.h"
#include "version/options_file.h"
#include "version/version_set.h"
#include "version/version_stats.h"

enum {
    FLUSH_RETRY_US_MIN = 100 * 1000,
    FLUSH_RETRY_US_MAX = 5 * 1000 * 1000,
    REPAIR_RETRY_US = 500 * 1000,
    SEGMENT_BYTES_MAX = 256 * 1024 * 1024,
    STALL_REFUSE_US = 10 * 1000 * 1000, /* writers wait this long for a flush, then get an error */
};

/* A full memtable on its way to becoming tables.
 *
 *   WAITING --durable--> RUNNING --built--> BUILT --oldest--> INSTALLING --> gone
 *      ^                    |
 *      `----- failed -------'
 */
enum frozen_state { FROZEN_WAITING, FROZEN_RUNNING, FROZEN_BUILT, FROZEN_INSTALLING };

struct frozen {
    struct db *db;
    struct list link; /* in db->frozen, oldest first */
    enum frozen_state state;
    uint64_t id;
    struct memtable *memtable;   /* owned reference */
    struct db_family **families; /* owned array of references: of the job's outputs */
    bool sealed;                 /* memtable_freeze was called: all of it is durable */
    bool guarded;                /* memtable_guard has nothing left to do */
    uint64_t log_next;           /* the WAL that goes on after it; 0: not known before the repair */
    struct flush_job job;
    uint64_t *snapshots;        /* owned: those that the job was told of */
    struct version_edit *edits; /* owned array: what to install, when BUILT */
    uint32_t edit_count;
    uint64_t bytes; /* of its tables */
    uint64_t started_us;
    struct io_timer retry_timer;
    uint32_t failure_count;
    enum kv_status last_error; /* of the last one */
};

struct flush_waiter {
    struct list link;
    uint64_t frozen_id; /* done when everything up to this one is installed */
    db_done_fn *on_done;
    void *owner;
};

struct compactor;
struct db_txn;

struct db_checkpoint;
struct db_family;
struct family_changes;

struct db {
    struct db_options options;
    char *dir; /* owned */
    struct io *io;
    struct version_set *versions;
    struct wal *wal;
    struct memtable_pool *pool;
    struct memtable *active;
    struct list frozen;
    uint32_t frozen_count;
    uint64_t frozen_id_next;
    uint64_t job_id_next;
    uint64_t last_seq;
    uint64_t memtable_change_count; /* writes and rollbacks: what a scan must not live through */
    uint64_t rollback_count;
    uint64_t now_ms;         /* see db_now_ms; 0: to be asked for */
    uint64_t read_at_ms;     /* see db_read_at; 0: nobody has said so */
    struct list snapshots;   /* see db_snapshot.c */
    uint32_t snapshot_count; /* with sequences of their own */
    uint64_t tables_seq_max; /* nothing in tables is newer */
    struct db_holes holes;
    struct db_sweep sweep;
    uint64_t log_live; /* WALs from here on are needed */
    struct block_cache *cache;
    struct block_fetcher *fetcher;
    struct list flush_waiters;
    struct compactor *compactor;
    struct db_txn *txn;        /* owned; open or not */
    struct version *no_tables; /* owned reference: what CF_NONE has */

    /* See family_record.h and db_family_change.c. */
    struct options_file loaded_options; /* without its families, which are in the following */
    struct db_family **families;        /* owned array of owned references, ascending by id */
    uint32_t family_count;
    uint64_t family_generation;
    uint32_t sized_family_count; /* see db_family_size.c */
    bool a_family_is_full;
    struct family_changes *family_changes;          /* owned; NULL: none was asked for yet */
    struct buffer family_file;                      /* owned: what FAMILY_SETTINGS_FILE holds */
    uint64_t options_number, options_number_before; /* of OPTIONS files; 0: not known */

    uint32_t changes_in_flight; /* MANIFEST changes of ours */

    bool is_closing;        /* no job is started any more */
    bool writer_waits;      /* on_writable is owed */
    uint64_t stalled_since; /* us; 0: not */
    struct io_timer stall_timer;

    /* Writers are slowed to what flushes and compactions can take: see db_pressure.c. */
    struct write_pacer pacer;
    struct io_timer pace_timer;
    bool pressure_is_stale;           /* tables have changed since the next was computed */
    uint64_t pressure_due_us;         /* when to compute it again, while writers are slowed */
    uint64_t tables_rate_bytes_per_s; /* what level 0 and the debt allow */
    enum job_urgency urgency;         /* of compactions, as the port has been told */
    enum job_urgency flush_urgency;
    uint64_t flush_drain_bytes_per_s; /* measured; 0: not yet */
    uint64_t paced_count, paced_us;

    uint64_t cache_goal_bytes; /* where the cache's budget goes: see db_budget.c */
    struct io_timer budget_timer;

    struct db_space space;
    struct db_checkpoint *checkpoint; /* owned: the one that is being made; NULL: none */

    /* A WAL that failed: see db_repair.c. */
    enum kv_status fault;
    bool is_holding; /* started on a full disk: see db_open.c; until the repair is done */
    bool repair_has_log;
    uint64_t repair_log;
    struct io_timer repair_timer;

    /* Files that wait to be deleted: see db_obsolete.c. */
    struct list obsolete; /* of struct obsolete_file */
    uint64_t obsolete_count;
    struct {
        bool is_busy;
        struct io_request request;
        struct io_timer pause;
        char path[PATH_BYTES_MAX];
    } unlink;

    uint64_t flush_count, flush_bytes, flush_failure_count;
    uint64_t expired_count;
    uint64_t recovered_batch_count, recovery_us, recovery_wal_bytes;
};

/* Of one key. */
static inline bool
db_is_deletion(enum value_type type)
{
    return type == TYPE_DELETION || type == TYPE_SINGLE_DELETION;
}

/* db_recover.c: replays the WALs into tables; `edits` (owned by the caller, deinit each) say what
 * to add.  db->is_holding: into db->active instead. */
struct recovery_result {
    struct version_edit *edits;
    uint32_t edit_count;
};
MUST_CHECK enum kv_status db_recover(struct db *db, struct recovery_result *result);

/* db_open.c */
/* Of a log, as it is prepared. */
uint64_t db_segment_bytes(const struct db *db);

/* db_family_change.c */
/* What kvd.families holds of the families that there are; empty: there is no such file. */
void db_format_family_settings(const struct db *db, struct buffer *target);

/* db_options.c */
/* What the family has set for itself, before what the settings say of all, before OPTIONS. */
struct compaction_options db_compaction_options(const struct db *db,
                                                const struct db_family *family);
struct family_options db_effective_options(const struct db *db, const struct db_family *family);
/* Of what OPTIONS says of the family, that which was its own wish or another's of its name: once
 * taken back it is as for a new one. */
void db_forget_wishes(struct db_family *family);
/* Of a table in level 0. */
enum compression db_flush_compression(const struct family_options *options);
MUST_CHECK enum kv_status db_load_options(struct db *db);
/* As OPTIONS is to be now. */
void db_format_options(struct db *db, struct buffer *target);
MUST_CHECK enum kv_status db_store_options(struct db *db);

/* db_merge_operator.c */
/* Sets what the stored operator of the family means. */
void db_family_parse_operator(struct db_family *family);
/* Whether operands that may be stored keep their meaning with it. */
bool db_family_may_take_operator(const struct db_family *family, const char *spec);
/* Applies db_options.merge_operator, once the stored options are loaded. */
MUST_CHECK enum kv_status db_merge_configure(struct db *db);

/* db_flush.c */
MUST_CHECK enum kv_status db_freeze(struct db *db);
void db_start_flushes(struct db *db);
/* A step towards sealed memtables that this process cannot write to by mistake. */
void db_guard_frozen(struct db *db);
/* Those that have failed needn't wait any longer. */
void db_retry_flushes(struct db *db);
void db_install_built(struct db *db);
void db_frozen_free(struct frozen *frozen);
void db_finish_flush_waiters(struct db *db);
/* Whoever waits for flushes with this owner is not told any more. */
void db_flush_forget(struct db *db, const void *owner);
void db_fill_table_meta(struct table_meta *meta, const struct table_summary *table,
                        uint64_t creation_time_s);

/* db_obsolete.c */
/* Nothing names the file any more; it goes when its turn comes. */
void db_delete_file(void *owner, uint64_t file_number);
void db_forget_obsolete(struct db *db);

/* compactor.c */
/* Of a family that is gone: nothing more is done to its tables. */
void compactor_drop_family(struct compactor *compactor, uint32_t cf_id);
uint32_t db_compaction_jobs(const struct db *db);

/* db_read.c */
/* The newest version in memory; what is found begins as LOOKUP_ABSENT.  Fails as db_txn_memtable.
 */
MUST_CHECK enum kv_status db_find_in_memtables(struct db *db, uint32_t cf_id,
                                               const struct table_target *target,
                                               struct lookup *found);

/* db_repair.c */
void db_on_wal_failed(void *owner, enum kv_status st);
void db_repair_step(struct db *db);
/* The log is dead from the start, for want of space. */
void db_repair_begin(struct db *db);

/* db_write.c: whether the batch may be written now; makes room for it. */
MUST_CHECK enum kv_status db_admit(struct db *db, const struct write_batch *batch);

/* db_pressure.c */
void db_update_pressure(struct db *db);
/* A writer is ahead of its rate: on_writable is owed, and comes in time. */
bool db_must_wait(struct db *db);

/* db_txn.c */
struct db_txn *db_txn_new(void);
void db_txn_free(struct db_txn *txn);
/* What the open transaction has written, newer than all else; NULL: nothing, or none is open.
 * KV_NO_SPACE: the system has no memory for it. */
MUST_CHECK enum kv_status db_txn_memtable(struct db *db, struct memtable **memtable_out);

/* db_write.c */
/* The mapping of a memtable that is frozen at `memtable_bytes`. */
size_t db_memtable_capacity(uint64_t memtable_bytes);
void db_wake_writer(struct db *db);
/* What was a hole has the keys of a batch again, which is well-formed. */
void db_fill_holes(struct db *db, struct slice batch);

/* db_budget.c */
/* What memtables or open tables take has changed. */
void db_update_budget(struct db *db);

#endif
