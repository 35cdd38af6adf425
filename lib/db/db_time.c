/* db_time.c - which values are dead.
 *
 * The clock is asked only by who meets a deadline, pins a view or starts a job, and at most once
 * between two calls of db_let_time_pass.  Nothing relies on time going forward: a job that has
 * dropped what was dead has made it absent for good, and whatever is remembered of dead keys is
 * remembered with its time.
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
    db->now_ms = 0;
}

uint64_t
db_time_at(struct db *db, uint64_t seq_max)
{
    uint64_t time_ms;

    if (seq_max != SEQUENCE_MAX && db_snapshot_time(db, seq_max, &time_ms))
        return time_ms;
    return db_now_ms(db);
}

/* The newest version that a memtable has of the key tells: no operand stands on a value with a
 * deadline, since whoever writes one asks here. */
static bool
find_in_memtable(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                 bool *may_have_out)
{
    struct lookup found;

    memtable_get(memtable, cf_id, key, SEQUENCE_MAX, &found);
    *may_have_out = found.type == TYPE_ENTITY;
    return found.kind != LOOKUP_ABSENT;
}

bool
db_may_have_deadline(struct db *db, uint32_t cf_id, struct slice key)
{
    const struct column_family *family = version_set_family(db->versions, cf_id);
    struct memtable *own;
    bool may_have;

    if (db_txn_memtable(db, &own) != KV_OK)
        return true;
    if (own != NULL && find_in_memtable(own, cf_id, key, &may_have))
        return may_have;
    if (find_in_memtable(db->active, cf_id, key, &may_have))
        return may_have;
    for (const struct list *node = db->frozen.prev; node != &db->frozen; node = node->prev) {
        if (find_in_memtable(LIST_ENTRY(node, struct frozen, link)->memtable, cf_id, key,
                             &may_have))
            return may_have;
    }
    return family != NULL && family->current->deadline_table_count > 0;
}
