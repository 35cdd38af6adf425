/* key_stretch.h - a run of neighbouring user keys, and the tombstone that lies over all of it.
 *
 * A scan asks each place that may have range tombstones about a key once, and not again before it
 * leaves the stretch for which the answer holds.  The slices are borrowed from who answered.
 */
#ifndef KV_KEY_KEY_STRETCH_H
#define KV_KEY_KEY_STRETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Zero-initialised: all keys. */
struct key_stretch {
    struct slice begin; /* if has_begin: inclusive, or exclusive when begin_is_open */
    struct slice end;   /* if has_end: exclusive, or inclusive when end_is_closed */
    bool has_begin, begin_is_open, has_end, end_is_closed;
};

struct tombstone_stretch {
    struct key_stretch keys;
    uint64_t seq; /* of the newest tombstone that counts; 0: none lies over these keys */
};

static inline bool
key_stretch_contains(const struct key_stretch *stretch, struct slice key)
{
    if (stretch->has_begin) {
        const int order = slice_compare(key, stretch->begin);

        if (order < 0 || (order == 0 && stretch->begin_is_open))
            return false;
    }
    return !stretch->has_end || slice_compare(key, stretch->end) < stretch->end_is_closed;
}

/* What the two have in common, which is something. */
static inline void
key_stretch_cut(struct key_stretch *stretch, const struct key_stretch *by)
{
    if (by->has_begin) {
        const int order = stretch->has_begin ? slice_compare(by->begin, stretch->begin) : 1;

        if (order > 0 || (order == 0 && by->begin_is_open)) {
            stretch->begin = by->begin;
            stretch->begin_is_open = by->begin_is_open;
            stretch->has_begin = true;
        }
    }
    if (by->has_end) {
        const int order = stretch->has_end ? slice_compare(by->end, stretch->end) : -1;

        if (order < 0 || (order == 0 && !by->end_is_closed)) {
            stretch->end = by->end;
            stretch->end_is_closed = by->end_is_closed;
            stretch->has_end = true;
        }
    }
}

#endif
