/* range_del_builder.c - RocksDB writes fragments, which a reader can search at once, and reads
 * overlapping tombstones too.  Fragments of n nested ranges are n * n / 2; a client that trims a
 * queue makes such ranges.  Mostly only the newest fragment of a range matters, which the one
 * who knows the snapshots tells us (thin).  When fragments would still be many times the
 * tombstones, the tombstones are written as they are.
 */
#include "sst/range_del_builder.h"

#include "base/alloc.h"
#include "key/internal_key.h"

enum { FRAGMENTS_PER_TOMBSTONE_MAX = 16, FRAGMENT_COUNT_ALWAYS = 64 * 1024 };

struct emit_state {
    struct block_builder *block;
    struct range_del_totals *totals;
    struct buffer key; /* owned; scratch */
};

void
range_del_builder_init(struct range_del_builder *builder)
{
    *builder = (struct range_del_builder){.views = {.all = true}};
}

void
range_del_builder_deinit(struct range_del_builder *builder)
{
    /* Begin and end are one allocation. */
    for (size_t i = 0; i < builder->tombstones.count; i++)
        free((void *)(uintptr_t)builder->tombstones.items[i].begin.data);
    range_tombstones_deinit(&builder->tombstones);
    *builder = (struct range_del_builder){0};
}

void
range_del_builder_add(struct range_del_builder *builder, struct slice begin, struct slice end,
                      uint64_t seq)
{
    uint8_t *copy;

    KV_ASSERT(seq <= SEQUENCE_MAX);
    copy = kv_alloc(begin.size + end.size);
    if (begin.size > 0)
        memcpy(copy, begin.data, begin.size);
    memcpy(copy + begin.size, end.data, end.size);
    range_tombstones_add(&builder->tombstones, slice_of(copy, begin.size),
                         slice_of(copy + begin.size, end.size), seq);
    builder->bytes += begin.size + end.size;
}

void
range_del_builder_thin(struct range_del_builder *builder, const uint64_t *snapshots,
                       size_t snapshot_count)
{
    for (size_t i = 1; i < snapshot_count; i++)
        KV_ASSERT(snapshots[i - 1] <= snapshots[i]);
    builder->views =
        (struct tombstone_views){.snapshots = snapshots, .snapshot_count = snapshot_count};
}

static void
emit_entry(void *owner, const struct range_tombstone *tombstone)
{
    struct emit_state *state = owner;

    buffer_clear(&state->key);
    buffer_append_slice(&state->key, tombstone->begin);
    buffer_put_fixed64(&state->key, footer_pack(tombstone->seq, TYPE_RANGE_DELETION));
    block_builder_add(state->block, buffer_slice(&state->key),
                      block_builder_shared(state->block, buffer_slice(&state->key)),
                      tombstone->end);
    state->totals->entry_count++;
    state->totals->key_bytes += state->key.size;
    state->totals->value_bytes += tombstone->end.size;
}

/* Of those with the same key the longest, which is the last, stands for all. */
static void
emit_whole(struct emit_state *state, const struct range_tombstones *tombstones)
{
    for (size_t i = 0; i < tombstones->count; i++) {
        const struct range_tombstone *item = &tombstones->items[i];

        if (i + 1 == tombstones->count || item[1].seq != item->seq ||
            !slice_equal(item[1].begin, item->begin))
            emit_entry(state, item);
    }
}

static void
count_only(void *owner, const struct range_tombstone *fragment)
{
    (void)owner;
    (void)fragment;
}

void
range_del_builder_finish(struct range_del_builder *builder, struct block_builder *block,
                         struct range_del_totals *totals_out)
{
    struct range_tombstones *tombstones = &builder->tombstones;
    struct emit_state state = {.block = block, .totals = totals_out};
    const size_t count_max =
        FRAGMENT_COUNT_ALWAYS + FRAGMENTS_PER_TOMBSTONE_MAX * tombstones->count;

    KV_ASSERT(block_builder_empty(block) && block->restart_interval == 1);
    *totals_out = (struct range_del_totals){0};
    range_tombstones_index(tombstones);
    if (!range_tombstones_fragment(tombstones, &builder->views, count_max, count_only, NULL))
        emit_whole(&state, tombstones);
    else if (!range_tombstones_fragment(tombstones, &builder->views, count_max, emit_entry, &state))
        KV_ASSERT(false && "the same fragments as a moment ago");
    buffer_deinit(&state.key);
    block_builder_finish(block);
}
