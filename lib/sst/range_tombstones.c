/* range_tombstones.c - a sweep from left to right over all borders.
 *
 *     a────────e @9          a──c @9   c──e @9
 *        c──────────g @5  =>           c──e @5   e──g @5
 *
 * At each border the tombstones that end there leave the set of active ones and those that begin
 * there enter it; each stretch between two borders gets one item for each active tombstone.
 * Tables written by RocksDB or by us hold fragments already, so the sweep costs two sorts and
 * a copy; bytes from elsewhere may hold n tombstones that all overlap and make n * n fragments,
 * which FRAGMENT_COUNT_MAX refuses.
 */
#include "sst/range_tombstones.h"

#include "base/alloc.h"

enum { FRAGMENT_COUNT_MAX = 1024 * 1024, FRAGMENTS_PER_TOMBSTONE_MAX = 8 };

void
range_tombstones_deinit(struct range_tombstones *tombstones)
{
    free(tombstones->items);
    *tombstones = (struct range_tombstones){0};
}

void
range_tombstones_add(struct range_tombstones *tombstones, struct slice begin, struct slice end,
                     uint64_t seq)
{
    KV_ASSERT(slice_compare(begin, end) < 0);
    if (tombstones->count == tombstones->capacity) {
        tombstones->capacity = tombstones->capacity == 0 ? 8 : 2 * tombstones->capacity;
        tombstones->items =
            kv_realloc(tombstones->items, tombstones->capacity * sizeof(struct range_tombstone));
    }
    tombstones->items[tombstones->count++] =
        (struct range_tombstone){.begin = begin, .end = end, .seq = seq};
}

static int
by_begin(const void *a, const void *b)
{
    const struct range_tombstone *left = a, *right = b;

    return slice_compare(left->begin, right->begin);
}

static int
by_seq_descending(const void *a, const void *b)
{
    const struct range_tombstone *left = a, *right = b;

    return (left->seq < right->seq) - (left->seq > right->seq);
}

static int
by_bytes(const void *a, const void *b)
{
    const struct slice *left = a, *right = b;

    return slice_compare(*left, *right);
}

/* Sorted, without repetition; the caller frees. */
static struct slice *
collect_borders(const struct range_tombstones *tombstones, size_t *count_out)
{
    struct slice *borders = kv_alloc(2 * tombstones->count * sizeof(*borders));
    size_t count = 0;

    for (size_t i = 0; i < tombstones->count; i++) {
        borders[2 * i] = tombstones->items[i].begin;
        borders[2 * i + 1] = tombstones->items[i].end;
    }
    qsort(borders, 2 * tombstones->count, sizeof(*borders), by_bytes);
    for (size_t i = 0; i < 2 * tombstones->count; i++) {
        if (count == 0 || !slice_equal(borders[count - 1], borders[i]))
            borders[count++] = borders[i];
    }
    *count_out = count;
    return borders;
}

/* Those that end at or before `border` leave; the order of the others stays. */
static void
leave(struct range_tombstones *active, struct slice border)
{
    size_t kept = 0;

    for (size_t i = 0; i < active->count; i++) {
        if (slice_compare(active->items[i].end, border) > 0)
            active->items[kept++] = active->items[i];
    }
    active->count = kept;
}

/* One active tombstone a sequence is enough; so the work at a border is that of its output. */
static void
enter(struct range_tombstones *active, const struct range_tombstone *tombstone)
{
    for (size_t i = 0; i < active->count; i++) {
        if (active->items[i].seq != tombstone->seq)
            continue;
        if (slice_compare(active->items[i].end, tombstone->end) < 0)
            active->items[i].end = tombstone->end;
        return;
    }
    range_tombstones_add(active, tombstone->begin, tombstone->end, tombstone->seq);
}

static void
emit(struct range_tombstones *fragments, struct range_tombstones *active, struct slice begin,
     struct slice end)
{
    if (active->count > 1)
        qsort(active->items, active->count, sizeof(*active->items), by_seq_descending);
    for (size_t i = 0; i < active->count; i++)
        range_tombstones_add(fragments, begin, end, active->items[i].seq);
}

bool
range_tombstones_fragment(struct range_tombstones *tombstones)
{
    const size_t count_max = FRAGMENT_COUNT_MAX + FRAGMENTS_PER_TOMBSTONE_MAX * tombstones->count;
    struct range_tombstones fragments = {0}, active = {0};
    struct slice *borders;
    size_t border_count, next = 0, i;

    if (tombstones->count == 0)
        return true;
    borders = collect_borders(tombstones, &border_count);
    qsort(tombstones->items, tombstones->count, sizeof(*tombstones->items), by_begin);
    for (i = 0; i + 1 < border_count && fragments.count <= count_max; i++) {
        leave(&active, borders[i]);
        for (; next < tombstones->count && slice_equal(tombstones->items[next].begin, borders[i]);
             next++)
            enter(&active, &tombstones->items[next]);
        emit(&fragments, &active, borders[i], borders[i + 1]);
    }
    free(borders);
    range_tombstones_deinit(&active);
    range_tombstones_deinit(tombstones);
    *tombstones = fragments;
    return fragments.count <= count_max;
}

/* The first item that begins behind the key. */
static size_t
first_behind(const struct range_tombstones *tombstones, struct slice user_key)
{
    size_t low = 0, high = tombstones->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (slice_compare(tombstones->items[middle].begin, user_key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
range_tombstones_cover(const struct range_tombstones *tombstones, struct slice user_key,
                       uint64_t seq_max, uint64_t *seq_out)
{
    const struct range_tombstone *last;
    bool found = false;
    size_t at;

    if (tombstones->count == 0)
        return false;
    at = first_behind(tombstones, user_key);
    if (at == 0)
        return false;
    last = &tombstones->items[at - 1];
    if (slice_compare(last->end, user_key) <= 0)
        return false;
    /* Equal ranges lie together, newest first: the last that is not too new, going backwards. */
    for (; at > 0 && slice_equal(tombstones->items[at - 1].begin, last->begin); at--) {
        if (tombstones->items[at - 1].seq > seq_max)
            break;
        *seq_out = tombstones->items[at - 1].seq;
        found = true;
    }
    return found;
}
