/* memtable_tombstone.c - range tombstones: a list per family, newest first.
 *
 * They are few, so a lookup asks them one by one, and the first that covers is the newest.  Each
 * knows the span of itself and all older ones; a key outside of it ends the walk, so whoever
 * deletes ranges at one end (of a queue, of a time series) reads the other end at no cost.
 */
#include "base/alloc.h"
#include "mem/memtable_internal.h"

struct tombstone_iter {
    struct iter iter;
    const struct mem_tombstone **sorted; /* owned; points into the memtable */
    size_t count;
    size_t position;
    bool damaged;
};

/* Of our own memtable, where offsets are sound. */
static const struct mem_tombstone *
tombstone_at(const struct memtable *memtable, uint32_t offset)
{
    const struct mem_tombstone *tombstone = mem_tombstone_at(memtable, offset);

    KV_ASSERT(tombstone != NULL);
    return tombstone;
}

static struct slice
tombstone_begin(const struct mem_tombstone *tombstone)
{
    return internal_key_user(mem_tombstone_key(tombstone));
}

/* Joins the span of the older ones with that of the new tombstone itself. */
static void
tombstone_set_span(const struct memtable *memtable, struct mem_tombstone *tombstone)
{
    const struct mem_tombstone *older, *lowest, *highest;

    tombstone->lowest = tombstone->highest = mem_offset(memtable, tombstone);
    if (tombstone->older == 0)
        return;
    older = tombstone_at(memtable, tombstone->older);
    lowest = tombstone_at(memtable, older->lowest);
    highest = tombstone_at(memtable, older->highest);
    if (slice_compare(tombstone_begin(lowest), tombstone_begin(tombstone)) < 0)
        tombstone->lowest = older->lowest;
    if (slice_compare(mem_tombstone_end(highest), mem_tombstone_end(tombstone)) > 0)
        tombstone->highest = older->highest;
}

void
mem_tombstone_add(struct memtable *memtable, struct mem_family *family,
                  const struct batch_record *record)
{
    const size_t key_size = record->key.size + KEY_FOOTER_BYTES;
    struct mem_tombstone *tombstone =
        mem_allocate(memtable, sizeof(*tombstone) + key_size + record->value.size, 8);
    uint8_t *target = tombstone->bytes;

    KV_ASSERT(record->type == TYPE_RANGE_DELETION);
    KV_ASSERT(record->value.size > 0);
    *tombstone = (struct mem_tombstone){
        .older = family->tombstone_newest,
        .key_size = (uint32_t)key_size,
        .end_size = (uint32_t)record->value.size,
    };
    if (record->key.size > 0)
        memcpy(target, record->key.data, record->key.size);
    put_fixed64(target + record->key.size, footer_pack(record->seq, record->type));
    memcpy(target + key_size, record->value.data, record->value.size);
    tombstone_set_span(memtable, tombstone);
    family->tombstone_newest = mem_offset(memtable, tombstone);
    family->range_tombstone_count++;
}

static bool
tombstone_covers(const struct mem_tombstone *tombstone, struct slice key)
{
    return slice_compare(tombstone_begin(tombstone), key) <= 0 &&
           slice_compare(key, mem_tombstone_end(tombstone)) < 0;
}

/* Whether this or any older tombstone may cover the key. */
static bool
span_covers(const struct memtable *memtable, const struct mem_tombstone *tombstone,
            struct slice key)
{
    const struct mem_tombstone *lowest = tombstone_at(memtable, tombstone->lowest);
    const struct mem_tombstone *highest = tombstone_at(memtable, tombstone->highest);

    return slice_compare(tombstone_begin(lowest), key) <= 0 &&
           slice_compare(key, mem_tombstone_end(highest)) < 0;
}

uint64_t
mem_tombstone_covering(const struct memtable *memtable, const struct mem_family *family,
                       struct slice key, uint64_t seq_max)
{
    uint32_t offset = family->tombstone_newest;

