/* Targets, scores and debt of a tree.
 *
 * Leveled: the last level is as large as it is, and each level above may have its share of that,
 * down to the base level, the first whose share is no more than max_bytes_for_level_base.  So the
 * tree gains a level at the top when the data outgrow it, and nothing is ever moved up.
 *
 *          share      100 GiB of data, base 256 MiB, multiplier 10
 *     L3   -          102 MiB: the base level
 *     L4   1/100      1 GiB
 *     L5   1/10       10 GiB
 *     L6   all        100 GiB
 *
 * A level above the base level that has tables all the same (the data shrank, or the directory
 * comes from elsewhere) should become empty: its target is 0.  Shrinking costs rewriting, so it
 * waits until the share is half of what made the level appear. */
#include "compact/picker_internal.h"

enum { LAST_LEVEL = LEVEL_COUNT - 1 };

uint32_t
version_level_first_used(const struct version *version)
{
    uint32_t level = 1;

    while (level < LEVEL_COUNT && version->levels[level].count == 0)
        level++;
    return level;
}

bool
picker_is_marked(const struct picker *picker, const struct table_file *file)
{
    return file->meta.marked_for_compaction &&
           file->meta.seq_largest <= picker->view->snapshot_oldest;
}

bool
picker_has_deletions(const struct picker *picker, const struct table_file *file,
                     uint32_t percent_max)
{
    const struct table_meta *meta = &file->meta;

    /* A deletion that a snapshot can tell from what is below it has to stay. */
    return percent_max > 0 && meta->has_counts && meta->deletion_count > 0 &&
           meta->seq_largest <= picker->view->snapshot_oldest &&
           meta->deletion_count * 100 >= meta->entry_count * percent_max;
}

/* Whether the time has come for values that a job may let go of. */
static bool
has_come(const struct picker *picker, const struct table_file *file, uint64_t time_ms)
{
    const struct compaction_view *view = picker->view;

    return file->meta.has_counts && file->meta.deadlines.count > 0 &&
           view->now_s > time_ms / 1000 && /* whole seconds; rounded to the safe side */
           (view->snapshot_oldest == SEQUENCE_MAX ||
            file->meta.seq_smallest > view->snapshot_newest);
}

bool
picker_has_dead(const struct picker *picker, const struct table_file *file)
{
    return has_come(picker, file, file->meta.deadlines.due_ms);
}

bool
picker_has_any_dead(const struct picker *picker, const struct table_file *file)
{
    return has_come(picker, file, file->meta.deadlines.oldest_ms);
}

bool
picker_is_all_dead(const struct picker *picker, const struct table_file *file)
{
    const struct table_meta *meta = &file->meta;

    return has_come(picker, file, meta->deadlines.newest_ms) &&
           meta->deadlines.count == meta->entry_count - meta->deletion_count;
}

/* A target for each level; those that should be empty keep 0. */
static void
set_targets(const struct picker *picker, struct compaction_shape *shape)
{
    const double base_bytes = (double)picker->options->max_bytes_for_level_base;
    const double multiplier = picker->options->max_bytes_for_level_multiplier;
    const uint32_t first_used = version_level_first_used(picker->version);
    uint32_t ideal = LAST_LEVEL;
    double share = 0;

    KV_ASSERT(multiplier > 1);
    for (uint32_t level = 1; level < LEVEL_COUNT; level++)
        share =
            share > (double)shape->levels[level].bytes ? share : (double)shape->levels[level].bytes;
    shape->levels[LAST_LEVEL].bytes_target = (uint64_t)share;
    while (ideal > 1 && share > base_bytes) {
        share /= multiplier;
        shape->levels[--ideal].bytes_target = (uint64_t)share;
    }
    if (first_used + 1 == ideal && share >= base_bytes / 2)
        shape->levels[--ideal].bytes_target = (uint64_t)(share / multiplier);
    if (ideal < LAST_LEVEL && (double)shape->levels[ideal].bytes_target < base_bytes / multiplier)
        shape->levels[ideal].bytes_target = (uint64_t)(base_bytes / multiplier);
    shape->base_level = first_used < ideal ? first_used : ideal;
}

uint32_t
picker_idle_level0(const struct picker *picker, uint64_t *bytes_out)
{
    const struct version_level *tables = &picker->version->levels[0];
    uint32_t count = 0;

    *bytes_out = 0;
    for (uint32_t i = 0; i < tables->count; i++) {
        if (picker_is_busy(picker, tables->files[i]))
            continue;
        *bytes_out += tables->files[i]->meta.bytes;
        count++;
    }
    return count;
}

