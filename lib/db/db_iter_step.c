/* db_iter_step.c - from one entry to the next, and what each means. */
#include "db/db_iter_internal.h"
#include "key/entity.h"

enum {
    VERSIONS_BEFORE_SEEK = 8, /* of one key that are stepped over one by one */
    HIDDEN_BEFORE_LEAP = 4,   /* keys in a row under a tombstone; a leap costs a few steps */
};

/* --- what is passed --- */

static bool
is_tired(struct db_iter *iter)
{
    return iter->options.skip_count_max > 0 &&
           iter->call_skip_count >= iter->options.skip_count_max;
}

/* Before `user_key`, unless the call that ends here has begun with it. */
static void
pause_at(struct db_iter *iter, struct slice user_key)
{
    iter->state = DB_ITER_PAUSED;
    if (iter->anchor_kind != ANCHOR_PAST_KEY || !slice_equal(user_key, db_iter_anchor(iter)))
        db_iter_set_anchor(iter, ANCHOR_KEY, user_key);
    db_iter_run_note(iter);
}

static void
count_skip(struct db_iter *iter)
{
    iter->call_skip_count++;
    iter->stats.skip_count++;
}

/* The entry that `merged` stands on is under a tombstone: goes on behind it, and with the places
 * that are older than the tombstone to the end of its stretch. */
static enum kv_status
pass_hidden(struct db_iter *iter)
{
    const bool forward = iter->is_forward;
    struct key_stretch keys;
    struct slice target = slice_of(NULL, 0);

    count_skip(iter);
    iter->hidden_count++;
    if (iter->hidden_count > HIDDEN_BEFORE_LEAP &&
        db_cover_hides(&iter->cover, (uint32_t)merge_iter_child(iter->merged), &keys, forward) &&
        !(forward && keys.has_end && keys.end_is_closed)) {
        iter->stats.leap_count++;
        if (forward && keys.has_end)
            target = db_iter_border(iter, keys.end, false);
        else if (!forward && keys.has_begin)
            target = db_iter_border(iter, keys.begin, keys.begin_is_open);
        return merge_iter_leap(iter->merged, target);
    }
    return forward ? iter_next(iter->merged) : iter_prev(iter->merged);
}

static enum kv_status
parse_key(const struct db_iter *iter, struct internal_key *key)
{
    if (internal_key_parse(iter->merged->key, key))
        return KV_OK;
    return KV_FAIL(KV_CORRUPT, "scan: an entry has no valid key");
}

static enum kv_status
unpack(struct db_iter *iter, struct slice stored)
{
    struct entity entity;
    const enum kv_status st = entity_parse(stored, &entity);

    if (st != KV_OK)
        return st;
    iter->value = entity.value;
    if (entity_is_dead(&entity, iter->view.now_ms))
        iter->dead_from_ms = entity.deadline_ms + 1;
    return KV_OK;
}

/* From what is stored to what a user sees; dead_from_ms tells if that is nothing. */
static enum kv_status
take_value(struct db_iter *iter, const struct internal_key *key, struct slice stored)
{
    iter->value = stored;
    if (key->type == TYPE_ENTITY)
        return unpack(iter, stored);
    if (key->type == TYPE_MERGE && !iter->options.keys_only)
        return db_view_fold(&iter->view, iter->ctx, key, &iter->fold, &iter->value);
    return KV_OK;
}

static void
show_key(struct db_iter *iter)
{
    db_iter_run_end(iter);
    iter->state = DB_ITER_AT_KEY;
    iter->hidden_count = 0;
    iter->stats.key_count++;
}

static enum kv_status
reach_end(struct db_iter *iter)
{
    db_iter_run_end(iter);
    return KV_OK;
}

/* --- forward --- */

