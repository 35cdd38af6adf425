/* memtable_prefetch.c - point reads that go down the tree together.
 *
 * A descent is a chain of loads, each of which a lookup alone would wait for.  Here each step is
 * made for all keys before the next: what one waits for, the others load meanwhile.  The lookups
 * that follow find all of it in the processor's cache.
 */
#include "base/limits.h"
#include "mem/memtable_tree.h"

static_assert((int)READ_PREFETCH_COUNT_MAX <= (int)MEM_GROUP_COUNT_MAX, "the keys are one group");
static_assert(READ_PREFETCH_COUNT_MAX <= 32, "a set of them is 32 bits");

uint32_t
memtable_prefetch(const struct memtable *memtable, uint32_t cf_id, const struct slice *keys,
                  unsigned count)
{
    struct mem_family *family = mem_family_find(memtable, cf_id);
    struct tree_finger fingers[READ_PREFETCH_COUNT_MAX];
    const struct mem_entry *entries[READ_PREFETCH_COUNT_MAX];
    uint32_t found = 0;

    KV_ASSERT(memtable->pool != NULL);
    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    if (family == NULL || family->root == 0)
        return 0;
    for (unsigned i = 0; i < count; i++)
        fingers[i] = (struct tree_finger){.family = family, .key = keys[i]};
    tree_find_leaves(memtable, fingers, count);
    for (unsigned i = 0; i < count; i++)
        tree_prefetch_entry(memtable, &fingers[i]);
    for (unsigned i = 0; i < count; i++) {
        entries[i] = tree_find_entry(memtable, &fingers[i]);
        if (entries[i] != NULL && entries[i]->newest != 0) {
            __builtin_prefetch(memtable->base + entries[i]->newest);
            __builtin_prefetch(memtable->base + entries[i]->newest + 64);
            found |= UINT32_C(1) << i;
        }
    }
    return found;
}
