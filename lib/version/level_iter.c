/* One table is open at a time.  The contract wants a step that fails to leave the iterator where
 * it was, so the next table is made ready before the current one is stepped off its end.  Where
 * the end is, the MANIFEST says: at the table's largest key, or, when that is the end of a range
 * tombstone, somewhere before it; then the next table is made ready at the first step. */
#include "version/level_iter.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "key/internal_key.h"
#include "version/version_internal.h"

struct level_iter {
    struct iter base;
    const struct version_level *level; /* borrowed */
    struct read_ctx *ctx;              /* borrowed */
    struct iter *current;              /* owned; stands on an entry while base.valid */
    uint32_t index;                    /* of the table of `current` */
    struct iter *following;            /* owned; ready, or NULL */
    uint32_t following_index;          /* level->count: there is none */
    bool following_known;
};

static void
forget_following(struct level_iter *self)
{
    iter_free(self->following);
    self->following = NULL;
    self->following_known = false;
}

/* Moves to `position` (owned from here, NULL: the end) in the table `index`. */
static void
stand_on(struct level_iter *self, struct iter *position, uint32_t index)
{
    if (self->current != position)
        iter_free(self->current);
    self->current = position;
    self->index = index;
    self->base.valid = position != NULL;
    if (position != NULL) {
        KV_ASSERT(position->valid);
        self->base.key = position->key;
        self->base.value = position->value;
    }
}

/* The first entry >= target (target.size 0: the first at all) of the tables from `index` on, as a
 * new iterator; NULL when there is none.  A table may have no point entries. */
static enum kv_status
find_from(struct level_iter *self, uint32_t index, struct slice target, struct iter **found_out,
          uint32_t *index_out)
{
    for (; index < self->level->count; index++) {
        struct iter *iter = table_iter_new(self->level->files[index]->reader, self->ctx);
        const enum kv_status st = target.size > 0 ? iter_seek(iter, target) : iter_seek_first(iter);

        if (st == KV_OK && iter->valid) {
            *found_out = iter;
            *index_out = index;
            return KV_OK;
        }
        iter_free(iter);
        if (st != KV_OK)
            return st;
    }
    *found_out = NULL;
    *index_out = self->level->count;
    return KV_OK;
}

static enum kv_status
level_iter_position(struct level_iter *self, uint32_t index, struct slice target)
{
    struct iter *found;
    uint32_t found_index;
    const enum kv_status st = find_from(self, index, target, &found, &found_index);

    if (st != KV_OK)
        return st;
    forget_following(self);
    stand_on(self, found, found_index);
    return KV_OK;
}

static enum kv_status
level_iter_seek_first(struct iter *iter)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);

    return level_iter_position(self, 0, slice_of(NULL, 0));
}

static enum kv_status
level_iter_seek(struct iter *iter, struct slice target)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    return level_iter_position(self, version_level_find(self->level, target), target);
}

static bool
may_be_last_entry(const struct level_iter *self)
{
    const struct slice largest = table_largest(self->level->files[self->index]);

    return (internal_key_footer(largest) & 0xff) == TYPE_RANGE_DELETION ||
           internal_key_compare(self->base.key, largest) >= 0;
}

static enum kv_status
level_iter_next(struct iter *iter)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);
    enum kv_status st;

    KV_ASSERT(iter->valid);
    if (!self->following_known && may_be_last_entry(self)) {
        st = find_from(self, self->index + 1, slice_of(NULL, 0), &self->following,
                       &self->following_index);
        if (st != KV_OK)
            return st;
        self->following_known = true;
    }
    st = iter_next(self->current);
    if (st != KV_OK)
        return st;
    if (self->current->valid) {
        stand_on(self, self->current, self->index);
        return KV_OK;
    }
    if (!self->following_known) {
        const uint64_t number = self->level->files[self->index]->meta.number;

        stand_on(self, NULL, self->index);
        return KV_FAIL(KV_CORRUPT, "table %" PRIu64 " ends before its largest key of the MANIFEST",
                       number);
    }
    stand_on(self, self->following, self->following_index);
    self->following = NULL;
    self->following_known = false;
    return KV_OK;
}

static void
level_iter_free(struct iter *iter)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);

    iter_free(self->current);
    iter_free(self->following);
    free(self);
}

struct iter *
level_iter_new(const struct version_level *level, struct read_ctx *ctx)
{
    static const struct iter_ops ops = {
        .seek_first = level_iter_seek_first,
        .seek = level_iter_seek,
        .next = level_iter_next,
        .free = level_iter_free,
    };
    struct level_iter *self = kv_alloc_zero(sizeof(*self));

    KV_ASSERT(level->count > 0);
    self->base.ops = &ops;
    self->level = level;
    self->ctx = ctx;
    return &self->base;
}
