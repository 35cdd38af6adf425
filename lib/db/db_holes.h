/* db_holes.h - stretches of keys of which a walk has found that none is visible.
 *
 * Between two keys that are there may lie millions of deleted ones, and as long as no compaction
 * has thrown them out a walk has to pass each.  It need do that only once: what it has found out
 * is a hole here, and walks that come to it go on at its other end.
 *
 * That a hole is empty holds from its sequence and its time on, until a key in it is written:
 * whoever writes says so, and what is taken back because the log failed takes all holes along.
 * It does not hold for who pins older tables than the walk that found it: they may have keys of
 * which no later ones have so much as a deletion.
 * Holes are a memory of what is stored and nothing else; they are few, and the least useful ones
 * are forgotten.  The large ones are logged (db_hole_log.h), so that a restart does not forget
 * them.
 */
#ifndef KV_DB_DB_HOLES_H
#define KV_DB_DB_HOLES_H

#include "base/buffer.h"

/* Entries, keys, entries.  What is passed faster than it is looked up is no hole, and a walk over
 * what is not worth logging takes some 10 ms; test builds take what they can get. */
#ifdef KV_DEBUG
enum { HOLE_ENTRY_COUNT_MIN = 6, RUN_BEFORE_LEAP = 2, HOLE_LOG_COUNT_MIN = 12 };
#else
enum { HOLE_ENTRY_COUNT_MIN = 1000, RUN_BEFORE_LEAP = 8, HOLE_LOG_COUNT_MIN = 30000 };
#endif

enum {
    HOLE_COUNT_MAX = 64,
    HOLE_GROW_COUNT_MIN = HOLE_ENTRY_COUNT_MIN / 16, /* entries beside one that is there */
    HOLE_KEY_BYTES_MAX = 1024,                       /* the memory for all holes is bounded */
    HOLE_IDLE_PUT_COUNT = 500000, /* so many keys are compared with a hole that nobody uses */
};

/* Keys in [begin, end) of a family; owned. */
struct db_hole {
    uint32_t cf_id;
    struct buffer begin, end;
    uint64_t seq;         /* nothing in it is visible at this sequence, nor at later ones, */
    uint64_t from_ms;     /* at this time and later: its dead values were alive before; else 0 */
    uint64_t serial;      /* of the newest version that it was found in */
    uint64_t entry_count; /* about what a walk is spared */
    uint64_t fresh_count; /* of these, what the log does not know of */
    uint64_t used_at;     /* put_count when it was */
};

/* Zero-initialised is empty and valid. */
struct db_holes {
    struct db_hole items[HOLE_COUNT_MAX]; /* by family and key, disjoint */
    uint32_t count;
    uint64_t put_count; /* keys that were compared */
    bool has_fresh;     /* one's fresh_count has reached HOLE_LOG_COUNT_MIN */
};

void db_holes_clear(struct db_holes *holes); /* also frees */
/* What touches or overlaps becomes one hole.  Copies; begin < end. */
struct hole_found {
    struct slice begin, end;
    uint64_t seq, from_ms, serial, entry_count;
};
void db_holes_add(struct db_holes *holes, uint32_t cf_id, const struct hole_found *found);
/* How it is looked at: what the walk sees, when, and in which version. */
struct hole_view {
    uint64_t seq, now_ms, serial;
};
/* The hole that has the key and is empty to the view; borrowed until the next call that changes
 * something.  NULL: there is none. */
const struct db_hole *db_holes_find(struct db_holes *holes, uint32_t cf_id, struct slice key,
                                    const struct hole_view *view);
/* What has been logged so far goes with an old log. */
void db_holes_all_fresh(struct db_holes *holes);
/* A version of the key has been written that is no deletion. */
void db_holes_put(struct db_holes *holes, uint32_t cf_id, struct slice key);

#endif
