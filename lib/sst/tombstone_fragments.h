/* tombstone_fragments.h - overlapping range tombstones cut into pieces that do not (FORMAT.md
 * section 8.5).
 */
#ifndef KV_SST_TOMBSTONE_FRAGMENTS_H
#define KV_SST_TOMBSTONE_FRAGMENTS_H

#include "sst/table_reader.h"

typedef void tombstone_emit_fn(void *owner, const struct range_tombstone *fragment);

/* Sorts `tombstones`, whose begins lie below their ends, and emits the fragments in the order of
 * their internal keys: by begin, and for one range by sequence, newest first, each sequence
 * once.  A fragment borrows from the tombstones. */
void tombstone_fragments(struct range_tombstone *tombstones, size_t count, tombstone_emit_fn *emit,
                         void *owner);

/* No less than what tombstone_fragments would emit; sorts `tombstones` in the same way.  It can
 * be as much as the square of `count`. */
uint64_t tombstone_fragment_count_max(struct range_tombstone *tombstones, size_t count);

/* By begin, then newest first, then by end: the order in which both leave `tombstones`. */
int range_tombstone_compare(const struct range_tombstone *a, const struct range_tombstone *b);

#endif
