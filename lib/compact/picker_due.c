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

static bool
is_older(const struct picker *picker, uint64_t since_s, uint64_t age_s)
{
    const uint64_t now_s = picker->view->now_s;

    return since_s != 0 && now_s >= age_s && since_s <= now_s - age_s;
}

static bool
is_marked(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    (void)level;
    return picker_is_marked(picker, file);
}

static bool
has_too_many_deletions(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    const uint32_t percent = picker->options->deletion_percent_max;
    const uint64_t age_s = picker->options->deletion_age_s;

    if ((level == 0 || level == LAST_LEVEL) && file->meta.creation_time_s != 0 &&
        !is_older(picker, file->meta.creation_time_s, age_s))
        return false;
    if (level == LAST_LEVEL && percent > 0)
        return picker_has_deletions(picker, file, percent / LAST_LEVEL_DELETION_PART + 1);
    return picker_has_deletions(picker, file, percent);
}

/* In level 0 only when it rests: its way down takes much along. */
static bool
has_many_dead(const struct picker *picker, uint32_t level, const struct table_file *file)
{
    return picker_has_dead(picker, file) &&
           (level > 0 || file->meta.creation_time_s == 0 ||
            is_older(picker, file->meta.creation_time_s, picker->options->deletion_age_s));
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

/* In the order of their weight. */
static const struct rule {
    bool (*is_due)(const struct picker *picker, uint32_t level, const struct table_file *file);
    enum compaction_reason reason;
} rules[] = {
    {.is_due = is_marked, .reason = COMPACTION_MARKED},
    {.is_due = has_too_many_deletions, .reason = COMPACTION_DELETIONS},
    {.is_due = has_many_dead, .reason = COMPACTION_DEAD},
    {.is_due = is_past_ttl, .reason = COMPACTION_TTL},
    {.is_due = is_past_period, .reason = COMPACTION_PERIODIC},
};

enum {
    RULE_COUNT = sizeof(rules) / sizeof(rules[0]),
    DUE_COUNT_MAX = 32, /* tables that are tried for each rule */
};

struct due_table {
    uint32_t level;
    uint32_t index;
};

struct due_tables {
    struct due_table items[RULE_COUNT][DUE_COUNT_MAX];
    uint32_t counts[RULE_COUNT];
};

/* One walk over all tables for all rules: it is the walk that costs. */
static void
find_due(const struct picker *picker, struct due_tables *due)
{
    memset(due->counts, 0, sizeof(due->counts));
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &picker->version->levels[level];

        for (uint32_t i = 0; i < tables->count; i++) {
            for (uint32_t r = 0; r < RULE_COUNT; r++) {
                if (due->counts[r] < DUE_COUNT_MAX &&
                    rules[r].is_due(picker, level, tables->files[i]) &&
                    !picker_is_busy(picker, tables->files[i]))
                    due->items[r][due->counts[r]++] =
                        (struct due_table){.level = level, .index = i};
            }
        }
    }
}

bool
pick_due(const struct picker *picker, struct compaction_plan *plan_out)
{
    struct due_tables due;

    find_due(picker, &due);
    for (uint32_t r = 0; r < RULE_COUNT; r++) {
        for (uint32_t i = 0; i < due.counts[r]; i++) {
            const struct due_table *table = &due.items[r][i];
            const struct level_range range = {.first = table->index, .end = table->index + 1};

            if (table->level == 0
                    ? pick_level0(picker, table->index, rules[r].reason, plan_out)
                    : pick_tables(picker, table->level, range, rules[r].reason, plan_out))
                return true;
        }
    }
    return false;
}
