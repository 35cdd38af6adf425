/* block_cache.h - verified, uncompressed blocks of tables by (table, offset), within a budget.
 *
 * Never does I/O.  Scan-resistant: a block is kept for long only when it is asked for again.
 * A pinned block is never evicted and counts against the budget; when pins alone exceed it,
 * inserts still work, and the overshoot shows in the statistics.
 */
#ifndef KV_CACHE_BLOCK_CACHE_H
#define KV_CACHE_BLOCK_CACHE_H

#include "base/slice.h"
#include "base/status.h"

struct block_cache;

struct block_id {
    uint64_t table_id; /* unique for the life of the process, never reused: see table_reader.h */
    uint64_t offset;   /* of the block in the file */
};

struct block {
    struct block_id id;
    struct slice bytes; /* owned by the cache */
    uint32_t pin_count;
};

struct block_cache_stats {
    uint64_t hit_count, miss_count, insert_count, evict_count;
    uint64_t bytes_used, bytes_pinned, bytes_max;
    uint64_t block_count;
};

struct block_cache *block_cache_new(size_t bytes_max);
void block_cache_free(struct block_cache *cache); /* nothing may be pinned */
/* The budget may change at any time; what is over it is evicted at once. */
void block_cache_set_bytes_max(struct block_cache *cache, size_t bytes_max);

/* For whoever looks up several blocks at once: begins to load what the next of these will look at,
 * and pin in the end.  No hit, no miss. */
void block_cache_prefetch_slot(const struct block_cache *cache, struct block_id id);
void block_cache_prefetch_entry(const struct block_cache *cache, struct block_id id);
/* The block, or NULL; it may go with the next insert or unpin. */
const struct block *block_cache_peek(const struct block_cache *cache, struct block_id id);

/* The block with one more pin, or NULL. */
struct block *block_cache_pin(struct block_cache *cache, struct block_id id);
void block_cache_unpin(struct block_cache *cache, struct block *block);
/* Memory for a block that is about to be inserted, of one that was evicted if there is some of
 * about that size, else malloc'd.  NULL: there is none.  Who doesn't insert it frees it. */
void *block_cache_alloc(struct block_cache *cache, size_t size);
/* Takes over `bytes` (malloc'd, or block_cache_alloc's).  Returns the block with one pin.  If the
 * block is already there, frees `bytes` and returns the one that is there. */
struct block *block_cache_insert(struct block_cache *cache, struct block_id id, void *bytes,
                                 size_t size);
/* Drops unpinned blocks of a table that is gone, so many at most: each takes a few waits for
 * memory, and a table may have many thousands.  Whether there is none left. */
bool block_cache_drop_table(struct block_cache *cache, uint64_t table_id, size_t count_max);
/* Drops all that is unpinned: for tests that must run cold. */
void block_cache_drop_unpinned(struct block_cache *cache);
void block_cache_get_stats(const struct block_cache *cache, struct block_cache_stats *stats);

#endif
