/* Which rules are asked, and in which order.
 *
 * Only the first plan is ever asked for: whoever has room for another job shows the one that runs
 * and asks again. */
#include "compact/compaction_picker.h"

#include "compact/picker_internal.h"

enum { OUTPUTS_WITHIN = 8 }; /* tables that a plan for little space is cut into */

bool
compaction_pick(const struct compaction_view *view, struct compaction_plan *plan_out)
{
    struct picker picker;
    bool picked = false;

    KV_ASSERT(view->version != NULL && view->options != NULL);
    *plan_out = (struct compaction_plan){0};
    if (view->options->disable_auto_compactions)
        return false;
    picker_init(&picker, view);
    if (view->options->style != COMPACTION_OFF && pick_dead(&picker, plan_out)) {
        picker_deinit(&picker);
        return true;
    }
    switch (view->options->style) {
    case COMPACTION_LEVELED:
        picked = pick_leveled(&picker, plan_out) || pick_due(&picker, plan_out);
        break;
    case COMPACTION_UNIVERSAL:
        picked = pick_universal(&picker, plan_out);
        break;
    case COMPACTION_FIFO:
        picked = pick_fifo(&picker, plan_out);
        break;
    case COMPACTION_OFF:
        break;
    }
    picker_deinit(&picker);
    return picked;
}

bool
compaction_pick_within(const struct compaction_view *view, uint64_t bytes_max,
                       struct compaction_plan *plan_out)
{
    struct compaction_options options = *view->options;
    struct compaction_view narrow = *view;
    struct picker picker;
    bool picked = false;

    *plan_out = (struct compaction_plan){0};
    if (options.disable_auto_compactions || bytes_max < OUTPUTS_WITHIN)
        return false;
    if (compaction_options_job_bytes_max(&options) > bytes_max)
        options.max_compaction_bytes = bytes_max;
    if (options.target_file_size_base > bytes_max / OUTPUTS_WITHIN)
        options.target_file_size_base = bytes_max / OUTPUTS_WITHIN;
    narrow.options = &options;
    picker_init(&picker, &narrow);
    if (options.style == COMPACTION_LEVELED)
        picked = pick_leveled_within(&picker, bytes_max, plan_out);
    else if (options.style == COMPACTION_UNIVERSAL)
        picked = pick_universal_within(&picker, bytes_max, plan_out);
    picker_deinit(&picker);
    return picked;
}
