/* range_del_builder.c - RocksDB writes fragments, which a reader can search at once, and reads
 * overlapping tombstones too.  Fragments of n nested ranges are n * n / 2, so when they would be
 * many times the tombstones, the tombstones are written as they are.
 */
#include "sst/range_del_builder.h"

#include "base/alloc.h"
#include "key/internal_key.h"

enum { CAPACITY_MIN = 16, FRAGMENTS_PER_TOMBSTONE_MAX = 16, FRAGMENT_COUNT_ALWAYS = 64 * 1024 };

struct emit_state {
    struct block_builder *block;
    struct range_del_totals *totals;
    struct buffer key; /* owned; scratch */
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

void
range_del_builder_finish(struct range_del_builder *builder, struct block_builder *block,
                         struct range_del_totals *totals_out)
{
    struct emit_state state = {.block = block, .totals = totals_out};
    const uint64_t fragment_count_max =
        tombstone_fragment_count_max(builder->tombstones, builder->count);

    KV_ASSERT(block_builder_empty(block) && block->restart_interval == 1);
    *totals_out = (struct range_del_totals){0};
    if (fragment_count_max <= FRAGMENT_COUNT_ALWAYS ||
        fragment_count_max / FRAGMENTS_PER_TOMBSTONE_MAX <= builder->count) {
        tombstone_fragments(builder->tombstones, builder->count, emit_entry, &state);
    } else {
        for (size_t i = 0; i < builder->count; i++)
            emit_entry(&state, &builder->tombstones[i]);
    }
    buffer_deinit(&state.key);
    block_builder_finish(block);
}
