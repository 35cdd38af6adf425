/* db_snapshot.c - the live snapshots, and why a job need not know of those that come after it.
 *
 * A job is told of the snapshots that live when it starts, and may run for hours.  Let S be one
 * that is taken meanwhile.  Everything in the job's inputs was there when it started, so it is no
 * newer than the last sequence of that time, nor than S: S sees all of the inputs.  Whoever does
 * finds after the job what he found before, as every read of the latest state does; and a job sees
 * to that by what is in its inputs and below them, never by what is above, which S may not see:
 *
 *   - a version goes because a newer one of its stripe, or a range tombstone, hides it; S sees what
 *     hides it, too;
 *   - a deletion or a range tombstone goes when nothing that it hides is left, and a single
 * deletion with its put: S, which sees both, finds neither before nor after;
 *   - operands become one, or a value, under the sequence of the newest, and S sees it as it saw
 *     them all;
 *   - a value whose sequence becomes 0 was seen by S, and is;
 *   - what is dead when the job starts becomes a deletion, or goes with its table, and S finds it
 *     dead, too: S is made later, and if the clock was set back since then, it takes the time of
 *     the jobs under way for its own.
 *
 * The same holds for a part of a plan that begins anew after a pause: it is told of those that live
 * then.  A snapshot that is released while a job runs only makes it keep more than it had to.
 *
 * Sequences only grow, also across a log that failed (db_repair.c), so the list is ascending and
 * the end of it is the only one that a new snapshot can share its moment with.  Snapshots of one
 * sequence and several times stand side by side: jobs know of them as one, which keeps for all of
 * them what it keeps for one.
 */
#include "db/db_snapshot.h"

#include "base/alloc.h"
#include "db/compactor.h"
#include "db/db_internal.h"

struct db_snapshot {
    struct list link; /* in db->snapshots, ascending by seq, then in the order of making */
    uint64_t seq;
    uint64_t created_us;
    uint64_t time_ms; /* see time_of_new */
    uint32_t ref_count;
};

static struct db_snapshot *
oldest(const struct db *db)
{
    return list_empty(&db->snapshots) ? NULL
                                      : LIST_ENTRY(db->snapshots.next, struct db_snapshot, link);
}

static struct db_snapshot *
newest(const struct db *db)
{
    return list_empty(&db->snapshots) ? NULL
                                      : LIST_ENTRY(db->snapshots.prev, struct db_snapshot, link);
}

/* Now, but no earlier than what jobs under way have seen; when they are through with it the clock
 * counts again, wherever it stands. */
static uint64_t
time_of_new(struct db *db)
{
    const uint64_t jobs_ms = compactor_newest_ms(db->compactor);
    uint64_t time_ms = db_now_ms(db);

    if (jobs_ms > time_ms)
        time_ms = jobs_ms;
    for (const struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        const struct frozen *frozen = LIST_ENTRY(node, const struct frozen, link);

        if (frozen->state != FROZEN_WAITING && frozen->job.now_ms > time_ms)
            time_ms = frozen->job.now_ms;
    }
    return time_ms;
}

enum kv_status
db_snapshot_create(struct db *db, struct db_snapshot **snapshot_out)
{
    struct db_snapshot *snapshot = newest(db);
    const bool is_new_seq = snapshot == NULL || snapshot->seq < db->last_seq;
    const uint64_t time_ms = time_of_new(db);

    *snapshot_out = NULL;
    KV_ASSERT(is_new_seq || snapshot->seq == db->last_seq);
    if (is_new_seq && db->snapshot_count == DB_SNAPSHOT_COUNT_MAX)
        return KV_LIMIT;
    if (is_new_seq || snapshot->time_ms != time_ms) {
        snapshot = kv_alloc_zero(sizeof(*snapshot));
        snapshot->seq = db->last_seq;
        snapshot->created_us = io_now_us(db->io);
        snapshot->time_ms = time_ms;
        list_push_back(&db->snapshots, &snapshot->link);
        db->snapshot_count += is_new_seq;
    }
    KV_ASSERT(snapshot->ref_count < UINT32_MAX);
    snapshot->ref_count++;
    *snapshot_out = snapshot;
    return KV_OK;
}

static bool
has_seq(const struct db *db, const struct list *node, uint64_t seq)
{
    return node != &db->snapshots && LIST_ENTRY(node, const struct db_snapshot, link)->seq == seq;
}

void
db_snapshot_release(struct db *db, struct db_snapshot *snapshot)
{
    const bool was_oldest = snapshot == oldest(db);
    bool was_last;
    const uint64_t seq = snapshot->seq;

    KV_ASSERT(snapshot->ref_count > 0 && db->snapshot_count > 0);
    if (--snapshot->ref_count > 0)
        return;
    was_last = !has_seq(db, snapshot->link.prev, seq) && !has_seq(db, snapshot->link.next, seq);
    list_remove(&snapshot->link);
    free(snapshot);
    db->snapshot_count -= was_last;
    /* One that sees everything in tables has kept nothing there; most live that short. */
    if (was_last && was_oldest && seq < db->tables_seq_max)
        compactor_poke(db->compactor);
}

uint64_t
db_snapshot_seq(const struct db_snapshot *snapshot)
{
    KV_ASSERT(snapshot->ref_count > 0);
    return snapshot->seq;
}

uint64_t
db_snapshot_time_ms(const struct db_snapshot *snapshot)
{
    return snapshot->time_ms;
}

uint64_t
db_snapshot_oldest(const struct db *db)
{
    const struct db_snapshot *snapshot = oldest(db);

    return snapshot == NULL ? SEQUENCE_MAX : snapshot->seq;
}

uint64_t
db_snapshot_newest(const struct db *db)
{
    const struct db_snapshot *snapshot = newest(db);

    return snapshot == NULL ? 0 : snapshot->seq;
}

void
db_snapshot_get_stats(const struct db *db, struct db_stats *stats)
{
    const struct db_snapshot *snapshot = oldest(db);

    stats->snapshot_count = db->snapshot_count;
    if (snapshot == NULL)
        return;
    stats->snapshot_oldest_seq = snapshot->seq;
    stats->snapshot_oldest_age_us = io_now_us(db->io) - snapshot->created_us;
}

uint64_t *
db_snapshot_copy(const struct db *db, uint32_t *count_out)
{
    uint64_t *seqs;
    uint32_t count = 0;

    *count_out = db->snapshot_count;
    if (db->snapshot_count == 0)
        return NULL;
    seqs = kv_alloc(sizeof(seqs[0]) * db->snapshot_count);
    for (const struct list *node = db->snapshots.next; node != &db->snapshots; node = node->next) {
        const uint64_t seq = LIST_ENTRY(node, const struct db_snapshot, link)->seq;

        KV_ASSERT(count == 0 || seqs[count - 1] <= seq);
        if (count == 0 || seqs[count - 1] < seq)
            seqs[count++] = seq;
    }
    KV_ASSERT(count == db->snapshot_count);
    return seqs;
}

bool
db_snapshot_time(const struct db *db, uint64_t seq, uint64_t *time_ms_out)
{
    for (const struct list *node = db->snapshots.prev; node != &db->snapshots; node = node->prev) {
        const struct db_snapshot *snapshot = LIST_ENTRY(node, const struct db_snapshot, link);

        if (snapshot->seq <= seq) {
            *time_ms_out = snapshot->time_ms;
            return snapshot->seq == seq;
        }
    }
    return false;
}
