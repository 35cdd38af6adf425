/* wal_internal.h - what wal.c, wal_group.c and wal_segment.c share; included nowhere else.
 *
 *     wal.c          the interface: append, switch, retire, restart, drain, close
 *     wal_group.c    the buffers of the groups, and writing them in order
 *     wal_segment.c  the files: prepared ahead, extended, synced, recycled, removed
 */
#ifndef KV_WAL_WAL_INTERNAL_H
#define KV_WAL_WAL_INTERNAL_H

#include <errno.h>

#include "base/list.h"
#include "io/file.h"
#include "io/io.h"
#include "wal/log_writer.h"
#include "wal/wal.h"

enum {
    WAL_SECTOR_BYTES = 4096,                /* unit of O_DIRECT, and of what is rewritten */
    WAL_GROUP_BYTES_TARGET = 1024 * 1024,   /* a group this large is followed by a next one */
    WAL_GROUP_BYTES_KEPT = 2 * 1024 * 1024, /* a larger buffer is not kept for reuse */
    WAL_PIECE_BYTES_MAX = 4 * 1024 * 1024,  /* of one write */
    WAL_FILL_BYTES = 1024 * 1024,           /* of zeros in one write */
};

/* What a segment's request does next. */
enum segment_step {
    STEP_OPEN,
    STEP_OPEN_BUFFERED, /* the file system has no O_DIRECT */
    STEP_RENAME,        /* a recycled one */
    STEP_ALLOCATE,
    STEP_FILL_FIRST,
    STEP_SYNC_FIRST,
    STEP_SYNC_DIR, /* afterwards it may be written */
    STEP_FILL,     /* the rest, while it may be in use already */
    STEP_SYNC_FILL,
    STEP_CLOSE,
    STEP_UNLINK,
    STEP_NONE,
};

enum segment_state {
    SEGMENT_PREPARING,
    SEGMENT_READY,
    SEGMENT_FAILED, /* never written again */
};

struct wal_segment {
    struct list link; /* in wal->segments or wal->recycled */
    struct wal *wal;
    uint64_t number;
    int fd;
    char *path;     /* owned */
    char *path_old; /* owned; while it is being renamed */
    enum segment_state state;
    enum kv_status status; /* why it failed */
    enum wal_sync sync;
    bool is_aligned; /* whole sectors and prepared: mode ALWAYS */
    bool is_direct;
    bool is_named; /* its name is durable: it is or was ready */
    bool is_retired;
    bool is_discarded; /* removed as soon as nothing uses it */
    bool is_doomed;    /* in wal->doomed, being removed */
    struct log_writer writer;
    uint64_t stream_bytes;   /* of records framed for it */
    uint64_t file_bytes;     /* written by groups, for the statistics */
    uint64_t prepared_bytes; /* zeros, or a former life's records, as far as this */
    uint32_t use_count;      /* groups and requests in flight */
    enum segment_step step;
    struct io_request request; /* of `step` */
    bool request_busy;
    bool is_dirty; /* has writes that no sync covers */
    bool sync_busy;
    bool sync_failed; /* what was written before it may not be on stable storage, ever */
    /* Of one that is not aligned: the last sequence that was written, that was when the sync in
     * flight began, and up to which this segment holds back nothing from stable storage. */
    uint64_t seq_written, seq_syncing, seq_synced;
    struct io_request sync_request;
};

/* A run of framed records of one segment, written as one. */
struct wal_group {
    struct list link;
    struct wal_segment *segment;
    uint8_t *data; /* owned, aligned to sectors */
    size_t size;
    size_t capacity;
    uint64_t file_offset; /* of data[0] */
    uint64_t seq_last;
    size_t written_bytes;
    bool is_abandoned; /* in flight when the log failed: its completion means nothing */
    uint64_t submitted_us;
    struct io_request request;
};

struct wal {
    struct wal_options options;
    struct io *io;
    char *dir;                  /* owned */
    struct list segments;       /* struct wal_segment, oldest first; the last is active */
    struct list recycled;       /* retired ones, for reuse */
    struct list doomed;         /* being closed and removed */
    struct wal_segment *active; /* what is appended goes here */
    struct wal_segment *next;   /* prepared, or NULL; in no list */
    struct list groups;         /* struct wal_group in order; the first may be in flight */
    struct list groups_free;
    struct wal_group *filling; /* the last of `groups`, or NULL */
    bool write_busy;
    bool timer_busy;
    bool is_failed;
    bool is_closed;
    uint64_t number_first;     /* of the first segment that this log made */
    uint64_t number_restarted; /* of the one that the last wal_restart made; 0: none */
    uint32_t recycled_count;
    uint32_t pending_count;         /* requests in flight */
    uint64_t next_retry_us;         /* when to try preparing again */
    uint8_t tail[WAL_SECTOR_BYTES]; /* the last, partly filled sector of the active segment */
    uint8_t *zeros;                 /* owned: WAL_FILL_BYTES */
    uint64_t seq_appended;
    uint64_t durable_seq;
    uint64_t sync_target_seq; /* somebody waits until this is on stable storage; 0: nobody */
    struct io_timer sync_timer;
    struct wal_stats stats;
};

/* The negative errno of a request that did less than was asked for.  A write says by its size that
 * the rest had no room. */
static inline int
wal_errno(int64_t result)
{
    return result < 0 ? (int)result : -ENOSPC;
}

/* wal_segment.c */
/* Takes a number, and a recycled file if there is one. */
struct wal_segment *wal_segment_new(struct wal *wal, bool may_recycle);
MUST_CHECK enum kv_status wal_segment_prepare_now(struct wal_segment *segment);
/* Starts or goes on with preparing in the background. */
void wal_segment_go(struct wal_segment *segment);
/* Retired or discarded and no longer used: recycles or removes it. */
void wal_segment_settle(struct wal_segment *segment);
void wal_segment_sync(struct wal_segment *segment);
/* Removes a file that this log did not write. */
void wal_segment_remove(struct wal *wal, uint64_t number);
/* The log is closed: closes the file unless a request is in flight, and frees it. */
void wal_segment_end(struct wal_segment *segment);
void wal_segment_free(struct wal_segment *segment);
/* Whether zeros are on their way to where [.., end) of the stream wants to go. */
bool wal_segment_fill_is_near(const struct wal_segment *segment, uint64_t end);

/* wal_group.c */
struct wal_group *wal_group_begin(struct wal *wal);
void wal_group_append(struct wal_group *group, struct slice record);
void wal_group_close(struct wal_group *group);
void wal_group_free(struct wal_group *group);
/* Starts the next write, or writes through the page cache. */
void wal_write_next(struct wal *wal);
MUST_CHECK enum kv_status wal_write_all_now(struct wal *wal);
void wal_drop_groups(struct wal *wal);

/* wal.c */
void wal_start_timer(struct wal *wal);
/* Somebody waits for a sync: begins one of what is not synced yet. */
void wal_hurry_sync(struct wal *wal);
MUST_CHECK enum kv_status wal_sync_all_now(struct wal *wal);
void wal_fail(struct wal *wal, enum kv_status st);
/* A request has completed: frees a closed log after its last one. */
void wal_request_ended(struct wal *wal);

#endif
