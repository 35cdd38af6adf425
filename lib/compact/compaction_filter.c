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
#include "base/sorted.h"
#include "compact/dead_value.h"

static enum kv_status write_version(void *owner, struct slice key, struct slice value);

void
compaction_filter_init(struct compaction_filter *filter, const struct compaction_spec *spec,
                       struct compaction_output *output)
{
    *filter = (struct compaction_filter){.spec = spec, .output = output};
    /* In level 0 the sequences order the tables. */
    filter->may_zero = spec->below_count == 0 && spec->output_level > 0;
    for (uint32_t i = 1; i < spec->snapshot_count; i++)
        KV_ASSERT(spec->snapshots[i - 1] < spec->snapshots[i]);
    /* One that kvd does not have is none: operands stay as they are. */
    if (merge_operator_parse(slice_from_text(spec->merge_operator), &filter->op) != KV_OK)
        KV_ASSERT(filter->op.kind == NULL);
    merge_run_init(&filter->run, &filter->op, write_version, filter);
}

void
compaction_filter_deinit(struct compaction_filter *filter)
{
    merge_run_deinit(&filter->run);
    buffer_deinit(&filter->key);
    buffer_deinit(&filter->buried);
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
    const struct compaction_spec *spec = filter->spec;

    return (uint32_t)sorted_position(spec->snapshots, spec->snapshot_count, seq);
}

/* --- writing --- */

static enum kv_status
write_footer(struct compaction_filter *filter, uint64_t footer, struct slice value)
{
    const bool is_first = !filter->wrote;

    filter->wrote = true;
    put_fixed64(filter->key.data + filter->user_bytes, footer);
    return compaction_output_add(filter->output,
                                 slice_of(filter->key.data, filter->user_bytes + KEY_FOOTER_BYTES),
                                 value, is_first);
}

/* A merge_write_fn: a version of the present user key. */
static enum kv_status
write_version(void *owner, struct slice key, struct slice value)
{
    struct compaction_filter *filter = owner;
    uint64_t footer = internal_key_footer(key);
    const enum value_type type = (enum value_type)(footer & 0xff);

    if (filter->may_zero && (type == TYPE_VALUE || type == TYPE_ENTITY) &&
        stripe_of(filter, footer >> 8) == 0)
        footer = footer_pack(0, type);
    return write_footer(filter, footer, value);
}

static enum kv_status
write_held(struct compaction_filter *filter)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < filter->held_count && st == KV_OK; i++)
        st = write_footer(filter, filter->held[i], slice_of(NULL, 0));
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

/* What others stand on or which stands on its own. */
static enum kv_status
keep(struct compaction_filter *filter, struct slice key, struct slice value)
{
    const struct internal_key parsed = {
        .user_key = internal_key_user(key),
        .seq = internal_key_footer(key) >> 8,
        .type = (enum value_type)(internal_key_footer(key) & 0xff),
    };
    enum kv_status st = write_held(filter);

    if (st != KV_OK)
        return st;
    if (parsed.type != TYPE_MERGE)
        filter->stripe_ended = true;
    if (parsed.type != TYPE_MERGE && !filter->run.is_open)
        return write_version(filter, key, value);
    return merge_run_add(&filter->run, &parsed, key, value, filter->stripe, &(bool){false});
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
add_version(struct compaction_filter *filter, struct slice key, struct slice value)
{
    const uint64_t footer = internal_key_footer(key);
    const enum value_type type = (enum value_type)(footer & 0xff);
    enum kv_status st;

    if (is_covered(filter, footer >> 8)) {
        /* And so is everything older in the stripe: operands above it stand on nothing. */
        filter->stripe_ended = true;
        return merge_run_finish(&filter->run, true);
    }
    if (type == TYPE_SINGLE_DELETION) {
        st = merge_run_finish(&filter->run, false);
        hold(filter, footer);
        filter->single_waits = true;
        filter->stripe_ended = true;
        return st;
    }
    if (filter->stripe_ended)
        return KV_OK;
    if (type != TYPE_DELETION || filter->run.is_open)
        return keep(filter, key, value);
    hold(filter, footer);
    filter->stripe_ended = true;
    return KV_OK;
}

/* --- one key --- */

static enum kv_status
end_key(struct compaction_filter *filter)
{
    enum kv_status st;
    bool is_below;

    if (filter->held_count == 0 && !filter->run.is_open)
        return KV_OK;
    is_below = key_ranges_hold(&filter->output->below, compaction_filter_user_key(filter));
    st = merge_run_finish(&filter->run, !is_below);
    if (st == KV_OK && is_below)
        st = write_held(filter);
    filter->held_count = 0;
    return st;
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
    enum kv_status st = KV_OK;

    if (!is_same_key(filter, user_key)) {
        st = end_key(filter);
        if (st == KV_OK)
            begin_key(filter, user_key);
    } else if (stripe != filter->stripe) {
        st = merge_run_finish(&filter->run, false);
        filter->stripe_ended = false;
        filter->single_waits = false;
    }
    if (st != KV_OK)
        return st;
    filter->stripe = stripe;
    if (filter->single_waits && meet_single_deletion(filter, footer))
        return KV_OK;
    if (stripe == filter->spec->snapshot_count && dead_value_is(key, value, filter->spec->now_ms)) {
        filter->expired_count += !filter->stripe_ended && !is_covered(filter, footer >> 8);
        return add_version(filter, dead_value_bury(key, &filter->buried), slice_of(NULL, 0));
    }
    return add_version(filter, key, value);
}

enum kv_status
compaction_filter_finish(struct compaction_filter *filter)
{
    return end_key(filter);
}
