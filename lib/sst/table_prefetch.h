/* table_prefetch.h - point reads of cached blocks that wait for memory together.
 *
 * A lookup in a table is a chain of loads from far-off places: filter, range tombstones, index,
 * cache, restart points, entry.  Here the chains of several lookups are walked side by side, a step
 * for all of them before the next, and each step only begins to load what the next one reads.  The
 * lookups themselves follow, and find the memory near, and in their target where the block is.
 * Nothing is pinned, wished or counted.  A table that is not open and a block that is not cached
 * end the walk.
 */
#ifndef KV_SST_TABLE_PREFETCH_H
#define KV_SST_TABLE_PREFETCH_H

#include "sst/restart_words.h"
#include "sst/table_reader.h"

/* One lookup on its way. */
struct table_prefetch {
    const struct table_reader *table; /* borrowed; open; its filter has been asked; NULL: none */
    struct table_target *target;      /* borrowed; told where the block is */
    struct restart_search search;     /* private, from here on */
    uint32_t index_at;
    struct block_id id;
    struct slice block;
};

/* What a table's filter says about a key, and what is left to ask. */
enum table_hint {
    TABLE_EXCLUDES,    /* table_reader_find says LOOKUP_ABSENT */
    TABLE_MAY_COVER,   /* unless a range tombstone lies over the key */
    TABLE_MAY_CONTAIN, /* one that is open */
    TABLE_UNKNOWN,     /* it is not open */
};
enum table_hint table_reader_hint(const struct table_reader *table,
                                  const struct table_target *target);

/* Whether a range tombstone of the table lies over the key; told to the target, which is
 * borrowed. */
struct table_question {
    const struct table_reader *table; /* borrowed; open */
    struct table_target *target;
};
/* At most READ_PREFETCH_COUNT_MAX, side by side. */
void table_prefetch_ask(const struct table_question *questions, unsigned count);

void table_prefetch_run(struct table_prefetch *items, unsigned count,
                        const struct block_cache *cache);

#endif
