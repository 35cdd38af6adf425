/* version_set_internal.h - the inside of a version_set; for lib/version only.
 *
 *     version_set.c         families, numbers, the queue of changes
 *     version_change.c      a batch of changes: drafts of families, encoding, installing
 *     manifest.c            the bytes to the MANIFEST and CURRENT, step by step
 *     version_set_open.c    the directory at open; replay in version_set_replay.c
 *     version_set_purge.c   what nothing names
 */
#ifndef KV_VERSION_VERSION_SET_INTERNAL_H
#define KV_VERSION_VERSION_SET_INTERNAL_H

#include "base/list.h"
#include "io/file.h"
#include "io/io.h"
#include "version/version_builder.h"
#include "version/version_set.h"
#include "wal/log_writer.h"

#define COMPARATOR_NAME "leveldb.BytewiseComparator"

enum {
    DIR_ROOM_BYTES = 64, /* what file_name_format may append */
    MANIFEST_BYTES_MAX_DEFAULT = 64 * 1024 * 1024,
    CHANGE_BATCH_MAX = 64, /* changes that share one write and sync */
    MANIFEST_RESERVE_BYTES = 1024 * 1024,
    RETRY_US_MIN = 100 * 1000,
    RETRY_US_MAX = 5 * 1000 * 1000,
};

/* One call of version_set_apply. */
struct version_change {
    struct list link;
    struct version_edit *edits; /* owned array; the first live_count are applied */
    uint64_t last_seq;          /* of the tables up to this change: where the logs go on */
    uint32_t edit_count;
    uint32_t live_count;
    version_applied_fn *on_applied;
    void *owner;
};

/* A family as it will be when the batch has been written. */
struct family_draft {
    uint32_t cf_id;               /* first: see base/id_array.h */
    struct column_family *family; /* NULL: the batch adds it */
    bool is_dropped;
    char name[COLUMN_FAMILY_NAME_BYTES_MAX + 1];
    uint64_t log_number;
    struct version_builder builder;
    struct version *version; /* owned reference; once built */
};

struct draft_set {
    struct family_draft **items; /* owned array of owned, ascending by id */
    uint32_t count, capacity;
};

enum manifest_step {
    /* A batch behind what is there. */
    STEP_APPEND_RESERVE,
    STEP_APPEND_WRITE,
    STEP_APPEND_SYNC,
    /* A new MANIFEST. */
    STEP_ROLL_OPEN,
    STEP_ROLL_RESERVE,
    STEP_ROLL_WRITE,
    STEP_ROLL_SYNC,
    STEP_ROLL_SYNC_DIR,
    STEP_CURRENT_OPEN,
    STEP_CURRENT_WRITE,
    STEP_CURRENT_SYNC,
    STEP_CURRENT_CLOSE,
    STEP_CURRENT_RENAME,
    STEP_CURRENT_SYNC_DIR,
    /* It is durable: what it replaced goes. */
    STEP_OLD_CLOSE,
    STEP_OLD_UNLINK,
    /* It failed: what there is of it goes. */
    STEP_FAILED_CLOSE,
    STEP_FAILED_CLOSE_TMP,
    STEP_FAILED_UNLINK,
    STEP_FAILED_UNLINK_TMP,
    STEP_NONE,
};

struct manifest {
    int fd; /* of the current MANIFEST; -1: none that may be appended to */
    uint64_t number;
    uint64_t bytes;
    uint64_t snapshot_bytes; /* how much of it was there from the start */
    uint64_t roll_bytes_min; /* so long it has to be before a new one is tried; 0: any */
    uint64_t reserved_bytes; /* of the file are on the disk, written or not; as far as is known */
    struct log_writer writer;

    bool busy;     /* a step or the retry timer is under way */
    bool blocking; /* steps run by io_call, and a failure ends the work */
    bool failing;
    bool must_roll; /* the current file failed and is never touched again */
    enum kv_status status;
    enum manifest_step step;
    struct io_request request;
    struct io_timer timer;
    uint64_t retry_us;

