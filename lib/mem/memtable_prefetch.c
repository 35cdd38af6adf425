/* memtable_prefetch.c - point reads and puts that go down the tree together.
 *
 * A descent is a chain of loads, each of which a lookup alone would wait for.  Here each step is
 * made for all keys before the next: what one waits for, the others load meanwhile.  The lookups
 * and inserts that follow find all of it in the processor's cache.
 */
#include "base/hash.h"
#include "base/limits.h"
#include "mem/memtable_tree.h"

static_assert((int)READ_PREFETCH_COUNT_MAX <= (int)MEM_GROUP_COUNT_MAX, "the keys are one group");
static_assert(READ_PREFETCH_COUNT_MAX <= 32, "a set of them is 32 bits");

/* The places of the keys that may be there; returns how many they are. */
static unsigned
pass_filter(const struct mem_filter *filter, const uint64_t *hashes, unsigned count,
            uint8_t *places)
{
    unsigned passed_count = 0;

    for (unsigned i = 0; i < count; i++)
        mem_filter_prefetch(filter, hashes[i]);
    for (unsigned i = 0; i < count; i++) {
        if (mem_filter_may_contain(filter, hashes[i]))
            places[passed_count++] = (uint8_t)i;
    }
    return passed_count;
}

uint32_t
memtable_prefetch(const struct memtable *memtable, uint32_t cf_id, const struct slice *keys,
                  const uint64_t *hashes, unsigned count)
{
    struct mem_family *family = mem_family_find(memtable, cf_id);
    struct tree_finger fingers[READ_PREFETCH_COUNT_MAX];
    uint8_t places[READ_PREFETCH_COUNT_MAX]; /* of the fingers' keys among all */
    uint32_t found = 0;

    KV_ASSERT(memtable->pool != NULL);
    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    if (family == NULL || family->root == 0)
        return 0;
    count = pass_filter(&memtable->filter, hashes, count, places);
    for (unsigned i = 0; i < count; i++)
        fingers[i] = (struct tree_finger){.family = family, .key = keys[places[i]]};
    tree_find_leaves(memtable, fingers, count);
    for (unsigned i = 0; i < count; i++)
        tree_prefetch_entry(memtable, &fingers[i]);
    for (unsigned i = 0; i < count; i++) {
        const struct mem_entry *entry = tree_find_entry(memtable, &fingers[i]);

        if (entry == NULL || entry->newest == 0)
            continue;
        __builtin_prefetch(memtable->base + entry->newest);
        __builtin_prefetch(memtable->base + entry->newest + 64);
        found |= UINT32_C(1) << places[i];
    }
    return found;
}

/* Keeps what the put of a short key would find out again. */
static void
keep_hint(struct mem_hints *hints, const struct tree_finger *finger, uint64_t hash)
{
    struct mem_hint *hint = &hints->items[hints->count];

    if (finger->key.size > MEM_HINT_KEY_BYTES_MAX)
        return;
    *hint = (struct mem_hint){.finger = *finger, .hash = hash};
    if (finger->key.size > 0)
        memcpy(hint->key, finger->key.data, finger->key.size);
    hint->finger.key.data = hint->key;
    hints->count++;
}

void
memtable_prefetch_puts(struct memtable *memtable, uint32_t cf_id, const struct slice *keys,
                       unsigned count)
{
    struct mem_family *family = mem_family_find(memtable, cf_id);
    struct tree_finger fingers[READ_PREFETCH_COUNT_MAX];
    uint64_t hashes[READ_PREFETCH_COUNT_MAX];

    KV_ASSERT(memtable->pool != NULL);
    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    if (family == NULL || family->root == 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        hashes[i] = hash_xxph3(keys[i].data, keys[i].size);
        mem_filter_prefetch(&memtable->filter, hashes[i]);
        fingers[i] = (struct tree_finger){.family = family, .key = keys[i]};
    }
    tree_find_leaves(memtable, fingers, count);
    for (unsigned i = 0; i < count; i++)
        tree_prefetch_entry(memtable, &fingers[i]);
    memtable->hints.next = memtable->hints.count = 0;
    for (unsigned i = 0; i < count; i++)
        keep_hint(&memtable->hints, &fingers[i], hashes[i]);
}
