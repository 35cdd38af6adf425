#include "compact/version_filter.h"

#include "base/assert.h"
#include "base/sorted.h"

void
version_filter_init(struct version_filter *filter, const uint64_t *snapshots,
                    uint32_t snapshot_count)
{
    *filter = (struct version_filter){.snapshots = snapshots, .snapshot_count = snapshot_count};
    for (uint32_t i = 1; i < snapshot_count; i++)
        KV_ASSERT(snapshots[i - 1] < snapshots[i]);
}

void
version_filter_deinit(struct version_filter *filter)
{
    buffer_deinit(&filter->user_key);
}

/* The number of snapshots that cannot see `seq`: equal for versions of one stripe. */
static uint32_t
stripe_of(const struct version_filter *filter, uint64_t seq)
{
    return (uint32_t)sorted_position(filter->snapshots, filter->snapshot_count, seq);
}

bool
version_filter_keep(struct version_filter *filter, const struct internal_key *key)
{
    const uint32_t stripe = stripe_of(filter, key->seq);
    bool keep;

    if (!filter->has_key || !slice_equal(buffer_slice(&filter->user_key), key->user_key)) {
        buffer_clear(&filter->user_key);
        buffer_append_slice(&filter->user_key, key->user_key);
        filter->has_key = true;
        filter->stripe_ended = false;
        filter->keep_next = false;
    } else if (stripe != filter->stripe) {
        KV_ASSERT(stripe < filter->stripe);
        filter->stripe_ended = false;
        filter->keep_next = false;
    }
    filter->stripe = stripe;
    filter->meets_single = filter->keep_next;

    keep = !filter->stripe_ended || filter->keep_next || key->type == TYPE_SINGLE_DELETION;
    filter->keep_next = key->type == TYPE_SINGLE_DELETION;
    if (key->type != TYPE_MERGE)
        filter->stripe_ended = true;
    return keep;
}

void
version_filter_end_stripe(struct version_filter *filter)
{
    KV_ASSERT(filter->has_key);
    filter->stripe_ended = true;
    filter->keep_next = false;
}