/* Past the versions of a key that does not matter any more, or that are too new. */
static enum kv_status
pass_version(struct db_iter *iter, const struct internal_key *key, uint32_t *version_count)
{
    const bool is_too_new = key->seq > iter->view.seq;

    count_skip(iter);
    if (++*version_count < VERSIONS_BEFORE_SEEK)
        return iter_next(iter->merged);
    *version_count = 0;
    if (!is_too_new)
        return iter_seek(iter->merged, db_iter_border(iter, key->user_key, true));
    buffer_clear(&iter->target);
    internal_key_append(&iter->target, key->user_key, iter->view.seq, TYPE_SEEK);
    return iter_seek(iter->merged, buffer_slice(&iter->target));
}

/* The key of the entry that `merged` stands on is not visible for what has the sequence. */
static enum kv_status
pass_dead(struct db_iter *iter, struct slice user_key, uint64_t seq, bool is_hidden)
{
    enum kv_status st;
    bool leapt;

    db_iter_saw(iter, seq);
    db_iter_run_add(iter, user_key, seq);
    db_iter_set_anchor(iter, ANCHOR_PAST_KEY, user_key);
    st = db_iter_leap_hole(iter, user_key, &leapt);
    return st == KV_OK && !leapt && is_hidden ? pass_hidden(iter) : st;
}

/* The newest visible version of a key decides about it.  *shown: it is live. */
static enum kv_status
judge(struct db_iter *iter, const struct internal_key *key, bool *shown)
{
    uint64_t tombstone_seq;
    enum kv_status st = db_cover_find(&iter->cover, key->user_key, &tombstone_seq);

    *shown = false;
    iter->dead_from_ms = 0;
    if (st != KV_OK)
        return st;
    if (tombstone_seq > key->seq)
        return pass_dead(iter, key->user_key, tombstone_seq, true);
    if (db_is_deletion(key->type))
        return pass_dead(iter, key->user_key, key->seq, false);
    st = take_value(iter, key, iter->merged->value);
    if (st != KV_OK)
        return st;
    if (iter->dead_from_ms > 0)
        return pass_dead(iter, key->user_key, key->seq, false);
    *shown = true;
    show_key(iter);
    db_iter_saw(iter, key->seq);
    db_iter_set_anchor(iter, ANCHOR_PAST_KEY, key->user_key);
    return KV_OK;
}

/* One entry is passed, or its key is shown. */
static enum kv_status
step_forward(struct db_iter *iter, const struct internal_key *key, uint32_t *version_count,
             bool *shown)
{
    if (key->seq > iter->view.seq ||
        (iter->anchor_kind == ANCHOR_PAST_KEY && slice_equal(key->user_key, db_iter_anchor(iter))))
        return pass_version(iter, key, version_count);
    *version_count = 0;
    return judge(iter, key, shown);
}

/* --- backward --- */

/* The newest visible version among those that have been walked. */
struct newest {
    bool found;
    struct internal_key key; /* but for its user key */
};

static void
keep(struct db_iter *iter, const struct internal_key *key, struct newest *newest)
{
    newest->found = true;
    newest->key = *key;
    buffer_clear(&iter->kept_value);
    if (!iter->options.keys_only || key->type == TYPE_ENTITY)
        buffer_append_slice(&iter->kept_value, iter->merged->value);
}

/* Too many versions to walk: finds the newest visible one from above, then goes on below the key.
 */
static enum kv_status
fetch_newest(struct db_iter *iter, uint64_t tombstone_seq, struct newest *newest)
{
    const struct slice user_key = buffer_slice(&iter->candidate);
    struct internal_key key;
    enum kv_status st;

    buffer_clear(&iter->target);
    internal_key_append(&iter->target, user_key, iter->view.seq, TYPE_SEEK);
    st = iter_seek(iter->merged, buffer_slice(&iter->target));
    if (st == KV_OK && iter->merged->valid) {
        st = parse_key(iter, &key);
        if (st == KV_OK && slice_equal(key.user_key, user_key) && key.seq >= tombstone_seq)
            keep(iter, &key, newest);
    }
    if (st != KV_OK)
        return st;
    return iter_seek_for_prev(iter->merged, db_iter_border(iter, user_key, false));
}

