/* range_del_builder.c - RocksDB writes fragments, which a reader can search at once, and reads
 * overlapping tombstones too.  Fragments of n nested ranges are n * n / 2; a client that trims a
 * queue makes such ranges.  Mostly only the newest fragment of a range matters, which the one
 * who knows the snapshots tells us (thin).  Else, when fragments would be many times the
 * tombstones, the tombstones are written as they are.
 */
#include "sst/range_del_builder.h"

#include "base/alloc.h"
#include "key/internal_key.h"

enum { CAPACITY_MIN = 16, FRAGMENTS_PER_TOMBSTONE_MAX = 16, FRAGMENT_COUNT_ALWAYS = 64 * 1024 };

struct emit_state {
    const struct range_del_builder *builder;
    struct block_builder *block;
    struct range_del_totals *totals;
    struct buffer key;       /* owned; scratch */
    struct slice last_begin; /* of the last fragment that was written, and its stripe */
    size_t last_stripe;
};

void
range_del_builder_init(struct range_del_builder *builder)
{
    *builder = (struct range_del_builder){0};
}

void
range_del_builder_deinit(struct range_del_builder *builder)
{
    /* Begin and end are one allocation. */
    for (size_t i = 0; i < builder->count; i++)
        free((void *)(uintptr_t)builder->tombstones[i].begin.data);
    free(builder->tombstones);
    *builder = (struct range_del_builder){0};
}

void
range_del_builder_add(struct range_del_builder *builder, struct slice begin, struct slice end,
                      uint64_t seq)
{
    uint8_t *copy;

    KV_ASSERT(slice_compare(begin, end) < 0);
    KV_ASSERT(seq <= SEQUENCE_MAX);
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity == 0 ? CAPACITY_MIN : builder->capacity * 2;
        builder->tombstones =
            kv_realloc(builder->tombstones, builder->capacity * sizeof(builder->tombstones[0]));
    }
    copy = kv_alloc(begin.size + end.size);
    if (begin.size > 0)
        memcpy(copy, begin.data, begin.size);
    memcpy(copy + begin.size, end.data, end.size);
    builder->tombstones[builder->count++] =
        (struct range_tombstone){.begin = slice_of(copy, begin.size),
                                 .end = slice_of(copy + begin.size, end.size),
                                 .seq = seq};
    builder->bytes += begin.size + end.size;
}

void
range_del_builder_thin(struct range_del_builder *builder, const uint64_t *snapshots,
                       size_t snapshot_count)
{
    for (size_t i = 1; i < snapshot_count; i++)
        KV_ASSERT(snapshots[i - 1] <= snapshots[i]);
    builder->thin = true;
    builder->snapshots = snapshots;
    builder->snapshot_count = snapshot_count;
}

/* How many snapshots do not see the sequence; sequences with the same number are seen alike. */
static size_t
stripe_of(const struct range_del_builder *builder, uint64_t seq)
{
    size_t low = 0, high = builder->snapshot_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (builder->snapshots[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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

/* Fragments of one range come newest first: the first one of a stripe hides the others. */
static void
emit_thinned(void *owner, const struct range_tombstone *fragment)
{
    struct emit_state *state = owner;
    const size_t stripe = stripe_of(state->builder, fragment->seq);

    if (state->totals->entry_count > 0 && stripe == state->last_stripe &&
        slice_equal(state->last_begin, fragment->begin))
        return;
    state->last_begin = fragment->begin;
    state->last_stripe = stripe;
    emit_entry(owner, fragment);
}

/* Whether fragments would be out of proportion to the tombstones. */
static bool
fragments_explode(struct range_del_builder *builder)
{
    const uint64_t count_max = tombstone_fragment_count_max(builder->tombstones, builder->count);

    return count_max > FRAGMENT_COUNT_ALWAYS &&
           count_max / FRAGMENTS_PER_TOMBSTONE_MAX > builder->count;
}

void
range_del_builder_finish(struct range_del_builder *builder, struct block_builder *block,
                         struct range_del_totals *totals_out)
{
    struct emit_state state = {.builder = builder, .block = block, .totals = totals_out};

    KV_ASSERT(block_builder_empty(block) && block->restart_interval == 1);
    *totals_out = (struct range_del_totals){0};
    if (builder->thin) {
        tombstone_fragments(builder->tombstones, builder->count, emit_thinned, &state);
    } else if (!fragments_explode(builder)) {
        tombstone_fragments(builder->tombstones, builder->count, emit_entry, &state);
    } else {
        for (size_t i = 0; i < builder->count; i++)
            emit_entry(&state, &builder->tombstones[i]);
    }
    buffer_deinit(&state.key);
    block_builder_finish(block);
}
