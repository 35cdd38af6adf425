/* db_iter.c - from all versions in all places to the keys that a user sees.
 *
 * A merge of every place that may hold a version.  Going forward, the newest visible version of a
 * key comes first and decides; going backward, it comes last, so the versions of a key are walked
 * and the last one kept.  A version that a newer range tombstone covers is as good as deleted.
 *
 *     anchor    where the next call starts from: an end of the bounds, or a key, itself included
 *               or not.  A key that has been judged becomes the anchor.
 *     merged    stands, while `is_placed`, so that nothing between it and the anchor is left.
 *
 * A call that fails may have moved `merged`; the anchor stays, and the next call finds its place by
 * it.  So does a call after a write, which a memtable's iterator does not survive, and a turn.
 *
 * Two things keep crowds of invisible entries cheap: many versions of one key are passed by a seek,
 * and when a tombstone lies over a stretch, the places that are older than it leap to its end.
 */
#include "db/db_iter.h"

#include "base/alloc.h"
#include "db/db_cover.h"
#include "db/db_internal.h"
#include "iter/merge_iter.h"
#include "key/entity.h"

enum {
    VERSIONS_BEFORE_SEEK = 8, /* of one key that are stepped over one by one */
    HIDDEN_BEFORE_LEAP = 4,   /* keys in a row under a tombstone; a leap costs a few steps */
};

enum anchor_kind { ANCHOR_LIMIT, ANCHOR_KEY, ANCHOR_PAST_KEY };

struct db_iter {
    struct db *db;
    struct read_ctx *ctx;
    struct db_iter_options options; /* whose bounds point into the next two */
    struct buffer lower, upper;     /* owned */
    struct db_view view;
    struct iter_scope scope;
    uint64_t change_count;       /* of the memtables when `merged` was made */
    struct scan_child *children; /* owned array; its iterators are merged's */
    uint32_t child_count;
    struct iter *merged; /* owned; NULL: to be made */
    struct db_cover cover;

    bool is_forward;
    bool is_placed;
    enum anchor_kind anchor_kind;
    struct buffer anchor; /* owned */
    struct buffer target; /* owned: an internal key to seek */

    enum db_iter_state state;
    struct slice value;
    struct merge_fold fold;   /* of the key that was judged last, if it needed that */
    struct buffer candidate;  /* owned: the key whose versions are walked backward */
    struct buffer kept_value; /* owned: of the newest of them so far */
    uint64_t seq_seen;
    uint32_t call_skip_count; /* of this call */
    uint32_t hidden_count;    /* keys in a row that a tombstone hid */
    struct db_iter_stats stats;
};

/* --- making and placing --- */

struct db_iter *
db_iter_new(struct db *db, struct read_ctx *ctx, const struct db_iter_options *options)
{
    struct db_iter *iter = kv_alloc_zero(sizeof(*iter));

    KV_ASSERT(ctx != NULL);
    iter->db = db;
    iter->ctx = ctx;
    iter->options = *options;
    buffer_append_slice(&iter->lower, options->lower);
    buffer_append_slice(&iter->upper, options->upper);
    iter->options.lower = buffer_slice(&iter->lower);
    iter->options.upper = buffer_slice(&iter->upper);
    iter->scope = (struct iter_scope){
        .lower = iter->options.lower,
        .upper = iter->options.upper,
        .has_upper = options->has_upper,
        .ahead_bytes_max = options->ahead_bytes_max,
    };
    if (options->view != NULL)
        db_view_share(&iter->view, options->view);
    else
        db_view_pin(&iter->view, db, options->cf_id, options->seq_max);
    merge_fold_init(&iter->fold, db_view_operator(&iter->view));
    return iter;
}

static void
drop_merged(struct db_iter *iter)
{
    iter_free(iter->merged);
    iter->merged = NULL;
    db_cover_deinit(&iter->cover);
    free(iter->children);
    iter->children = NULL;
    iter->is_placed = false;
}

