/* picker_internal.h - the inside of the compaction picker; for the files below only.
 *
 *     compaction_picker.c   the order in which rules are asked
 *     picker_leveled.c      levels above their target
 *     picker_due.c          leveled: marks, deletions, ages
 *     picker_universal.c    sorted runs
 *     picker_space.c        leveled: parts of a plan for which there is no space
 *     picker_fifo.c         oldest out
 *     picker_dead.c         tables of which all is dead out
 *     picker_buried.c       tables under range tombstones out
 *     picker_manual.c       KV.COMPACT
 *     picker_draft.c        which tables belong together, and whether they may start
 *     compaction_plan.c     from a draft to a plan that owns itself; cutting it
 *     compaction_shape.c    targets, scores, debt
 */
#ifndef KV_COMPACT_PICKER_INTERNAL_H
#define KV_COMPACT_PICKER_INTERNAL_H

#include "base/assert.h"
#include "compact/compaction_picker.h"
#include "key/internal_key.h"

/* Neighbouring tables of one level: first <= index < end. */
struct level_range {
    uint32_t first, end;
};

struct picker {
    const struct compaction_view *view; /* borrowed, as the next two */
    const struct version *version;
    const struct compaction_options *options;
    uint64_t *busy_numbers; /* owned, ascending: the inputs of all running plans */
    uint32_t busy_count;
    struct compaction_shape shape;
};

/* A plan while it is being thought of.  Inputs are neighbours in every level: in level 0 by age,
 * since a table must not sink below an older one, and elsewhere by key. */
struct draft {
    struct level_range ranges[LEVEL_COUNT];
    uint32_t output_level;
    enum compaction_kind kind;
    enum compaction_reason reason;
    double score;
};

void picker_init(struct picker *picker, const struct compaction_view *view);
void picker_deinit(struct picker *picker);

/* The rules; false: they ask for nothing that can start now. */
bool pick_leveled(const struct picker *picker, struct compaction_plan *plan_out);
bool pick_due(const struct picker *picker, struct compaction_plan *plan_out);
bool pick_universal(const struct picker *picker, struct compaction_plan *plan_out);
/* The same with little space: plans of at most bytes_max. */
bool pick_leveled_within(const struct picker *picker, uint64_t bytes_max,
                         struct compaction_plan *plan_out);
bool pick_universal_within(const struct picker *picker, uint64_t bytes_max,
                           struct compaction_plan *plan_out);
bool pick_dead(const struct picker *picker, struct compaction_plan *plan_out);
bool pick_fifo(const struct picker *picker, struct compaction_plan *plan_out);
/* Level 0 into the base level: the oldest tables from `first` on, which the limit on a job's
 * bytes may cut short. */
bool pick_level0(const struct picker *picker, uint32_t first, enum compaction_reason reason,
                 struct compaction_plan *plan_out);
/* The best table of a level below 0 into the next, for which a merge has at most bytes_max. */
bool pick_level(const struct picker *picker, uint32_t level, uint64_t bytes_max,
                struct compaction_plan *plan_out);
/* Tables of a level below 0 into the next, or into themselves in the last one. */
bool pick_tables(const struct picker *picker, uint32_t level, struct level_range tables,
                 enum compaction_reason reason, struct compaction_plan *plan_out);

/* picker_draft.c */
static inline bool
level_range_is_empty(struct level_range range)
{
    return range.first == range.end;
}

static inline struct slice
file_smallest(const struct table_file *file)
{
    return buffer_slice(&file->meta.smallest);
}

static inline struct slice
file_largest(const struct table_file *file)
{
    return buffer_slice(&file->meta.largest);
}

static inline struct slice
file_first_key(const struct table_file *file)
{
    return internal_key_user(file_smallest(file));
}

static inline struct slice
file_last_key(const struct table_file *file)
{
    return internal_key_user(file_largest(file));
}

bool picker_is_busy(const struct picker *picker, const struct table_file *file);
/* How many tables of level 0 no running plan has, and their bytes. */
uint32_t picker_idle_level0(const struct picker *picker, uint64_t *bytes_out);
bool picker_is_range_busy(const struct picker *picker, uint32_t level, struct level_range range);
uint64_t picker_range_bytes(const struct picker *picker, uint32_t level, struct level_range range);
/* The tables of a level below 0 that touch the user keys first..last. */
struct level_range picker_overlap(const struct picker *picker, uint32_t level, struct slice first,
                                  struct slice last);
/* Widens to where no user key goes on into a neighbour. */
struct level_range picker_clean_cut(const struct picker *picker, uint32_t level,
                                    struct level_range range);
/* The user keys that the inputs of all levels span; false: no inputs. */
bool draft_span(const struct picker *picker, const struct draft *draft, struct slice *first_out,
                struct slice *last_out);
uint64_t draft_bytes(const struct picker *picker, const struct draft *draft);
/* Adds what the inputs overlap in the output level. */
void draft_add_output_level(const struct picker *picker, struct draft *draft);
/* No input is in a running plan, and none writes where this one would. */
bool draft_can_start(const struct picker *picker, const struct draft *draft);
/* Nothing below the output overlaps the inputs, nor do older tables left in an output level 0. */
bool draft_is_bottommost(const struct picker *picker, const struct draft *draft);
/* Nothing would be gained by rewriting: the inputs may go to the output level as they are. */
bool draft_is_move(const struct picker *picker, const struct draft *draft);

/* compaction_plan.c */
/* The plan of a draft that can start. */
void plan_from_draft(const struct picker *picker, const struct draft *draft,
                     struct compaction_plan *plan_out);
/* A DROP of idle tables, by level, then by key. */
void plan_of_drop(const struct picker *picker, const struct table_file *const *files,
                  uint32_t count, enum compaction_reason reason, struct compaction_plan *plan_out);

/* compaction_shape.c */
void picker_measure(struct picker *picker);
/* The first level below 0 with tables; LEVEL_COUNT: none. */
uint32_t version_level_first_used(const struct version *version);
/* Something in it should go, and no snapshot keeps it. */
bool picker_is_marked(const struct picker *picker, const struct table_file *file);
/* Deletions are more than the options allow, counted, and no snapshot keeps them. */
bool picker_has_deletions(const struct picker *picker, const struct table_file *file,
                          uint32_t percent_max);
/* So many values are dead that a rewrite is worth it (key/deadlines.h), and no snapshot sees them.
 */
bool picker_has_dead(const struct picker *picker, const struct table_file *file);
/* Any are. */
bool picker_has_any_dead(const struct picker *picker, const struct table_file *file);
/* All are, or are deletions. */
bool picker_is_all_dead(const struct picker *picker, const struct table_file *file);

#endif
