/* merge_run.c - see the header.
 *
 * The invariant: while a run is open its operands are in the fold and have not been written, all
 * of one key and stripe.  Folding can only make entries fewer, and each that goes out has the
 * sequence of one that came in, so bounds that were computed from the input stay true.
 */
#include "compact/merge_run.h"

#include "base/assert.h"
#include "key/entity.h"

/* A longer run goes out in pieces: a worker's memory is bounded. */
enum { MERGE_RUN_OPERAND_COUNT_MAX = 64 * 1024, MERGE_RUN_BYTES_MAX = 64 * 1024 * 1024 };

void
merge_run_init(struct merge_run *run, const struct merge_operator *op, merge_write_fn *write,
               void *owner)
{
    KV_ASSERT(write != NULL);
    *run = (struct merge_run){.write = write, .owner = owner};
    merge_fold_init(&run->fold, op);
}

void
merge_run_deinit(struct merge_run *run)
{
    merge_fold_deinit(&run->fold);
    buffer_deinit(&run->user_key);
    buffer_deinit(&run->key);
}

static enum kv_status
write_entry(struct merge_run *run, uint64_t seq, enum value_type type, struct slice value)
{
    buffer_clear(&run->key);
    internal_key_append(&run->key, buffer_slice(&run->user_key), seq, type);
    return run->write(run->owner, buffer_slice(&run->key), value);
}

/* The operands as they came. */
static enum kv_status
write_operands(struct merge_run *run)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; st == KV_OK && i < run->fold.operand_count; i++) {
        uint64_t seq;
        const struct slice operand = merge_fold_operand(&run->fold, i, &seq);

        st = write_entry(run, seq, TYPE_MERGE, operand);
    }
    return st;
}

/* What is below may exist: at best one operand. */
static enum kv_status
close_open_end(struct merge_run *run)
{
    struct slice operand;
    uint64_t seq;

    if (!run->is_open)
        return KV_OK;
    run->is_open = false;
    if (!merge_fold_combine(&run->fold, &operand))
        return write_operands(run);
    (void)merge_fold_operand(&run->fold, 0, &seq);
    return write_entry(run, seq, TYPE_MERGE, operand);
}

/* What is below is known.  *folded false: the operator refuses, and the operands are written. */
static enum kv_status
close_on_base(struct merge_run *run, const struct merge_version *base, bool *folded)
{
    struct merge_version result;
    uint64_t seq;

    KV_ASSERT(run->is_open);
    run->is_open = false;
    *folded = merge_fold_finish(&run->fold, base, &result) == KV_OK;
    if (!*folded)
        return write_operands(run);
    (void)merge_fold_operand(&run->fold, 0, &seq);
    return write_entry(run, seq, result.type, result.value);
}

static enum kv_status
open_run(struct merge_run *run, const struct internal_key *key, struct slice value, uint32_t stripe)
{
    buffer_clear(&run->user_key);
    buffer_append_slice(&run->user_key, key->user_key);
    run->stripe = stripe;
    run->is_open = true;
    merge_fold_start(&run->fold, buffer_slice(&run->user_key));
    return merge_fold_add(&run->fold, value, key->seq, true);
}

/* A range tombstone hides this entry from the operands above it. */
static bool
is_cut_off(const struct merge_run *run, const struct internal_key *key)
{
    uint64_t seq_above, tombstone_seq;

    if (run->tombstones == NULL || run->tombstones->count == 0)
        return false;
    (void)merge_fold_operand(&run->fold, run->fold.operand_count - 1, &seq_above);
    return range_tombstones_cover(run->tombstones, key->user_key, seq_above, &tombstone_seq) &&
           tombstone_seq > key->seq;
}

/* What operands make of it depends on when they are read. */
static bool
may_die(struct slice entity)
{
    return entity_deadline(entity) != DEADLINE_NONE;
}

/* An entry of the run's key and stripe. */
static enum kv_status
continue_run(struct merge_run *run, const struct internal_key *key, struct slice encoded,
             struct slice value, bool *stripe_ended)
{
    const bool is_value = key->type == TYPE_VALUE || (key->type == TYPE_ENTITY && !may_die(value));
    struct merge_version base = {.type = TYPE_DELETION};
    enum kv_status st;

    if (is_cut_off(run, key)) {
        st = close_on_base(run, &base, stripe_ended);
        if (st != KV_OK || *stripe_ended)
            return st;
        return run->write(run->owner, encoded, value);
    }
    if (key->type == TYPE_MERGE) {
        if (run->fold.operand_count < MERGE_RUN_OPERAND_COUNT_MAX &&
            run->fold.operand_bytes + value.size <= MERGE_RUN_BYTES_MAX)
            return merge_fold_add(&run->fold, value, key->seq, true);
        st = close_open_end(run);
        return st == KV_OK ? open_run(run, key, value, run->stripe) : st;
    }
    if (!is_value && key->type != TYPE_DELETION) {
        st = close_open_end(run);
        return st == KV_OK ? run->write(run->owner, encoded, value) : st;
    }
    if (is_value)
        base = (struct merge_version){.type = key->type, .value = value};
    st = close_on_base(run, &base, stripe_ended);
    if (st == KV_OK && !*stripe_ended)
        st = run->write(run->owner, encoded, value);
    return st;
}

static bool
continues(const struct merge_run *run, const struct internal_key *key, uint32_t stripe)
{
    return run->is_open && stripe == run->stripe &&
           slice_equal(key->user_key, buffer_slice(&run->user_key));
}

enum kv_status
merge_run_add(struct merge_run *run, const struct internal_key *key, struct slice encoded,
              struct slice value, uint32_t stripe, bool *stripe_ended)
{
    enum kv_status st;

    *stripe_ended = false;
    if (continues(run, key, stripe))
        return continue_run(run, key, encoded, value, stripe_ended);
    st = close_open_end(run);
    if (st != KV_OK)
        return st;
    if (key->type == TYPE_MERGE && run->fold.op->kind != NULL)
        return open_run(run, key, value, stripe);
    return run->write(run->owner, encoded, value);
}

enum kv_status
merge_run_finish(struct merge_run *run, bool is_bottom)
{
    const struct merge_version nothing = {.type = TYPE_DELETION};
    bool folded;

    if (!run->is_open || !is_bottom)
        return close_open_end(run);
    return close_on_base(run, &nothing, &folded);
}
