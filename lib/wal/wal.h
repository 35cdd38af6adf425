/* wal.h - the write-ahead log as kvd writes it: group commit into prepared segments.
 *
 *     wal_append --> filling group --wal_turn--> one write in flight --> durable_seq
 *
 * One write is in flight at a time; what is appended meanwhile is the next group.  In mode
 * ALWAYS a segment NNNNNN.log was written with zeros (or is a retired one, recycled) before it is
 * used, so a group is one O_DIRECT write with RWF_DSYNC that changes no metadata; the partly
 * filled last sector is written again by the next group.  Records carry the log number, which
 * makes the remains of a recycled file's former life end the log.  INTERVAL and NEVER write
 * through the page cache at the end of the turn.
 *
 * The next segment is prepared in the background, under its final name, so a switch costs
 * nothing.  File numbers come from the owner.
 *
 * Failure: a write or sync that fails is never repeated on that file.  The log is then dead:
 * on_failed is called once, appends are refused, until wal_restart has a new segment.  What the
 * dead segment holds above durable_seq has an unknown fate; the owner must make everything up
 * to durable_seq durable elsewhere (flush it) before the first append after a restart, and
 * retire the segment, so that recovery never reads it.
 */
#ifndef KV_WAL_WAL_H
#define KV_WAL_WAL_H

#include "base/slice.h"
#include "base/status.h"

struct io;
struct wal;

enum wal_sync { WAL_SYNC_ALWAYS, WAL_SYNC_INTERVAL, WAL_SYNC_NEVER };

struct wal_options {
    struct io *io;
    const char *dir; /* copied */
    enum wal_sync sync;
    uint64_t interval_us;       /* WAL_SYNC_INTERVAL */
    uint64_t segment_bytes;     /* prepared size; a segment may grow beyond it */
    uint32_t recycle_count_max; /* retired segments kept for reuse */

    void *owner;
    uint64_t (*next_file_number)(void *owner);
    /* All sequences <= seq are durable (ALWAYS) or given to the system (the others). */
    void (*on_durable)(void *owner, uint64_t seq);
    /* INTERVAL, NEVER: all sequences <= seq are on stable storage.  May be NULL. */
    void (*on_synced)(void *owner, uint64_t seq);
    /* Nothing above the last on_durable will become durable.  Not called from wal_append. */
    void (*on_failed)(void *owner, enum kv_status st);
};

struct wal_stats {
    uint64_t group_count, record_count, record_bytes, written_bytes, sync_count;
    uint64_t write_us_total, write_us_max; /* from submission to completion */
    uint64_t segment_bytes_live;
    bool direct_io;
};

/* Prepares the first segment with io_call.  On failure nothing is left open. */
MUST_CHECK enum kv_status wal_open(const struct wal_options *options, struct wal **wal_out);
/* A log that is dead from the beginning, for a disk without space: nothing is written, there is no
 * segment (wal_number: 0), and wal_restart brings it to life.  on_failed is not called. */
struct wal *wal_open_dead(const struct wal_options *options);
/* Waits for nothing: what is not durable yet is lost.  wal_drain first for a clean stop.  The
 * files stay, but for prepared and retired ones.  Requests may still be in flight: io must turn
 * until they have ended, which calls nobody; then the memory is freed.  NULL is fine. */
void wal_close(struct wal *wal);

/* The number of the segment that the next append goes to. */
uint64_t wal_number(const struct wal *wal);
uint64_t wal_bytes(const struct wal *wal); /* in that segment so far */
bool wal_is_failed(const struct wal *wal);
/* No request is in flight: wal_drain does not say KV_BUSY, and wal_close frees at once. */
bool wal_is_idle(const struct wal *wal);
uint64_t wal_durable_seq(const struct wal *wal);
/* All sequences up to this one are on stable storage, whatever the mode: durable_seq in ALWAYS. */
uint64_t wal_synced_seq(const struct wal *wal);
/* All sequences up to this one have been handed to the system.  In ALWAYS they may be on their way
 * to the disk, past the page cache: what the process's end or a power cut leaves of them is open.
 */
uint64_t wal_submitted_seq(const struct wal *wal);
/* INTERVAL, NEVER: brings what has been appended so far to stable storage now, if it reaches up to
 * `seq`; on_synced follows.  ALWAYS: it is on its way in any case. */
void wal_sync_to(struct wal *wal, uint64_t seq);
/* After recovery, before the first append. */
void wal_set_durable_seq(struct wal *wal, uint64_t seq);

/* Adds a record to the filling group.  Copies.  seq_last: the highest sequence it holds.
 * KV_READ_ONLY: the log is dead. */
MUST_CHECK enum kv_status wal_append(struct wal *wal, struct slice record, uint64_t seq_last);
/* Once at the end of every turn of the loop: starts the next write if none is in flight. */
void wal_turn(struct wal *wal);
/* Everything appended is durable: written, and in mode INTERVAL and NEVER also synced; with
 * io_call, for a clean stop.  KV_BUSY: something that was submitted before is in flight; let io
 * turn, wal_turn, and try again.  KV_READ_ONLY: the log is dead. */
MUST_CHECK enum kv_status wal_drain(struct wal *wal);
/* Later appends go to a new segment, whose number is returned.  Never fails: when the segment is
 * not prepared yet, groups wait for it. */
uint64_t wal_switch(struct wal *wal);
/* Whether the segment's file is there for recovery to find.  False: it is being prepared, or failed
 * before it was ready, and nothing in it is durable. */
bool wal_is_named(const struct wal *wal, uint64_t number);
/* No version needs this segment any more: recycled or deleted, in the background.  The number of
 * a log from before wal_open: deleted.  Any other number: nothing happens. */
void wal_retire(struct wal *wal, uint64_t number);
/* After on_failed: tries a new segment with io_call. */
MUST_CHECK enum kv_status wal_restart(struct wal *wal);
/* wal-sync can be changed while running; applies from the next append on: a new segment begins,
 * as by wal_switch.  (From the next segment on, if nothing was appended since wal_restart.) */
void wal_set_sync(struct wal *wal, enum wal_sync sync, uint64_t interval_us);
void wal_get_stats(const struct wal *wal, struct wal_stats *stats);

#endif