/* Walks from the oldest version of the candidate to below it. */
static enum kv_status
walk_versions(struct db_iter *iter, uint64_t tombstone_seq, struct newest *newest)
{
    uint32_t version_count = 0;
    enum kv_status st = KV_OK;

    newest->found = false;
    while (st == KV_OK && iter->merged->valid) {
        struct internal_key key;

        st = parse_key(iter, &key);
        if (st != KV_OK || !slice_equal(key.user_key, buffer_slice(&iter->candidate)))
            return st;
        if (++version_count > VERSIONS_BEFORE_SEEK)
            return fetch_newest(iter, tombstone_seq, newest);
        if (key.seq < tombstone_seq) {
            db_iter_saw(iter, tombstone_seq);
            st = pass_hidden(iter);
            continue;
        }
        if (key.seq <= iter->view.seq)
            keep(iter, &key, newest);
        count_skip(iter);
        st = iter_prev(iter->merged);
    }
    return st;
}

/* The candidate is not visible for what has the sequence. */
static enum kv_status
pass_candidate(struct db_iter *iter, uint64_t seq)
{
    const struct slice user_key = buffer_slice(&iter->candidate);
    bool leapt;

    db_iter_saw(iter, seq);
    db_iter_run_add(iter, user_key, seq);
    db_iter_set_anchor(iter, ANCHOR_PAST_KEY, user_key);
    return db_iter_leap_hole(iter, user_key, &leapt);
}

/* All versions of the candidate have been walked.  *shown: it is live. */
static enum kv_status
decide(struct db_iter *iter, struct newest *newest, uint64_t tombstone_seq, bool *shown)
{
    const struct slice user_key = buffer_slice(&iter->candidate);
    enum kv_status st;

    iter->dead_from_ms = 0;
    if (!newest->found || db_is_deletion(newest->key.type))
        return pass_candidate(iter, newest->found ? newest->key.seq : tombstone_seq);
    newest->key.user_key = user_key;
    st = take_value(iter, &newest->key, buffer_slice(&iter->kept_value));
    if (st != KV_OK)
        return st;
    if (iter->dead_from_ms > 0)
        return pass_candidate(iter, newest->key.seq);
    *shown = true;
    show_key(iter);
    db_iter_saw(iter, newest->key.seq);
    db_iter_set_anchor(iter, ANCHOR_PAST_KEY, user_key);
    return KV_OK;
}

/* Passes all versions of the key, or shows it. */
static enum kv_status
step_backward(struct db_iter *iter, const struct internal_key *key, bool *shown)
{
    struct newest newest;
    uint64_t tombstone_seq;
    enum kv_status st;

    buffer_clear(&iter->candidate);
    buffer_append_slice(&iter->candidate, key->user_key);
    st = db_cover_find(&iter->cover, key->user_key, &tombstone_seq);
    if (st == KV_OK)
        st = walk_versions(iter, tombstone_seq, &newest);
    return st == KV_OK ? decide(iter, &newest, tombstone_seq, shown) : st;
}

/* --- either way --- */

static bool
is_out_of_bounds(const struct db_iter *iter, struct slice user_key)
{
    const struct db_iter_options *options = &iter->options;

    if (iter->is_forward)
        return options->has_upper && slice_compare(user_key, options->upper) >= 0;
    return slice_compare(user_key, options->lower) < 0;
}

enum kv_status
db_iter_step(struct db_iter *iter, uint32_t *version_count, bool *done)
{
    struct internal_key key;
    enum kv_status st;

    *done = true;
    iter->state = DB_ITER_AT_END;
    if (!iter->merged->valid)
        return reach_end(iter);
    st = parse_key(iter, &key);
    if (st != KV_OK)
        return st;
    if (is_out_of_bounds(iter, key.user_key))
        return reach_end(iter);
    if (is_tired(iter)) {
        pause_at(iter, key.user_key);
        return KV_OK;
    }
    *done = false;
    return iter->is_forward ? step_forward(iter, &key, version_count, done)
                            : step_backward(iter, &key, done);
}
