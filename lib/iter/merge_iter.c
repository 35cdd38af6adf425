/* merge_iter.c - a binary heap of children, the smallest on top.
 *
 * The heap keeps the first eight bytes of each child's user key as one big-endian number, so most
 * comparisons touch neither the child nor its key.  Runs are common in compactions (the
 * same child stays on top), and cost two comparisons a step.
 *
 * Invariant: heap[0 .. heap_count) are the children that stand on an entry, in heap order.
 */
#include "iter/merge_iter.h"

#include "base/alloc.h"
#include "key/internal_key.h"

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
    int order;

    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    order = internal_key_compare(merge->children[a->child]->key, merge->children[b->child]->key);
    return order < 0 || (order == 0 && a->child < b->child);
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

static enum kv_status
merge_iter_seek_first(struct iter *iter)
{
    struct merge_iter *merge = merge_of(iter);
    enum kv_status st = KV_OK;

    iter->valid = false;
    for (size_t i = 0; i < merge->child_count; i++)
        st = worse(st, iter_seek_first(merge->children[i]));
    if (st == KV_OK)
        build_heap(merge);
    return st;
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
    if (st == KV_OK)
        build_heap(merge);
    return st;
}

static enum kv_status
merge_iter_next(struct iter *iter)
{
    struct merge_iter *merge = merge_of(iter);
    struct iter *top;
    enum kv_status st;

    KV_ASSERT(iter->valid);
    KV_ASSERT(merge->heap_count > 0);
    top = merge->children[merge->heap[0].child];
    st = iter_next(top);
    if (st != KV_OK)
        return st;
    if (top->valid)
        merge->heap[0].prefix = prefix_of(top->key);
    else
        merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count > 1)
        sift_down(merge, 0);
    show_top(merge);
    return KV_OK;
}

static void
merge_iter_free(struct iter *iter)
{
    struct merge_iter *merge = merge_of(iter);

    for (size_t i = 0; i < merge->child_count; i++)
        iter_free(merge->children[i]);
    free(merge->children);
    free(merge->heap);
    free(merge);
}

static const struct iter_ops merge_iter_ops = {
    .seek_first = merge_iter_seek_first,
    .seek = merge_iter_seek,
    .next = merge_iter_next,
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
