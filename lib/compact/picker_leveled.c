/* Leveled: the level that is furthest above its target gives tables to the next one.
 *
 * Level 0 goes to the base level as a whole, oldest first.  In other levels the table is taken
 * that has the least to rewrite below it for each of its own bytes, deletions counting as bytes
 * thrice, since each frees what it deletes; the older one if equal. */
#include "compact/picker_internal.h"

#include "base/alloc.h"

enum {
    LAST_LEVEL = LEVEL_COUNT - 1,
    CANDIDATE_COUNT_MAX = 64, /* tables that are tried, best first, before a level is given up */
    SEARCH_COUNT_MAX = 4096,  /* tables that they are chosen from */
    MOVE_COUNT_MAX = 64,      /* tables that one edit moves */
    LEVEL0_MERGE_COUNT_MIN = 4,
};

/* A table of a level that might go down. */
struct candidate {
    uint32_t index;
    uint64_t number;
    double cost; /* bytes below for each byte of its own */
};

struct candidates {
    struct candidate items[CANDIDATE_COUNT_MAX]; /* best first */
    uint32_t count;
};

static bool
is_better(const struct candidate *a, const struct candidate *b)
{
    return a->cost != b->cost ? a->cost < b->cost : a->number < b->number;
}

static void
candidates_add(struct candidates *candidates, const struct candidate *candidate)
{
    uint32_t at = candidates->count;

    if (at == CANDIDATE_COUNT_MAX) {
        if (!is_better(candidate, &candidates->items[at - 1]))
            return;
        at--;
    } else {
        candidates->count++;
    }
    for (; at > 0 && is_better(candidate, &candidates->items[at - 1]); at--)
        candidates->items[at] = candidates->items[at - 1];
    candidates->items[at] = *candidate;
}

static double
weight_of(const struct table_file *file)
{
    const struct table_meta *meta = &file->meta;
    const double bytes = (double)(meta->bytes > 0 ? meta->bytes : 1);

    if (!meta->has_counts || meta->entry_count == 0)
        return bytes;
    return bytes * (1 + 2 * (double)meta->deletion_count / (double)meta->entry_count);
}

/* What two sorted levels have in common, as a window on the lower one that only moves right. */
struct overlap_window {
    const struct picker *picker;
    const struct version_level *level;
    uint32_t first, end;
    uint64_t bytes;
    uint32_t busy_count;
};

static void
window_move(struct overlap_window *window, const struct table_file *file)
{
    const struct version_level *level = window->level;

    while (window->end < level->count &&
           slice_compare(file_first_key(level->files[window->end]), file_last_key(file)) <= 0) {
        window->bytes += level->files[window->end]->meta.bytes;
        window->busy_count += picker_is_busy(window->picker, level->files[window->end++]);
    }
    while (window->first < window->end &&
           slice_compare(file_last_key(level->files[window->first]), file_first_key(file)) < 0) {
        window->bytes -= level->files[window->first]->meta.bytes;
        window->busy_count -= picker_is_busy(window->picker, level->files[window->first++]);
    }
}

/* A long level is searched in part, so that no pick takes long; where, changes with every change
 * of the version, and reaches each table as often as any other. */
static struct level_range
search_range(const struct picker *picker, uint32_t level)
{
    const uint64_t count = picker->version->levels[level].count;
    const uint64_t mixed = picker->version->bytes_total * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    struct level_range range = {.end = (uint32_t)count};
    uint64_t end;

    if (count <= SEARCH_COUNT_MAX)
        return range;
    end = 1 + mixed % (count + SEARCH_COUNT_MAX - 1);
    range.first = end > SEARCH_COUNT_MAX ? (uint32_t)(end - SEARCH_COUNT_MAX) : 0;
    range.end = end < count ? (uint32_t)end : (uint32_t)count;
    return range;
}

static void
collect(const struct picker *picker, uint32_t level, struct candidates *candidates)
{
    const struct version_level *tables = &picker->version->levels[level];
    const struct level_range range = search_range(picker, level);
    struct overlap_window window = {.picker = picker, .level = &picker->version->levels[level + 1]};

    candidates->count = 0;
    if (level_range_is_empty(range))
        return;
    window.first = window.end =
        picker_overlap(picker, level + 1, file_first_key(tables->files[range.first]),
                       file_last_key(tables->files[range.first]))
            .first;
    for (uint32_t i = range.first; i < range.end; i++) {
        const struct table_file *file = tables->files[i];
        struct candidate candidate = {.index = i, .number = file->meta.number};

        window_move(&window, file);
        if (window.busy_count > 0 || picker_is_busy(picker, file))
            continue;
        candidate.cost = (double)window.bytes / weight_of(file);
        candidates_add(candidates, &candidate);
    }
}

