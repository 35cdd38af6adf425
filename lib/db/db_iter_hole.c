/* db_iter_hole.c - long runs of invisible keys: remembered, and leapt over by the next walk.
 *
 * What an old view has found empty may have got a key since.  Only the active memtable can have it,
 * unless that has been replaced, and then nothing is noted.  What a new view has found empty may
 * have been full in the tables of an old one, which does not leap.
 */
#include "db/db_iter_internal.h"

enum { RUN_BETWEEN_LOOKS = 64 }; /* keys */

static void
set_origin(struct db_iter *iter, struct slice user_key)
{
    const struct db_iter_options *options = &iter->options;
    struct buffer *origin = &iter->run.origin;
    struct slice limit = iter->is_forward ? options->lower : options->upper;
    const bool has_limit = iter->is_forward || options->has_upper;
    bool behind = iter->is_forward == (iter->anchor_kind == ANCHOR_PAST_KEY);
    struct slice near = db_iter_anchor(iter);

    if (iter->anchor_kind == ANCHOR_LIMIT) {
        near = has_limit ? limit : user_key;
        behind = !has_limit;
    } else if (has_limit && (slice_compare(near, limit) < 0) == iter->is_forward) {
        near = limit; /* a key to seek that is out of bounds */
        behind = false;
    }
    buffer_clear(origin);
    buffer_append_slice(origin, near);
    if (behind)
        buffer_append_byte(origin, 0); /* the next possible key */
}

void
db_iter_run_add(struct db_iter *iter, struct slice user_key, uint64_t seq)
{
    struct dead_run *run = &iter->run;

    if (run->key_count++ == 0) {
        set_origin(iter, user_key);
        run->skip_count = iter->stats.skip_count;
        run->seq = run->from_ms = 0;
        run->is_hole = false;
    }
    if (seq > run->seq)
        run->seq = seq;
    if (iter->dead_from_ms > run->from_ms)
        run->from_ms = iter->dead_from_ms;
}

/* Whether no key of [begin, end) has been put since the view was made. */
static bool
is_still_empty(const struct db_iter *iter, struct slice begin, struct slice end)
{
    const struct memtable *active = iter->db->active;
    const uint64_t seq_first = memtable_seq_first(active), seen = iter->view.seq;
    struct buffer target = {0};
    bool is_empty = true;
    struct iter *walk;
    enum kv_status st;

    if (!db_view_holds(&iter->view, iter->db))
        return false;
    if (seq_first == 0 ? seen < iter->db->last_seq : seen + 1 < seq_first)
        return false;
    if (memtable_seq_last(active) <= seen)
        return true;
    internal_key_append(&target, begin, SEQUENCE_MAX, TYPE_SEEK);
    walk = memtable_iter_new(active, iter->view.cf_id);
    for (st = iter_seek(walk, buffer_slice(&target)); st == KV_OK && walk->valid && is_empty;
         st = iter_next(walk)) {
        const uint64_t footer = internal_key_footer(walk->key);

        if (slice_compare(internal_key_user(walk->key), end) >= 0)
            break;
        is_empty = footer >> 8 <= seen || db_is_deletion((enum value_type)(footer & 0xff));
    }
    iter_free(walk);
    buffer_deinit(&target);
    return is_empty && st == KV_OK;
}

void
db_iter_run_note(struct db_iter *iter)
{
    struct dead_run *run = &iter->run;
    const uint64_t entry_count = iter->stats.skip_count - run->skip_count;
    const struct slice origin = buffer_slice(&run->origin);
    struct hole_found found = {.seq = run->seq,
                               .from_ms = run->from_ms,
                               .serial = iter->view.version->serial,
                               .entry_count = entry_count};
    struct buffer far = {0};

    if (run->key_count == 0 ||
        entry_count < (run->is_hole ? HOLE_GROW_COUNT_MIN : HOLE_ENTRY_COUNT_MIN))
        return;
    KV_ASSERT(iter->anchor_kind != ANCHOR_LIMIT);
    buffer_append_slice(&far, db_iter_anchor(iter));
    if (iter->is_forward == (iter->anchor_kind == ANCHOR_PAST_KEY))
        buffer_append_byte(&far, 0); /* the next possible key */
    found.begin = iter->is_forward ? origin : buffer_slice(&far);
    found.end = iter->is_forward ? buffer_slice(&far) : origin;
    if (slice_compare(found.begin, found.end) < 0 && is_still_empty(iter, found.begin, found.end)) {
        db_holes_add(&iter->db->holes, iter->view.cf_id, &found);
        run->skip_count = iter->stats.skip_count;
        run->is_hole = true;
    }
    buffer_deinit(&far);
}

void
db_iter_run_end(struct db_iter *iter)
{
    if (iter->run.key_count == 0)
        return;
    db_iter_run_note(iter);
    iter->run.key_count = 0;
}

/* Where a hole ends in the direction, within the bounds. */
static struct slice
far_end(const struct db_iter *iter, const struct db_hole *hole)
{
    const struct db_iter_options *options = &iter->options;
    const struct slice begin = buffer_slice(&hole->begin), end = buffer_slice(&hole->end);

    if (!iter->is_forward)
        return slice_compare(begin, options->lower) < 0 ? options->lower : begin;
    return options->has_upper && slice_compare(end, options->upper) > 0 ? options->upper : end;
}

enum kv_status
db_iter_leap_hole(struct db_iter *iter, struct slice user_key, bool *leapt)
{
    const struct hole_view view = {
        .seq = iter->view.seq, .now_ms = iter->view.now_ms, .serial = iter->view.version->serial};
    struct dead_run *run = &iter->run;
    const struct db_hole *hole;
    struct slice border;

    *leapt = false;
    if (run->key_count != RUN_BEFORE_LEAP && run->key_count % RUN_BETWEEN_LOOKS != 0)
        return KV_OK;
    hole = db_holes_find(&iter->db->holes, iter->view.cf_id, user_key, &view);
    if (hole == NULL)
        return KV_OK;
    *leapt = true;
    run->is_hole = true;
    if (hole->seq > run->seq)
        run->seq = hole->seq;
    if (hole->from_ms > run->from_ms)
        run->from_ms = hole->from_ms;
    db_iter_saw(iter, hole->seq);
    iter->stats.leap_count++;
    iter->hidden_count = 0;
    db_iter_set_anchor(iter, iter->is_forward ? ANCHOR_KEY : ANCHOR_PAST_KEY, far_end(iter, hole));
    border = db_iter_border(iter, db_iter_anchor(iter), false);
    return iter->is_forward ? iter_seek(iter->merged, border)
                            : iter_seek_for_prev(iter->merged, border);
}
