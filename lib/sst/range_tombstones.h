/* range_tombstones.h - the range tombstones of one table, and which of them covers a key
 * (FORMAT.md section 8.5).
 *
 * Collected in any order, then indexed; they may overlap and nest as deeply as they like.  With n
 * of them the index costs O(n log n) time and memory, and a question O(log n), or for a past that
 * does not know the newest one over the key, O(log n * log n).  Readers ask it about a key; the
 * writer asks it range by range, which makes fragments.
 */
#ifndef KV_SST_RANGE_TOMBSTONES_H
#define KV_SST_RANGE_TOMBSTONES_H

#include "key/key_stretch.h"
#include "key/key_words.h"
#include "sst/table_reader.h"

/* Zero-initialised is empty and valid. */
struct range_tombstones {
    struct range_tombstone *items; /* owned, not their keys; see range_tombstones_index */
    size_t count;
    size_t capacity;
    uint64_t seq_newest; /* of all */

    struct slice *borders; /* owned: all begins and ends, ascending, distinct */
    size_t border_count;
    struct key_tree border_tree; /* of the borders */
    uint64_t *stretch_newest;    /* owned: stretch -> its newest sequence */
    uint64_t *covered;           /* owned: a bit for each stretch that has one */
    size_t *node_starts;         /* owned: node -> its first sequence; range_tombstones.c */
    uint64_t *node_seqs;         /* owned */
};

void range_tombstones_deinit(struct range_tombstones *tombstones);
/* Only before indexing; begin < end, and both live as long as the list. */
void range_tombstones_add(struct range_tombstones *tombstones, struct slice begin, struct slice end,
                          uint64_t seq);
/* Once, behind the last add.  Sorts the items by begin, then newest first, then by end. */
void range_tombstones_index(struct range_tombstones *tombstones);
size_t range_tombstones_bytes_used(const struct range_tombstones *tombstones);

/* The newest sequence <= seq_max of a tombstone that covers the key; false: none does. */
bool range_tombstones_cover(const struct range_tombstones *tombstones, struct slice user_key,
                            uint64_t seq_max, uint64_t *seq_out);

/* The same of several keys, whose waits for memory overlap, each of tombstones that are not none.
 */
struct tombstone_question {
    const struct range_tombstones *tombstones; /* borrowed, as is the key */
    struct slice key;
    uint64_t seq_max;
    bool is_covered; /* the answer */
    uint64_t seq;
};
/* At most READ_PREFETCH_COUNT_MAX. */
void range_tombstones_ask(struct tombstone_question *questions, unsigned count);

/* Whether an entry of the sequence is newer than every tombstone. */
static inline bool
range_tombstones_are_older(const struct range_tombstones *tombstones, uint64_t seq)
{
    return tombstones->count == 0 || seq > tombstones->seq_newest;
}

/* Likewise for the whole stretch around the key for which the answer is the same, or for a part of
 * it; borrows keys of the list. */
void range_tombstones_stretch(const struct range_tombstones *tombstones, struct slice user_key,
                              uint64_t seq_max, struct tombstone_stretch *stretch_out);

/* Which sequences must stay readable: of the tombstones over one range only the newest that the
 * present and each snapshot sees is needed. */
struct tombstone_views {
    bool all;                  /* every sequence; the snapshots are not looked at */
    const uint64_t *snapshots; /* ascending */
    size_t snapshot_count;
};
typedef void tombstone_emit_fn(void *owner, const struct range_tombstone *fragment);

/* Emits the tombstones cut into ranges that are equal or disjoint, in the order of their internal
 * keys, each range and sequence once; keys are borrowed.  False: they would be more than
 * `count_max`, and some have been emitted. */
MUST_CHECK bool range_tombstones_fragment(const struct range_tombstones *tombstones,
                                          const struct tombstone_views *views, size_t count_max,
                                          tombstone_emit_fn *emit, void *owner);

#endif
