/* range_tombstones.h - one table's range tombstones, ready for lookups (FORMAT.md section 8.5).
 *
 * Collected in any order, then fragmented: afterwards the ranges are ascending and each two of
 * them are equal or disjoint; equal ones follow each other, newest first.
 */
#ifndef KV_SST_RANGE_TOMBSTONES_H
#define KV_SST_RANGE_TOMBSTONES_H

#include "sst/table_reader.h"

/* Zero-initialised is empty and valid. */
struct range_tombstones {
    struct range_tombstone *items; /* owned; their bytes belong to the table */
    size_t count;
    size_t capacity;
};

void range_tombstones_deinit(struct range_tombstones *tombstones);
/* Only before fragmenting; begin < end, and both live as long as the list. */
void range_tombstones_add(struct range_tombstones *tombstones, struct slice begin, struct slice end,
                          uint64_t seq);
/* False: they overlap so much that the fragments would outgrow all reason (the list is then only
 * fit for deinit). */
MUST_CHECK bool range_tombstones_fragment(struct range_tombstones *tombstones);
/* The newest sequence <= seq_max of a tombstone that covers the key; false: none does. */
bool range_tombstones_cover(const struct range_tombstones *tombstones, struct slice user_key,
                            uint64_t seq_max, uint64_t *seq_out);

#endif
