/* db_snapshot.h - a moment of the database that stays readable.
 *
 * What a snapshot shows is what a read right at its making would have shown: db_get and db_prefetch
 * with its sequence, iterators and views with it as their seq_max.  Any number of writes, flushes
 * and compactions later the answers are the same, byte for byte; so what has died since is there.
 * What a job that was under way then had found dead is not, even if the clock was set back.
 *
 * Two snapshots with nothing written in between have one sequence, and each its own time: what has
 * died between them is in the first and not in the second.  So whoever reads at a sequence that may
 * have several says the time as well (db_read_at).
 *
 * It costs no memory but for old versions, which flushes and compactions keep for it: so space is
 * what a snapshot that nobody releases costs.  A view or an iterator needs none: it holds memtables
 * and tables as a whole.  Snapshots end with the engine; they are not stored.  FIFO drops its
 * oldest tables all the same.
 *
 * What it shows may not be durable yet.  By the rule of db.h a reply that tells of a snapshot, or
 * of anything read through it, waits for the sequence that it depends on; if that fails, the
 * snapshot has shown what never was, and its owner releases it.
 */
#ifndef KV_DB_DB_SNAPSHOT_H
#define KV_DB_DB_SNAPSHOT_H

#include "compact/compaction_spec.h"
#include "db/db.h"

struct db_snapshot;

/* At most so many moments are held at once: a job is told of all of them. */
enum { DB_SNAPSHOT_COUNT_MAX = COMPACT_SNAPSHOT_COUNT_MAX };

/* Of all families, as they are now.  Each is released for itself, before db_close; those of one
 * sequence count as one.
 * KV_LIMIT: there are DB_SNAPSHOT_COUNT_MAX; not logged, since it is a client that asks. */
MUST_CHECK enum kv_status db_snapshot_create(struct db *db, struct db_snapshot **snapshot_out);
/* What only it could see goes, from the next compactions on; in the last level, where nothing would
 * ask for one, tables that hold much of that are rewritten. */
void db_snapshot_release(struct db *db, struct db_snapshot *snapshot);
/* The newest sequence that is visible to it. */
uint64_t db_snapshot_seq(const struct db_snapshot *snapshot);
/* db_now_ms of its making; if the clock was set back under a job, that of the job. */
uint64_t db_snapshot_time_ms(const struct db_snapshot *snapshot);
/* Until time passes (db_let_time_pass), reads at an old sequence see what was alive at its time. */
void db_read_at(struct db *db, const struct db_snapshot *snapshot);

/* --- for lib/db --- */

/* SEQUENCE_MAX: there is none. */
uint64_t db_snapshot_oldest(const struct db *db);
/* 0: there is none. */
uint64_t db_snapshot_newest(const struct db *db);
void db_snapshot_get_stats(const struct db *db, struct db_stats *stats);
/* The live ones, strictly ascending, as jobs are told; owned by the caller.  NULL: there are none.
 * A snapshot that is taken later is safe from the job: see db_snapshot.c. */
uint64_t *db_snapshot_copy(const struct db *db, uint32_t *count_out);
/* When a live snapshot with that sequence was made, the last if there are several; false: there is
 * none. */
bool db_snapshot_time(const struct db *db, uint64_t seq, uint64_t *time_ms_out);

#endif
