/* block_cache.c - blocks in two queues, after S3-FIFO (Yang et al., SOSP 2023).
 *
 *     insert ──▶ [ probation: FIFO, a tenth of the budget ] ──asked for again──▶ [ main: CLOCK ]
 *                        │ not asked for again                                     ▲       │
 *                        ▼                                                         │       ▼
 *                     evicted, its fingerprint goes to the ghosts ──seen again─────┘    evicted
 *
 * Why: most blocks of a scan are read once.  They pass through probation and push out each other,
 * never main.  A hit only sets a bit, so the hit path writes one word of the block that it
 * returns anyway and links nothing; an LRU list would touch three blocks.  A key that comes back
 * after its block has left probation is known by its ghost, a 4-byte fingerprint in a table
 * of one slot a place, and goes to main at once.
 *
 * Pins: a pinned block that eviction meets is taken out of its queue, and put back by its last
 * unpin; so no eviction ever walks past the same pinned block twice.
 *
 * Invariants: a block is in the hash table and in its table's list from insert to eviction; in
 * exactly one queue unless it is pinned and was met by an eviction; bytes_used is the sum of all
 * charges and of the index; bytes_used <= bytes_max or everything that is left is pinned.
 *
 * All is O(1) but growing the index (doubling; a budget that is set makes it large enough for
 * blocks of 4 KiB at once) and block_cache_drop_table, which walks the blocks whose tables share
 * a list.  To move a hundred thousand blocks to another index takes tens of milliseconds, and a
 * budget that memtables share goes up and down all the time; so the index stays large.
 */
#include "cache/block_cache.h"

#include <malloc.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/list.h"

enum {
    SLOT_COUNT_MIN = 64,
    TABLE_LIST_COUNT = 1024,
    PROBATION_PART = 10, /* the budget's tenth */
    LINE_BYTES = 64,
    CHUNK_HEAD_BYTES = 16, /* malloc's, in front of a block */
    SPARE_BYTES_MAX = 16 * 1024,
    SPARE_SLACK_BYTES_MAX = 512, /* wasted in a block, which is charged for it */
    INDEX_PART_MAX = 16,         /* an index that takes more of the budget is made smaller */
    HITS_MAX = 3,                /* turns of the clock that the busiest block survives unasked */
};

/* Under a sanitizer, what was evicted must be gone. */
#ifdef KV_DEBUG
enum { SPARE_COUNT = 1, SPARES_ARE_KEPT = false };
#else
enum { SPARE_COUNT = 8, SPARES_ARE_KEPT = true };
#endif

enum queue_id { QUEUE_PROBATION, QUEUE_MAIN, QUEUE_COUNT };

struct cache_entry {
    struct block block;
    uint32_t hash;
    uint8_t hit_count; /* since it was inserted or last passed by the clock; <= HITS_MAX */
    uint8_t queue;     /* enum queue_id */
    bool queued;       /* false: pinned, and met by an eviction */
    size_t charge_bytes;
    struct cache_entry *hash_next;
    struct list queue_link;
    struct list table_link;
};

/* The memory of a block that was evicted, for the next one: in a full cache each read of the disk
 * would call malloc twice and free twice, which took a tenth of its time. */
struct spare {
    struct cache_entry *entry; /* NULL: taken; so is each by itself */
    void *bytes;
    size_t bytes_usable;
};

struct block_cache {
    struct cache_entry **slots; /* owned; slot_count chains */
    uint32_t *ghosts;           /* owned; slot_count fingerprints, 0: none */
    size_t slot_count;          /* a power of two */
    struct list queues[QUEUE_COUNT];
    size_t queue_bytes[QUEUE_COUNT];
    size_t bytes_max;
    size_t bytes_used;
    struct block_cache_stats stats; /* counts only; bytes are filled in when asked for */
    struct list tables[TABLE_LIST_COUNT];
    struct spare spares[SPARE_COUNT]; /* owned; not in the budget */
    uint32_t spare_next;              /* to be given up for a newer one */
};

static_assert((TABLE_LIST_COUNT & (TABLE_LIST_COUNT - 1)) == 0, "taken by a mask");

