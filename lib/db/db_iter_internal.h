/* db_iter_internal.h - what the files of db_iter share; included nowhere else.
 *
 *     db_iter.c        its life, its place, the calls
 *     db_iter_step.c   from one entry to the next, judging
 *     db_iter_hole.c   long runs of invisible keys: remembered and leapt over
 */
#ifndef KV_DB_DB_ITER_INTERNAL_H
#define KV_DB_DB_ITER_INTERNAL_H

#include "db/db_cover.h"
#include "db/db_internal.h"
#include "db/db_iter.h"
#include "iter/merge_iter.h"

enum anchor_kind { ANCHOR_LIMIT, ANCHOR_KEY, ANCHOR_PAST_KEY };

/* Keys in a row of which none is visible, as they are passed. */
struct dead_run {
    uint64_t key_count;   /* that were judged; 0: there is no run */
    uint64_t skip_count;  /* the iterator's, when the last of it was noted as a hole */
    uint64_t seq;         /* the newest one that made a key invisible */
    uint64_t from_ms;     /* when the last of its dead values died; 0: there is none */
    bool is_hole;         /* some of it lies in a hole by now */
    struct buffer origin; /* owned: forward the first key of it, backward the first one behind */
};

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
    uint64_t dead_from_ms;    /* when the value that was looked at last died; 0: it lives */
    struct merge_fold fold;   /* of the key that was judged last, if it needed that */
    struct buffer candidate;  /* owned: the key whose versions are walked backward */
    struct buffer kept_value; /* owned: of the newest of them so far */
    uint64_t seq_seen;
    uint32_t call_skip_count; /* of this call */
    uint32_t hidden_count;    /* keys in a row that a tombstone hid */
    struct dead_run run;
    struct db_iter_stats stats;
};

/* db_iter.c */

/* An internal key before everything that has the user key, or behind everything; until the next. */
struct slice db_iter_border(struct db_iter *iter, struct slice user_key, bool behind);
void db_iter_set_anchor(struct db_iter *iter, enum anchor_kind kind, struct slice user_key);

static inline struct slice
db_iter_anchor(const struct db_iter *iter)
{
    return buffer_slice(&iter->anchor);
}

static inline void
db_iter_saw(struct db_iter *iter, uint64_t seq)
{
    if (seq > iter->seq_seen)
        iter->seq_seen = seq;
}

/* db_iter_step.c */

/* One step: an entry or a key that is passed, or *done.  *version_count is 0 at the first one of a
 * call. */
MUST_CHECK enum kv_status db_iter_step(struct db_iter *iter, uint32_t *version_count, bool *done);

/* db_iter_hole.c */

/* The key is the next one in the direction and not visible; what made it so has the sequence, and
 * was alive before dead_from_ms.  Before the anchor is set to it. */
void db_iter_run_add(struct db_iter *iter, struct slice user_key, uint64_t seq);
/* What lies between the run's origin and the anchor becomes a hole, if it is worth it. */
void db_iter_run_note(struct db_iter *iter);
/* Likewise, and the run has ended. */
void db_iter_run_end(struct db_iter *iter);
/* Now and then in a run: goes on behind the hole that the key, where `merged` stands, lies in.
 * *leapt: merged has moved, or is to be sought from the anchor if the call fails. */
MUST_CHECK enum kv_status db_iter_leap_hole(struct db_iter *iter, struct slice user_key,
                                            bool *leapt);

#endif
