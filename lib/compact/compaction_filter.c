/* compaction_filter.c - deletions are held back until it is known whether they hide anything.
 *
 * What a deletion hides is older: the next version of the key that is written shows that there is
 * something, and the end of the key that there is nothing among the inputs; then the tables below
 * decide.
 *
 * A single deletion is there to meet exactly one put.  So it is looked at before all else, even if
 * a newer version hides it: leaving it out, or only its put, would let a put further down come back
 * to life.  What breaks that contract (a single deletion on top of a deletion or of an operand) is
 * treated so that reads find what they found before.
 */
#include "compact/compaction_filter.h"

#include "base/alloc.h"

void
compaction_filter_init(struct compaction_filter *filter, const struct compaction_spec *spec,
                       struct compaction_output *output)
{
    *filter = (struct compaction_filter){.spec = spec, .output = output};
    /* In level 0 the sequences order the tables. */
    filter->may_zero = spec->below_count == 0 && spec->output_level > 0;
    for (uint32_t i = 1; i < spec->snapshot_count; i++)
        KV_ASSERT(spec->snapshots[i - 1] < spec->snapshots[i]);
}

void
compaction_filter_deinit(struct compaction_filter *filter)
{
    buffer_deinit(&filter->key);
    free(filter->held);
    *filter = (struct compaction_filter){0};
}

struct slice
compaction_filter_user_key(const struct compaction_filter *filter)
{
    return slice_of(filter->key.data, filter->user_bytes);
}

/* The number of snapshots that cannot see `seq`: equal for versions of one stripe. */
static inline uint32_t
stripe_of(const struct compaction_filter *filter, uint64_t seq)
{
    const uint64_t *snapshots = filter->spec->snapshots;
    uint32_t low = 0, high = filter->spec->snapshot_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (snapshots[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- writing --- */

static enum kv_status
write_version(struct compaction_filter *filter, uint64_t footer, struct slice value)
{
    const bool is_first = !filter->wrote;

    filter->wrote = true;
    put_fixed64(filter->key.data + filter->user_bytes, footer);
    return compaction_output_add(filter->output,
                                 slice_of(filter->key.data, filter->user_bytes + KEY_FOOTER_BYTES),
                                 value, is_first);
}

static enum kv_status
write_held(struct compaction_filter *filter)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < filter->held_count && st == KV_OK; i++)
        st = write_version(filter, filter->held[i], slice_of(NULL, 0));
    filter->held_count = 0;
    return st;
}

static void
hold(struct compaction_filter *filter, uint64_t footer)
{
    if (filter->held_count == filter->held_capacity) {
        filter->held_capacity = filter->held_capacity == 0 ? 8 : 2 * filter->held_capacity;
        filter->held = kv_realloc(filter->held, filter->held_capacity * sizeof(*filter->held));
    }
    filter->held[filter->held_count++] = footer;
}

/* --- one version --- */

/* A tombstone of its own stripe hides it, so nobody sees the one without the other. */
static bool
is_covered(struct compaction_filter *filter, uint64_t seq)
{
    const struct compaction_spec *spec = filter->spec;
    const uint64_t seq_max =
        filter->stripe < spec->snapshot_count ? spec->snapshots[filter->stripe] : SEQUENCE_MAX;
    uint64_t newest;

    return pending_tombstones_cover(&filter->output->tombstones, compaction_filter_user_key(filter),
                                    seq_max, &newest) &&
           newest > seq;
}

static enum kv_status
keep_value(struct compaction_filter *filter, uint64_t footer, struct slice value)
{
    const enum kv_status st = write_held(filter);

    filter->stripe_ended = true;
    if (st != KV_OK)
        return st;
    if (filter->may_zero && filter->stripe == 0)
        footer &= 0xff;
    return write_version(filter, footer, value);
}

static enum kv_status
keep_operand(struct compaction_filter *filter, uint64_t footer, struct slice value)
{
    const enum kv_status st = write_held(filter);

    return st == KV_OK ? write_version(filter, footer, value) : st;
}

/* A single deletion stands right before this version, in the same stripe.  True: the version is
 * dealt with. */
static bool
meet_single_deletion(struct compaction_filter *filter, uint64_t footer)
{
    const enum value_type type = (enum value_type)(footer & 0xff);

    filter->single_waits = false;
    switch (type) {
    case TYPE_VALUE:
    case TYPE_ENTITY:
        filter->held_count--;
        return true;
    case TYPE_DELETION: /* against the contract; this one hides more */
        filter->held[filter->held_count - 1] = footer;
        return true;
    case TYPE_SINGLE_DELETION:
        filter->held_count--;
        return false;
    default:
        return false;
    }
}

static enum kv_status
add_version(struct compaction_filter *filter, uint64_t footer, struct slice value)
{
    const enum value_type type = (enum value_type)(footer & 0xff);

    if (is_covered(filter, footer >> 8)) {
        filter->stripe_ended = true; /* and everything older in it is covered as well */
        return KV_OK;
    }
    if (type == TYPE_SINGLE_DELETION) {
        hold(filter, footer);
        filter->single_waits = true;
        filter->stripe_ended = true;
        return KV_OK;
    }
    if (filter->stripe_ended)
        return KV_OK;
    if (type == TYPE_MERGE)
        return keep_operand(filter, footer, value);
    if (type != TYPE_DELETION)
        return keep_value(filter, footer, value);
    hold(filter, footer);
    filter->stripe_ended = true;
    return KV_OK;
}

/* --- one key --- */

static enum kv_status
end_key(struct compaction_filter *filter)
{
    if (filter->held_count == 0)
        return KV_OK;
    if (key_ranges_hold(&filter->output->below, compaction_filter_user_key(filter)))
        return write_held(filter);
    filter->held_count = 0;
    return KV_OK;
}

static inline bool
is_same_key(const struct compaction_filter *filter, struct slice user_key)
{
    return filter->has_key && filter->user_bytes == user_key.size &&
           (user_key.size == 0 || memcmp(filter->key.data, user_key.data, user_key.size) == 0);
}

static void
begin_key(struct compaction_filter *filter, struct slice user_key)
{
    buffer_clear(&filter->key);
    buffer_append_slice(&filter->key, user_key);
    buffer_reserve(&filter->key, KEY_FOOTER_BYTES);
    filter->user_bytes = user_key.size;
    filter->has_key = true;
    filter->wrote = false;
    filter->stripe_ended = false;
    filter->single_waits = false;
    KV_ASSERT(filter->held_count == 0);
}

enum kv_status
compaction_filter_add(struct compaction_filter *filter, struct slice key, struct slice value)
{
    const struct slice user_key = internal_key_user(key);
    const uint64_t footer = internal_key_footer(key);
    const uint32_t stripe = stripe_of(filter, footer >> 8);
    enum kv_status st;

    if (!is_same_key(filter, user_key)) {
        st = end_key(filter);
        if (st != KV_OK)
            return st;
        begin_key(filter, user_key);
    } else if (stripe != filter->stripe) {
        filter->stripe_ended = false;
        filter->single_waits = false;
    }
    filter->stripe = stripe;
    if (filter->single_waits && meet_single_deletion(filter, footer))
        return KV_OK;
    return add_version(filter, footer, value);
}

enum kv_status
compaction_filter_finish(struct compaction_filter *filter)
{
    return end_key(filter);
}
