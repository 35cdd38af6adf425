/* deadlines.h - when the values of a table die, in four numbers, and how they are found.
 *
 * Counted while a table is built.  Of many deadlines an even sample is kept, so that `due_ms`, the
 * moment at which it is worth a compaction to let the dead go, costs a few kilobytes.
 */
#ifndef KV_KEY_DEADLINES_H
#define KV_KEY_DEADLINES_H

#include "key/entity.h"

/* Zeroed is a table without.  Times as in entity.h. */
struct deadlines {
    uint64_t count;                /* entries that have one; 0: the rest is 0, too */
    uint64_t oldest_ms, newest_ms; /* of these */
    /* Half of the table's entries are dead or deletions by then, or if they never are, all that
     * will be; DEADLINE_NONE: those are too few to be worth it. */
    uint64_t due_ms;
};

enum { DEADLINE_SAMPLE_COUNT = 512, DEADLINE_PERCENT_MIN = 10 };

/* Zeroed is empty. */
struct deadline_counter {
    struct deadlines deadlines;
    uint64_t sample[DEADLINE_SAMPLE_COUNT]; /* each stride-th of them */
    uint32_t sample_count;
    uint32_t stride_log; /* stride = 1 << stride_log */
};

void deadline_counter_add(struct deadline_counter *counter, uint64_t deadline_ms);
/* Of a table of so many entries, of which so many are deletions. */
struct deadlines deadline_counter_finish(struct deadline_counter *counter, uint64_t entry_count,
                                         uint64_t deletion_count);
/* How many have passed, about: as if they were evenly spread. */
uint64_t deadlines_passed(const struct deadlines *deadlines, uint64_t now_ms);
/* Whether they can be those of such a table. */
bool deadlines_are_possible(const struct deadlines *deadlines, uint64_t entry_count,
                            uint64_t deletion_count);

#endif
