/* Which rules are asked, and in which order.
 *
 * Only the first plan is ever asked for: whoever has room for another job shows the one that runs
 * and asks again. */
#include "compact/compaction_picker.h"

#include "compact/picker_internal.h"

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
