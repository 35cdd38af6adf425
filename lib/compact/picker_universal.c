/* Universal: a tree of sorted runs, merged with their neighbours in age.
 *
 * Each table of level 0 is a run, and each level below that has tables is one, older the deeper it
 * is.  What is merged goes as deep as it can without passing the next older run; so levels are only
 * names for places in the order of age.  Space amplification is bounded first (all runs become
 * one), then runs of like size are merged, then simply the newest, if there are still too many. */
#include "compact/picker_internal.h"

#include "base/alloc.h"

enum { LAST_LEVEL = LEVEL_COUNT - 1 };

struct run {
    uint32_t level;
    uint32_t index; /* in level 0 */
    uint64_t bytes;
    bool is_busy;
};

struct runs {
    struct run *items; /* owned, newest first */
    uint32_t count;
};

static void
runs_init(struct runs *runs, const struct picker *picker)
{
    const struct version_level *level0 = &picker->version->levels[0];

    *runs = (struct runs){.items = kv_alloc((level0->count + LEVEL_COUNT) * sizeof(struct run))};
    for (uint32_t i = 0; i < level0->count; i++)
        runs->items[runs->count++] = (struct run){
            .index = i,
            .bytes = level0->files[i]->meta.bytes,
            .is_busy = picker_is_busy(picker, level0->files[i]),
        };
    for (uint32_t level = 1; level < LEVEL_COUNT; level++) {
        const struct level_range all = {.end = picker->version->levels[level].count};

        if (!level_range_is_empty(all))
            runs->items[runs->count++] = (struct run){
                .level = level,
                .bytes = picker_range_bytes(picker, level, all),
                .is_busy = picker_is_range_busy(picker, level, all),
            };
    }
}

/* Merges runs first <= i < end. */
static bool
merge(const struct picker *picker, const struct runs *runs, struct level_range which,
      enum compaction_reason reason, struct compaction_plan *plan_out)
{
    struct draft draft = {.kind = COMPACTION_MERGE,
                          .reason = reason,
                          .output_level = LAST_LEVEL,
                          .score = (double)runs->count /
                                   (double)picker->options->level0_file_num_compaction_trigger};

    KV_ASSERT(which.first < which.end && which.end <= runs->count);
    for (uint32_t i = which.first; i < which.end; i++) {
        const struct run *run = &runs->items[i];

        if (run->level > 0)
            draft.ranges[run->level].end = picker->version->levels[run->level].count;
        else if (level_range_is_empty(draft.ranges[0]))
            draft.ranges[0] = (struct level_range){.first = run->index, .end = run->index + 1};
        else
            draft.ranges[0].end = run->index + 1;
    }
    if (which.end < runs->count) {
        const uint32_t next = runs->items[which.end].level;

        draft.output_level = next > 0 ? next - 1 : 0;
    }
    if (!draft_can_start(picker, &draft))
        return false;
    plan_from_draft(picker, &draft, plan_out);
    return true;
}

/* Everything from the newest idle run to the oldest. */
static bool
merge_all(const struct picker *picker, const struct runs *runs, enum compaction_reason reason,
          struct compaction_plan *plan_out)
{
    struct level_range which = {.first = runs->count, .end = runs->count};

    while (which.first > 0 && !runs->items[which.first - 1].is_busy)
        which.first--;
    for (uint32_t i = which.first; i-- > 0;) {
        if (!runs->items[i].is_busy)
            return false; /* it would be left out: wait until it can come along */
    }
    return which.first < which.end && merge(picker, runs, which, reason, plan_out);
}

static bool
pick_space_amp(const struct picker *picker, const struct runs *runs,
               struct compaction_plan *plan_out)
{
    const uint64_t percent_max = picker->options->universal.max_size_amplification_percent;
    uint64_t newer = 0;

    for (uint32_t i = 0; i + 1 < runs->count; i++)
        newer += runs->items[i].is_busy ? 0 : runs->items[i].bytes;
    if (runs->count < 2 || runs->items[runs->count - 1].is_busy ||
        (double)newer * 100 < (double)percent_max * (double)runs->items[runs->count - 1].bytes)
        return false;
    return merge_all(picker, runs, COMPACTION_SPACE_AMP, plan_out);
}

