/* db_space.h - the engine and the space on its disk; for lib/db only.
 *
 * What is kept free, and why, is in space_reserve.h.  This measures it, at most some times a
 * second and sooner the less there is, refuses writes, holds compactions back, and helps
 * deletions on a full disk to free what they delete.
 */
#ifndef KV_DB_DB_SPACE_H
#define KV_DB_DB_SPACE_H

#include "base/buffer.h"
#include "db/space_reserve.h"
#include "io/io.h"

struct compaction_plan;
struct db;
struct write_batch;

enum { SPACE_RANGE_COUNT_MAX = 16 };

/* What a range deletion has hidden on a full disk, to be compacted away. */
struct space_range {
    uint32_t cf_id;
    struct buffer begin, end; /* owned */
};

struct db_space {
    struct space_reserve reserve;
    uint64_t next_us; /* when a measurement is due */
    bool has_charged; /* something was written since the last one */
    uint64_t refused_count;
    uint64_t probe_floor_bytes; /* a compaction that is tried ends when less is free; 0: none is */
    struct io_timer timer;      /* while not AMPLE */

    /* Deletions that were let in, or are in memory since before. */
    bool has_deletions, is_flushing;
    struct space_range ranges[SPACE_RANGE_COUNT_MAX];
    uint32_t range_count;
};

void db_space_init(struct db *db);
void db_space_deinit(struct db *db);
void db_space_measure(struct db *db);
/* Whether the batch may be written.  KV_OK or KV_NO_SPACE. */
MUST_CHECK enum kv_status db_space_admit(struct db *db, const struct write_batch *batch);
/* It was. */
void db_space_charge(struct db *db, const struct write_batch *batch);
/* From db_turn. */
void db_space_turn(struct db *db);

/* Whether the plan may be started now as far as space goes; if so, it counts as started. */
bool db_space_may_start(struct db *db, const struct compaction_plan *plan);
/* The same without starting. */
bool db_space_might_start(struct db *db, const struct compaction_plan *plan);
/* How much a plan may write that surely has space; 0: the plan itself has. */
uint64_t db_space_room_instead(struct db *db, const struct compaction_plan *plan);

#endif
