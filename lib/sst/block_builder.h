/* block_builder.h - makes blocks of prefix-compressed entries (FORMAT.md section 5.5).
 *
 * One builder makes block after block and keeps its memory.  The caller guarantees the order of
 * the keys; nothing here knows what a key means.
 */
#ifndef KV_SST_BLOCK_BUILDER_H
#define KV_SST_BLOCK_BUILDER_H

#include "base/buffer.h"
#include "base/coding.h"

/* As restart interval: one restart point, at the block's start (the properties block). */
enum { RESTART_INTERVAL_NONE = INT32_MAX };

struct block_builder {
    struct buffer bytes;    /* owned; the entries so far */
    struct buffer restarts; /* owned; their offsets, fixed32 each */
    struct buffer last_key; /* owned; outlives a reset, for it is the previous block's last key */
    uint32_t restart_interval;
    uint32_t interval_entry_count; /* since the last restart point */
};

void block_builder_init(struct block_builder *builder, uint32_t restart_interval);
void block_builder_deinit(struct block_builder *builder);
/* Starts the next block. */
void block_builder_reset(struct block_builder *builder);

/* How many bytes `key` has in common with the last key, of this block or the one before. */
size_t block_builder_shared(const struct block_builder *builder, struct slice key);
/* `shared` is what block_builder_shared says; callers need it for more than this.  Copies. */
void block_builder_add(struct block_builder *builder, struct slice key, size_t shared,
                       struct slice value);
/* An entry of an index block with delta-coded values: a restart point, and its value, which
 * knows its own end, has no length. */
void block_builder_add_index(struct block_builder *builder, struct slice key, struct slice value);

/* The size of the block if it were finished now. */
static inline size_t
block_builder_size(const struct block_builder *builder)
{
    return builder->bytes.size + builder->restarts.size + sizeof(uint32_t);
}

/* The size with one more entry, by RocksDB's rough reckoning (the key whole, four bytes for what
 * is shared): with it our blocks end where RocksDB's do. */
static inline size_t
block_builder_size_with(const struct block_builder *builder, struct slice key, struct slice value)
{
    const size_t restart_bytes =
        builder->interval_entry_count >= builder->restart_interval ? sizeof(uint32_t) : 0;

    return block_builder_size(builder) + restart_bytes + sizeof(uint32_t) +
           varint64_size(key.size) + key.size + varint64_size(value.size) + value.size;
}

static inline bool
block_builder_empty(const struct block_builder *builder)
{
    return builder->bytes.size == 0;
}

/* Completes builder->bytes, which is the block until the reset; a trailer may be appended. */
void block_builder_finish(struct block_builder *builder);

#endif
