/* range_tombstones.c - a segment tree over the stretches between neighbouring borders.
 *
 *     a────────e @9          stretch   a─c  c─e  e─g      nodes   1
 *        c──────────g @5     leaf       3    4    5              2  3
 *                                                               4 5
 *
 * A tombstone is noted in the few nodes whose stretches make up its range, two a level at most.
 * Those that cover a stretch are noted on its leaf's way to the root, and each node's
 * sequences ascend, so a binary search in each node on the way answers.  Cutting n nested
 * tombstones into fragments instead, as one would to search a plain array, makes n * n / 2 of them.
 *
 * Who reads the present gets by with the newest sequence of each stretch, which is noted too.
 *
 * Leaf i is node stretch_count + i, and the parent of node n is n / 2; the count need not be a
 * power of two, since all that is asked is the maximum over the nodes on a way.
 */
#include "sst/range_tombstones.h"

#include "base/alloc.h"
#include "base/limits.h"

/* A tombstone as stretches [low, high). */
struct span {
    uint64_t seq;
    size_t low, high;
};

void
range_tombstones_deinit(struct range_tombstones *tombstones)
{
    free(tombstones->items);
    free(tombstones->borders);
    key_tree_deinit(&tombstones->border_tree);
    free(tombstones->stretch_newest);
    free(tombstones->covered);
    free(tombstones->node_starts);
    free(tombstones->node_seqs);
    *tombstones = (struct range_tombstones){0};
}

void
range_tombstones_add(struct range_tombstones *tombstones, struct slice begin, struct slice end,
                     uint64_t seq)
{
    KV_ASSERT(slice_compare(begin, end) < 0);
    KV_ASSERT(tombstones->borders == NULL);
    if (tombstones->count == tombstones->capacity) {
        tombstones->capacity = tombstones->capacity == 0 ? 8 : 2 * tombstones->capacity;
        tombstones->items =
            kv_realloc(tombstones->items, tombstones->capacity * sizeof(struct range_tombstone));
    }
    tombstones->items[tombstones->count++] =
        (struct range_tombstone){.begin = begin, .end = end, .seq = seq};
    if (seq > tombstones->seq_newest)
        tombstones->seq_newest = seq;
}

static int
by_internal_key(const void *a, const void *b)
{
    const struct range_tombstone *left = a, *right = b;
    const int order = slice_compare(left->begin, right->begin);

    if (order != 0)
        return order;
    if (left->seq != right->seq)
        return left->seq > right->seq ? -1 : 1;
    return slice_compare(left->end, right->end);
}

static int
by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static int
by_seq(const void *a, const void *b)
{
    const struct span *left = a, *right = b;

    return (left->seq > right->seq) - (left->seq < right->seq);
}

static size_t
stretch_count(const struct range_tombstones *tombstones)
{
    return tombstones->border_count == 0 ? 0 : tombstones->border_count - 1;
}

static void
collect_borders(struct range_tombstones *tombstones)
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
    KV_ASSERT(count >= 2);
    tombstones->borders = borders;
    tombstones->border_count = count;
    key_tree_init(&tombstones->border_tree, borders, count);
}

/* Sorted by sequence; the caller frees. */
static struct span *
make_spans(const struct range_tombstones *tombstones)
{
    struct span *spans = kv_alloc(tombstones->count * sizeof(*spans));

    for (size_t i = 0; i < tombstones->count; i++) {
        const struct range_tombstone *item = &tombstones->items[i];

        spans[i] = (struct span){.seq = item->seq,
                                 .low = key_tree_up_to(&tombstones->border_tree, item->begin) - 1,
                                 .high = key_tree_up_to(&tombstones->border_tree, item->end) - 1};
        KV_ASSERT(spans[i].low < spans[i].high);
    }
    qsort(spans, tombstones->count, sizeof(*spans), by_seq);
    return spans;
}

/* Notes the span in its nodes: counts it in `ends`, or where there are `seqs`, puts its sequence
 * at the node's end. */
static void
note_span(const struct span *span, size_t leaf_first, size_t *ends, uint64_t *seqs)
{
    size_t low = span->low + leaf_first, high = span->high + leaf_first;

    for (; low < high; low /= 2, high /= 2) {
        size_t nodes[2], count = 0;

        if (low % 2 == 1)
            nodes[count++] = low++;
        if (high % 2 == 1)
            nodes[count++] = --high;
        for (size_t i = 0; i < count; i++) {
            if (seqs != NULL)
                seqs[ends[nodes[i]]] = span->seq;
            ends[nodes[i]]++;
        }
    }
}

