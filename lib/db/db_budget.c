/* db_budget.c - the cache gets what the memtables and the open tables leave of memory-limit.
 *
 * A memtable more takes tens of megabytes from the cache at a stroke, which are tens of thousands
 * of blocks: to evict them at once would hold everybody up for tens of milliseconds.  So the
 * cache's budget goes down by steps, faster than a memtable can be filled, and up at once.
 *
 * Invariant: the timer runs exactly while the cache's budget is above db->cache_goal_bytes.
 */
#include "db/db_internal.h"

#ifdef KV_DEBUG
enum { STEP_BYTES = 16 * 1024, STEP_US = 1000 }; /* small databases have steps, too */
#else
enum { STEP_BYTES = 1024 * 1024, STEP_US = 1000 };
#endif

static void step(struct db *db);

static void
on_step_due(struct io_timer *timer)
{
    step(KV_CONTAINER_OF(timer, struct db, budget_timer));
}

static void
step(struct db *db)
{
    struct block_cache_stats stats;
    uint64_t used, next;

    block_cache_get_stats(db->cache, &stats);
    used = stats.bytes_used < stats.bytes_max ? stats.bytes_used : stats.bytes_max;
    next = used > STEP_BYTES ? used - STEP_BYTES : 0;
    if (next <= db->cache_goal_bytes) {
        io_timer_stop(db->io, &db->budget_timer);
        block_cache_set_bytes_max(db->cache, db->cache_goal_bytes);
        return;
    }
    block_cache_set_bytes_max(db->cache, next);
    db->budget_timer.on_expire = on_step_due;
    io_timer_start(db->io, &db->budget_timer, io_now_us(db->io) + STEP_US);
}

void
db_update_budget(struct db *db)
{
    const uint64_t limit = db->options.memory_limit_bytes;
    uint64_t used = memtable_bytes_mapped(db->active);

    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next)
        used += memtable_bytes_mapped(LIST_ENTRY(node, struct frozen, link)->memtable);
    used += version_set_reader_bytes(db->versions);
    db->cache_goal_bytes = used < limit - limit / 8 ? limit - used : limit / 8;
    if (db->budget_timer.heap_index == 0)
        step(db);
}
