/* memtable_tombstone.c - range tombstones: a list per family, newest first.
 *
 * The list is what the mapping has, for the worker, who sorts it.  The owner looks with every read,
 * so it has a tombstone_map of the same tombstones in its own memory.
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

static struct slice
tombstone_begin(const struct mem_tombstone *tombstone)
{
    return internal_key_user(mem_tombstone_key(tombstone));
}

static uint64_t
tombstone_seq(const struct mem_tombstone *tombstone)
{
    return internal_key_footer(mem_tombstone_key(tombstone)) >> 8;
}

/* Whoever empties a family wants to see that in its number of keys: a tombstone over all that is
 * here sets the count to zero.  Others are not counted. */
static uint64_t
key_count_under(const struct memtable *memtable, const struct mem_family *family,
                const struct batch_record *record)
{
    struct slice first, last;

    if (!memtable_key_span(memtable, family->cf_id, &first, &last) ||
        slice_compare(record->key, first) > 0 || slice_compare(last, record->value) >= 0)
        return 0;
    return family->key_count_delta;
}

static struct tombstone_map *
family_map(const struct memtable *memtable, const struct mem_family *family)
{
    KV_ASSERT(family->tombstone_map <= memtable->tombstone_map_count);
    return family->tombstone_map == 0 ? NULL : memtable->tombstone_maps[family->tombstone_map - 1];
}

static struct tombstone_map *
family_map_or_new(struct memtable *memtable, struct mem_family *family)
{
    if (family->tombstone_map == 0) {
        memtable->tombstone_maps =
            kv_realloc(memtable->tombstone_maps,
                       (memtable->tombstone_map_count + 1) * sizeof(struct tombstone_map *));
        memtable->tombstone_maps[memtable->tombstone_map_count++] = tombstone_map_new();
        family->tombstone_map = memtable->tombstone_map_count;
    }
    return family_map(memtable, family);
}

void
mem_tombstone_maps_free(struct memtable *memtable)
{
    for (uint32_t i = 0; i < memtable->tombstone_map_count; i++)
        tombstone_map_free(memtable->tombstone_maps[i]);
    free(memtable->tombstone_maps);
    memtable->tombstone_maps = NULL;
    memtable->tombstone_map_count = 0;
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
        .key_count_cut = key_count_under(memtable, family, record),
    };
    if (record->key.size > 0)
        memcpy(target, record->key.data, record->key.size);
    put_fixed64(target + record->key.size, footer_pack(record->seq, record->type));
    memcpy(target + key_size, record->value.data, record->value.size);
    family->tombstone_newest = mem_offset(memtable, tombstone);
    family->range_tombstone_count++;
    family->key_count_delta -= tombstone->key_count_cut;
    tombstone_map_add(family_map_or_new(memtable, family), tombstone_begin(tombstone),
                      mem_tombstone_end(tombstone), record->seq);
}

void
mem_tombstone_drop_newest(struct memtable *memtable, struct mem_family *family)
{
    const struct mem_tombstone *tombstone = mem_tombstone_at(memtable, family->tombstone_newest);

    KV_ASSERT(tombstone != NULL && family->range_tombstone_count > 0);
    family->range_tombstone_count--;
    family->key_count_delta += tombstone->key_count_cut;
    family->tombstone_newest = tombstone->older;
}

uint64_t
mem_tombstone_covering(const struct memtable *memtable, const struct mem_family *family,
                       struct slice key, uint64_t seq_max)
{
    struct tombstone_map *map = family_map(memtable, family);

    return map == NULL ? 0 : tombstone_map_covering(map, key, seq_max);
}

void
memtable_tombstone_stretch(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                           uint64_t seq_max, struct tombstone_stretch *stretch_out)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);
    struct tombstone_map *map = family == NULL ? NULL : family_map(memtable, family);

    KV_ASSERT(memtable->pool != NULL);
    *stretch_out = (struct tombstone_stretch){0};
    if (map != NULL)
        tombstone_map_find(map, key, seq_max, stretch_out);
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

static enum kv_status
tombstone_iter_seek_last(struct iter *iter)
{
    struct tombstone_iter *self = (struct tombstone_iter *)(void *)iter;

    if (self->damaged)
        return KV_FAIL(KV_CORRUPT, "memtable: list of range tombstones");
    return tombstone_iter_stand(self, self->count - 1); /* of none: behind the end */
}

static enum kv_status
tombstone_iter_prev(struct iter *iter)
{
    struct tombstone_iter *self = (struct tombstone_iter *)(void *)iter;

    KV_ASSERT(iter->valid);
    return tombstone_iter_stand(self, self->position - 1);
}

static enum kv_status
tombstone_iter_seek_for_prev(struct iter *iter, struct slice target)
{
    const enum kv_status st = tombstone_iter_seek(iter, target);

    if (st != KV_OK || (iter->valid && internal_key_compare(iter->key, target) == 0))
        return st;
    return iter->valid ? tombstone_iter_prev(iter) : tombstone_iter_seek_last(iter);
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
    .seek_last = tombstone_iter_seek_last,
    .seek = tombstone_iter_seek,
    .seek_for_prev = tombstone_iter_seek_for_prev,
    .next = tombstone_iter_next,
    .prev = tombstone_iter_prev,
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

void
mem_tombstone_map_rebuild(struct memtable *memtable, const struct mem_family *family)
{
    const size_t count = family->range_tombstone_count;
    const struct mem_tombstone **list;
    size_t collected;

    if (family->tombstone_map == 0)
        return;
    tombstone_map_free(memtable->tombstone_maps[family->tombstone_map - 1]);
    memtable->tombstone_maps[family->tombstone_map - 1] = tombstone_map_new();
    list = kv_alloc((count + 1) * sizeof(list[0]));
    if (!collect_tombstones(memtable, family, list, &collected))
        KV_ASSERT(false && "a memtable of our own is sound");
    KV_ASSERT(collected == count);
    for (size_t i = count; i > 0; i--)
        tombstone_map_add(family_map(memtable, family), tombstone_begin(list[i - 1]),
                          mem_tombstone_end(list[i - 1]), tombstone_seq(list[i - 1]));
    free(list);
}
