/* db_hole_log.h - large holes (db_holes.h) in the log, so that the next run knows of them.
 *
 * A hole is logged as LogData, a record that changes nothing and that RocksDB passes over.  It says
 * of what comes before it in the log, and of the tables, that nothing in a stretch of keys is
 * visible.  Replay finds the same state when it comes to the record, and cuts the hole where a
 * later record puts a key.  A new log begins with the holes of the one before, which may go.
 *
 *     "kvd.hole" | MANIFEST number varint64 | cf_id varint32 | seq varint64 | entry_count varint64
 *     | begin lstr | end lstr
 */
#ifndef KV_DB_DB_HOLE_LOG_H
#define KV_DB_DB_HOLE_LOG_H

#include "base/slice.h"

struct db;

/* Once a turn of the loop: logs the holes that have grown enough. */
void db_hole_log_turn(struct db *db);

/* A batch of a log that is replayed, in order; seq_known: the last sequence that tables and the
 * logs so far have.  What it says is believed unless another program has opened the database since
 * it was written. */
void db_hole_log_replay(struct db *db, struct slice batch, uint64_t seq_known);

#endif
