/* range_del_builder.h - keeps range tombstones until their table is finished, and makes the
 * range-deletion block of them (FORMAT.md section 5.11).
 */
#ifndef KV_SST_RANGE_DEL_BUILDER_H
#define KV_SST_RANGE_DEL_BUILDER_H

#include "sst/block_builder.h"
#include "sst/range_tombstones.h"

struct range_del_builder {
    struct range_tombstones tombstones; /* the builder owns the bytes of begins and ends too */
    size_t bytes;                       /* of all begins and ends */
    struct tombstone_views views;       /* its snapshots are borrowed */
};

/* What the block holds, for the table's properties. */
struct range_del_totals {
    uint64_t entry_count;
    uint64_t key_bytes; /* footers included */
    uint64_t value_bytes;
};

void range_del_builder_init(struct range_del_builder *builder);
void range_del_builder_deinit(struct range_del_builder *builder);
/* begin < end.  Copies. */
void range_del_builder_add(struct range_del_builder *builder, struct slice begin, struct slice end,
                           uint64_t seq);
/* From now on it is known which sequences must stay readable; see table_builder_set_snapshots. */
void range_del_builder_thin(struct range_del_builder *builder, const uint64_t *snapshots,
                            size_t snapshot_count);
/* Fills `block`, which has restart interval 1 and is empty, and finishes it. */
void range_del_builder_finish(struct range_del_builder *builder, struct block_builder *block,
                              struct range_del_totals *totals_out);

#endif