/* How many of `count` ascending sequences are <= seq_max. */
static size_t
seqs_up_to(const uint64_t *seqs, size_t count, uint64_t seq_max)
{
    size_t low = 0, high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (seqs[middle] <= seq_max)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Asks all nodes on the stretch's way. */
static bool
search_way(const struct range_tombstones *tombstones, size_t stretch, uint64_t seq_max,
           uint64_t *seq_out)
{
    const size_t *starts = tombstones->node_starts;
    bool found = false;

    KV_ASSERT(stretch < stretch_count(tombstones));
    *seq_out = 0;
    for (size_t node = stretch + stretch_count(tombstones); node > 0; node /= 2) {
        const uint64_t *seqs = tombstones->node_seqs + starts[node];
        const size_t count = seqs_up_to(seqs, starts[node + 1] - starts[node], seq_max);

        if (count > 0 && (!found || seqs[count - 1] > *seq_out)) {
            *seq_out = seqs[count - 1];
            found = true;
        }
    }
    return found;
}

static bool
newest_over_stretch(const struct range_tombstones *tombstones, size_t stretch, uint64_t seq_max,
                    uint64_t *seq_out)
{
    uint64_t newest;

    KV_ASSERT(stretch < stretch_count(tombstones));
    *seq_out = 0;
    if ((tombstones->covered[stretch / 64] >> stretch % 64 & 1) == 0)
        return false;
    newest = tombstones->stretch_newest[stretch];
    if (newest > seq_max)
        return search_way(tombstones, stretch, seq_max, seq_out);
    *seq_out = newest;
    return true;
}

static void
note_newest(struct range_tombstones *tombstones)
{
    const size_t count = stretch_count(tombstones);
    uint64_t *newest = kv_alloc(count * sizeof(*newest));

    tombstones->covered = kv_alloc_zero((count / 64 + 1) * sizeof(uint64_t));
    for (size_t stretch = 0; stretch < count; stretch++) {
        if (search_way(tombstones, stretch, UINT64_MAX, &newest[stretch]))
            tombstones->covered[stretch / 64] |= UINT64_C(1) << stretch % 64;
    }
    tombstones->stretch_newest = newest;
}

void
range_tombstones_index(struct range_tombstones *tombstones)
{
    size_t leaf_first, node_count, total = 0;
    struct span *spans;
    size_t *ends;

    KV_ASSERT(tombstones->borders == NULL);
    if (tombstones->count == 0)
        return;
    qsort(tombstones->items, tombstones->count, sizeof(*tombstones->items), by_internal_key);
    collect_borders(tombstones);
    spans = make_spans(tombstones);
    leaf_first = stretch_count(tombstones);
    node_count = 2 * leaf_first;
    /* Counts, then starts, then, as the sequences come in, ends: which are the next ones' starts.
     */
    tombstones->node_starts = kv_alloc_zero((node_count + 1) * sizeof(size_t));
    ends = tombstones->node_starts + 1;
    for (size_t i = 0; i < tombstones->count; i++)
        note_span(&spans[i], leaf_first, ends, NULL);
    for (size_t node = 0; node < node_count; node++) {
        const size_t size = ends[node];

        ends[node] = total;
        total += size;
    }
    tombstones->node_seqs = kv_alloc(total * sizeof(uint64_t));
    for (size_t i = 0; i < tombstones->count; i++)
        note_span(&spans[i], leaf_first, ends, tombstones->node_seqs);
    KV_ASSERT(ends[node_count - 1] == total);
    note_newest(tombstones);
    free(spans);
}

size_t
range_tombstones_bytes_used(const struct range_tombstones *tombstones)
{
    const size_t node_count = 2 * stretch_count(tombstones);
    size_t bytes = tombstones->capacity * sizeof(struct range_tombstone);

    if (tombstones->borders == NULL)
        return bytes;
    bytes += 2 * tombstones->count * sizeof(struct slice);
    bytes += key_tree_bytes(&tombstones->border_tree);
    bytes += stretch_count(tombstones) * sizeof(uint64_t);
    bytes += (stretch_count(tombstones) / 64 + 1) * sizeof(uint64_t);
    bytes += (node_count + 1) * sizeof(size_t);
    return bytes + tombstones->node_starts[node_count] * sizeof(uint64_t);
}

/* Of a key below or at so many borders. */
static bool
newest_behind(const struct range_tombstones *tombstones, size_t border_count, uint64_t seq_max,
              uint64_t *seq_out)
{
    if (border_count == 0 || border_count == tombstones->border_count)
        return false;
    return newest_over_stretch(tombstones, border_count - 1, seq_max, seq_out);
}

bool
range_tombstones_cover(const struct range_tombstones *tombstones, struct slice user_key,
                       uint64_t seq_max, uint64_t *seq_out)
{
    if (tombstones->count == 0)
        return false;
    KV_ASSERT(tombstones->borders != NULL);
    return newest_behind(tombstones, key_tree_up_to(&tombstones->border_tree, user_key), seq_max,
                         seq_out);
}

/* How many borders are at or below each question's key. */
static void
find_borders(const struct tombstone_question *questions, unsigned count, size_t *borders_out)
{
    struct word_search searches[READ_PREFETCH_COUNT_MAX];
    uint8_t places[READ_PREFETCH_COUNT_MAX]; /* of the searches' questions */
    unsigned search_count = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct key_tree *tree = &questions[i].tombstones->border_tree;

        KV_ASSERT(questions[i].tombstones->borders != NULL);
        if (!key_tree_has_lines(tree))
            borders_out[i] = key_tree_up_to(tree, questions[i].key);
        else if (key_lines_begin(&tree->lines, questions[i].key, &searches[search_count]))
            places[search_count++] = (uint8_t)i;
        else
            borders_out[i] = searches[search_count].below;
    }
    word_lines_search(searches, search_count);
    for (unsigned i = 0; i < search_count; i++) {
        const struct tombstone_question *question = &questions[places[i]];

        borders_out[places[i]] =
            key_lines_end(&question->tombstones->border_tree.lines, question->key, &searches[i]);
    }
}

