/* db_sweep.h - looks for crowds of deleted keys before a reader runs into them.
 *
 * When many keys have been deleted, a walk starts from the newest deletion and goes on in both
 * directions as long as no key is there; what it has passed is a hole (db_holes.h) from then on.
 * It takes little of the time, a little at a time, more when nobody writes, and ends at once where
 * a deletion has live neighbours.  After a start there are walks from where tables begin that hold
 * little but deletions, since not every hole was logged.
 */
#ifndef KV_DB_DB_SWEEP_H
#define KV_DB_DB_SWEEP_H

#include "cache/read_ctx.h"
#include "db/db.h"
#include "io/io.h"

struct db_iter;
struct memtable;

enum { SWEEP_SEED_COUNT_MAX = 32 };

/* Where a walk is to begin. */
struct sweep_seed {
    uint32_t cf_id;
    struct buffer key; /* owned */
};

struct db_sweep {
    struct db *db;
    struct io_timer timer;
    bool is_due;     /* the timer runs */
    bool is_walking; /* a walk has begun and is to go on, at `position` */
    bool is_forward; /* backward comes first */
    bool is_past_position;
    uint32_t cf_id;
    struct buffer origin, position;
    const struct memtable *memtable; /* of the deletions that were counted; not owned: compared */
    uint64_t deletion_count;         /* of those, when the walk began */
    uint64_t change_count;           /* of the engine's memtables, at the last step */
    uint64_t step_count;             /* for tests */
    struct sweep_seed seeds[SWEEP_SEED_COUNT_MAX];
    uint32_t seed_count;

    /* A step whose blocks are on their way. */
    struct db_iter *iter; /* owned; NULL: none */
    struct read_ctx ctx;
    struct db_waiter waiter;
};

void db_sweep_init(struct db_sweep *sweep, struct db *db);
/* Once the tables are known. */
void db_sweep_start(struct db_sweep *sweep);
/* After the last fetch. */
void db_sweep_deinit(struct db_sweep *sweep);
/* Once a turn of the loop: begins a walk, some time later, if there is reason to. */
void db_sweep_turn(struct db_sweep *sweep);
/* No further step. */
void db_sweep_stop(struct db_sweep *sweep);

#endif
