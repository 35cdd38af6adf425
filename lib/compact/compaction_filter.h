/* compaction_filter.h - which versions of a key a compaction writes, and as what (FORMAT.md
 * sections 8.2 and 8.3).
 *
 * Versions go in one by one, in internal-key order, and what remains goes to the output:
 *
 *   - of each stripe (what no live snapshot can tell apart) the newest version, down to a value or
 *     deletion;
 *   - nothing that a range tombstone of the same stripe hides;
 *   - merge operands, folded as far as is known what they stand on (merge_run.h); without an
 *     operator as they are;
 *   - a deletion only if something that it hides may exist: an older version that stays for a
 *     snapshot, or one in a table below;
 *   - a single deletion until it meets its put, with which it vanishes;
 *   - a value that is dead, and that no snapshot sees, as a deletion.
 */
#ifndef KV_COMPACT_COMPACTION_FILTER_H
#define KV_COMPACT_COMPACTION_FILTER_H

#include "compact/compaction_output.h"
#include "compact/merge_run.h"
#include "key/internal_key.h"

struct compaction_filter {
    const struct compaction_spec *spec; /* borrowed, as is the output */
    struct compaction_output *output;
    bool may_zero; /* sequences of values that everyone sees */

    struct buffer key; /* owned: an internal key; the user key of the version asked last, and
                          room for a footer */
    size_t user_bytes; /* of it */
    bool has_key;
    bool wrote;        /* a version of this user key has been written */
    uint32_t stripe;   /* of the version asked last */
    bool stripe_ended; /* a value or deletion of this stripe has passed */
    bool single_waits; /* held ends in a single deletion, and the next version tells */

    struct merge_operator op;
    struct merge_run run; /* while it is open nothing is held */

    struct buffer buried;   /* owned: the key of a deletion that was a dead value */
    uint64_t expired_count; /* of these: they were the newest of their keys */
    uint64_t *held; /* owned: footers of deletions that are written before the next version */
    uint32_t held_count, held_capacity;
};

void compaction_filter_init(struct compaction_filter *filter, const struct compaction_spec *spec,
                            struct compaction_output *output);
void compaction_filter_deinit(struct compaction_filter *filter);
MUST_CHECK enum kv_status compaction_filter_add(struct compaction_filter *filter, struct slice key,
                                                struct slice value);
/* Behind the last version. */
MUST_CHECK enum kv_status compaction_filter_finish(struct compaction_filter *filter);
/* The user key of the version asked last; empty before the first. */
struct slice compaction_filter_user_key(const struct compaction_filter *filter);

#endif
