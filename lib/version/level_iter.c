/* One table is open at a time.  The contract wants a step that fails to leave the iterator where
 * it was, so the next table, or when going backward the one before, is made ready before the
 * current one is stepped off its end.  Where the end is, the MANIFEST says: at the table's largest
 * or smallest key, or, when that is a range tombstone's, somewhere inside of it; then the
 * neighbour is made ready at the first step. */
#include "version/level_iter.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "key/internal_key.h"
#include "version/version_internal.h"

enum side { SIDE_NONE, SIDE_FOLLOWING, SIDE_PRECEDING };

struct level_iter {
    struct iter base;
    const struct version_level *level; /* borrowed */
    struct read_ctx *ctx;              /* borrowed */
    struct iter_scope *scope;          /* borrowed; NULL: everything */
    struct iter *current;              /* owned; stands on an entry while base.valid */
    uint32_t index;                    /* of the table of `current` */
    enum side beside_side;             /* where `beside` is; SIDE_NONE: not made ready */
    struct iter *beside;               /* owned; ready, or NULL: there is none */
    uint32_t beside_index;
};

/* How to enter a table. */
enum entry_kind { ENTER_FIRST, ENTER_LAST, ENTER_AT_OR_AFTER, ENTER_AT_OR_BEFORE };

struct entry_point {
    enum entry_kind kind;
    struct slice target; /* an internal key, of the last two kinds */
};

static bool
is_forward(enum entry_kind kind)
{
    return kind == ENTER_FIRST || kind == ENTER_AT_OR_AFTER;
}

static void
forget_beside(struct level_iter *self)
{
    iter_free(self->beside);
    self->beside = NULL;
    self->beside_side = SIDE_NONE;
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

static enum kv_status
enter(struct iter *iter, const struct entry_point *point)
{
    switch (point->kind) {
    case ENTER_FIRST:
        return iter_seek_first(iter);
    case ENTER_LAST:
        return iter_seek_last(iter);
    case ENTER_AT_OR_AFTER:
        return iter_seek(iter, point->target);
    case ENTER_AT_OR_BEFORE:
        return iter_seek_for_prev(iter, point->target);
    }
    KV_ASSERT(false && "an entry of no kind");
    return KV_CORRUPT;
}

/* Whether the table and all behind it, or all before it, are out of the scope. */
static bool
is_beyond(const struct level_iter *self, uint32_t index, bool forward)
{
    const struct table_file *file = self->level->files[index];

    if (self->scope == NULL)
        return false;
    if (forward)
        return self->scope->has_upper &&
               slice_compare(internal_key_user(table_smallest(file)), self->scope->upper) >= 0;
    return slice_compare(internal_key_user(table_largest(file)), self->scope->lower) < 0;
}

/* The entry point in the tables from `index` on, in its direction, as a new iterator; NULL when
 * there is none.  A table may have no point entries. */
static enum kv_status
find_from(struct level_iter *self, uint32_t index, const struct entry_point *point,
          struct iter **found_out, uint32_t *index_out)
{
    const bool forward = is_forward(point->kind);

    *found_out = NULL;
    *index_out = index;
    /* Below 0 wraps round to above the count. */
    for (; index < self->level->count && !is_beyond(self, index, forward);
         index = forward ? index + 1 : index - 1) {
        struct iter *iter =
            table_iter_new_in(self->level->files[index]->reader, self->ctx, self->scope);
        const enum kv_status st = enter(iter, point);

        if (st == KV_OK && iter->valid) {
            *found_out = iter;
            *index_out = index;
            return KV_OK;
        }
        iter_free(iter);
        if (st != KV_OK)
            return st;
    }
    return KV_OK;
}

static enum kv_status
position(struct iter *iter, uint32_t index, const struct entry_point *point)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);
    struct iter *found;
    uint32_t found_index;
    const enum kv_status st = find_from(self, index, point, &found, &found_index);

    if (st != KV_OK)
        return st;
    forget_beside(self);
    stand_on(self, found, found_index);
    return KV_OK;
}

static enum kv_status
level_iter_seek_first(struct iter *iter)
{
    const struct entry_point point = {.kind = ENTER_FIRST};

    return position(iter, 0, &point);
}

static enum kv_status
level_iter_seek_last(struct iter *iter)
{
    const struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);
    const struct entry_point point = {.kind = ENTER_LAST};

    return position(iter, self->level->count - 1, &point);
}

static enum kv_status
level_iter_seek(struct iter *iter, struct slice target)
{
    const struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);
    const struct entry_point point = {.kind = ENTER_AT_OR_AFTER, .target = target};

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    return position(iter, version_level_find(self->level, target), &point);
}