    struct buffer out;   /* owned: what is being written */
    uint64_t out_done;   /* bytes of it that were written */
    uint64_t out_offset; /* where in the file it begins */
    struct log_writer out_writer;
    uint64_t out_snapshot_bytes;
    uint64_t roll_number;
    int roll_fd, tmp_fd, old_fd;
    bool rename_was_tried; /* so CURRENT may name either file */
    char current_text[DIR_ROOM_BYTES];
    char path[PATH_BYTES_MAX], path_to[PATH_BYTES_MAX];

    uint64_t *stale; /* owned: MANIFESTs to unlink after the next switch that is durable */
    uint32_t stale_count;
};

struct version_set {
    struct io *io; /* borrowed */
    char *dir;     /* owned */
    bool read_only;
    bool started;
    int lock_fd;
    struct buffer db_id; /* owned; with a zero behind it */

    struct column_family **families; /* owned array of owned, ascending by id */
    struct column_family **by_name;  /* owned array of the same, ascending by name */
    uint32_t family_count;
    uint64_t next_file;
    uint64_t last_seq;
    uint64_t min_log_to_keep;
    uint32_t max_cf_id;
    uint64_t live_version_count;
    uint64_t version_serial; /* of the last one that was made */
    struct buffer named; /* owned: as uint64_t, all tables that the replayed MANIFEST ever added */

    struct table_reader **ahead; /* owned array of owned: of tables that are to come */
    uint32_t ahead_count;

    struct list queue; /* of version_change */
    struct list batch; /* those being written */
    struct draft_set drafts;
    struct manifest manifest;
    uint64_t manifest_bytes_max;

    void (*on_obsolete)(void *owner, uint64_t file_number);
    void *obsolete_owner;
};

/* version_set.c */
struct table_reader *version_set_make_reader(struct version_set *set,
                                             const struct table_meta *meta);
/* The counter ends up above `number`. */
void version_set_raise_next_file(struct version_set *set, uint64_t number);
void version_set_report_obsolete(struct version_set *set, uint64_t number);
void version_set_add_family(struct version_set *set, struct column_family *family);
void version_set_remove_family(struct version_set *set, struct column_family *family);
/* Starts on the queue, if nothing is under way. */
void version_set_pump(struct version_set *set);

/* version_change.c */
struct family_draft *draft_find(const struct draft_set *drafts, uint32_t cf_id);
/* `family` NULL: a new one. */
struct family_draft *draft_make(struct version_set *set, uint32_t cf_id,
                                struct column_family *family);
void draft_remove(struct draft_set *drafts, uint32_t cf_id);
void draft_set_deinit(struct draft_set *drafts);
/* The part of an edit that concerns its family. */
MUST_CHECK enum kv_status draft_apply(struct family_draft *draft, const struct version_edit *edit);
/* Makes families and their versions of the drafts. */
void drafts_install(struct version_set *set);

struct version_change *change_new(struct version_edit *edits, uint32_t edit_count);
/* Moves changes from the queue to the batch and builds their drafts. */
void batch_prepare(struct version_set *set);
/* Appends the batch's records as they are to be written now. */
void batch_encode(struct version_set *set, struct log_writer *writer, struct buffer *target);
/* Appends everything that is live, without the batch. */
void snapshot_encode(struct version_set *set, struct log_writer *writer, struct buffer *target);
/* It is durable: makes it current and tells the owners. */
void batch_install(struct version_set *set);
/* It will not be written. */
void batch_drop(struct version_set *set);

/* manifest.c */
void manifest_init(struct manifest *manifest);
void manifest_deinit(struct version_set *set);
/* Writes the prepared batch; ends in batch_install and version_set_pump. */
void manifest_write_batch(struct version_set *set);
/* Writes a new MANIFEST with the prepared batch and switches to it, in place. */
MUST_CHECK enum kv_status manifest_roll_blocking(struct version_set *set);

/* version_set_replay.c */
/* Reads a MANIFEST into the set's families and numbers. */
MUST_CHECK enum kv_status manifest_replay(struct version_set *set, uint64_t number,
                                          bool *tail_was_damaged);

#endif
