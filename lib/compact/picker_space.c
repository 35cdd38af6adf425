/* Leveled, when what level 0 should become has no space beside what it is made of.
 *
 * Level 0 overlaps all that is below it, so on a small disk the plan for it is most of the tree,
 * and as long as that waits for space nothing gives any back.  So it goes a part at a time, by way
 * of a level that is otherwise unused:
 *
 *     L0  4 3 2 1     the oldest that have space, cut into small tables
 *     L5              ------>  a a b c d d e f
 *     L6  1-9                  each with the few tables below it that it touches
 *
 * Each step leaves fewer old versions, and more space for the next. */
#include "compact/picker_internal.h"

enum { LAST_LEVEL = LEVEL_COUNT - 1 };

/* Into the level above the first that is used: nothing there has to come along. */
static bool
pick_oldest(const struct picker *picker, uint64_t bytes_max, struct compaction_plan *plan_out)
{
    const struct version_level *level0 = &picker->version->levels[0];
    struct draft draft = {.kind = COMPACTION_MERGE,
                          .reason = COMPACTION_LEVEL0_SPACE,
                          .output_level = version_level_first_used(picker->version) - 1,
                          .score = picker->shape.levels[0].score};
    uint32_t start = level0->count;
    uint64_t bytes = 0;

    if (draft.output_level == 0 || draft.score < 1)
        return false;
    while (start > 0 && !picker_is_busy(picker, level0->files[start - 1]) &&
           bytes + level0->files[start - 1]->meta.bytes <= bytes_max)
        bytes += level0->files[--start]->meta.bytes;
    draft.ranges[0] = (struct level_range){.first = start, .end = level0->count};
    if (!draft_can_start(picker, &draft))
        return false;
    plan_from_draft(picker, &draft, plan_out);
    /* What one of its outputs touches must have space with it. */
    if (plan_out->grandparent_count > 0)
        plan_out->grandparent_bytes_max = bytes_max / 2;
    return true;
}

bool
pick_leveled_within(const struct picker *picker, uint64_t bytes_max,
                    struct compaction_plan *plan_out)
{
    for (uint32_t level = LAST_LEVEL; level-- > 1;) {
        if (picker->shape.levels[level].score >= 1 &&
            pick_level(picker, level, bytes_max, plan_out))
            return true;
    }
    return pick_oldest(picker, bytes_max, plan_out);
}
