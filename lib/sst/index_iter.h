/* index_iter.h - the data blocks of one table in key order, with one or two levels of index.
 *
 * Partitions of a two-level index come from the block cache, so every call may return
 * KV_WANT_BLOCK.  A seek may then be made again; index_iter_next and index_iter_prev must be made
 * again before anything else but a seek, and go on where they stopped.
 */
#ifndef KV_SST_INDEX_ITER_H
#define KV_SST_INDEX_ITER_H

#include "sst/block_iter.h"
#include "sst/table_reader.h"

struct index_iter {
    struct table_reader *table; /* borrowed; open */
    struct read_ctx *ctx;       /* borrowed */
    bool passing;               /* partitions are let go when they have been passed */
    struct block_iter top;
    struct block_iter part;
    struct block *part_block; /* pinned by ctx; NULL: none */
};

/* Must not be moved afterwards. */
void index_iter_init(struct index_iter *index, struct table_reader *table, struct read_ctx *ctx,
                     bool passing);
void index_iter_deinit(struct index_iter *index); /* before ctx ends */

MUST_CHECK enum kv_status index_iter_seek_first(struct index_iter *index);
/* To the first data block whose separator is >= (user_key, footer). */
MUST_CHECK enum kv_status index_iter_seek(struct index_iter *index, struct slice user_key,
                                          uint64_t footer);
MUST_CHECK enum kv_status index_iter_seek_last(struct index_iter *index);
/* Only while there is a current entry, or after KV_WANT_BLOCK from this. */
MUST_CHECK enum kv_status index_iter_next(struct index_iter *index);
MUST_CHECK enum kv_status index_iter_prev(struct index_iter *index);
/* The current entry, which tells separator, handle and first key; NULL: behind the last. */
const struct block_iter *index_iter_entry(const struct index_iter *index);

#endif
