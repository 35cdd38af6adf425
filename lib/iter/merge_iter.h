/* merge_iter.h - many sorted iterators as one, in internal-key order.
 *
 * Entries that compare equal come in the order of the children.  A turn seeks all children but
 * the one whose entry is shown, so it costs as much as a seek.  A seek asks all children before
 * it gives up on KV_WANT_BLOCK, so one round of fetching brings the blocks of all.
 * One difference from iter.h: a seek that returns anything but KV_OK leaves the merge not valid,
 * since some children may have moved; it is to be made again.
 */
#ifndef KV_ITER_MERGE_ITER_H
#define KV_ITER_MERGE_ITER_H

#include "iter/iter.h"

/* Takes over the children; the array stays the caller's.  No child at all is an empty merge. */
struct iter *merge_iter_new(struct iter *const *children, size_t child_count);

/* For a scan that knows which keys of a child are hidden: the index of the child whose entry is
 * shown, and going on in the direction of the last step with all children as they are, but that
 * one sought to `target` (>= or <= by the direction) or, with target.size 0, at its end.  A status
 * other than KV_OK leaves the merge not valid. */
size_t merge_iter_child(const struct iter *iter);
MUST_CHECK enum kv_status merge_iter_leap(struct iter *iter, struct slice target);

#endif
