/* version_filter.h - which versions of a key a flush or compaction has to keep
 * (FORMAT.md section 8.2, rule 1).
 *
 * Snapshots cut the history of a key into stripes: two versions are in the same stripe if no
 * live snapshot can tell them apart.  In each stripe everything behind (older than) a value or a
 * deletion is invisible and goes; merge operands stay until such an end is met.  The filter is
 * asked version by version, in internal-key order.
 *
 * A single deletion is stored to meet exactly one put (section 8.3).  Leaving out one of such a
 * pair, or a single deletion that a newer version hides, could let a put further down come back
 * to life; so every single deletion stays, with whatever stands right behind it in its stripe.
 */
#ifndef KV_COMPACT_VERSION_FILTER_H
#define KV_COMPACT_VERSION_FILTER_H

#include "base/buffer.h"
#include "key/internal_key.h"

struct version_filter {
    const uint64_t *snapshots; /* borrowed, ascending */
    uint32_t snapshot_count;
    struct buffer user_key; /* owned: of the version asked last */
    bool has_key;
    uint32_t stripe;   /* of the version asked last */
    bool stripe_ended; /* a value or deletion of this stripe has passed */
    bool keep_next;    /* a single deletion of this stripe stands right before */
    bool meets_single; /* and did before the version asked last */
};

void version_filter_init(struct version_filter *filter, const uint64_t *snapshots,
                         uint32_t snapshot_count);
void version_filter_deinit(struct version_filter *filter);
bool version_filter_keep(struct version_filter *filter, const struct internal_key *key);
/* The version asked last has become part of a value that stands for its stripe: what is older in it
 * is invisible, as behind any value. */
void version_filter_end_stripe(struct version_filter *filter);

#endif
