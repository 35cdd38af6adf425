/* block_builder.c - the inner loop of flush and compaction: per entry one prefix comparison by
 * words, one reservation, two copies, no allocation once the buffers have grown.
 *
 * Invariant: `restarts` holds the offset of every restart point of `bytes`, the first being 0, as
 * it also is in an empty block.
 */
#include "sst/block_builder.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"

enum { KEPT_BYTES_MAX = 4 * 1024 * 1024 };

void
block_builder_init(struct block_builder *builder, uint32_t restart_interval)
{
    KV_ASSERT(restart_interval >= 1);
    *builder = (struct block_builder){.restart_interval = restart_interval};
    block_builder_reset(builder);
}

void
block_builder_deinit(struct block_builder *builder)
{
    buffer_deinit(&builder->bytes);
    buffer_deinit(&builder->restarts);
    buffer_deinit(&builder->last_key);
}

void
block_builder_reset(struct block_builder *builder)
{
    /* One huge value must not keep its memory for the rest of the table. */
    if (builder->bytes.capacity > KEPT_BYTES_MAX)
        buffer_deinit(&builder->bytes);
    buffer_clear(&builder->bytes);
    buffer_clear(&builder->restarts);
    buffer_put_fixed32(&builder->restarts, 0);
    builder->interval_entry_count = 0;
}

size_t
block_builder_shared(const struct block_builder *builder, struct slice key)
{
    const struct slice last = buffer_slice(&builder->last_key);
    const size_t limit = key.size < last.size ? key.size : last.size;
    size_t shared = 0;

    for (; shared + 8 <= limit; shared += 8) {
        const uint64_t differing =
            load_fixed64(key.data + shared) ^ load_fixed64(last.data + shared);

        if (differing != 0)
            return shared + (size_t)__builtin_ctzll(differing) / 8;
    }
    while (shared < limit && key.data[shared] == last.data[shared])
        shared++;
    return shared;
}

static void
start_restart_interval(struct block_builder *builder)
{
    KV_ASSERT(builder->bytes.size <= UINT32_MAX);
    if (builder->bytes.size > 0)
        buffer_put_fixed32(&builder->restarts, (uint32_t)builder->bytes.size);
    builder->interval_entry_count = 0;
}

static inline void
keep_last_key(struct buffer *last_key, struct slice key, size_t shared)
{
    last_key->size = shared;
    buffer_append(last_key, key.data + shared, key.size - shared);
}

void
block_builder_add(struct block_builder *builder, struct slice key, size_t shared,
                  struct slice value)
{
    const size_t in_common = shared;
    size_t added;
    uint8_t *p;

    KV_ASSERT(shared <= key.size && shared <= builder->last_key.size);
    KV_ASSERT(key.size <= BLOCK_BYTES_MAX && value.size <= BLOCK_BYTES_MAX);
    KV_DCHECK(shared == block_builder_shared(builder, key));
    if (builder->bytes.size == 0 || builder->interval_entry_count == builder->restart_interval) {
        start_restart_interval(builder);
        shared = 0;
    }
    added = key.size - shared;
    p = buffer_reserve(&builder->bytes, 3 * VARINT32_BYTES_MAX + added + value.size);
    p += put_varint64(p, shared);
    p += put_varint64(p, added);
    p += put_varint64(p, value.size);
    if (added > 0)
        memcpy(p, key.data + shared, added);
    p += added;
    if (value.size > 0)
        memcpy(p, value.data, value.size);
    builder->bytes.size = (size_t)(p - builder->bytes.data) + value.size;
    builder->interval_entry_count++;
    keep_last_key(&builder->last_key, key, in_common);
}

void
block_builder_add_index(struct block_builder *builder, struct slice key, struct slice value)
{
    KV_ASSERT(builder->restart_interval == 1);
    KV_ASSERT(key.size <= BLOCK_BYTES_MAX);
    start_restart_interval(builder);
    buffer_append_byte(&builder->bytes, 0);
    buffer_put_lstr(&builder->bytes, key);
    buffer_append_slice(&builder->bytes, value);
}

void
block_builder_finish(struct block_builder *builder)
{
    const size_t restart_count = builder->restarts.size / sizeof(uint32_t);

    KV_ASSERT(restart_count >= 1 && restart_count <= INT32_MAX);
    KV_ASSERT(load_fixed32(builder->restarts.data) == 0);
    buffer_append_slice(&builder->bytes, buffer_slice(&builder->restarts));
    buffer_put_fixed32(&builder->bytes, (uint32_t)restart_count);
}