/* More of the upper level, as long as it asks for nothing more of the lower one. */
static void
widen(const struct picker *picker, uint32_t level, struct draft *draft)
{
    const uint64_t bytes_max = compaction_options_job_bytes_max(picker->options);
    const struct version_level *tables = &picker->version->levels[level];
    const struct level_range below = draft->ranges[level + 1];
    struct draft wider = *draft;
    struct slice first, last;

    if (level_range_is_empty(below) || !draft_span(picker, draft, &first, &last))
        return;
    wider.ranges[level] = picker_overlap(picker, level, first, last);
    while (wider.ranges[level].first < draft->ranges[level].first &&
           slice_compare(file_first_key(tables->files[wider.ranges[level].first]), first) < 0)
        wider.ranges[level].first++;
    while (wider.ranges[level].end > draft->ranges[level].end &&
           slice_compare(file_last_key(tables->files[wider.ranges[level].end - 1]), last) > 0)
        wider.ranges[level].end--;
    wider.ranges[level] = picker_clean_cut(picker, level, wider.ranges[level]);
    wider.ranges[level + 1] = (struct level_range){0};
    draft_add_output_level(picker, &wider);
    if (wider.ranges[level + 1].first != below.first || wider.ranges[level + 1].end != below.end ||
        draft_bytes(picker, &wider) > bytes_max || !draft_can_start(picker, &wider))
        return;
    *draft = wider;
}

/* A table that can be moved takes its neighbours along that can be, too. */
static void
extend_move(const struct picker *picker, uint32_t level, struct draft *draft)
{
    const struct compaction_level_shape *shape = &picker->shape.levels[level];
    const uint64_t over =
        shape->bytes > shape->bytes_target ? shape->bytes - shape->bytes_target : 0;
    struct draft longer = *draft;

    while (longer.ranges[level].end < picker->version->levels[level].count &&
           longer.ranges[level].end - longer.ranges[level].first < MOVE_COUNT_MAX &&
           draft_bytes(picker, draft) < over) {
        longer.ranges[level].end++;
        longer.ranges[level] = picker_clean_cut(picker, level, longer.ranges[level]);
        longer.ranges[level + 1] = (struct level_range){0};
        draft_add_output_level(picker, &longer);
        if (!draft_can_start(picker, &longer) || !draft_is_move(picker, &longer))
            return;
        *draft = longer;
    }
}

bool
pick_tables(const struct picker *picker, uint32_t level, struct level_range tables,
            enum compaction_reason reason, struct compaction_plan *plan_out)
{
    struct draft draft = {.kind = COMPACTION_MERGE,
                          .reason = reason,
                          .output_level = level < LAST_LEVEL ? level + 1 : level,
                          .score = picker->shape.levels[level].score};

    KV_ASSERT(level > 0 && level < LEVEL_COUNT && !level_range_is_empty(tables));
    draft.ranges[level] = picker_clean_cut(picker, level, tables);
    if (level < LAST_LEVEL)
        draft_add_output_level(picker, &draft);
    if (!draft_can_start(picker, &draft))
        return false;
    if (draft_is_move(picker, &draft)) {
        draft.kind = COMPACTION_MOVE;
        extend_move(picker, level, &draft);
    } else if (level < LAST_LEVEL) {
        widen(picker, level, &draft);
    }
    plan_from_draft(picker, &draft, plan_out);
    return true;
}

bool
pick_level(const struct picker *picker, uint32_t level, uint64_t bytes_max,
           struct compaction_plan *plan_out)
{
    const enum compaction_reason reason = picker->shape.levels[level].bytes_target == 0
                                              ? COMPACTION_LEVEL_UNUSED
                                              : COMPACTION_LEVEL_BYTES;
    struct candidates candidates;

    collect(picker, level, &candidates);
    for (uint32_t i = 0; i < candidates.count; i++) {
        const struct level_range table = {.first = candidates.items[i].index,
                                          .end = candidates.items[i].index + 1};

        if (!pick_tables(picker, level, table, reason, plan_out))
            continue;
        if (plan_out->kind != COMPACTION_MERGE || plan_out->input_bytes <= bytes_max)
            return true;
        compaction_plan_deinit(plan_out);
    }
    return false;
}

