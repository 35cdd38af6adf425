/* wal_replay.h - gives back the batches of the WAL files, in one of RocksDB's four recovery
 * modes (FORMAT.md section 2.1, with the table of what each does to each damage). */
#ifndef KV_WAL_WAL_REPLAY_H
#define KV_WAL_WAL_REPLAY_H

#include "base/slice.h"
#include "base/status.h"

struct io;

enum wal_recovery_mode {
    WAL_TOLERATE_CORRUPTED_TAIL = 0,
    WAL_ABSOLUTE_CONSISTENCY = 1,
    WAL_POINT_IN_TIME = 2,
    WAL_SKIP_ANY_CORRUPTED = 3,
};
/* "tolerate-corrupted-tail", "absolute-consistency", "point-in-time", "skip-any-corrupted". */
bool wal_recovery_mode_parse(const char *name, enum wal_recovery_mode *mode_out);
const char *wal_recovery_mode_name(enum wal_recovery_mode mode);

/* An encoded batch of WAL `log_number`, well-formed by write_batch_reader.  Sequences ascend.
 * An error ends the replay; KV_CORRUPT is treated like damage of the record. */
typedef enum kv_status wal_batch_fn(void *owner, uint64_t log_number, struct slice batch);

struct wal_replay {
    struct io *io;
    const char *dir;
    enum wal_recovery_mode mode;
    wal_batch_fn *on_batch;
    void *owner;
    void (*on_progress)(void *owner, uint64_t bytes_done, uint64_t bytes_total); /* may be NULL */

    uint64_t seq_next;      /* out: expected next sequence; set to last sequence + 1 before */
    uint64_t stopped_in;    /* out: number of the WAL in which point-in-time stopped; 0: did not */
    uint64_t batch_count;   /* out */
    uint64_t bytes_dropped; /* out: estimate of what was damaged and skipped */
};

/* Replays the given WALs, ascending by number.  KV_CORRUPT: the mode does not allow what was
 * found; the message says which file, where, and which mode would open it. */
MUST_CHECK enum kv_status wal_replay_run(struct wal_replay *replay, const uint64_t *log_numbers,
                                         uint32_t log_count);

#endif
