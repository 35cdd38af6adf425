/* table_builder_internal.h - what the table builder counts and its properties block says. */
#ifndef KV_SST_TABLE_BUILDER_INTERNAL_H
#define KV_SST_TABLE_BUILDER_INTERNAL_H

#include "sst/block_builder.h"
#include "sst/table_builder.h"

struct table_counts {
    uint64_t entry_count; /* this and the next four: with the entries of the range-del block */
    uint64_t deletion_count;
    uint64_t range_tombstone_count;
    uint64_t raw_key_bytes;
    uint64_t raw_value_bytes;
    uint64_t merge_operand_count;
    uint64_t superseded_count;
    struct deadlines deadlines; /* once all entries are there */
    uint64_t data_block_count;
    uint64_t data_bytes;  /* file offset behind the last data block */
    uint64_t index_bytes; /* uncompressed, with trailer */
    uint64_t filter_bytes;
    uint64_t filter_entry_count;
    bool index_has_internal_keys;
};

/* Fills `block`, which is empty and has no restart interval, and finishes it. */
void table_properties_build(const struct table_build_options *options,
                            const struct table_counts *counts, struct block_builder *block);

#endif