void
db_iter_free(struct db_iter *iter)
{
    if (iter == NULL)
        return;
    drop_merged(iter);
    db_view_unpin(&iter->view);
    merge_fold_deinit(&iter->fold);
    buffer_deinit(&iter->lower);
    buffer_deinit(&iter->upper);
    buffer_deinit(&iter->anchor);
    buffer_deinit(&iter->target);
    buffer_deinit(&iter->candidate);
    buffer_deinit(&iter->kept_value);
    free(iter);
}

static void
make_merged(struct db_iter *iter)
{
    const struct db_view *view = &iter->view;
    struct iter **iters;

    iter->children = kv_alloc(sizeof(iter->children[0]) * (1 + version_scan_count(view->version)));
    iter->child_count = version_scan_open(view->version, iter->ctx, &iter->scope, iter->children);
    iters = kv_alloc(sizeof(struct iter *) * (view->memtable_count + iter->child_count));
    for (uint32_t i = 0; i < view->memtable_count; i++)
        iters[i] = memtable_iter_new(view->memtables[i], view->cf_id);
    for (uint32_t i = 0; i < iter->child_count; i++)
        iters[view->memtable_count + i] = iter->children[i].iter;
    iter->merged = merge_iter_new(iters, view->memtable_count + iter->child_count);
    free(iters);
    db_cover_init(&iter->cover, view, iter->children, iter->child_count, iter->ctx);
    iter->change_count = iter->db->memtable_change_count;
}

/* Before everything that has the user key, or behind everything. */
static struct slice
border_of(struct db_iter *iter, struct slice user_key, bool behind)
{
    buffer_clear(&iter->target);
    internal_key_append(&iter->target, user_key, behind ? 0 : SEQUENCE_MAX,
                        behind ? TYPE_DELETION : TYPE_SEEK);
    return buffer_slice(&iter->target);
}

static struct slice
anchor_key(const struct db_iter *iter)
{
    return buffer_slice(&iter->anchor);
}

static void
set_anchor(struct db_iter *iter, enum anchor_kind kind, struct slice user_key)
{
    iter->anchor_kind = kind;
    buffer_clear(&iter->anchor);
    buffer_append_slice(&iter->anchor, user_key);
}

static enum kv_status
seek_forward(struct db_iter *iter)
{
    struct slice key = anchor_key(iter);
    bool behind = iter->anchor_kind == ANCHOR_PAST_KEY;

    if (iter->anchor_kind == ANCHOR_LIMIT || slice_compare(key, iter->options.lower) < 0) {
        key = iter->options.lower;
        behind = false;
    }
    return iter_seek(iter->merged, border_of(iter, key, behind));
}

static enum kv_status
seek_backward(struct db_iter *iter)
{
    const bool has_upper = iter->options.has_upper;
    struct slice key = anchor_key(iter);
    bool behind = iter->anchor_kind == ANCHOR_KEY;

    if (iter->anchor_kind == ANCHOR_LIMIT ||
        (has_upper && slice_compare(key, iter->options.upper) >= 0)) {
        if (!has_upper)
            return iter_seek_last(iter->merged);
        key = iter->options.upper;
        behind = false;
    }
    return iter_seek_for_prev(iter->merged, border_of(iter, key, behind));
}

/* Brings `merged` to where the anchor says, if it is not there. */
static enum kv_status
place(struct db_iter *iter, bool forward)
{
    enum kv_status st;

    if (iter->merged != NULL && iter->change_count != iter->db->memtable_change_count)
        drop_merged(iter);
    if (iter->merged == NULL)
        make_merged(iter);
    if (iter->is_placed && iter->is_forward == forward)
        return KV_OK;
    iter->is_forward = forward;
    iter->hidden_count = 0;
    st = forward ? seek_forward(iter) : seek_backward(iter);
    iter->is_placed = st == KV_OK;
    return st;
}

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
    if (iter->anchor_kind != ANCHOR_PAST_KEY || !slice_equal(user_key, anchor_key(iter)))
        set_anchor(iter, ANCHOR_KEY, user_key);
}

