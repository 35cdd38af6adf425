/* merge_iter.c - a binary heap of children, the one that is next in the direction on top.
 *
 * The heap keeps the first eight bytes of each child's user key as one big-endian number, so most
 * comparisons touch neither the child nor its key.  Runs are common in compactions (the
 * same child stays on top), and cost two comparisons a step.
 *
 * Invariant: heap[0 .. heap_count) are the children that stand on an entry, in heap order; while
 * the merge turns round only heap[0] means something, the child whose entry is shown.
 */
#include "iter/merge_iter.h"

#include "base/alloc.h"
#include "key/internal_key.h"

enum merge_direction { MERGE_FORWARD, MERGE_BACKWARD, MERGE_TURNING };

struct merge_place {
    uint64_t prefix; /* of the child's user key, big-endian, zero-padded */
    uint32_t child;  /* index; breaks ties */
};

struct merge_iter {
    struct iter iter;
    struct iter **children;   /* owned, as is each child */
    struct merge_place *heap; /* owned; child_count places */
    size_t child_count;
    size_t heap_count;
    enum merge_direction direction;
    struct buffer target; /* of a leap, whose key may be the child's own */
};

static struct merge_iter *
merge_of(struct iter *iter)
{
    return KV_CONTAINER_OF(iter, struct merge_iter, iter);
}

static uint64_t
prefix_of(struct slice key)
{
    const size_t size = key.size - KEY_FOOTER_BYTES;
    uint64_t prefix = 0;

    KV_ASSERT(key.size >= KEY_FOOTER_BYTES);
    if (size >= sizeof(prefix))
        return __builtin_bswap64(load_fixed64(key.data));
    for (size_t i = 0; i < size; i++)
        prefix |= (uint64_t)key.data[i] << (8 * (7 - i));
    return prefix;
}

/* A padded prefix may equal a longer key's, so equal prefixes decide nothing. */
static inline bool
precedes(const struct merge_iter *merge, const struct merge_place *a, const struct merge_place *b)
{
    const bool forward = merge->direction == MERGE_FORWARD;
    int order;

    if (a->prefix != b->prefix)
        return forward == (a->prefix < b->prefix);
    order = internal_key_compare(merge->children[a->child]->key, merge->children[b->child]->key);
    return forward == (order < 0 || (order == 0 && a->child < b->child));
}

static void
sift_down(struct merge_iter *merge, size_t at)
{
    const struct merge_place place = merge->heap[at];

    for (;;) {
        size_t below = 2 * at + 1;

        if (below >= merge->heap_count)
            break;
        if (below + 1 < merge->heap_count &&
            precedes(merge, &merge->heap[below + 1], &merge->heap[below]))
            below++;
        if (!precedes(merge, &merge->heap[below], &place))
            break;
        merge->heap[at] = merge->heap[below];
        at = below;
    }
    merge->heap[at] = place;
}

static void
show_top(struct merge_iter *merge)
{
    const struct iter *top;

    merge->iter.valid = merge->heap_count > 0;
    if (!merge->iter.valid)
        return;
    top = merge->children[merge->heap[0].child];
    KV_ASSERT(top->valid);
    merge->iter.key = top->key;
    merge->iter.value = top->value;
}

static void
build_heap(struct merge_iter *merge)
{
    merge->heap_count = 0;
    for (size_t i = 0; i < merge->child_count; i++) {
        if (merge->children[i]->valid)
            merge->heap[merge->heap_count++] = (struct merge_place){
                .prefix = prefix_of(merge->children[i]->key), .child = (uint32_t)i};
    }
    for (size_t i = merge->heap_count / 2; i > 0; i--)
        sift_down(merge, i - 1);
    show_top(merge);
}

/* The worse of two: a failure is above a wish, a wish above success. */
static enum kv_status
worse(enum kv_status a, enum kv_status b)
{
    if (a == KV_OK || (a == KV_WANT_BLOCK && b != KV_OK))
        return b;
    return a;
}

/* After all children were asked to move. */
static enum kv_status
start(struct merge_iter *merge, enum kv_status st, enum merge_direction direction)
{
    if (st != KV_OK)
        return st;
    merge->direction = direction;
    build_heap(merge);
    return KV_OK;
}

static enum kv_status
merge_iter_seek_first(struct iter *iter)
{
    struct merge_iter *merge = merge_of(iter);
    enum kv_status st = KV_OK;

    iter->valid = false;
    for (size_t i = 0; i < merge->child_count; i++)
        st = worse(st, iter_seek_first(merge->children[i]));
    return start(merge, st, MERGE_FORWARD);
}

static enum kv_status
merge_iter_seek_last(struct iter *iter)
{
    struct merge_iter *merge = merge_of(iter);
    enum kv_status st = KV_OK;

    iter->valid = false;
    for (size_t i = 0; i < merge->child_count; i++)
        st = worse(st, iter_seek_last(merge->children[i]));
    return start(merge, st, MERGE_BACKWARD);
}

static enum kv_status
merge_iter_seek(struct iter *iter, struct slice target)
{
    struct merge_iter *merge = merge_of(iter);
    enum kv_status st = KV_OK;

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    iter->valid = false;
    for (size_t i = 0; i < merge->child_count; i++)
        st = worse(st, iter_seek(merge->children[i], target));
    return start(merge, st, MERGE_FORWARD);
}

