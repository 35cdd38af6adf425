/* pending_tombstones.c - each tombstone is one piece of memory, so that the index may borrow its
 * keys while others come and go. */
#include "compact/pending_tombstones.h"

#include "base/alloc.h"

struct pending_tombstone {
    uint64_t seq;
    size_t begin_bytes, end_bytes;
    uint8_t keys[]; /* begin, end */
};

static struct range_tombstone
tombstone_of(const struct pending_tombstone *item)
{
    return (struct range_tombstone){
        .begin = slice_of(item->keys, item->begin_bytes),
        .end = slice_of(item->keys + item->begin_bytes, item->end_bytes),
        .seq = item->seq,
    };
}

void
pending_tombstones_init(struct pending_tombstones *pending, struct slice begin, struct slice end)
{
    *pending = (struct pending_tombstones){.begin = begin, .end = end};
}

static void
forget_index(struct pending_tombstones *pending)
{
    range_tombstones_deinit(&pending->index);
    pending->is_indexed = false;
}

void
pending_tombstones_deinit(struct pending_tombstones *pending)
{
    forget_index(pending);
    for (size_t i = 0; i < pending->count; i++)
        free(pending->items[i]);
    free(pending->items);
    *pending = (struct pending_tombstones){0};
}

static struct pending_tombstone *
item_new(const struct range_tombstone *tombstone)
{
    const size_t begin_bytes = tombstone->begin.size, end_bytes = tombstone->end.size;
    struct pending_tombstone *item = kv_alloc(sizeof(*item) + begin_bytes + end_bytes);

    item->seq = tombstone->seq;
    item->begin_bytes = begin_bytes;
    item->end_bytes = end_bytes;
    if (begin_bytes > 0)
        memcpy(item->keys, tombstone->begin.data, begin_bytes);
    memcpy(item->keys + begin_bytes, tombstone->end.data, end_bytes);
    return item;
}

void
pending_tombstones_add(struct pending_tombstones *pending, const struct range_tombstone *tombstone)
{
    struct range_tombstone cut = *tombstone;

    KV_ASSERT(slice_compare(cut.begin, cut.end) < 0);
    if (slice_compare(cut.begin, pending->begin) < 0)
        cut.begin = pending->begin;
    if (pending->end.size > 0 && slice_compare(cut.end, pending->end) > 0)
        cut.end = pending->end;
    if (slice_compare(cut.begin, cut.end) >= 0)
        return;
    if (pending->count == pending->capacity) {
        pending->capacity = pending->capacity == 0 ? 8 : 2 * pending->capacity;
        pending->items =
            kv_realloc(pending->items, pending->capacity * sizeof(struct pending_tombstone *));
    }
    pending->items[pending->count++] = item_new(&cut);
    forget_index(pending);
}

static void
make_index(struct pending_tombstones *pending)
{
    for (size_t i = 0; i < pending->count; i++) {
        const struct range_tombstone tombstone = tombstone_of(pending->items[i]);

        range_tombstones_add(&pending->index, tombstone.begin, tombstone.end, tombstone.seq);
    }
    range_tombstones_index(&pending->index);
    pending->is_indexed = true;
}

bool
pending_tombstones_cover(struct pending_tombstones *pending, struct slice user_key,
                         uint64_t seq_max, uint64_t *seq_out)
{
    if (pending->count == 0)
        return false;
    if (!pending->is_indexed)
        make_index(pending);
    return range_tombstones_cover(&pending->index, user_key, seq_max, seq_out);
}

void
pending_tombstones_take(struct pending_tombstones *pending, struct slice until,
                        tombstone_emit_fn *emit, void *owner)
{
    size_t kept = 0;

    forget_index(pending);
    for (size_t i = 0; i < pending->count; i++) {
        struct pending_tombstone *item = pending->items[i];
        struct range_tombstone head = tombstone_of(item), rest = head;
        const bool is_whole = until.size == 0 || slice_compare(head.end, until) <= 0;

        if (!is_whole && slice_compare(head.begin, until) >= 0) {
            pending->items[kept++] = item;
            continue;
        }
        if (!is_whole)
            head.end = rest.begin = until;
        emit(owner, &head);
        if (!is_whole)
            pending->items[kept++] = item_new(&rest);
        free(item);
    }
    pending->count = kept;
}

void
pending_tombstones_retire(struct pending_tombstones *pending, struct slice key,
                          tombstone_emit_fn *emit, void *owner)
{
    size_t kept = 0;

    forget_index(pending);
    for (size_t i = 0; i < pending->count; i++) {
        struct pending_tombstone *item = pending->items[i];
        const struct range_tombstone tombstone = tombstone_of(item);

        if (slice_compare(tombstone.end, key) > 0) {
            pending->items[kept++] = item;
            continue;
        }
        emit(owner, &tombstone);
        free(item);
    }
    pending->count = kept;
}
