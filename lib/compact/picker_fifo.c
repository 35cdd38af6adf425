/* FIFO: tables are never rewritten, the oldest are dropped, by age or for space.
 *
 * The order is that of levels from the last one up, and within level 0 of age: a table must not go
 * while an older one of its keys stays, or what it deleted or overwrote would come back.  In a
 * level below 0 (a directory that was leveled once) tables have no common keys and go in key order.
 */
#include "compact/picker_internal.h"

/* May tables of one age go?  `freed` is what goes before this one. */
static bool
is_surplus(const struct picker *picker, const struct table_file *file, uint64_t total,
           uint64_t freed)
{
    const uint64_t ttl_s = compaction_options_ttl_s(picker->options);
    const uint64_t now_s = picker->view->now_s;
    const uint64_t since_s = file->meta.creation_time_s;

    if (total - freed > picker->options->fifo.max_table_files_size)
        return true;
    return ttl_s > 0 && since_s != 0 && now_s >= ttl_s && since_s <= now_s - ttl_s;
}

bool
pick_fifo(const struct picker *picker, struct compaction_plan *plan_out)
{
    struct draft draft = {.kind = COMPACTION_DROP, .reason = COMPACTION_FIFO_TTL, .score = 1};
    uint64_t total = 0, freed = 0;
    bool goes_on = true;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        total += picker->shape.levels[level].bytes;
    if (total > picker->options->fifo.max_table_files_size)
        draft.reason = COMPACTION_FIFO_BYTES;
    for (uint32_t level = LEVEL_COUNT; goes_on && level-- > 0;) {
        const struct version_level *tables = &picker->version->levels[level];
        struct level_range *range = &draft.ranges[level];

        if (level == 0)
            *range = (struct level_range){.first = tables->count, .end = tables->count};
        for (uint32_t n = 0; goes_on && n < tables->count; n++) {
            const struct table_file *file = tables->files[level == 0 ? tables->count - 1 - n : n];

            goes_on = is_surplus(picker, file, total, freed);
            if (!goes_on)
                break;
            freed += file->meta.bytes;
            if (level == 0)
                range->first--;
            else
                range->end++;
        }
    }
    if (!draft_can_start(picker, &draft))
        return false;
    plan_from_draft(picker, &draft, plan_out);
    return true;
}
