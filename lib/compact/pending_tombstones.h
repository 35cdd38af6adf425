/* pending_tombstones.h - the range tombstones that a compaction has met and not yet written.
 *
 * They come in as the inputs are opened, each before the first key that it can cover; they hide
 * older versions; and they leave with the output tables, cut at the borders.  Cost: an index is
 * made anew after each input that has some.
 */
#ifndef KV_COMPACT_PENDING_TOMBSTONES_H
#define KV_COMPACT_PENDING_TOMBSTONES_H

#include "sst/range_tombstones.h"

struct pending_tombstone;

struct pending_tombstones {
    struct slice begin, end; /* user keys; what is outside is cut off; empty: no bound; borrowed */
    struct pending_tombstone **items; /* owned array of owned */
    size_t count, capacity;
    struct range_tombstones index; /* borrows the items' keys */
    bool is_indexed;
};

void pending_tombstones_init(struct pending_tombstones *pending, struct slice begin,
                             struct slice end);
void pending_tombstones_deinit(struct pending_tombstones *pending);
/* Copies; begin < end. */
void pending_tombstones_add(struct pending_tombstones *pending,
                            const struct range_tombstone *tombstone);
/* The newest sequence <= seq_max of one that covers the key; false: none does.  `user_key` is not
 * below what has been taken. */
bool pending_tombstones_cover(struct pending_tombstones *pending, struct slice user_key,
                              uint64_t seq_max, uint64_t *seq_out);
/* Emits what lies below `until` (empty: all) in no order, and keeps the rest. */
void pending_tombstones_take(struct pending_tombstones *pending, struct slice until,
                             tombstone_emit_fn *emit, void *owner);
/* Emits those that end at or before `key` as they are, and keeps the others. */
void pending_tombstones_retire(struct pending_tombstones *pending, struct slice key,
                               tombstone_emit_fn *emit, void *owner);

#endif