static void
count_skip(struct db_iter *iter)
{
    iter->call_skip_count++;
    iter->stats.skip_count++;
}

static void
saw(struct db_iter *iter, uint64_t seq)
{
    if (seq > iter->seq_seen)
        iter->seq_seen = seq;
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
            target = border_of(iter, keys.end, false);
        else if (!forward && keys.has_begin)
            target = border_of(iter, keys.begin, keys.begin_is_open);
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

static bool
is_deletion(enum value_type type)
{
    return type == TYPE_DELETION || type == TYPE_SINGLE_DELETION;
}

/* From what is stored to what a user sees. */
static enum kv_status
take_value(struct db_iter *iter, const struct internal_key *key, struct slice stored)
{
    iter->value = stored;
    if (iter->options.keys_only)
        return KV_OK;
    if (key->type == TYPE_MERGE)
        return db_view_fold(&iter->view, iter->ctx, key, &iter->fold, &iter->value);
    if (key->type == TYPE_ENTITY)
        return entity_default_column(stored, &iter->value);
    return KV_OK;
}

static void
show_key(struct db_iter *iter)
{
    iter->state = DB_ITER_AT_KEY;
    iter->hidden_count = 0;
    iter->stats.key_count++;
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
        return iter_seek(iter->merged, border_of(iter, key->user_key, true));
    buffer_clear(&iter->target);
    internal_key_append(&iter->target, key->user_key, iter->view.seq, TYPE_SEEK);
    return iter_seek(iter->merged, buffer_slice(&iter->target));
}

/* The newest visible version of a key decides about it.  *shown: it is live. */
static enum kv_status
judge(struct db_iter *iter, const struct internal_key *key, bool *shown)
{
    uint64_t tombstone_seq;
    enum kv_status st = db_cover_find(&iter->cover, key->user_key, &tombstone_seq);

    *shown = false;
    if (st != KV_OK)
        return st;
    if (tombstone_seq > key->seq) {
        saw(iter, tombstone_seq);
        set_anchor(iter, ANCHOR_PAST_KEY, key->user_key);
        return pass_hidden(iter);
    }
    if (!is_deletion(key->type)) {
        st = take_value(iter, key, iter->merged->value);
        if (st != KV_OK)
            return st;
        *shown = true;
        show_key(iter);
    }
    saw(iter, key->seq);
    set_anchor(iter, ANCHOR_PAST_KEY, key->user_key);
    return KV_OK;
}

static bool
is_above_bounds(const struct db_iter *iter, struct slice user_key)
{
    return iter->options.has_upper && slice_compare(user_key, iter->options.upper) >= 0;
}

/* One step: an entry that is passed, or *done. */
static enum kv_status
step_forward(struct db_iter *iter, uint32_t *version_count, bool *done)
{
    struct internal_key key;
    bool shown;
    enum kv_status st;

    *done = true;
    iter->state = DB_ITER_AT_END;
    if (!iter->merged->valid)
        return KV_OK;
    st = parse_key(iter, &key);
    if (st != KV_OK || is_above_bounds(iter, key.user_key))
        return st;
    if (is_tired(iter)) {
        pause_at(iter, key.user_key);
        return KV_OK;
    }
    *done = false;
    if (key.seq > iter->view.seq ||
        (iter->anchor_kind == ANCHOR_PAST_KEY && slice_equal(key.user_key, anchor_key(iter))))
        return pass_version(iter, &key, version_count);
    *version_count = 0;
    st = judge(iter, &key, &shown);
    *done = shown;
    return st;
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
    if (!iter->options.keys_only)
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
    return iter_seek_for_prev(iter->merged, border_of(iter, user_key, false));
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
            saw(iter, tombstone_seq);
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

/* Judges the key that `merged` stands on. */
static enum kv_status
step_backward(struct db_iter *iter, bool *done)
{
    struct internal_key key;
    struct newest newest;
    uint64_t tombstone_seq;
    enum kv_status st;

    *done = true;
    iter->state = DB_ITER_AT_END;
    if (!iter->merged->valid)
        return KV_OK;
    st = parse_key(iter, &key);
    if (st != KV_OK || slice_compare(key.user_key, iter->options.lower) < 0)
        return st;
    if (is_tired(iter)) {
        pause_at(iter, key.user_key);
        return KV_OK;
    }
    *done = false;
    buffer_clear(&iter->candidate);
    buffer_append_slice(&iter->candidate, key.user_key);
    st = db_cover_find(&iter->cover, key.user_key, &tombstone_seq);
    if (st == KV_OK)
        st = walk_versions(iter, tombstone_seq, &newest);
    if (st != KV_OK)
        return st;
    if (newest.found) {
        newest.key.user_key = buffer_slice(&iter->candidate);
        if (!is_deletion(newest.key.type)) {
            st = take_value(iter, &newest.key, buffer_slice(&iter->kept_value));
            if (st != KV_OK)
                return st;
            *done = true;
            show_key(iter);
        }
        saw(iter, newest.key.seq);
    }
    set_anchor(iter, ANCHOR_PAST_KEY, buffer_slice(&iter->candidate));
    return KV_OK;
}

/* --- the calls --- */

static enum kv_status
go(struct db_iter *iter, bool forward)
{
    uint32_t version_count = 0;
    bool done = false;
    enum kv_status st;

    iter->call_skip_count = 0;
    iter->state = DB_ITER_AT_END;
    st = place(iter, forward);
    while (st == KV_OK && !done)
        st = forward ? step_forward(iter, &version_count, &done) : step_backward(iter, &done);
    if (st != KV_OK) {
        iter->state = DB_ITER_AT_END;
        /* Backward, versions of the candidate may have been passed; and only a wish leaves the
         * merge where it was. */
        iter->is_placed = st == KV_WANT_BLOCK && iter->is_placed && forward && iter->merged->valid;
    }
    return st;
}

static enum kv_status
go_from(struct db_iter *iter, enum anchor_kind kind, struct slice key, bool forward)
{
    iter->is_placed = false;
    set_anchor(iter, kind, key);
    return go(iter, forward);
}

enum kv_status
db_iter_seek_first(struct db_iter *iter)
{
    return go_from(iter, ANCHOR_LIMIT, slice_of(NULL, 0), true);
}

enum kv_status
db_iter_seek_last(struct db_iter *iter)
{
    return go_from(iter, ANCHOR_LIMIT, slice_of(NULL, 0), false);
}

enum kv_status
db_iter_seek(struct db_iter *iter, struct slice key)
{
    return go_from(iter, ANCHOR_KEY, key, true);
}

enum kv_status
db_iter_seek_for_prev(struct db_iter *iter, struct slice key)
{
    return go_from(iter, ANCHOR_KEY, key, false);
}

enum kv_status
db_iter_next(struct db_iter *iter)
{
    return go(iter, true);
}

enum kv_status
db_iter_prev(struct db_iter *iter)
{
    return go(iter, false);
}

bool
db_iter_is_past_key(const struct db_iter *iter)
{
    return iter->anchor_kind == ANCHOR_PAST_KEY;
}

enum db_iter_state
db_iter_state(const struct db_iter *iter)
{
    return iter->state;
}

struct slice
db_iter_key(const struct db_iter *iter)
{
    return anchor_key(iter);
}

struct slice
db_iter_value(const struct db_iter *iter)
{
    KV_ASSERT(iter->state == DB_ITER_AT_KEY && !iter->options.keys_only);
    return iter->value;
}

uint64_t
db_iter_seq_seen(const struct db_iter *iter)
{
    return iter->seq_seen;
}

void
db_iter_get_stats(const struct db_iter *iter, struct db_iter_stats *stats)
{
    *stats = iter->stats;
    stats->block_bytes = iter->scope.block_bytes;
}