bool
pick_level0(const struct picker *picker, uint32_t first, enum compaction_reason reason,
            struct compaction_plan *plan_out)
{
    const struct version_level *level0 = &picker->version->levels[0];
    const uint64_t bytes_max = compaction_options_job_bytes_max(picker->options);
    struct draft draft = {.kind = COMPACTION_MERGE,
                          .reason = reason,
                          .output_level = picker->shape.base_level,
                          .score = picker->shape.levels[0].score};
    uint32_t start = level0->count;
    uint64_t bytes = 0;

    KV_ASSERT(first <= level0->count);
    while (start > first &&
           (start == level0->count || bytes + level0->files[start - 1]->meta.bytes <= bytes_max))
        bytes += level0->files[--start]->meta.bytes;
    /* A plan that runs on newer tables doesn't stop the older ones. */
    for (uint32_t i = level0->count; i-- > start;) {
        if (picker_is_busy(picker, level0->files[i]))
            start = i + 1;
    }
    draft.ranges[0] = (struct level_range){.first = start, .end = level0->count};
    draft_add_output_level(picker, &draft);
    if (!draft_can_start(picker, &draft))
        return false;
    if (draft_is_move(picker, &draft))
        draft.kind = COMPACTION_MOVE;
    plan_from_draft(picker, &draft, plan_out);
    return true;
}

/* The way down is busy: the newest idle tables of level 0 become one, so that reads and the
 * count get better.  It goes on as long as each table that it takes in makes it cheaper to be
 * rid of one.  Not for a way that is about to be free: it would hold up what could go down. */
static bool
pick_level0_merge(const struct picker *picker, struct compaction_plan *plan_out)
{
    const struct version_level *level0 = &picker->version->levels[0];
    const uint64_t bytes_max = compaction_options_job_bytes_max(picker->options);
    struct draft draft = {.kind = COMPACTION_MERGE,
                          .reason = COMPACTION_LEVEL0_MERGE,
                          .score = picker->shape.levels[0].score};
    double cost = 0;
    uint64_t bytes = 0;
    uint32_t end = 0;

    if (picker->view->has_ending)
        return false;
    for (; end < level0->count && !picker_is_busy(picker, level0->files[end]); end++) {
        const uint64_t more = bytes + level0->files[end]->meta.bytes;

        if (end >= 2 && ((double)more / end > cost || more > bytes_max))
            break;
        bytes = more;
        cost = end > 0 ? (double)bytes / end : 0;
    }
    if (end < LEVEL0_MERGE_COUNT_MIN)
        return false;
    draft.ranges[0] = (struct level_range){.first = 0, .end = end};
    if (!draft_can_start(picker, &draft))
        return false;
    plan_from_draft(picker, &draft, plan_out);
    return true;
}

static bool
pick_from(const struct picker *picker, uint32_t level, struct compaction_plan *plan_out)
{
    const struct compaction_options *options = picker->options;
    const struct compaction_level_shape *level0 = &picker->shape.levels[0];

    if (level > 0)
        return pick_level(picker, level, UINT64_MAX, plan_out);
    return pick_level0(picker, 0,
                       level0->file_count >= options->level0_file_num_compaction_trigger
                           ? COMPACTION_LEVEL0_COUNT
                           : COMPACTION_LEVEL0_BYTES,
                       plan_out) ||
           pick_level0_merge(picker, plan_out);
}

/* Writers will be slowed for its tables, and readers ask each of them.  What piles up further down
 * harms nobody so soon. */
static bool
level0_presses(const struct picker *picker)
{
    uint64_t bytes;
    const uint32_t idle_count = picker_idle_level0(picker, &bytes);

    return idle_count >= picker->options->level0_file_num_compaction_trigger &&
           idle_count >=
               COMPACTION_PRESSING_SHARE * (double)picker->options->level0_slowdown_writes_trigger;
}

bool
pick_leveled(const struct picker *picker, struct compaction_plan *plan_out)
{
    bool asked[LEVEL_COUNT] = {0};

    if (level0_presses(picker) && pick_level0(picker, 0, COMPACTION_LEVEL0_COUNT, plan_out))
        return true;
    for (uint32_t round = 0; round < LAST_LEVEL; round++) {
        uint32_t best = LAST_LEVEL;
        double score = 1;

        for (uint32_t level = 0; level < LAST_LEVEL; level++) {
            if (!asked[level] && picker->shape.levels[level].score >= score) {
                if (best < LAST_LEVEL && picker->shape.levels[level].score <= score)
                    continue;
                best = level;
                score = picker->shape.levels[level].score;
            }
        }
        if (best == LAST_LEVEL)
            return false;
        asked[best] = true;
        if (pick_from(picker, best, plan_out))
            return true;
    }
    return false;
}
