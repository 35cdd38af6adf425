/* Which tables a plan must take together, and whether they can start now.
 *
 * What makes a choice of inputs right, for any style:
 *   1. Of a level below 0 a user key's versions go down all or none: inputs end at clean cuts.
 *   2. Of the output level everything that the inputs' keys touch is an input too.
 *   3. Of level 0 no table goes down before an older one, and none is passed over in a merge.
 *   4. Two running plans share no table and write no common keys of one level; so each plan
 *      finds the level that it writes to as it saw it. */
#include "compact/picker_internal.h"

#include <stdlib.h>

#include "base/alloc.h"

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void
picker_init(struct picker *picker, const struct compaction_view *view)
{
    uint32_t count = 0;

    *picker = (struct picker){.view = view, .version = view->version, .options = view->options};
    for (uint32_t i = 0; i < view->running_count; i++)
        count += view->running[i]->input_count;
    if (count > 0)
        picker->busy_numbers = kv_alloc(count * sizeof(picker->busy_numbers[0]));
    for (uint32_t i = 0; i < view->running_count; i++) {
        const struct compaction_plan *plan = view->running[i];

        for (uint32_t j = 0; j < plan->input_count; j++)
            picker->busy_numbers[picker->busy_count++] = plan->inputs[j].number;
    }
    if (count > 1)
        qsort(picker->busy_numbers, count, sizeof(picker->busy_numbers[0]), compare_numbers);
    picker_measure(picker);
}

void
picker_deinit(struct picker *picker)
{
    free(picker->busy_numbers);
    *picker = (struct picker){0};
}

bool
picker_is_busy(const struct picker *picker, const struct table_file *file)
{
    return picker->busy_count > 0 &&
           bsearch(&file->meta.number, picker->busy_numbers, picker->busy_count,
                   sizeof(picker->busy_numbers[0]), compare_numbers) != NULL;
}

bool
picker_is_range_busy(const struct picker *picker, uint32_t level, struct level_range range)
{
    for (uint32_t i = range.first; i < range.end && picker->busy_count > 0; i++) {
        if (picker_is_busy(picker, picker->version->levels[level].files[i]))
            return true;
    }
    return false;
}

uint64_t
picker_range_bytes(const struct picker *picker, uint32_t level, struct level_range range)
{
    uint64_t bytes = 0;

    KV_ASSERT(range.end <= picker->version->levels[level].count);
    for (uint32_t i = range.first; i < range.end; i++)
        bytes += picker->version->levels[level].files[i]->meta.bytes;
    return bytes;
}