/* From each idle run on: as many older ones as are not much larger than the sum of those before. */
static bool
pick_alike(const struct picker *picker, const struct runs *runs, struct compaction_plan *plan_out)
{
    const uint32_t width_max = picker->options->universal.max_merge_width;
    const double ratio = 1 + picker->options->universal.size_ratio / 100.0;

    for (uint32_t first = 0; first < runs->count; first++) {
        double sum = (double)runs->items[first].bytes;
        struct level_range which = {.first = first, .end = first + 1};

        if (runs->items[first].is_busy)
            continue;
        while (which.end < runs->count && which.end - first < width_max &&
               !runs->items[which.end].is_busy &&
               sum * ratio >= (double)runs->items[which.end].bytes)
            sum += (double)runs->items[which.end++].bytes;
        if (which.end - first >= picker->options->universal.min_merge_width &&
            merge(picker, runs, which, COMPACTION_SIZE_RATIO, plan_out))
            return true;
    }
    return false;
}

/* The newest idle neighbours, so many that the count is right afterwards. */
static bool
pick_count(const struct picker *picker, const struct runs *runs, struct compaction_plan *plan_out)
{
    const uint32_t trigger = picker->options->level0_file_num_compaction_trigger;
    const uint32_t width_max = picker->options->universal.max_merge_width;
    uint32_t idle = 0, width;

    for (uint32_t i = 0; i < runs->count; i++)
        idle += !runs->items[i].is_busy;
    if (idle <= trigger)
        return false;
    width = idle - trigger + 1;
    width = width < width_max ? width : width_max;
    for (uint32_t first = 0; first < runs->count; first++) {
        struct level_range which = {.first = first, .end = first};

        while (which.end < runs->count && which.end - first < width &&
               !runs->items[which.end].is_busy)
            which.end++;
        if (which.end - first >= 2 && merge(picker, runs, which, COMPACTION_RUN_COUNT, plan_out))
            return true;
    }
    return false;
}

/* Something is older than the period: all is rewritten, since no run can be alone. */
static bool
pick_period(const struct picker *picker, const struct runs *runs, struct compaction_plan *plan_out)
{
    const uint64_t period_s = compaction_options_period_s(picker->options);
    const uint64_t now_s = picker->view->now_s;

    if (period_s == 0 || now_s < period_s)
        return false;
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &picker->version->levels[level];

        for (uint32_t i = 0; i < tables->count; i++) {
            const uint64_t since_s = tables->files[i]->meta.creation_time_s;

            if (since_s != 0 && since_s <= now_s - period_s)
                return merge_all(picker, runs, COMPACTION_PERIODIC, plan_out);
        }
    }
    return false;
}

/* As many neighbours as there is space for; the fewest bytes, if equal. */
static struct level_range
longest_within(const struct runs *runs, uint64_t bytes_max)
{
    struct level_range best = {0};
    uint64_t best_bytes = 0, bytes = 0;

    for (uint32_t first = 0, end = 0; end < runs->count;) {
        bytes += runs->items[end].bytes;
        if (runs->items[end++].is_busy) {
            first = end;
            bytes = 0;
        }
        while (bytes > bytes_max)
            bytes -= runs->items[first++].bytes;
        if (end - first > best.end - best.first ||
            (end - first == best.end - best.first && bytes < best_bytes)) {
            best = (struct level_range){.first = first, .end = end};
            best_bytes = bytes;
        }
    }
    return best;
}

bool
pick_universal_within(const struct picker *picker, uint64_t bytes_max,
                      struct compaction_plan *plan_out)
{
    struct runs runs;
    struct level_range which;
    bool picked;

    runs_init(&runs, picker);
    which = longest_within(&runs, bytes_max);
    picked =
        which.end - which.first >= 2 && merge(picker, &runs, which, COMPACTION_RUN_SPACE, plan_out);
    free(runs.items);
    return picked;
}

bool
pick_universal(const struct picker *picker, struct compaction_plan *plan_out)
{
    struct runs runs;
    bool picked = false;

    runs_init(&runs, picker);
    if (runs.count >= picker->options->level0_file_num_compaction_trigger)
        picked = pick_space_amp(picker, &runs, plan_out) || pick_alike(picker, &runs, plan_out) ||
                 pick_count(picker, &runs, plan_out);
    picked = picked || pick_period(picker, &runs, plan_out);
    free(runs.items);
    return picked;
}
