/* KV.COMPACT: a range goes down level by level, in plans no larger than others.
 *
 * Nothing is remembered between two asks.  What still has to move is told by sequence numbers: a
 * table above the last level that holds anything from before the request.  What the last level
 * still has to rewrite is told by file numbers: tables that were there at the request.  Writes that
 * go on meanwhile have higher numbers of both kinds, so the request ends.
 *
 * A level starts only when all above it are done; within it plans run side by side. */
#include "compact/picker_internal.h"

enum {
    LAST_LEVEL = LEVEL_COUNT - 1,
    STRETCH_COUNT_MAX = 256, /* tables of one level in a plan */
};

static bool
is_in_range(const struct compaction_request *request, const struct table_file *file)
{
    return (request->begin.size == 0 || slice_compare(file_last_key(file), request->begin) >= 0) &&
           (request->end.size == 0 || slice_compare(file_first_key(file), request->end) <= 0);
}

/* In the last level: there is something to gain from a rewrite, and it has not been done.  A
 * table whose sequence numbers are all 0 holds no deletion and nothing stale but for the dead. */
static bool
wants_rewrite(const struct picker *picker, const struct compaction_request *request,
              const struct table_file *file)
{
    if (file->meta.number >= request->number_next)
        return false;
    return request->is_forced ||
           (file->meta.seq_largest > 0 &&
            file->meta.seq_smallest <= picker->view->snapshot_oldest) ||
           picker_has_any_dead(picker, file);
}

static bool
is_wanted(const struct picker *picker, const struct compaction_request *request, uint32_t level,
          uint32_t index)
{
    const struct table_file *file = picker->version->levels[level].files[index];

    if (!is_in_range(request, file))
        return false;
    return level == LAST_LEVEL ? wants_rewrite(picker, request, file)
                               : file->meta.seq_smallest <= request->seq_max;
}

/* Bytes of neighbours with what they overlap in the next level. */
static uint64_t
job_bytes(const struct picker *picker, uint32_t level, struct level_range range)
{
    const struct version_level *tables = &picker->version->levels[level];
    uint64_t bytes = picker_range_bytes(picker, level, range);

    if (level < LAST_LEVEL)
        bytes += picker_range_bytes(picker, level + 1,
                                    picker_overlap(picker, level + 1,
                                                   file_first_key(tables->files[range.first]),
                                                   file_last_key(tables->files[range.end - 1])));
    return bytes;
}

/* From `first` on, the neighbours that are wanted too and idle, up to the bytes of a job. */
static struct level_range
stretch(const struct picker *picker, const struct compaction_request *request, uint32_t level,
        uint32_t first)
{
    const uint64_t bytes_max = compaction_options_job_bytes_max(picker->options);
    const struct version_level *tables = &picker->version->levels[level];
    struct level_range range = {.first = first, .end = first + 1};

    while (range.end < tables->count && range.end - first < STRETCH_COUNT_MAX &&
           is_wanted(picker, request, level, range.end) &&
           !picker_is_busy(picker, tables->files[range.end])) {
        range.end++;
        if (job_bytes(picker, level, range) > bytes_max) {
            range.end--;
            break;
        }
    }
    return range;
}

static enum compaction_manual
manual_level(const struct picker *picker, const struct compaction_request *request, uint32_t level,
             struct compaction_plan *plan_out)
{
    const uint32_t count = picker->version->levels[level].count;
    enum compaction_manual answer = COMPACTION_MANUAL_DONE;

    for (uint32_t i = 0; i < count; i++) {
        struct level_range tables = {.first = i, .end = i + 1};

        if (!is_wanted(picker, request, level, i))
            continue;
        answer = COMPACTION_MANUAL_WAIT;
        if (level > 0 && !picker_is_busy(picker, picker->version->levels[level].files[i]))
            tables = stretch(picker, request, level, i);
        /* In level 0 the newest that is wanted takes all older ones along. */
        if (level == 0 ? pick_level0(picker, i, COMPACTION_MANUAL, plan_out)
                       : pick_tables(picker, level, tables, COMPACTION_MANUAL, plan_out))
            return COMPACTION_MANUAL_PLAN;
        if (level == 0)
            break;
    }
    return answer;
}

static enum compaction_manual
manual_leveled(const struct picker *picker, const struct compaction_request *request,
               struct compaction_plan *plan_out)
{
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const enum compaction_manual answer = manual_level(picker, request, level, plan_out);

        if (answer != COMPACTION_MANUAL_DONE)
            return answer;
    }
    return COMPACTION_MANUAL_DONE;
}

/* Every table that has anything from before the request must be in the last level, and rewritten;
 * the newest that isn't takes all older runs along. */
static enum compaction_manual
manual_universal(const struct picker *picker, const struct compaction_request *request,
                 struct compaction_plan *plan_out)
{
    struct draft draft = {.kind = COMPACTION_MERGE,
                          .reason = COMPACTION_MANUAL,
                          .output_level = LAST_LEVEL,
                          .score = 1};
    bool is_needed = false;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const uint32_t count = picker->version->levels[level].count;

        for (uint32_t i = 0; i < count && !is_needed; i++) {
            is_needed = is_wanted(picker, request, level, i);
            draft.ranges[level].first = level == 0 ? i : 0;
        }
        draft.ranges[level] = (struct level_range){
            .first = is_needed ? draft.ranges[level].first : count, .end = count};
    }
    if (!is_needed)
        return COMPACTION_MANUAL_DONE;
    if (!draft_can_start(picker, &draft))
        return COMPACTION_MANUAL_WAIT;
    plan_from_draft(picker, &draft, plan_out);
    return COMPACTION_MANUAL_PLAN;
}

enum compaction_manual
compaction_pick_manual(const struct compaction_view *view, const struct compaction_request *request,
                       struct compaction_plan *plan_out)
{
    enum compaction_manual answer = COMPACTION_MANUAL_DONE;
    struct picker picker;

    *plan_out = (struct compaction_plan){0};
    picker_init(&picker, view);
    if (view->options->style == COMPACTION_UNIVERSAL)
        answer = manual_universal(&picker, request, plan_out);
    else if (view->options->style != COMPACTION_FIFO)
        answer = manual_leveled(&picker, request, plan_out);
    picker_deinit(&picker);
    return answer;
}