    while (offset != 0) {
        const struct mem_tombstone *tombstone = tombstone_at(memtable, offset);
        const uint64_t seq = internal_key_footer(mem_tombstone_key(tombstone)) >> 8;

        if (!span_covers(memtable, tombstone, key))
            return 0;
        if (seq <= seq_max && tombstone_covers(tombstone, key))
            return seq;
        offset = tombstone->older;
    }
    return 0;
}

static int
compare_tombstones(const void *a, const void *b)
{
    const struct mem_tombstone *const *tombstone_a = a;
    const struct mem_tombstone *const *tombstone_b = b;

    return internal_key_compare(mem_tombstone_key(*tombstone_a), mem_tombstone_key(*tombstone_b));
}

static enum kv_status
tombstone_iter_stand(struct tombstone_iter *self, size_t position)
{
    self->position = position;
    self->iter.valid = position < self->count;
    if (self->iter.valid) {
        self->iter.key = mem_tombstone_key(self->sorted[position]);
        self->iter.value = mem_tombstone_end(self->sorted[position]);
    }
    return KV_OK;
}

static enum kv_status
tombstone_iter_seek_first(struct iter *iter)
{
    struct tombstone_iter *self = (struct tombstone_iter *)(void *)iter;

    if (self->damaged)
        return KV_FAIL(KV_CORRUPT, "memtable: list of range tombstones");
    return tombstone_iter_stand(self, 0);
}

static enum kv_status
tombstone_iter_seek(struct iter *iter, struct slice target)
{
    struct tombstone_iter *self = (struct tombstone_iter *)(void *)iter;
    size_t low = 0;
    size_t high = self->count;

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    if (self->damaged)
        return KV_FAIL(KV_CORRUPT, "memtable: list of range tombstones");
    while (low < high) {
        const size_t middle = (low + high) / 2;

        if (internal_key_compare(mem_tombstone_key(self->sorted[middle]), target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return tombstone_iter_stand(self, low);
}

static enum kv_status
tombstone_iter_next(struct iter *iter)
{
    struct tombstone_iter *self = (struct tombstone_iter *)(void *)iter;

    KV_ASSERT(iter->valid);
    return tombstone_iter_stand(self, self->position + 1);
}

static void
tombstone_iter_free(struct iter *iter)
{
    struct tombstone_iter *self = (struct tombstone_iter *)(void *)iter;

    free(self->sorted);
    free(self);
}

static const struct iter_ops tombstone_iter_ops = {
    .seek_first = tombstone_iter_seek_first,
    .seek = tombstone_iter_seek,
    .next = tombstone_iter_next,
    .free = tombstone_iter_free,
};

/* Goes through the list; offsets must fall, so it ends on damaged mappings too.  Stores the
 * tombstones if `sorted` is not NULL.  False: damaged. */
static bool
collect_tombstones(const struct memtable *memtable, const struct mem_family *family,
                   const struct mem_tombstone **sorted, size_t *count)
{
    uint32_t offset = family->tombstone_newest;

    for (*count = 0; offset != 0; (*count)++) {
        const struct mem_tombstone *tombstone = mem_tombstone_at(memtable, offset);

        if (tombstone == NULL || tombstone->older >= offset)
            return false;
        if (sorted != NULL)
            sorted[*count] = tombstone;
        offset = tombstone->older;
    }
    return true;
}

struct iter *
memtable_tombstone_iter_new(const struct memtable *memtable, uint32_t cf_id)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);
    struct tombstone_iter *self = kv_alloc_zero(sizeof(*self));

    self->iter.ops = &tombstone_iter_ops;
    if (family == NULL || family->tombstone_newest == 0)
        return &self->iter;
    if (!collect_tombstones(memtable, family, NULL, &self->count)) {
        self->damaged = true;
        self->count = 0;
        return &self->iter;
    }
    self->sorted = kv_alloc(self->count * sizeof(self->sorted[0]));
    self->damaged = !collect_tombstones(memtable, family, self->sorted, &self->count);
    qsort(self->sorted, self->count, sizeof(self->sorted[0]), compare_tombstones);
    return &self->iter;
}
