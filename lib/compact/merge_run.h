/* merge_run.h - folds merge operands on their way from one sorted place to the next
 * (FORMAT.md section 8.2, rule 2).
 *
 * Entries go in one by one, in internal-key order, those that nobody can see left out already;
 * entries come out through `write`, in the same order:
 *
 *     operands, then a value or a deletion of the same stripe    one value, the newest's sequence
 *     operands, then a range tombstone between them and the rest the same, without a base
 *     operands, then another stripe, key or the end              one operand, if the operator can
 *     operands that cannot be folded, or too many                as they came
 *     operands, then a value with a deadline (key/entity.h)      one operand, if possible, and it
 *
 * Behind a value that came out so, what is older in its stripe is invisible: `add` says so by
 * *stripe_ended.  A single deletion is not folded into: it waits for a put further down.  What is
 * dead already has become a deletion on its way here (dead_value.h).
 */
#ifndef KV_COMPACT_MERGE_RUN_H
#define KV_COMPACT_MERGE_RUN_H

#include "key/internal_key.h"
#include "merge/merge_fold.h"
#include "sst/range_tombstones.h"

typedef enum kv_status merge_write_fn(void *owner, struct slice key, struct slice value);

struct merge_run {
    struct merge_fold fold;
    const struct range_tombstones *tombstones; /* borrowed, indexed; NULL: there are none */
    merge_write_fn *write;
    void *owner;
    bool is_open;
    uint32_t stripe;
    struct buffer user_key; /* owned: of the open run */
    struct buffer key;      /* owned: the entry that goes out */
};

/* The operator is borrowed; with none (kind NULL) everything goes through as it is. */
void merge_run_init(struct merge_run *run, const struct merge_operator *op, merge_write_fn *write,
                    void *owner);
void merge_run_deinit(struct merge_run *run);

/* `key` is `encoded`, parsed.  Versions of one key have the same `stripe` if no snapshot can tell
 * them apart.  *stripe_ended: what follows of this key and stripe may be left out. */
MUST_CHECK enum kv_status merge_run_add(struct merge_run *run, const struct internal_key *key,
                                        struct slice encoded, struct slice value, uint32_t stripe,
                                        bool *stripe_ended);
/* The key is over, or the input.  `is_bottom`: nothing older of the key can be anywhere, and this
 * is its oldest stripe, so operands are folded to a value. */
MUST_CHECK enum kv_status merge_run_finish(struct merge_run *run, bool is_bottom);

#endif
