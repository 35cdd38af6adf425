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
 * Three things keep crowds of invisible entries cheap: many versions of one key are passed by a
 * seek; when a tombstone lies over a stretch, the places that are older than it leap to its end;
 * and a stretch that a walk before has found empty is leapt over as a whole (db_holes.h).
 */
#include "base/alloc.h"
#include "db/db_iter_internal.h"

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
    buffer_deinit(&iter->run.origin);
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
struct slice
db_iter_border(struct db_iter *iter, struct slice user_key, bool behind)
{
    buffer_clear(&iter->target);
    internal_key_append(&iter->target, user_key, behind ? 0 : SEQUENCE_MAX,
                        behind ? TYPE_DELETION : TYPE_SEEK);
    return buffer_slice(&iter->target);
}

void
db_iter_set_anchor(struct db_iter *iter, enum anchor_kind kind, struct slice user_key)
{
    iter->anchor_kind = kind;
    buffer_clear(&iter->anchor);
    buffer_append_slice(&iter->anchor, user_key);
}

static enum kv_status
seek_forward(struct db_iter *iter)
{
    struct slice key = db_iter_anchor(iter);
    bool behind = iter->anchor_kind == ANCHOR_PAST_KEY;

    if (iter->anchor_kind == ANCHOR_LIMIT || slice_compare(key, iter->options.lower) < 0) {
        key = iter->options.lower;
        behind = false;
    }
    return iter_seek(iter->merged, db_iter_border(iter, key, behind));
}

static enum kv_status
seek_backward(struct db_iter *iter)
{
    const bool has_upper = iter->options.has_upper;
    struct slice key = db_iter_anchor(iter);
    bool behind = iter->anchor_kind == ANCHOR_KEY;

    if (iter->anchor_kind == ANCHOR_LIMIT ||
        (has_upper && slice_compare(key, iter->options.upper) >= 0)) {
        if (!has_upper)
            return iter_seek_last(iter->merged);
        key = iter->options.upper;
        behind = false;
    }
    return iter_seek_for_prev(iter->merged, db_iter_border(iter, key, behind));
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
    /* The key that was shown, on which `merged` stands, need not be looked at again. */
    if (iter->is_placed && iter->is_forward == forward)
        return forward && iter->state == DB_ITER_AT_KEY ? iter_next(iter->merged) : KV_OK;
    if (iter->is_forward != forward)
        iter->run.key_count = 0;
    iter->is_forward = forward;
    iter->hidden_count = 0;
    st = forward ? seek_forward(iter) : seek_backward(iter);
    iter->is_placed = st == KV_OK;
    return st;
}

/* --- the calls --- */

static enum kv_status
go(struct db_iter *iter, bool forward)
{
    uint32_t version_count = 0;
    bool done = false;
    enum kv_status st;

    iter->call_skip_count = 0;
    st = place(iter, forward);
    iter->state = DB_ITER_AT_END;
    while (st == KV_OK && !done)
        st = db_iter_step(iter, &version_count, &done);
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
    iter->run.key_count = 0;
    db_iter_set_anchor(iter, kind, key);
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
    return db_iter_anchor(iter);
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
