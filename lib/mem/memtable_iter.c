/* memtable_iter.c - a walk along the leaves, down each chain of versions.
 *
 * This is what a flush reads, at memory speed: entries lie in the order in which they were
 * written, so the next ones are fetched ahead.  The key is put together in a buffer of our own,
 * since one user key serves all its versions.
 *
 * A worker walks a mapping that it did not make.  Each step checks that user keys ascend and that
 * footers fall, so that damage can neither lead out of the mapping nor round in circles.
 */
#include "base/alloc.h"
#include "mem/memtable_tree.h"

/* Measured: more than four entries of three lines each get in each other's way. */
enum { AHEAD_COUNT = 4 };

/* Where an iterator stands; by value, so that a failed step leaves the old one. */
struct place {
    const struct mem_node *leaf;
    unsigned index;
    const struct mem_version *version;
};

struct memtable_iter {
    struct iter iter;
    const struct memtable *memtable; /* borrowed: outlives the iterator */
    const struct mem_family *family; /* NULL: nothing to walk */
    struct place place;
    struct buffer key; /* owned: user key and footer of the place */
};

static enum kv_status
damage(const struct memtable_iter *self, const char *what)
{
    return KV_FAIL(KV_CORRUPT, "memtable of %zu bytes, family %u: damaged %s",
                   self->memtable->used_bytes, self->family->cf_id, what);
}

static void
prefetch_offset(const struct memtable *memtable, uint32_t offset)
{
    /* Any address may be prefetched, a damaged one too. */
    const uintptr_t start = (uintptr_t)memtable->base + offset;

    __builtin_prefetch((const void *)start);
    __builtin_prefetch((const void *)(start + 64));
    __builtin_prefetch((const void *)(start + 128));
}

/* The next entries of a leaf, and what the walk reads of the leaf after it. */
static void
prefetch_leaf(const struct memtable *memtable, const struct mem_node *leaf, unsigned index)
{
    const uintptr_t next = (uintptr_t)memtable->base + leaf->next;

    for (unsigned i = index; i < leaf->count && i < index + AHEAD_COUNT; i++)
        prefetch_offset(memtable, leaf->links[i]);
    __builtin_prefetch((const void *)next);
    for (size_t i = offsetof(struct mem_node, links); i < MEM_LEAF_BYTES; i += 64)
        __builtin_prefetch((const void *)(next + i));
}

/* Makes the key and shows the place. */
static void
show(struct memtable_iter *self, const struct mem_entry *entry, struct place place)
{
    buffer_clear(&self->key);
    buffer_append(&self->key, entry->key, entry->key_size);
    buffer_put_fixed64(&self->key, place.version->footer);
    self->place = place;
    self->iter.valid = true;
    self->iter.key = buffer_slice(&self->key);
    self->iter.value = slice_of(place.version->value, place.version->value_size);
}

/* Shows the newest version of the first entry from `place` on that has one.  `after` is the last
 * user key that the walk has passed, NULL at its start. */
static enum kv_status
show_entry_from(struct memtable_iter *self, struct place place, const struct mem_entry *after)
{
    const struct memtable *memtable = self->memtable;

    for (;; place.index++) {
        const struct mem_entry *entry;

        if (place.index >= place.leaf->count) {
            if (place.leaf->next == 0) {
                self->iter.valid = false;
                return KV_OK;
            }
            place.leaf = mem_node_at(memtable, place.leaf->next);
            if (place.leaf == NULL || place.leaf->level != 0)
                return damage(self, "leaf");
            place.index = 0;
            prefetch_leaf(memtable, place.leaf, 0);
        }
        if (place.index + AHEAD_COUNT < place.leaf->count)
            prefetch_offset(memtable, place.leaf->links[place.index + AHEAD_COUNT]);
        entry = mem_entry_at(memtable, place.leaf->links[place.index]);
        if (entry == NULL)
            return damage(self, "entry");
        if (after != NULL && slice_compare(mem_entry_key(after), mem_entry_key(entry)) >= 0)
            return damage(self, "order of keys");
        after = entry;
        if (entry->newest == 0)
            continue;
        place.version = mem_version_at(memtable, entry->newest);
        if (place.version == NULL)
            return damage(self, "version");
        show(self, entry, place);
        return KV_OK;
    }
}