void
range_tombstones_ask(struct tombstone_question *questions, unsigned count)
{
    size_t borders[READ_PREFETCH_COUNT_MAX];

    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    find_borders(questions, count, borders);
    for (unsigned i = 0; i < count; i++)
        questions[i].is_covered = newest_behind(questions[i].tombstones, borders[i],
                                                questions[i].seq_max, &questions[i].seq);
}

void
range_tombstones_stretch(const struct range_tombstones *tombstones, struct slice user_key,
                         uint64_t seq_max, struct tombstone_stretch *stretch_out)
{
    size_t at;

    *stretch_out = (struct tombstone_stretch){0};
    if (tombstones->count == 0)
        return;
    at = key_tree_up_to(&tombstones->border_tree, user_key);
    if (at > 0) {
        stretch_out->keys.begin = tombstones->borders[at - 1];
        stretch_out->keys.has_begin = true;
    }
    if (at < tombstones->border_count) {
        stretch_out->keys.end = tombstones->borders[at];
        stretch_out->keys.has_end = true;
    }
    if (at > 0 && at < tombstones->border_count)
        (void)newest_over_stretch(tombstones, at - 1, seq_max, &stretch_out->seq);
}

/* The newest sequence that may matter behind `seq`; false: none. */
static bool
next_view(const struct tombstone_views *views, uint64_t seq, uint64_t *seq_max_out)
{
    size_t below;

    if (seq == 0)
        return false;
    *seq_max_out = seq - 1;
    if (views->all)
        return true;
    below = seqs_up_to(views->snapshots, views->snapshot_count, seq - 1);
    if (below == 0)
        return false;
    *seq_max_out = views->snapshots[below - 1];
    return true;
}

bool
range_tombstones_fragment(const struct range_tombstones *tombstones,
                          const struct tombstone_views *views, size_t count_max,
                          tombstone_emit_fn *emit, void *owner)
{
    size_t count = 0;

    KV_ASSERT(tombstones->count == 0 || tombstones->borders != NULL);
    for (size_t stretch = 0; stretch < stretch_count(tombstones); stretch++) {
        struct range_tombstone fragment = {.begin = tombstones->borders[stretch],
                                           .end = tombstones->borders[stretch + 1]};
        uint64_t seq_max = UINT64_MAX;

        while (newest_over_stretch(tombstones, stretch, seq_max, &fragment.seq)) {
            if (++count > count_max)
                return false;
            emit(owner, &fragment);
            if (!next_view(views, fragment.seq, &seq_max))
                break;
        }
    }
    return true;
}