/* Tables that a running plan has don't count: their surplus is on its way. */
static double
score_level_0(const struct picker *picker)
{
    uint64_t bytes;
    const uint32_t count = picker_idle_level0(picker, &bytes);
    double by_count, by_bytes;

    by_count = (double)count / (double)picker->options->level0_file_num_compaction_trigger;
    by_bytes = (double)bytes / (double)picker->options->max_bytes_for_level_base;
    return by_bytes > by_count ? by_bytes : by_count;
}

static uint64_t
busy_bytes(const struct picker *picker, uint32_t level)
{
    const struct compaction_view *view = picker->view;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < view->running_count; i++) {
        for (uint32_t n = 0; n < view->running[i]->input_count; n++) {
            const struct compaction_input *input = &view->running[i]->inputs[n];

            bytes += input->level == level ? input->bytes : 0;
        }
    }
    return bytes;
}

/* Unused levels come before mildly full ones, the deepest first: it can mostly be moved whole,
 * and the next then finds its way free. */
static double
score_level(const struct picker *picker, uint32_t level)
{
    const struct compaction_level_shape *shape = &picker->shape.levels[level];
    const uint64_t busy = busy_bytes(picker, level);

    if (level == LAST_LEVEL || shape->file_count == 0 || shape->bytes < busy)
        return 0;
    if (shape->bytes_target == 0)
        return shape->bytes > busy || busy == 0 ? 1 + (double)level / LEVEL_COUNT : 0;
    return (double)(shape->bytes - busy) / (double)shape->bytes_target;
}

/* What flows over from each level takes its share of the next one with it; into an empty level it
 * is mostly moved, which costs nothing. */
static uint64_t
debt_leveled(const struct picker *picker, const struct compaction_shape *shape)
{
    const uint32_t base = shape->base_level;
    const struct compaction_level_shape *level0 = &shape->levels[0];
    double incoming = 0, debt = 0;

    if (level0->file_count >= picker->options->level0_file_num_compaction_trigger ||
        level0->bytes >= picker->options->max_bytes_for_level_base) {
        incoming = (double)level0->bytes;
        debt = incoming + (double)shape->levels[base].bytes;
    }
    for (uint32_t level = base; level < LAST_LEVEL; level++) {
        const double bytes = (double)shape->levels[level].bytes + incoming;
        const double next = (double)shape->levels[level + 1].bytes;
        const double over = bytes - (double)shape->levels[level].bytes_target;

        incoming = over > 0 ? over : 0;
        if (incoming > 0 && next > 0)
            debt += incoming + next * incoming / bytes;
    }
    return (uint64_t)debt;
}

static uint64_t
debt_universal(const struct picker *picker, const struct compaction_shape *shape)
{
    uint32_t run_count = shape->levels[0].file_count;
    uint64_t bytes = 0;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        bytes += shape->levels[level].bytes;
        run_count += level > 0 && shape->levels[level].file_count > 0;
    }
    return run_count > picker->options->level0_file_num_compaction_trigger ? bytes : 0;
}

/* The last level has nine tables in ten, and the version knows the sum of all: not walked. */
static void
measure_levels(const struct version *version, struct compaction_shape *shape)
{
    uint64_t above = 0;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &version->levels[level];

        shape->levels[level].file_count = tables->count;
        for (uint32_t i = 0; level < LAST_LEVEL && i < tables->count; i++)
            shape->levels[level].bytes += tables->files[i]->meta.bytes;
        above += shape->levels[level].bytes;
    }
    KV_ASSERT(version->bytes_total >= above);
    shape->levels[LAST_LEVEL].bytes = version->bytes_total - above;
}

void
picker_measure(struct picker *picker)
{
    struct compaction_shape *shape = &picker->shape;
    const enum compaction_style style = picker->options->style;

    *shape = (struct compaction_shape){0};
    measure_levels(picker->version, shape);
    set_targets(picker, shape);
    if (style == COMPACTION_LEVELED) {
        shape->levels[0].score = score_level_0(picker);
        for (uint32_t level = 1; level < LEVEL_COUNT; level++)
            shape->levels[level].score = score_level(picker, level);
        shape->debt_bytes = debt_leveled(picker, shape);
        return;
    }
    for (uint32_t level = 1; level < LEVEL_COUNT; level++)
        shape->levels[level].bytes_target = 0;
    if (style == COMPACTION_UNIVERSAL)
        shape->debt_bytes = debt_universal(picker, shape);
}

void
compaction_shape_of(const struct compaction_view *view, struct compaction_shape *shape_out)
{
    struct picker picker;

    picker_init(&picker, view);
    *shape_out = picker.shape;
    picker_deinit(&picker);
}
