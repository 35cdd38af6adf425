/* flush_rules.c - rule 1 of FORMAT.md section 8.2, and no more than that.
 *
 * Snapshots cut a key's history into stripes.  Within a stripe only its newest version can be
 * read, so what stands behind a value or a deletion goes.  Merge operands hide nothing: they and
 * the first value or deletion behind them stay.
 *
 * A single deletion is stored to meet exactly one put.  Leaving out one of such a pair, or one
 * that a newer version hides, would let a put further down come back to life; so every single
 * deletion stays, with whatever stands right behind it in its stripe, and a compaction that sees
 * all levels removes the pair.
 */
#include "worker/flush_rules.h"

#include "base/assert.h"

void
flush_rules_init(struct flush_rules *rules, const uint64_t *snapshots, uint32_t snapshot_count)
{
    for (uint32_t i = 1; i < snapshot_count; i++)
        KV_ASSERT(snapshots[i - 1] < snapshots[i]);
    *rules = (struct flush_rules){.snapshots = snapshots, .snapshot_count = snapshot_count};
}

void
flush_rules_deinit(struct flush_rules *rules)
{
    buffer_deinit(&rules->user_key);
}

/* The oldest snapshot that sees `seq`, as an index; snapshot_count: only the latest state does. */
static uint32_t
stripe_of(const struct flush_rules *rules, uint64_t seq)
{
    uint32_t low = 0, high = rules->snapshot_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (rules->snapshots[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
flush_rules_keep(struct flush_rules *rules, const struct internal_key *key)
{
    const uint32_t stripe = stripe_of(rules, key->seq);
    const bool same_key =
        rules->has_key && slice_equal(buffer_slice(&rules->user_key), key->user_key);
    bool keep;

    if (!same_key) {
        buffer_clear(&rules->user_key);
        buffer_append_slice(&rules->user_key, key->user_key);
        rules->has_key = true;
    }
    if (!same_key || stripe != rules->stripe) {
        rules->stripe = stripe;
        rules->hides = false;
        rules->keep_next = false;
    }
    keep = !rules->hides || rules->keep_next || key->type == TYPE_SINGLE_DELETION;
    rules->keep_next = key->type == TYPE_SINGLE_DELETION;
    if (key->type != TYPE_MERGE)
        rules->hides = true;
    return keep;
}
