/* filter_builder.h - makes the bloom filter of a table: RocksDB's FastLocalBloom (FORMAT.md
 * section 5.9), whose size depends on the number of keys, so it keeps their hashes until the end.
 */
#ifndef KV_SST_FILTER_BUILDER_H
#define KV_SST_FILTER_BUILDER_H

#include "base/buffer.h"

struct filter_builder {
    uint64_t *hashes; /* owned */
    size_t hash_count;
    size_t hash_capacity;
    uint32_t bits_per_key; /* 0: there is no filter, and keys are not kept */
};

void filter_builder_init(struct filter_builder *builder, uint32_t bits_per_key);
void filter_builder_deinit(struct filter_builder *builder);
/* A user key; the same one twice in a row counts once. */
void filter_builder_add(struct filter_builder *builder, struct slice user_key);
/* The size that the filter would have now, metadata included. */
size_t filter_builder_size(const struct filter_builder *builder);
/* Appends the filter block to `target`.  At least one key was added. */
void filter_builder_finish(const struct filter_builder *builder, struct buffer *target);

#endif
