/* index_builder.h - collects one separator a data block and makes the index block of them
 * (FORMAT.md section 5.7, index type 0 with delta-coded values).
 *
 * Whether the index may have user keys is known only at the end: it must have internal keys if
 * any user key has versions in two blocks.  So both forms are kept.
 */
#ifndef KV_SST_INDEX_BUILDER_H
#define KV_SST_INDEX_BUILDER_H

#include "base/buffer.h"
#include "sst/block_builder.h"

struct index_builder {
    struct buffer entries;   /* owned; see index_builder.c */
    struct buffer separator; /* owned; scratch */
    uint64_t entry_count;
    bool has_internal_keys; /* a user key lies across a border */
};

void index_builder_init(struct index_builder *builder);
void index_builder_deinit(struct index_builder *builder);
/* The block [offset, offset + size), trailer not counted, ends with `last`; the next one starts
 * with `next` (both internal keys), or is not there (`next` empty). */
void index_builder_add(struct index_builder *builder, struct slice last, struct slice next,
                       uint64_t offset, uint64_t size);
/* Fills `block`, which has restart interval 1 and is empty, and finishes it. */
void index_builder_finish(const struct index_builder *builder, struct block_builder *block);

#endif
