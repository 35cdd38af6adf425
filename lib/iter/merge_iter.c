/* merge_iter.c - a binary heap of children, the one that is next in the direction on top.
 *
 * The heap keeps eight bytes of each child's user key as one big-endian number, so most comparisons
 * touch neither the child nor its key.  Keys that are near each other begin alike, so the eight
 * bytes are taken behind what all keys in the heap began with when it was built, less a few bytes
 * that have room to count up; when a key begins otherwise, all are taken anew.  Runs are common
 * (the same child stays on top), and cost one comparison a step, with the runner-up.
 *
 * Invariant: heap[0 .. heap_count) are the children that stand on an entry, in heap order; the user
 * keys of all of them begin with `front`; while the merge turns round only heap[0] means something,
 * the child whose entry is shown.
 */
#include "iter/merge_iter.h"

#include "base/alloc.h"
#include "key/internal_key.h"

enum {
    FRONT_BYTES_MAX = 56,
    FRONT_ROOM_BYTES = 4, /* of what keys have in common now, to change before all is taken anew */
};

enum merge_direction { MERGE_FORWARD, MERGE_BACKWARD, MERGE_TURNING };

struct merge_place {
    uint64_t word;  /* of the child's user key, behind the front; big-endian, zero-padded */
    uint32_t child; /* index; breaks ties */
};

struct merge_iter {
    struct iter iter;
    struct iter **children;   /* owned, as is each child */
    struct merge_place *heap; /* owned; child_count places */
    size_t child_count;
    size_t heap_count;
    size_t runner_up; /* heap[1] or heap[2], whichever comes first; 0: not known */
    enum merge_direction direction;
    size_t front_bytes;
    uint8_t front[FRONT_BYTES_MAX];
    struct buffer target; /* of a leap, whose key may be the child's own */
};

static struct merge_iter *
merge_of(struct iter *iter)
{
    return KV_CONTAINER_OF(iter, struct merge_iter, iter);
}

/* False: the key does not begin with the front. */
static inline bool
word_of(const struct merge_iter *merge, struct slice key, uint64_t *word_out)
{
    const size_t front = merge->front_bytes;
    size_t rest;
    uint64_t word = 0;

    KV_ASSERT(key.size >= KEY_FOOTER_BYTES);
    if (key.size - KEY_FOOTER_BYTES < front ||
        !slice_equal(slice_of(key.data, front), slice_of(merge->front, front)))
        return false;
    rest = key.size - KEY_FOOTER_BYTES - front;
    if (rest >= sizeof(word)) {
        *word_out = slice_word(key.data + front);
        return true;
    }
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)key.data[front + i] << (8 * (7 - i));
    *word_out = word;
    return true;
}

/* A padded word may equal a longer key's, so equal words decide nothing. */
static inline bool
precedes(const struct merge_iter *merge, const struct merge_place *a, const struct merge_place *b)
{
    const bool forward = merge->direction == MERGE_FORWARD;
    int order;

    if (a->word != b->word)
        return forward == (a->word < b->word);
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

static size_t
shared_bytes(struct slice a, struct slice b)
{
    const size_t limit = a.size < b.size ? a.size : b.size;
    size_t at = 0;

    while (at < limit && a.data[at] == b.data[at])
        at++;
    return at;
}

static struct slice
user_key_at(const struct merge_iter *merge, size_t at)
{
    return internal_key_user(merge->children[merge->heap[at].child]->key);
}

/* Takes the words anew, behind at most front_bytes_max, and puts the places in order. */
static void
order_heap(struct merge_iter *merge, size_t front_bytes_max)
{
    struct slice shared;

    merge->front_bytes = merge->runner_up = 0;
    if (merge->heap_count == 0)
        return;
    shared = user_key_at(merge, 0);
    for (size_t i = 1; i < merge->heap_count; i++)
        shared.size = shared_bytes(shared, user_key_at(merge, i));
    if (shared.size > FRONT_ROOM_BYTES)
        merge->front_bytes = shared.size - FRONT_ROOM_BYTES;
    if (merge->front_bytes > front_bytes_max)
        merge->front_bytes = front_bytes_max;
    memcpy(merge->front, shared.data, merge->front_bytes);
    for (size_t i = 0; i < merge->heap_count; i++) {
        const bool fits =
            word_of(merge, merge->children[merge->heap[i].child]->key, &merge->heap[i].word);

        KV_ASSERT(fits);
    }
    for (size_t i = merge->heap_count / 2; i > 0; i--)
        sift_down(merge, i - 1);
}

static void
build_heap(struct merge_iter *merge)
{
    merge->heap_count = 0;
    for (size_t i = 0; i < merge->child_count; i++) {
        if (merge->children[i]->valid)
            merge->heap[merge->heap_count++] = (struct merge_place){.child = (uint32_t)i};
    }
    order_heap(merge, FRONT_BYTES_MAX);
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

static void
drop_top(struct merge_iter *merge)
{
    merge->heap[0] = merge->heap[--merge->heap_count];
    merge->runner_up = 0;
    if (merge->heap_count > 1)
        sift_down(merge, 0);
}

/* The top's place has a new word. */
static void
sink_top(struct merge_iter *merge)
{
    const struct merge_place *heap = merge->heap;

    KV_ASSERT(merge->heap_count > 1);
    if (merge->runner_up == 0)
        merge->runner_up = merge->heap_count > 2 && precedes(merge, &heap[2], &heap[1]) ? 2 : 1;
    if (!precedes(merge, &heap[merge->runner_up], &heap[0]))
        return;
    merge->runner_up = 0;
    sift_down(merge, 0);
}

/* To what the top's key has of it: the front only becomes shorter until the next seek, so the words
 * are taken anew a few times and not whenever a group of keys ends. */
static void
shorten_front(struct merge_iter *merge)
{
    order_heap(merge,
               shared_bytes(user_key_at(merge, 0), slice_of(merge->front, merge->front_bytes)));
}

/* The child on top has moved. */
static void
settle_top(struct merge_iter *merge)
{
    const struct iter *top = merge->children[merge->heap[0].child];

    if (!top->valid)
        drop_top(merge);
    else if (merge->heap_count == 1)
        KV_ASSERT(top->key.size >= KEY_FOOTER_BYTES);
    else if (word_of(merge, top->key, &merge->heap[0].word))
        sink_top(merge);
    else
        shorten_front(merge);
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
        drop_top(merge);
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
