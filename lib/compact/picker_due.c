/* Leveled: tables that should move on for what they are, however full their level is.
 *
 * Each rule ends by itself: a table goes one level down at a time, and in the last level it is
 * rewritten into one to which the rule doesn't apply any more. */
#include "compact/picker_internal.h"

enum {
    LAST_LEVEL = LEVEL_COUNT - 1,
    /* In the last level deletions are pure waste, so this part of the percentage is enough. */
    LAST_LEVEL_DELETION_PART = 5,
};

typedef bool due_fn(const struct picker *picker, uint32_t level, const struct table_file *file);

static bool
is_older(const struct picker *picker, uint64_t since_s, uint64_t age_s)
{
    const uint64_t now_s = picker->view->now_s;

    return since_s != 0 && now_s >= age_s && since_s <= now_s - age_s;
}

static bool
is_marked(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    (void)picker;
    (void)level;
    return file->meta.marked_for_compaction;
}

static bool
has_too_many_deletions(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    const uint32_t percent = picker->options->deletion_percent_max;
    const uint64_t age_s = picker->options->level0_deletion_age_s;

    if (level == 0 && file->meta.creation_time_s != 0 &&
        !is_older(picker, file->meta.creation_time_s, age_s))
        return false;
    if (level == LAST_LEVEL && percent > 0)
        return picker_has_deletions(picker, file, percent / LAST_LEVEL_DELETION_PART + 1);
    return picker_has_deletions(picker, file, percent);
}

static bool
is_past_ttl(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    const uint64_t ttl_s = compaction_options_ttl_s(picker->options);
    const uint64_t since_s = file->meta.oldest_ancestor_time_s != 0
                                 ? file->meta.oldest_ancestor_time_s
                                 : file->meta.creation_time_s;

    return ttl_s > 0 && level != LAST_LEVEL && is_older(picker, since_s, ttl_s);
}

static bool
is_past_period(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    const uint64_t period_s = compaction_options_period_s(picker->options);

    (void)level;
    return period_s > 0 && is_older(picker, file->meta.creation_time_s, period_s);
}

static bool
pick_due_by(const struct picker *picker, due_fn *is_due, enum compaction_reason reason,
            struct compaction_plan *plan_out)
{
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &picker->version->levels[level];

        for (uint32_t i = 0; i < tables->count; i++) {
            const struct level_range table = {.first = i, .end = i + 1};

            if (!is_due(picker, level, tables->files[i]))
                continue;
            if (level == 0 ? pick_level0(picker, i, reason, plan_out)
                           : pick_tables(picker, level, table, reason, plan_out))
                return true;
        }
    }
    return false;
}

bool
pick_due(const struct picker *picker, struct compaction_plan *plan_out)
{
    return pick_due_by(picker, is_marked, COMPACTION_MARKED, plan_out) ||
           pick_due_by(picker, has_too_many_deletions, COMPACTION_DELETIONS, plan_out) ||
           pick_due_by(picker, is_past_ttl, COMPACTION_TTL, plan_out) ||
           pick_due_by(picker, is_past_period, COMPACTION_PERIODIC, plan_out);
}
