/* db_iter.h - the live keys of a family in order, in both directions, as of one sequence.
 *
 * An iterator pins what it looks at, so flushes and writes may go on under it; it looks its place
 * up again when a memtable has changed.  Every call may return KV_WANT_BLOCK: db_fetch with its
 * ctx, then the same call again, on the same iterator or on a new one.
 *
 * What lies between live keys (older versions, deletions, ranges under a tombstone) costs time:
 * stretches under a range tombstone are leapt over, and a call stops at skip_count_max entries
 * (DB_ITER_PAUSED), so that a stretch of ten million deletions cannot hold up everybody.
 */
#ifndef KV_DB_DB_ITER_H
#define KV_DB_DB_ITER_H

#include "db/db.h"

struct db_iter;
struct db_view;

struct db_iter_options {
    const struct db_view *view; /* shared; NULL: of the family as of seq_max */
    uint32_t cf_id;
    uint64_t seq_max;          /* SEQUENCE_MAX: as of now */
    struct slice lower, upper; /* keys in [lower, upper); copied */
    bool has_upper;
    bool keys_only;           /* values are not looked at */
    uint64_t ahead_bytes_max; /* of a table that may be asked for at once; 0: block by block */
    uint32_t skip_count_max;  /* 0: a call looks for the next key however long it takes */
};

enum db_iter_state {
    DB_ITER_AT_END, /* there is no further key in the direction; or nothing was asked yet */
    DB_ITER_AT_KEY,
    DB_ITER_PAUSED, /* every key before db_iter_key has been passed; next or prev goes on */
};

/* ctx is borrowed; at most one thing reads through it at a time. */
struct db_iter *db_iter_new(struct db *db, struct read_ctx *ctx,
                            const struct db_iter_options *options);
void db_iter_free(struct db_iter *iter); /* NULL is fine; before ctx ends */

/* To the first or last key of the bounds; to the first one >= key; to the last one <= key.
 * KV_OK: see db_iter_state.  KV_UNSUPPORTED, KV_INVALID: db_get's, of a key with merge operands. */
MUST_CHECK enum kv_status db_iter_seek_first(struct db_iter *iter);
MUST_CHECK enum kv_status db_iter_seek_last(struct db_iter *iter);
MUST_CHECK enum kv_status db_iter_seek(struct db_iter *iter, struct slice key);
MUST_CHECK enum kv_status db_iter_seek_for_prev(struct db_iter *iter, struct slice key);
/* From a key, a pause, or where a call that failed was to go on. */
MUST_CHECK enum kv_status db_iter_next(struct db_iter *iter);
MUST_CHECK enum kv_status db_iter_prev(struct db_iter *iter);

enum db_iter_state db_iter_state(const struct db_iter *iter);
/* The user key where the iterator is; the value as a user sees it.  Until the next call. */
struct slice db_iter_key(const struct db_iter *iter);
struct slice db_iter_value(const struct db_iter *iter);
/* At a pause: whether db_iter_key itself has been passed, too. */
bool db_iter_is_past_key(const struct db_iter *iter);
/* The newest sequence that any answer so far depended on: a reply that tells of it waits until
 * that is durable. */
uint64_t db_iter_seq_seen(const struct db_iter *iter);

struct db_iter_stats {
    uint64_t key_count;   /* live keys shown */
    uint64_t skip_count;  /* entries stepped over */
    uint64_t leap_count;  /* times that a tombstone's stretch was leapt over */
    uint64_t block_bytes; /* of blocks that were looked at */
};
void db_iter_get_stats(const struct db_iter *iter, struct db_iter_stats *stats);

#endif