/* Index of the first table whose first user key is > key. */
static uint32_t
find_starting_after(const struct version_level *level, struct slice key)
{
    uint32_t low = 0, high = level->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (slice_compare(file_first_key(level->files[middle]), key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct level_range
picker_overlap(const struct picker *picker, uint32_t level, struct slice first, struct slice last)
{
    const struct version_level *tables = &picker->version->levels[level];
    struct level_range range = {.first = version_level_find_user(tables, first),
                                .end = find_starting_after(tables, last)};

    KV_ASSERT(level > 0);
    if (range.end < range.first)
        range.end = range.first;
    return range;
}

/* A largest key that only stands for the end of a range tombstone holds no version of its user
 * key. */
static bool
shares_user_key(const struct table_file *left, const struct table_file *right)
{
    const uint64_t sentinel = footer_pack(SEQUENCE_MAX, TYPE_RANGE_DELETION);

    return internal_key_footer(file_largest(left)) != sentinel &&
           slice_equal(file_last_key(left), file_first_key(right));
}

struct level_range
picker_clean_cut(const struct picker *picker, uint32_t level, struct level_range range)
{
    const struct version_level *tables = &picker->version->levels[level];

    KV_ASSERT(level > 0 && range.end <= tables->count);
    if (level_range_is_empty(range))
        return range;
    while (range.first > 0 &&
           shares_user_key(tables->files[range.first - 1], tables->files[range.first]))
        range.first--;
    while (range.end < tables->count &&
           shares_user_key(tables->files[range.end - 1], tables->files[range.end]))
        range.end++;
    return range;
}

static void
span_add(struct slice *first, struct slice *last, bool is_empty, const struct table_file *file)
{
    if (is_empty || slice_compare(file_first_key(file), *first) < 0)
        *first = file_first_key(file);
    if (is_empty || slice_compare(file_last_key(file), *last) > 0)
        *last = file_last_key(file);
}

bool
draft_span(const struct picker *picker, const struct draft *draft, struct slice *first_out,
           struct slice *last_out)
{
    bool is_empty = true;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct level_range range = draft->ranges[level];

        KV_ASSERT(range.first <= range.end && range.end <= picker->version->levels[level].count);
        for (uint32_t i = range.first; i < range.end; i++) {
            span_add(first_out, last_out, is_empty, picker->version->levels[level].files[i]);
            is_empty = false;
        }
    }
    return !is_empty;
}

uint64_t
draft_bytes(const struct picker *picker, const struct draft *draft)
{
    uint64_t bytes = 0;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        bytes += picker_range_bytes(picker, level, draft->ranges[level]);
    return bytes;
}

void
draft_add_output_level(const struct picker *picker, struct draft *draft)
{
    struct slice first, last;

    KV_ASSERT(draft->output_level > 0);
    KV_ASSERT(level_range_is_empty(draft->ranges[draft->output_level]));
    if (!draft_span(picker, draft, &first, &last))
        return;
    draft->ranges[draft->output_level] = picker_clean_cut(
        picker, draft->output_level, picker_overlap(picker, draft->output_level, first, last));
}

bool
draft_can_start(const struct picker *picker, const struct draft *draft)
{
    const struct compaction_view *view = picker->view;
    struct slice first, last;

    if (!draft_span(picker, draft, &first, &last))
        return false;
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        if (picker_is_range_busy(picker, level, draft->ranges[level]))
            return false;
    }
    for (uint32_t i = 0; i < view->running_count; i++) {
        const struct compaction_plan *plan = view->running[i];

        if (plan->kind != COMPACTION_DROP && plan->output_level == draft->output_level &&
            slice_compare(plan->smallest, last) <= 0 && slice_compare(first, plan->largest) <= 0)
            return false;
    }
    return true;
}

bool
draft_is_bottommost(const struct picker *picker, const struct draft *draft)
{
    const struct version_level *level0 = &picker->version->levels[0];
    struct slice first, last;

    if (!draft_span(picker, draft, &first, &last))
        return true;
    for (uint32_t level = draft->output_level + 1; level < LEVEL_COUNT; level++) {
        if (!level_range_is_empty(picker_overlap(picker, level, first, last)))
            return false;
    }
    for (uint32_t i = draft->ranges[0].end; draft->output_level == 0 && i < level0->count; i++) {
        if (slice_compare(file_first_key(level0->files[i]), last) <= 0 &&
            slice_compare(first, file_last_key(level0->files[i])) <= 0)
            return false;
    }
    return true;
}

static int
compare_first_keys(const void *a, const void *b)
{
    return slice_compare(file_first_key(*(const struct table_file *const *)a),
                         file_first_key(*(const struct table_file *const *)b));
}

/* No user key is in two of the tables. */
static bool
are_disjoint(const struct version_level *level, struct level_range range)
{
    const uint32_t count = range.end - range.first;
    const struct table_file **files = kv_alloc((count + 1) * sizeof(struct table_file *));
    bool disjoint = true;

    memcpy(files, level->files + range.first, count * sizeof(struct table_file *));
    qsort(files, count, sizeof(struct table_file *), compare_first_keys);
    for (uint32_t i = 1; i < count && disjoint; i++)
        disjoint = slice_compare(file_last_key(files[i - 1]), file_first_key(files[i])) < 0;
    free(files);
    return disjoint;
}

/* A rewrite frees something that a move does not. */
static bool
has_waste(const struct picker *picker, uint32_t level, struct level_range range)
{
    const struct version_level *tables = &picker->version->levels[level];

    for (uint32_t i = range.first; i < range.end; i++) {
        if (picker_is_marked(picker, tables->files[i]) ||
            picker_has_dead(picker, tables->files[i]) ||
            picker_has_deletions(picker, tables->files[i], picker->options->deletion_percent_max))
            return true;
    }
    return false;
}

bool
draft_is_move(const struct picker *picker, const struct draft *draft)
{
    const struct compaction_options *options = picker->options;
    const uint32_t base = picker->shape.base_level, output = draft->output_level;
    const bool is_bottommost = draft_is_bottommost(picker, draft);
    struct slice first, last;
    uint32_t level = 0;

    while (level < output && level_range_is_empty(draft->ranges[level]))
        level++;
    for (uint32_t other = level + 1; other < LEVEL_COUNT; other++) {
        if (!level_range_is_empty(draft->ranges[other]))
            return false;
    }
    if (level == output || !draft_span(picker, draft, &first, &last))
        return false;
    if (level == 0 && !are_disjoint(&picker->version->levels[0], draft->ranges[0]))
        return false;
    if (compaction_options_compression(options, picker->view->compression, level, base,
                                       level > 0 && is_bottommost) !=
        compaction_options_compression(options, picker->view->compression, output, base,
                                       is_bottommost))
        return false;
    if (is_bottommost && has_waste(picker, level, draft->ranges[level]))
        return false;
    /* A table across too much of the level below its new one would cost that much one day. */
    return output + 1 >= LEVEL_COUNT ||
           picker_range_bytes(picker, output + 1,
                              picker_overlap(picker, output + 1, first, last)) <=
               (uint64_t)(draft->ranges[level].end - draft->ranges[level].first) *
                   compaction_options_job_bytes_max(options);
}
