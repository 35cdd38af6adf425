/* memtable_iter.c - a walk along the leaves, down each chain of versions, or backward up the chain
 * and from leaf to leaf by way of the root, since leaves know only their right neighbour.
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

/* The version of a chain with so many older ones. */
static enum kv_status
version_of_depth(const struct memtable_iter *self, const struct mem_entry *entry, uint32_t depth,
                 const struct mem_version **version_out)
{
    const struct mem_version *version = mem_version_at(self->memtable, entry->newest);

    while (version != NULL && version->depth > depth) {
        const struct mem_version *older = mem_version_at(self->memtable, version->jump);

        if (older == NULL || older->depth < depth)
            older = mem_version_at(self->memtable, version->older);
        if (older == NULL || older->depth >= version->depth || older->footer >= version->footer)
            return damage(self, "chain of versions");
        version = older;
    }
    *version_out = version;
    return version != NULL && version->depth == depth ? KV_OK : damage(self, "version");
}

/* Shows the oldest version of the last entry up to the spot that has one. */
static enum kv_status
show_entry_up_to(struct memtable_iter *self, struct tree_spot spot, bool found)
{
    while (found) {
        struct place place = {.leaf = spot.leaf, .index = spot.index};
        const struct mem_entry *entry = entry_of(self, place);

        if (entry == NULL)
            return damage(self, "entry");
        if (entry->newest != 0) {
            const enum kv_status st = version_of_depth(self, entry, 0, &place.version);

            if (st == KV_OK)
                show(self, entry, place);
            return st;
        }
        if (spot.index > 0)
            spot.index--;
        else if (!tree_seek_below(self->memtable, self->family, mem_entry_key(entry), &spot,
                                  &found))
            return damage(self, "tree");
    }
    self->iter.valid = false;
    return KV_OK;
}

static enum kv_status
memtable_iter_seek_last(struct iter *iter)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;
    struct tree_spot spot;

    if (self->family == NULL || self->family->root == 0) {
        iter->valid = false;
        return KV_OK;
    }
    if (!tree_seek_last(self->memtable, self->family, &spot))
        return damage(self, "tree");
    return show_entry_up_to(self, spot, true);
}

/* To the entry before `key`, which need not be there. */
static enum kv_status
show_below(struct memtable_iter *self, struct slice key)
{
    struct tree_spot spot;
    bool found;

    if (!tree_seek_below(self->memtable, self->family, key, &spot, &found))
        return damage(self, "tree");
    return show_entry_up_to(self, spot, found);
}

/* The oldest version of the chain that is not behind the target; *version_out NULL: none. */
static enum kv_status
last_not_behind(const struct memtable_iter *self, const struct mem_entry *entry,
                uint64_t footer_min, const struct mem_version **version_out)
{
    const struct mem_version *version = mem_version_at(self->memtable, entry->newest);
    enum kv_status st;

    *version_out = NULL;
    if (version == NULL && entry->newest != 0)
        return damage(self, "version");
    while (version != NULL && version->footer >= footer_min) {
        const struct mem_version *jump = mem_version_at(self->memtable, version->jump);

        *version_out = version;
        if (jump != NULL && jump->footer >= footer_min && jump->footer < version->footer) {
            version = jump;
            continue;
        }
        st = older_version(self, version, &version);
        if (st != KV_OK)
            return st;
    }
    return KV_OK;
}

static enum kv_status
memtable_iter_seek_for_prev(struct iter *iter, struct slice target)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;
    const struct slice user_key = internal_key_user(target);
    struct place place = {0};
    const struct mem_entry *entry;
    struct tree_spot spot;
    enum kv_status st;

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    if (self->family == NULL || self->family->root == 0) {
        iter->valid = false;
        return KV_OK;
    }
    if (!tree_seek(self->memtable, self->family, user_key, &spot))
        return damage(self, "tree");
    if (!spot.exact)
        return show_below(self, user_key);
    place.leaf = spot.leaf;
    place.index = spot.index;
    entry = entry_of(self, place);
    if (entry == NULL)
        return damage(self, "entry");
    st = last_not_behind(self, entry, internal_key_footer(target), &place.version);
    if (st != KV_OK)
        return st;
    if (place.version == NULL)
        return show_below(self, user_key);
    show(self, entry, place);
    return KV_OK;
}

static enum kv_status
memtable_iter_prev(struct iter *iter)
{
    struct memtable_iter *self = (struct memtable_iter *)(void *)iter;
    struct place place = self->place;
    const struct mem_entry *entry = entry_of(self, place);
    enum kv_status st;

    KV_ASSERT(iter->valid);
    if (entry == NULL)
        return damage(self, "entry");
    if (mem_offset(self->memtable, place.version) != entry->newest) {
        st = version_of_depth(self, entry, place.version->depth + 1, &place.version);
        if (st == KV_OK)
            show(self, entry, place);
        return st;
    }
    if (place.index > 0) {
        const struct tree_spot spot = {.leaf = (struct mem_node *)(uintptr_t)place.leaf,
                                       .index = place.index - 1};

        return show_entry_up_to(self, spot, true);
    }
    return show_below(self, mem_entry_key(entry));
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
    .seek_last = memtable_iter_seek_last,
    .seek = memtable_iter_seek,
    .seek_for_prev = memtable_iter_seek_for_prev,
    .next = memtable_iter_next,
    .prev = memtable_iter_prev,
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
