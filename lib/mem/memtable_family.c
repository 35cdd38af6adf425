/* memtable_family.c - which column families a memtable has.
 *
 * The mapping has them as a list, for the worker, who looks once; kvd, who looks with every
 * record, has a hash table of their offsets in its own memory.
 */
#include "base/alloc.h"
#include "mem/memtable_internal.h"

enum { FAMILY_SLOT_COUNT_MIN = 16 };

/* Older families have lower offsets, so the walk ends on damaged mappings too. */
static const struct mem_family *
family_older(const struct memtable *memtable, const struct mem_family *family)
{
    const uint32_t older = family->older;

    return older < mem_offset(memtable, family) ? mem_family_at(memtable, older) : NULL;
}

bool
mem_families_are_sound(const struct memtable *memtable)
{
    const struct mem_header *header = mem_header(memtable);
    uint32_t offset = header->family_newest;
    uint32_t count = 0;

    for (; offset != 0; count++) {
        const struct mem_family *family = mem_family_at(memtable, offset);

        if (family == NULL || family->older >= offset)
            return false;
        offset = family->older;
    }
    return count == header->family_count;
}

/* The slot that has the family or is free for it. */
static uint32_t *
family_slot(const struct memtable *memtable, uint32_t cf_id)
{
    const uint32_t mask = memtable->family_slot_count - 1;
    uint32_t index = (cf_id * 0x9e3779b1u) >> 7 & mask;

    KV_ASSERT(memtable->family_slot_count > mem_header(memtable)->family_count);
    for (;; index = (index + 1) & mask) {
        uint32_t *slot = &memtable->family_slots[index];

        if (*slot == 0 || mem_family_at(memtable, *slot)->cf_id == cf_id)
            return slot;
    }
}

struct mem_family *
mem_family_find(const struct memtable *memtable, uint32_t cf_id)
{
    struct mem_family *family;

    if (memtable->pool != NULL)
        return memtable->family_slot_count == 0
                   ? NULL
                   : mem_family_at(memtable, *family_slot(memtable, cf_id));
    family = mem_family_at(memtable, mem_header(memtable)->family_newest);
    while (family != NULL && family->cf_id != cf_id)
        family = (struct mem_family *)family_older(memtable, family);
    return family;
}

/* Keeps the table at most half full. */
static void
family_slots_grow(struct memtable *memtable)
{
    const uint32_t count = memtable->family_slot_count;
    const struct mem_family *family;

    memtable->family_slot_count = count == 0 ? FAMILY_SLOT_COUNT_MIN : 2 * count;
    free(memtable->family_slots);
    memtable->family_slots =
        kv_alloc_zero(memtable->family_slot_count * sizeof(memtable->family_slots[0]));
    family = mem_family_at(memtable, mem_header(memtable)->family_newest);
    for (; family != NULL; family = family_older(memtable, family))
        *family_slot(memtable, family->cf_id) = mem_offset(memtable, family);
}

struct mem_family *
mem_family_find_or_add(struct memtable *memtable, uint32_t cf_id)
{
    struct mem_header *header = mem_header(memtable);
    struct mem_family *family = mem_family_find(memtable, cf_id);

    if (family != NULL)
        return family;
    if (2 * (header->family_count + 1) > memtable->family_slot_count)
        family_slots_grow(memtable);
    family = mem_allocate(memtable, sizeof(*family), 8);
    *family = (struct mem_family){.cf_id = cf_id, .older = header->family_newest};
    header->family_newest = mem_offset(memtable, family);
    header->family_count++;
    *family_slot(memtable, cf_id) = header->family_newest;
    return family;
}

static int
compare_families(const void *a, const void *b)
{
    const uint32_t id_a = ((const struct memtable_family *)a)->cf_id;
    const uint32_t id_b = ((const struct memtable_family *)b)->cf_id;

    return (id_a > id_b) - (id_a < id_b);
}

static bool
has_entries(const struct mem_family *family)
{
    return family->entry_count > 0 || family->range_tombstone_count > 0;
}

static struct memtable_family
describe(const struct mem_family *family)
{
    return (struct memtable_family){
        .cf_id = family->cf_id,
        .entry_count = family->entry_count,
        .range_tombstone_count = family->range_tombstone_count,
        .key_count_delta = family->key_count_delta,
        .entity_count = family->entity_count,
    };
}

bool
memtable_find_family(const struct memtable *memtable, uint32_t cf_id, struct memtable_family *found)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);

    if (family == NULL || !has_entries(family))
        return false;
    *found = describe(family);
    return true;
}

/* Those with entries, in no order; `families` may be NULL to count them. */
static uint32_t
collect_families(const struct memtable *memtable, struct memtable_family *families)
{
    const struct mem_family *family = mem_family_at(memtable, mem_header(memtable)->family_newest);
    uint32_t count = 0;

    for (; family != NULL; family = family_older(memtable, family)) {
        if (!has_entries(family))
            continue;
        if (families != NULL)
            families[count] = describe(family);
        count++;
    }
    return count;
}

uint32_t
memtable_families(const struct memtable *memtable, struct memtable_family *families, uint32_t max)
{
    const uint32_t count = collect_families(memtable, NULL);
    struct memtable_family *all;

    KV_ASSERT(families != NULL || max == 0);
    if (count == 0 || max == 0)
        return count;
    all = kv_alloc(count * sizeof(*all));
    collect_families(memtable, all);
    qsort(all, count, sizeof(*all), compare_families);
    memcpy(families, all, (count < max ? count : max) * sizeof(*all));
    free(all);
    return count;
}