static uint64_t
hash_id(struct block_id id)
{
    uint64_t hash = (id.table_id * UINT64_C(0x9e3779b97f4a7c15)) ^ id.offset;

    hash = (hash ^ (hash >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ (hash >> 32);
}

static struct list *
table_list(struct block_cache *cache, uint64_t table_id)
{
    return &cache->tables[table_id & (TABLE_LIST_COUNT - 1)];
}

static struct cache_entry *
entry_of(struct block *block)
{
    return KV_CONTAINER_OF(block, struct cache_entry, block);
}

/* Fingerprints share the hash's upper half with nothing: slots are taken from the lower one. */
static uint32_t
ghost_fingerprint(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

static size_t
index_bytes(size_t slot_count)
{
    return slot_count * (sizeof(struct cache_entry *) + sizeof(uint32_t));
}

/* Ghosts are forgotten: they are hints, and this happens a few times in a life. */
static void
index_resize(struct block_cache *cache, size_t slot_count)
{
    struct cache_entry **slots = kv_alloc_zero(slot_count * sizeof(struct cache_entry *));

    KV_ASSERT((slot_count & (slot_count - 1)) == 0);
    for (size_t i = 0; i < cache->slot_count; i++) {
        while (cache->slots[i] != NULL) {
            struct cache_entry *entry = cache->slots[i];
            const size_t slot = entry->hash & (slot_count - 1);

            cache->slots[i] = entry->hash_next;
            entry->hash_next = slots[slot];
            slots[slot] = entry;
        }
    }
    free(cache->slots);
    free(cache->ghosts);
    cache->bytes_used += index_bytes(slot_count) - index_bytes(cache->slot_count);
    cache->slots = slots;
    cache->ghosts = kv_alloc_zero(slot_count * sizeof(uint32_t));
    cache->slot_count = slot_count;
}

/* Two slots for each block of the usual size: a chain's second entry is a cache miss more. */
static size_t
slot_count_for(size_t bytes_max)
{
    size_t count = SLOT_COUNT_MIN;

    while (count < bytes_max / BLOCK_BYTES_TARGET * 2 && count < UINT32_MAX / 2)
        count *= 2;
    return count;
}

struct block_cache *
block_cache_new(size_t bytes_max)
{
    struct block_cache *cache = kv_alloc_zero(sizeof(*cache));

    for (size_t i = 0; i < QUEUE_COUNT; i++)
        list_init(&cache->queues[i]);
    for (size_t i = 0; i < TABLE_LIST_COUNT; i++)
        list_init(&cache->tables[i]);
    cache->bytes_max = bytes_max;
    index_resize(cache, slot_count_for(bytes_max));
    return cache;
}

static struct cache_entry **
find_slot(const struct block_cache *cache, struct block_id id, uint32_t hash)
{
    struct cache_entry **place = &cache->slots[hash & (cache->slot_count - 1)];

    while (*place != NULL &&
           ((*place)->block.id.offset != id.offset || (*place)->block.id.table_id != id.table_id))
        place = &(*place)->hash_next;
    return place;
}

static void
queue_push(struct block_cache *cache, struct cache_entry *entry, enum queue_id queue)
{
    KV_ASSERT(!entry->queued);
    entry->queue = (uint8_t)queue;
    entry->queued = true;
    list_push_back(&cache->queues[queue], &entry->queue_link);
    cache->queue_bytes[queue] += entry->charge_bytes;
}

static void
queue_remove(struct block_cache *cache, struct cache_entry *entry)
{
    KV_ASSERT(entry->queued);
    KV_ASSERT(cache->queue_bytes[entry->queue] >= entry->charge_bytes);
    entry->queued = false;
    list_remove(&entry->queue_link);
    cache->queue_bytes[entry->queue] -= entry->charge_bytes;
}

static void
spare_free(struct spare *spare)
{
    free(spare->entry);
    free(spare->bytes);
    *spare = (struct spare){0};
}

static void
spare_put(struct block_cache *cache, struct cache_entry *entry)
{
    struct spare *spare = &cache->spares[cache->spare_next++ % SPARE_COUNT];

    spare_free(spare);
    spare->entry = entry;
    spare->bytes = (void *)(uintptr_t)entry->block.bytes.data;
    spare->bytes_usable = malloc_usable_size(spare->bytes);
    if (!SPARES_ARE_KEPT || spare->bytes_usable > SPARE_BYTES_MAX)
        spare_free(spare);
}

void *
block_cache_alloc(struct block_cache *cache, size_t size)
{
    for (uint32_t i = 0; i < SPARE_COUNT; i++) {
        struct spare *spare = &cache->spares[i];
        void *bytes = spare->bytes;

        if (bytes == NULL || spare->bytes_usable < size ||
            spare->bytes_usable - size > SPARE_SLACK_BYTES_MAX)
            continue;
        spare->bytes = NULL;
        return bytes;
    }
    return malloc(size + 1); /* never 0; the size may be a stranger's, so failing is no bug */
}

static struct cache_entry *
entry_alloc(struct block_cache *cache)
{
    for (uint32_t i = 0; i < SPARE_COUNT; i++) {
        struct cache_entry *entry = cache->spares[i].entry;

        if (entry == NULL)
            continue;
        cache->spares[i].entry = NULL;
        return entry;
    }
    return kv_alloc(sizeof(*cache->spares[0].entry));
}

/* Not queued, not pinned. */
static void
entry_free(struct block_cache *cache, struct cache_entry *entry)
{
    struct cache_entry **place = find_slot(cache, entry->block.id, entry->hash);

    KV_ASSERT(*place == entry);
    KV_ASSERT(entry->block.pin_count == 0 && !entry->queued);
    *place = entry->hash_next;
    list_remove(&entry->table_link);
    cache->bytes_used -= entry->charge_bytes;
    cache->stats.block_count--;
    spare_put(cache, entry);
}

static void
ghost_add(struct block_cache *cache, struct block_id id)
{
    const uint64_t hash = hash_id(id);

    cache->ghosts[hash & (cache->slot_count - 1)] = ghost_fingerprint(hash);
}

static bool
ghost_take(struct block_cache *cache, uint64_t hash)
{
    uint32_t *ghost = &cache->ghosts[hash & (cache->slot_count - 1)];

    if (*ghost != ghost_fingerprint(hash))
        return false;
    *ghost = 0;
    return true;
}

/* Nobody has touched the blocks at the front of a queue for long, so what an eviction looks at is
 * far away.  Begins to load what hangs on the one that is now the first, and the one behind it,
 * which will be the first the next time. */
static void
prefetch_victims(const struct block_cache *cache, const struct list *queue)
{
    const struct cache_entry *first = LIST_ENTRY(queue->next, const struct cache_entry, queue_link);

    if (queue->next == queue)
        return;
    __builtin_prefetch(&cache->slots[first->hash & (cache->slot_count - 1)], 1);
    __builtin_prefetch(first->table_link.prev, 1);
    __builtin_prefetch(first->table_link.next, 1);
    __builtin_prefetch(first->block.bytes.data - CHUNK_HEAD_BYTES, 1);
    if (first->queue_link.next == queue)
        return;
    for (size_t at = 0; at < sizeof(*first); at += LINE_BYTES)
        __builtin_prefetch(
            (const char *)LIST_ENTRY(first->queue_link.next, struct cache_entry, queue_link) + at,
            1);
}

/* Takes one block from the front of a queue and evicts it, moves it, or sets it aside. */
static void
evict_step(struct block_cache *cache)
{
    const bool probation_full =
        cache->queue_bytes[QUEUE_PROBATION] > cache->bytes_max / PROBATION_PART;
    const enum queue_id queue = !list_empty(&cache->queues[QUEUE_PROBATION]) &&
                                        (probation_full || list_empty(&cache->queues[QUEUE_MAIN]))
                                    ? QUEUE_PROBATION
                                    : QUEUE_MAIN;
    struct cache_entry *entry =
        LIST_ENTRY(cache->queues[queue].next, struct cache_entry, queue_link);

    KV_ASSERT(!list_empty(&cache->queues[queue]));
    queue_remove(cache, entry);
    prefetch_victims(cache, &cache->queues[queue]);
    if (entry->block.pin_count > 0)
        return;
    if (entry->hit_count > 0) {
        entry->hit_count = queue == QUEUE_PROBATION ? 0 : (uint8_t)(entry->hit_count - 1);
        queue_push(cache, entry, QUEUE_MAIN);
        return;
    }
    if (queue == QUEUE_PROBATION)
        ghost_add(cache, entry->block.id);
    cache->stats.evict_count++;
    entry_free(cache, entry);
}

/* Ends: each step evicts, sets aside, or takes a hit from a block. */
static void
evict_to_budget(struct block_cache *cache)
{
    while (cache->bytes_used > cache->bytes_max && (!list_empty(&cache->queues[QUEUE_PROBATION]) ||
                                                    !list_empty(&cache->queues[QUEUE_MAIN])))
        evict_step(cache);
}

void
block_cache_set_bytes_max(struct block_cache *cache, size_t bytes_max)
{
    const size_t slot_count = slot_count_for(bytes_max);

    cache->bytes_max = bytes_max;
    evict_to_budget(cache);
    if (slot_count > cache->slot_count ||
        (slot_count < cache->slot_count && cache->stats.block_count <= 2 * slot_count &&
         index_bytes(cache->slot_count) > bytes_max / INDEX_PART_MAX))
        index_resize(cache, slot_count);
    evict_to_budget(cache);
}

void
block_cache_prefetch_slot(const struct block_cache *cache, struct block_id id)
{
    __builtin_prefetch(&cache->slots[hash_id(id) & (cache->slot_count - 1)]);
}

void
block_cache_prefetch_entry(const struct block_cache *cache, struct block_id id)
{
    const struct cache_entry *entry = cache->slots[hash_id(id) & (cache->slot_count - 1)];

    if (entry == NULL)
        return;
    __builtin_prefetch(entry);
    __builtin_prefetch((const char *)entry + 64);
}

const struct block *
block_cache_peek(const struct block_cache *cache, struct block_id id)
{
    const struct cache_entry *entry = *find_slot(cache, id, (uint32_t)hash_id(id));

    return entry == NULL ? NULL : &entry->block;
}

struct block *
block_cache_pin(struct block_cache *cache, struct block_id id)
{
    struct cache_entry *entry = *find_slot(cache, id, (uint32_t)hash_id(id));

    if (entry == NULL) {
        cache->stats.miss_count++;
        return NULL;
    }
    cache->stats.hit_count++;
    if (entry->hit_count < HITS_MAX)
        entry->hit_count++;
    if (entry->block.pin_count++ == 0)
        cache->stats.bytes_pinned += entry->charge_bytes;
    KV_ASSERT(entry->block.pin_count > 0);
    return &entry->block;
}

void
block_cache_unpin(struct block_cache *cache, struct block *block)
{
    struct cache_entry *entry = entry_of(block);

    KV_ASSERT(block->pin_count > 0);
    if (--block->pin_count > 0)
        return;
    KV_ASSERT(cache->stats.bytes_pinned >= entry->charge_bytes);
    cache->stats.bytes_pinned -= entry->charge_bytes;
    if (!entry->queued)
        queue_push(cache, entry, entry->queue);
    evict_to_budget(cache);
}

struct block *
block_cache_insert(struct block_cache *cache, struct block_id id, void *bytes, size_t size)
{
    const uint64_t hash = hash_id(id);
    struct cache_entry *entry = *find_slot(cache, id, (uint32_t)hash);

    KV_ASSERT(bytes != NULL);
    if (entry != NULL) {
        free(bytes);
        if (entry->block.pin_count++ == 0)
            cache->stats.bytes_pinned += entry->charge_bytes;
        return &entry->block;
    }
    if (cache->stats.block_count >= cache->slot_count)
        index_resize(cache, 2 * cache->slot_count);
    entry = entry_alloc(cache);
    *entry = (struct cache_entry){
        .block = {.id = id, .bytes = slice_of(bytes, size), .pin_count = 1},
        .hash = (uint32_t)hash,
    };
    entry->charge_bytes = malloc_usable_size(bytes) + malloc_usable_size(entry);
    entry->hash_next = cache->slots[hash & (cache->slot_count - 1)];
    cache->slots[hash & (cache->slot_count - 1)] = entry;
    list_push_back(table_list(cache, id.table_id), &entry->table_link);
    queue_push(cache, entry, ghost_take(cache, hash) ? QUEUE_MAIN : QUEUE_PROBATION);
    cache->bytes_used += entry->charge_bytes;
    cache->stats.bytes_pinned += entry->charge_bytes;
    cache->stats.block_count++;
    cache->stats.insert_count++;
    evict_to_budget(cache);
    return &entry->block;
}

/* Of all tables (table_id NULL) or of one.  False: count_max have been dropped, and there may be
 * more. */
static bool
drop_from_list(struct block_cache *cache, struct list *head, const uint64_t *table_id,
               size_t count_max)
{
    struct list *next;

    for (struct list *link = head->next; link != head; link = next) {
        struct cache_entry *entry = LIST_ENTRY(link, struct cache_entry, table_link);

        next = link->next;
        if (entry->block.pin_count > 0)
            continue;
        if (table_id != NULL && entry->block.id.table_id != *table_id)
            continue;
        if (count_max-- == 0)
            return false;
        queue_remove(cache, entry);
        entry_free(cache, entry);
    }
    return true;
}

bool
block_cache_drop_table(struct block_cache *cache, uint64_t table_id, size_t count_max)
{
    return drop_from_list(cache, table_list(cache, table_id), &table_id, count_max);
}

void
block_cache_drop_unpinned(struct block_cache *cache)
{
    for (size_t i = 0; i < TABLE_LIST_COUNT; i++)
        (void)drop_from_list(cache, &cache->tables[i], NULL, SIZE_MAX);
}

void
block_cache_get_stats(const struct block_cache *cache, struct block_cache_stats *stats)
{
    *stats = cache->stats;
    stats->bytes_used = cache->bytes_used;
    stats->bytes_max = cache->bytes_max;
}

void
block_cache_free(struct block_cache *cache)
{
    if (cache == NULL)
        return;
    block_cache_drop_unpinned(cache);
    KV_ASSERT(cache->stats.block_count == 0);
    KV_ASSERT(cache->bytes_used == index_bytes(cache->slot_count));
    for (uint32_t i = 0; i < SPARE_COUNT; i++)
        spare_free(&cache->spares[i]);
    free(cache->slots);
    free(cache->ghosts);
    free(cache);
}
