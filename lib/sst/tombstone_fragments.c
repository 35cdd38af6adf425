/* tombstone_fragments.c - a sweep over all begins and ends in order.  Between two neighbouring
 * borders the set of tombstones that cover the gap does not change: `active`, newest first.
 */
#include "sst/tombstone_fragments.h"

#include "base/alloc.h"

struct sweep {
    struct slice *borders; /* owned; ascending, distinct */
    size_t border_count;
    const struct range_tombstone **active; /* owned; by sequence descending */
    size_t active_count;
};

int
range_tombstone_compare(const struct range_tombstone *a, const struct range_tombstone *b)
{
    const int order = slice_compare(a->begin, b->begin);

    if (order != 0)
        return order;
    if (a->seq != b->seq)
        return a->seq > b->seq ? -1 : 1;
    return slice_compare(a->end, b->end);
}

static int
compare_tombstones(const void *a, const void *b)
{
    return range_tombstone_compare(a, b);
}

static int
compare_borders(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void
sweep_init(struct sweep *sweep, struct range_tombstone *tombstones, size_t count)
{
    size_t distinct = 1;

    KV_ASSERT(count > 0);
    qsort(tombstones, count, sizeof(tombstones[0]), compare_tombstones);
    *sweep = (struct sweep){.border_count = 2 * count};
    sweep->borders = kv_alloc(2 * count * sizeof(sweep->borders[0]));
    sweep->active = kv_alloc(count * sizeof(sweep->active[0]));
    for (size_t i = 0; i < count; i++) {
        KV_ASSERT(slice_compare(tombstones[i].begin, tombstones[i].end) < 0);
        sweep->borders[2 * i] = tombstones[i].begin;
        sweep->borders[2 * i + 1] = tombstones[i].end;
    }
    qsort(sweep->borders, sweep->border_count, sizeof(sweep->borders[0]), compare_borders);
    for (size_t i = 1; i < sweep->border_count; i++) {
        if (!slice_equal(sweep->borders[i], sweep->borders[distinct - 1]))
            sweep->borders[distinct++] = sweep->borders[i];
    }
    sweep->border_count = distinct;
}

static void
sweep_deinit(struct sweep *sweep)
{
    free(sweep->borders);
    free(sweep->active);
}

static void
drop_ended(struct sweep *sweep, struct slice border)
{
    size_t kept = 0;

    for (size_t i = 0; i < sweep->active_count; i++) {
        if (slice_compare(sweep->active[i]->end, border) > 0)
            sweep->active[kept++] = sweep->active[i];
    }
    sweep->active_count = kept;
}

/* Merges `count` tombstones with the same begin, which are newest first, into the active ones. */
static void
add_begun(struct sweep *sweep, const struct range_tombstone *begun, size_t count)
{
    size_t old = sweep->active_count;
    size_t target = old + count;

    sweep->active_count = target;
    while (count > 0) {
        if (old > 0 && sweep->active[old - 1]->seq < begun[count - 1].seq)
            sweep->active[--target] = sweep->active[--old];
        else
            sweep->active[--target] = &begun[--count];
    }
}

static void
emit_active(const struct sweep *sweep, struct slice begin, struct slice end,
            tombstone_emit_fn *emit, void *owner)
{
    for (size_t i = 0; i < sweep->active_count; i++) {
        const struct range_tombstone fragment = {
            .begin = begin, .end = end, .seq = sweep->active[i]->seq};

        if (i == 0 || sweep->active[i - 1]->seq != fragment.seq)
            emit(owner, &fragment);
    }
}

void
tombstone_fragments(struct range_tombstone *tombstones, size_t count, tombstone_emit_fn *emit,
                    void *owner)
{
    struct sweep sweep;
    size_t next = 0;

    if (count == 0)
        return;
    sweep_init(&sweep, tombstones, count);
    for (size_t i = 0; i + 1 < sweep.border_count; i++) {
        const struct slice border = sweep.borders[i];
        const size_t first = next;

        drop_ended(&sweep, border);
        while (next < count && slice_equal(tombstones[next].begin, border))
            next++;
        add_begun(&sweep, tombstones + first, next - first);
        emit_active(&sweep, border, sweep.borders[i + 1], emit, owner);
    }
    KV_ASSERT(next == count);
    sweep_deinit(&sweep);
}

static size_t
find_border(const struct sweep *sweep, struct slice key)
{
    const struct slice *found = bsearch(&key, sweep->borders, sweep->border_count,
                                        sizeof(sweep->borders[0]), compare_borders);

    KV_ASSERT(found != NULL);
    return (size_t)(found - sweep->borders);
}

uint64_t
tombstone_fragment_count_max(struct range_tombstone *tombstones, size_t count)
{
    struct sweep sweep;
    uint64_t fragment_count = 0;

    if (count == 0)
        return 0;
    sweep_init(&sweep, tombstones, count);
    for (size_t i = 0; i < count; i++)
        fragment_count +=
            find_border(&sweep, tombstones[i].end) - find_border(&sweep, tombstones[i].begin);
    sweep_deinit(&sweep);
    return fragment_count;
}