static enum kv_status
level_iter_seek_for_prev(struct iter *iter, struct slice target)
{
    const struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);
    const struct entry_point point = {.kind = ENTER_AT_OR_BEFORE, .target = target};
    uint32_t index = version_level_find(self->level, target);

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    if (index == self->level->count ||
        internal_key_compare(table_smallest(self->level->files[index]), target) > 0)
        index--;
    return position(iter, index, &point);
}

static bool
may_be_last_entry(const struct level_iter *self)
{
    const struct slice largest = table_largest(self->level->files[self->index]);

    return (internal_key_footer(largest) & 0xff) == TYPE_RANGE_DELETION ||
           internal_key_compare(self->base.key, largest) >= 0;
}

static bool
may_be_first_entry(const struct level_iter *self)
{
    const struct slice smallest = table_smallest(self->level->files[self->index]);

    return (internal_key_footer(smallest) & 0xff) == TYPE_RANGE_DELETION ||
           internal_key_compare(self->base.key, smallest) <= 0;
}

/* Makes the neighbour on one side ready. */
static enum kv_status
prepare_beside(struct level_iter *self, enum side side)
{
    const bool forward = side == SIDE_FOLLOWING;
    const struct entry_point point = {.kind = forward ? ENTER_FIRST : ENTER_LAST};
    enum kv_status st;

    if (self->beside_side == side)
        return KV_OK;
    forget_beside(self);
    st = find_from(self, forward ? self->index + 1 : self->index - 1, &point, &self->beside,
                   &self->beside_index);
    if (st == KV_OK)
        self->beside_side = side;
    return st;
}

/* Whether the scope may have ended the table before its last key in the direction. */
static bool
scope_ends_in(const struct level_iter *self, bool forward)
{
    const struct table_file *file = self->level->files[self->index];

    if (self->scope == NULL)
        return false;
    if (forward)
        return self->scope->has_upper &&
               slice_compare(internal_key_user(table_largest(file)), self->scope->upper) >= 0;
    return slice_compare(internal_key_user(table_smallest(file)), self->scope->lower) < 0;
}

/* The current table has been stepped off. */
static enum kv_status
leave_table(struct level_iter *self, enum side side)
{
    const uint64_t number = self->level->files[self->index]->meta.number;

    if (self->beside_side == side) {
        stand_on(self, self->beside, self->beside_index);
        self->beside = NULL;
        self->beside_side = SIDE_NONE;
        return KV_OK;
    }
    stand_on(self, NULL, self->index);
    if (scope_ends_in(self, side == SIDE_FOLLOWING))
        return KV_OK;
    return KV_FAIL(KV_CORRUPT, "table %" PRIu64 " ends before its %s key of the MANIFEST", number,
                   side == SIDE_FOLLOWING ? "largest" : "smallest");
}

static enum kv_status
step(struct iter *iter, enum side side)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);
    const bool forward = side == SIDE_FOLLOWING;
    enum kv_status st = KV_OK;

    KV_ASSERT(iter->valid);
    if (forward ? may_be_last_entry(self) : may_be_first_entry(self))
        st = prepare_beside(self, side);
    if (st != KV_OK)
        return st;
    st = forward ? iter_next(self->current) : iter_prev(self->current);
    if (st != KV_OK)
        return st;
    if (!self->current->valid)
        return leave_table(self, side);
    stand_on(self, self->current, self->index);
    return KV_OK;
}

static enum kv_status
level_iter_next(struct iter *iter)
{
    return step(iter, SIDE_FOLLOWING);
}

static enum kv_status
level_iter_prev(struct iter *iter)
{
    return step(iter, SIDE_PRECEDING);
}

static void
level_iter_free(struct iter *iter)
{
    struct level_iter *self = KV_CONTAINER_OF(iter, struct level_iter, base);

    iter_free(self->current);
    iter_free(self->beside);
    free(self);
}

struct iter *
level_iter_new(const struct version_level *level, struct read_ctx *ctx, struct iter_scope *scope)
{
    static const struct iter_ops ops = {
        .seek_first = level_iter_seek_first,
        .seek_last = level_iter_seek_last,
        .seek = level_iter_seek,
        .seek_for_prev = level_iter_seek_for_prev,
        .next = level_iter_next,
        .prev = level_iter_prev,
        .free = level_iter_free,
    };
    struct level_iter *self = kv_alloc_zero(sizeof(*self));

    KV_ASSERT(level->count > 0);
    self->base.ops = &ops;
    self->level = level;
    self->ctx = ctx;
    self->scope = scope;
    return &self->base;
}
