/* db_time.c - which values are dead.
 *
 * The clock is asked only by who meets a deadline, pins a view or starts a job, and at most once
 * between two calls of db_let_time_pass.  Nothing relies on time going forward, within a run or
 * over a restart: a job that has dropped what was dead has made it absent for good, whatever is
 * remembered of dead keys is remembered with its time, and a snapshot is no earlier than the jobs
 * that do not know of it (db_snapshot.c).  Nor is the clock made to stand still when it is
 * set back: one that was years ahead for a minute would keep values from dying for years.
 */
#include "db/db_internal.h"
#include "db/db_snapshot.h"

uint64_t
db_now_ms(struct db *db)
{
    if (db->now_ms == 0)
        db->now_ms = io_wall_us(db->io) / 1000;
    return db->now_ms;
}

void
db_let_time_pass(struct db *db)
{
    db->now_ms = db->read_at_ms = 0;
}

void
db_read_at(struct db *db, const struct db_snapshot *snapshot)
{
    db->read_at_ms = db_snapshot_time_ms(snapshot);
}

uint64_t
db_time_at(struct db *db, uint64_t seq_max)
{
    uint64_t time_ms;

    if (seq_max != SEQUENCE_MAX && db->read_at_ms != 0)
        return db->read_at_ms;
    if (seq_max != SEQUENCE_MAX && db_snapshot_time(db, seq_max, &time_ms))
        return time_ms;
    return db_now_ms(db);
}

/* The newest version in memory tells: no operand stands on a value with a deadline, since whoever
 * writes one asks here. */
bool
db_may_have_deadline(struct db *db, uint32_t cf_id, struct slice key)
{
    const struct column_family *family = version_set_family(db->versions, cf_id);
    const struct table_target target = table_target_of(key, SEQUENCE_MAX);
    struct lookup found = {.kind = LOOKUP_ABSENT};

    if (db_find_in_memtables(db, cf_id, &target, &found) != KV_OK)
        return true;
    if (found.kind != LOOKUP_ABSENT)
        return found.type == TYPE_ENTITY;
    return family != NULL && family->current->deadline_table_count > 0;
}