static enum kv_status
memtable_iter_seek_first(struct iter *iter)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;
    struct place place = {0};

    if (self->family == NULL || self->family->root == 0) {
        iter->valid = false;
        return KV_OK;
    }
    place.leaf = mem_node_at(self->memtable, self->family->leaf_first);
    if (place.leaf == NULL || place.leaf->level != 0)
        return damage(self, "first leaf");
    prefetch_leaf(self->memtable, place.leaf, 0);
    return show_entry_from(self, place, NULL);
}

/* The step from one version to the next older one; *version_out is NULL at the chain's end. */
static enum kv_status
older_version(const struct memtable_iter *self, const struct mem_version *version,
              const struct mem_version **version_out)
{
    *version_out = NULL;
    if (version->older == 0)
        return KV_OK;
    *version_out = mem_version_at(self->memtable, version->older);
    if (*version_out == NULL)
        return damage(self, "older version");
    if ((*version_out)->footer >= version->footer)
        return damage(self, "order of versions");
    return KV_OK;
}

static const struct mem_entry *
entry_of(const struct memtable_iter *self, struct place place)
{
    return mem_entry_at(self->memtable, place.leaf->links[place.index]);
}

/* The user key of the target is there: to the first of its versions that is not before it.  Jumps
 * go over versions that are too new. */
static enum kv_status
seek_in_chain(struct memtable_iter *self, struct place place, uint64_t footer_max)
{
    const struct memtable *memtable = self->memtable;
    const struct mem_entry *entry = entry_of(self, place);
    const struct mem_version *version;
    enum kv_status st;

    if (entry == NULL)
        return damage(self, "entry");
    version = mem_version_at(memtable, entry->newest);
    if (version == NULL && entry->newest != 0)
        return damage(self, "version");
    while (version != NULL && version->footer > footer_max) {
        const struct mem_version *jump = mem_version_at(memtable, version->jump);

        if (jump != NULL && jump->footer > footer_max && jump->footer < version->footer) {
            version = jump;
            continue;
        }
        st = older_version(self, version, &version);
        if (st != KV_OK)
            return st;
    }
    if (version == NULL) {
        place.index++;
        return show_entry_from(self, place, entry);
    }
    place.version = version;
    show(self, entry, place);
    return KV_OK;
}

static enum kv_status
memtable_iter_seek(struct iter *iter, struct slice target)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;
    struct tree_spot spot;
    struct place place = {0};

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    if (self->family == NULL || self->family->root == 0) {
        iter->valid = false;
        return KV_OK;
    }
    if (!tree_seek(self->memtable, self->family, internal_key_user(target), &spot))
        return damage(self, "tree");
    place.leaf = spot.leaf;
    place.index = spot.index;
    prefetch_leaf(self->memtable, place.leaf, place.index);
    if (spot.exact)
        return seek_in_chain(self, place, internal_key_footer(target));
    return show_entry_from(self, place, NULL);
}

static enum kv_status
memtable_iter_next(struct iter *iter)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;
    struct place place = self->place;
    const struct mem_entry *entry = entry_of(self, place);
    enum kv_status st;

    KV_ASSERT(iter->valid);
    if (entry == NULL)
        return damage(self, "entry");
    st = older_version(self, place.version, &place.version);
    if (st != KV_OK)
        return st;
    if (place.version == NULL) {
        place.index++;
        return show_entry_from(self, place, entry);
    }
    show(self, entry, place);
    return KV_OK;
}

static void
memtable_iter_free(struct iter *iter)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;

    buffer_deinit(&self->key);
    free(self);
}

static const struct iter_ops memtable_iter_ops = {
    .seek_first = memtable_iter_seek_first,
    .seek = memtable_iter_seek,
    .next = memtable_iter_next,
    .free = memtable_iter_free,
};

struct iter *
memtable_iter_new(const struct memtable *memtable, uint32_t cf_id)
{
    struct memtable_iter *self = kv_alloc_zero(sizeof(*self));

    self->iter.ops = &memtable_iter_ops;
    self->memtable = memtable;
    self->family = mem_family_find(memtable, cf_id);
    return &self->iter;
}