static enum kv_status
merge_iter_seek_for_prev(struct iter *iter, struct slice target)
{
    struct merge_iter *merge = merge_of(iter);
    enum kv_status st = KV_OK;

    KV_ASSERT(target.size >= KEY_FOOTER_BYTES);
    iter->valid = false;
    for (size_t i = 0; i < merge->child_count; i++)
        st = worse(st, iter_seek_for_prev(merge->children[i], target));
    return start(merge, st, MERGE_BACKWARD);
}

/* The child's first entry that comes behind the shown one in the new direction.  Entries that
 * compare equal come in the order of the children, or backward in the opposite one. */
static enum kv_status
turn_child(struct merge_iter *merge, size_t index, enum merge_direction direction)
{
    struct iter *child = merge->children[index];
    const struct slice key = merge->iter.key;
    const bool forward = direction == MERGE_FORWARD;
    enum kv_status st = forward ? iter_seek(child, key) : iter_seek_for_prev(child, key);

    if (st != KV_OK || !child->valid || internal_key_compare(child->key, key) != 0)
        return st;
    if (forward == (index > merge->heap[0].child))
        return KV_OK;
    return forward ? iter_next(child) : iter_prev(child);
}

/* May be made again until it works: the child whose entry is shown does not move. */
static enum kv_status
turn_round(struct merge_iter *merge, enum merge_direction direction)
{
    const uint32_t shown = merge->heap[0].child;
    enum kv_status st = KV_OK;

    merge->direction = MERGE_TURNING;
    for (size_t i = 0; i < merge->child_count; i++) {
        if (i != shown)
            st = worse(st, turn_child(merge, i, direction));
    }
    if (st != KV_OK)
        return st;
    merge->direction = direction;
    build_heap(merge);
    KV_ASSERT(merge->heap[0].child == shown);
    return KV_OK;
}

/* The child on top has moved. */
static void
settle_top(struct merge_iter *merge)
{
    const struct iter *top = merge->children[merge->heap[0].child];

    if (top->valid)
        merge->heap[0].prefix = prefix_of(top->key);
    else
        merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count > 1)
        sift_down(merge, 0);
    show_top(merge);
}

static enum kv_status
step(struct merge_iter *merge, enum merge_direction direction)
{
    struct iter *top;
    enum kv_status st = KV_OK;

    KV_ASSERT(merge->iter.valid);
    KV_ASSERT(merge->heap_count > 0);
    if (merge->direction != direction)
        st = turn_round(merge, direction);
    if (st != KV_OK)
        return st;
    top = merge->children[merge->heap[0].child];
    st = direction == MERGE_FORWARD ? iter_next(top) : iter_prev(top);
    if (st == KV_OK)
        settle_top(merge);
    return st;
}

static enum kv_status
merge_iter_next(struct iter *iter)
{
    return step(merge_of(iter), MERGE_FORWARD);
}

static enum kv_status
merge_iter_prev(struct iter *iter)
{
    return step(merge_of(iter), MERGE_BACKWARD);
}

static void
merge_iter_free(struct iter *iter)
{
    struct merge_iter *merge = merge_of(iter);

    for (size_t i = 0; i < merge->child_count; i++)
        iter_free(merge->children[i]);
    buffer_deinit(&merge->target);
    free(merge->children);
    free(merge->heap);
    free(merge);
}

static const struct iter_ops merge_iter_ops = {
    .seek_first = merge_iter_seek_first,
    .seek_last = merge_iter_seek_last,
    .seek = merge_iter_seek,
    .seek_for_prev = merge_iter_seek_for_prev,
    .next = merge_iter_next,
    .prev = merge_iter_prev,
    .free = merge_iter_free,
};

struct iter *
merge_iter_new(struct iter *const *children, size_t child_count)
{
    struct merge_iter *merge = kv_alloc_zero(sizeof(*merge));

    KV_ASSERT(child_count < UINT32_MAX);
    merge->iter.ops = &merge_iter_ops;
    merge->child_count = child_count;
    merge->children = kv_alloc((child_count + 1) * sizeof(struct iter *));
    merge->heap = kv_alloc((child_count + 1) * sizeof(struct merge_place));
    if (child_count > 0)
        memcpy(merge->children, children, child_count * sizeof(struct iter *));
    return &merge->iter;
}

size_t
merge_iter_child(const struct iter *iter)
{
    const struct merge_iter *merge = KV_CONTAINER_OF(iter, struct merge_iter, iter);

    KV_ASSERT(iter->valid);
    return merge->heap[0].child;
}

enum kv_status
merge_iter_leap(struct iter *iter, struct slice target)
{
    struct merge_iter *merge = merge_of(iter);
    struct iter *top;
    enum kv_status st;

    KV_ASSERT(iter->valid);
    KV_ASSERT(merge->direction != MERGE_TURNING);
    iter->valid = false;
    if (target.size == 0) {
        merge->heap[0] = merge->heap[--merge->heap_count];
        if (merge->heap_count > 1)
            sift_down(merge, 0);
        show_top(merge);
        return KV_OK;
    }
    top = merge->children[merge->heap[0].child];
    buffer_clear(&merge->target);
    buffer_append_slice(&merge->target, target);
    st = merge->direction == MERGE_FORWARD ? iter_seek(top, buffer_slice(&merge->target))
                                           : iter_seek_for_prev(top, buffer_slice(&merge->target));
    if (st == KV_OK)
        settle_top(merge);
    return st;
}
