/* Every style: tables of which all values are dead go without being read.
 *
 * A dead value that hides nothing is as good as none; and so is a deletion.  So a table may go if
 * no table that is older has keys between its first and its last one: nothing then was hidden by
 * it, whatever lies above.  No snapshot may see it, and none of its keys goes on in a neighbour.
 *
 * Level by level from the last one up, so that what lies over dead tables can follow them. */
#include "compact/picker_internal.h"

static bool
may_go(const struct picker *picker, struct draft *draft)
{
    const uint32_t level = draft->output_level;
    const struct level_range range = draft->ranges[level];

    if (level > 0) {
        const struct level_range cut = picker_clean_cut(picker, level, range);

        if (cut.first != range.first || cut.end != range.end)
            return false;
    }
    return draft_is_bottommost(picker, draft) && draft_can_start(picker, draft);
}

/* As many neighbours as go together. */
static bool
drop_from(const struct picker *picker, uint32_t level, uint32_t first,
          struct compaction_plan *plan_out)
{
    const struct version_level *tables = &picker->version->levels[level];
    struct draft draft = {
        .kind = COMPACTION_DROP, .reason = COMPACTION_DEAD, .output_level = level, .score = 1};
    struct level_range *range = &draft.ranges[level];

    *range = (struct level_range){.first = first, .end = first + 1};
    while (range->end < tables->count && picker_is_all_dead(picker, tables->files[range->end]) &&
           !picker_is_busy(picker, tables->files[range->end]))
        range->end++;
    if (!may_go(picker, &draft)) {
        range->end = first + 1;
        if (!may_go(picker, &draft))
            return false;
    }
    plan_from_draft(picker, &draft, plan_out);
    return true;
}

bool
pick_dead(const struct picker *picker, struct compaction_plan *plan_out)
{
    if (picker->version->deadline_table_count == 0)
        return false;
    for (uint32_t level = LEVEL_COUNT; level-- > 0;) {
        const struct version_level *tables = &picker->version->levels[level];

        for (uint32_t i = 0; i < tables->count; i++) {
            if (picker_is_all_dead(picker, tables->files[i]) &&
                !picker_is_busy(picker, tables->files[i]) && drop_from(picker, level, i, plan_out))
                return true;
        }
    }
    return false;
}
