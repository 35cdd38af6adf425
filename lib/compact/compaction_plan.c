/* From a draft to a plan that owns itself, and from a plan to jobs side by side.
 *
 * A plan is first filled with slices that are borrowed from the version; at the end all keys move
 * into one allocation of the plan's. */
#include "compact/compaction_picker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "compact/picker_internal.h"

/* An output overlaps at most this many times its own bytes in the level below it: more than a
 * level's share, so that outputs are rarely cut short, and few times as much. */
enum { GRANDPARENT_OUTPUTS_MAX = 16 };

static const char *const reason_names[COMPACTION_REASON_COUNT] = {
    [COMPACTION_LEVEL0_COUNT] = "level 0 has many tables",
    [COMPACTION_LEVEL0_BYTES] = "level 0 is large",
    [COMPACTION_LEVEL0_MERGE] = "level 0 has many tables and its way down is busy",
    [COMPACTION_LEVEL0_SPACE] = "little space for level 0",
    [COMPACTION_LEVEL_BYTES] = "level above its target",
    [COMPACTION_LEVEL_UNUSED] = "level should be empty",
    [COMPACTION_MARKED] = "marked in the manifest",
    [COMPACTION_DELETIONS] = "many deletions",
    [COMPACTION_DEAD] = "deadlines have passed",
    [COMPACTION_BURIED] = "under newer range tombstones",
    [COMPACTION_TTL] = "older than ttl",
    [COMPACTION_PERIODIC] = "periodic",
    [COMPACTION_SPACE_AMP] = "space amplification",
    [COMPACTION_SIZE_RATIO] = "runs of like size",
    [COMPACTION_RUN_COUNT] = "too many runs",
    [COMPACTION_RUN_SPACE] = "little space for runs",
    [COMPACTION_FIFO_BYTES] = "more bytes than fifo keeps",
    [COMPACTION_FIFO_TTL] = "older than fifo keeps",
    [COMPACTION_MANUAL] = "manual",
};

const char *
compaction_reason_name(enum compaction_reason reason)
{
    KV_ASSERT((uint32_t)reason < COMPACTION_REASON_COUNT);
    return reason_names[reason];
}

void
compaction_plan_deinit(struct compaction_plan *plan)
{
    free(plan->inputs);
    free(plan->below);
    free(plan->grandparents);
    free(plan->keys);
    *plan = (struct compaction_plan){0};
}

static void
add_input(struct compaction_plan *plan, const struct table_file *file)
{
    const struct table_meta *meta = &file->meta;

    plan->inputs[plan->input_count++] = (struct compaction_input){
        .level = file->level,
        .number = meta->number,
        .bytes = meta->bytes,
        .smallest = file_smallest(file),
        .largest = file_largest(file),
        .seq_smallest = meta->seq_smallest,
        .seq_largest = meta->seq_largest,
        .entry_count = meta->has_counts ? meta->entry_count : 0,
        .deletion_count = meta->has_counts ? meta->deletion_count : 0,
        .deadline_count = meta->has_counts ? meta->deadlines.count : 0,
    };
    plan->input_bytes += meta->bytes;
}

static void
fill_inputs(const struct picker *picker, const struct draft *draft, struct compaction_plan *plan)
{
    uint32_t count = 0;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        count += draft->ranges[level].end - draft->ranges[level].first;
    KV_ASSERT(count > 0);
    plan->inputs = kv_alloc_zero(count * sizeof(plan->inputs[0]));
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = draft->ranges[level].first; i < draft->ranges[level].end; i++)
            add_input(plan, picker->version->levels[level].files[i]);
    }
    plan->input_level = plan->inputs[0].level;
}

/* Tables in the order of their first keys, taken from several sources that have it. */
struct span_source {
    struct table_file *const *files;
    uint32_t count;
};

struct span_sources {
    struct span_source items[LEVEL_COUNT];
    uint32_t count;
};

static void
add_source(struct span_sources *sources, const struct version_level *level,
           struct level_range range)
{
    if (!level_range_is_empty(range))
        sources->items[sources->count++] = (struct span_source){.files = level->files + range.first,
                                                                .count = range.end - range.first};
}

static const struct table_file *
take_first(struct span_sources *sources)
{
    struct span_source *best = NULL;

    for (uint32_t i = 0; i < sources->count; i++) {
        struct span_source *source = &sources->items[i];

        if (source->count > 0 &&
            (best == NULL ||
             slice_compare(file_first_key(source->files[0]), file_first_key(best->files[0])) < 0))
            best = source;
    }
    if (best == NULL)
        return NULL;
    best->count--;
    return *best->files++;
}

/* At most count_max disjoint spans that cover all tables: those that overlap are one, and as many
 * neighbours are joined as the limit asks for. */
static struct compaction_span *
make_spans(struct span_sources *sources, uint32_t count_max, uint32_t *count_out)
{
    uint32_t file_count = 0, group_size, in_group = 0, count = 0;
    struct compaction_span *spans;
    const struct table_file *file;

    for (uint32_t i = 0; i < sources->count; i++)
        file_count += sources->items[i].count;
    *count_out = 0;
    if (file_count == 0)
        return NULL;
    group_size = (file_count + count_max - 1) / count_max;
    spans = kv_alloc((file_count < count_max ? file_count : count_max) * sizeof(spans[0]));
    while ((file = take_first(sources)) != NULL) {
        struct compaction_span *last = count > 0 ? &spans[count - 1] : NULL;

        if (last != NULL &&
            (in_group < group_size || slice_compare(file_first_key(file), last->largest) <= 0)) {
            if (slice_compare(file_last_key(file), last->largest) > 0)
                last->largest = file_last_key(file);
            last->bytes += file->meta.bytes;
            in_group++;
            continue;
        }
        KV_ASSERT(count < count_max);
        spans[count++] = (struct compaction_span){.smallest = file_first_key(file),
                                                  .largest = file_last_key(file),
                                                  .bytes = file->meta.bytes};
        in_group = 1;
    }
    *count_out = count;
    return spans;
}

static int
compare_first_keys(const void *a, const void *b)
{
    return slice_compare(file_first_key(*(struct table_file *const *)a),
                         file_first_key(*(struct table_file *const *)b));
}

/* The tables of level 0 that are older than the inputs and overlap them, by key; owned by the
 * caller. */
static struct table_file **
older_in_level_0(const struct picker *picker, const struct draft *draft,
                 const struct compaction_plan *plan, uint32_t *count_out)
{
    const struct version_level *level0 = &picker->version->levels[0];
    struct table_file **files = kv_alloc((level0->count + 1) * sizeof(struct table_file *));

    *count_out = 0;
    for (uint32_t i = draft->ranges[0].end; i < level0->count; i++) {
        if (slice_compare(file_first_key(level0->files[i]), plan->largest) <= 0 &&
            slice_compare(plan->smallest, file_last_key(level0->files[i])) <= 0)
            files[(*count_out)++] = level0->files[i];
    }
    qsort(files, *count_out, sizeof(struct table_file *), compare_first_keys);
    return files;
}

static void
fill_spans(const struct picker *picker, const struct draft *draft, struct compaction_plan *plan)
{
    struct span_sources below = {0}, grandparents = {0};
    struct table_file **older = NULL;
    uint32_t older_count = 0;

    if (plan->output_level == 0) {
        older = older_in_level_0(picker, draft, plan, &older_count);
        if (older_count > 0)
            below.items[below.count++] = (struct span_source){.files = older, .count = older_count};
    }
    for (uint32_t level = plan->output_level + 1; level < LEVEL_COUNT; level++) {
        const struct level_range range =
            picker_overlap(picker, level, plan->smallest, plan->largest);

        add_source(&below, &picker->version->levels[level], range);
        if (plan->output_level > 0 && level == plan->output_level + 1)
            add_source(&grandparents, &picker->version->levels[level], range);
    }
    plan->is_bottommost = below.count == 0;
    plan->below = make_spans(&below, COMPACTION_BELOW_COUNT_MAX, &plan->below_count);
    plan->grandparents =
        make_spans(&grandparents, COMPACTION_GRANDPARENT_COUNT_MAX, &plan->grandparent_count);
    free(older);
}

/* Calls for each key of the plan, in a fixed order. */
static void
each_key(struct compaction_plan *plan, void (*visit)(struct slice *key, void *owner), void *owner)
{
    for (uint32_t i = 0; i < plan->input_count; i++) {
        visit(&plan->inputs[i].smallest, owner);
        visit(&plan->inputs[i].largest, owner);
    }
    for (uint32_t i = 0; i < plan->below_count; i++) {
        visit(&plan->below[i].smallest, owner);
        visit(&plan->below[i].largest, owner);
    }
    for (uint32_t i = 0; i < plan->grandparent_count; i++) {
        visit(&plan->grandparents[i].smallest, owner);
        visit(&plan->grandparents[i].largest, owner);
    }
    visit(&plan->smallest, owner);
    visit(&plan->largest, owner);
}

static void
count_key(struct slice *key, void *owner)
{
    *(size_t *)owner += key->size;
}

static void
copy_key(struct slice *key, void *owner)
{
    uint8_t **target = owner;

    if (key->size > 0)
        memcpy(*target, key->data, key->size);
    key->data = *target;
    *target += key->size;
}

static void
own_keys(struct compaction_plan *plan)
{
    size_t size = 0;
    uint8_t *target;

    each_key(plan, count_key, &size);
    plan->keys = target = kv_alloc(size + 1);
    each_key(plan, copy_key, &target);
    KV_ASSERT((size_t)(target - plan->keys) == size);
}

static void
describe(const struct picker *picker, struct compaction_plan *plan)
{
    uint32_t counts[LEVEL_COUNT] = {0};
    char levels[64];
    int at = 0;

    for (uint32_t i = 0; i < plan->input_count; i++)
        counts[plan->inputs[i].level]++;
    for (uint32_t level = 0; level < LEVEL_COUNT && at < (int)sizeof(levels); level++)
        if (counts[level] > 0)
            at += snprintf(levels + at, sizeof(levels) - (size_t)at, "%s%" PRIu32 "@L%" PRIu32,
                           at > 0 ? "+" : "", counts[level], level);
    if (plan->kind == COMPACTION_DROP)
        snprintf(plan->text, sizeof(plan->text), "%s: drop %s, %.1f MiB",
                 compaction_reason_name(plan->reason), levels,
                 (double)plan->input_bytes / (1024 * 1024));
    else
        snprintf(plan->text, sizeof(plan->text), "%s: %s %s -> L%" PRIu32 ", %.1f MiB, score %.2f",
                 compaction_reason_name(plan->reason),
                 plan->kind == COMPACTION_MOVE ? "move" : "merge", levels, plan->output_level,
                 (double)plan->input_bytes / (1024 * 1024), plan->score);
    KV_ASSERT(picker->version->cf_id == plan->cf_id);
}

void
plan_from_draft(const struct picker *picker, const struct draft *draft,
                struct compaction_plan *plan_out)
{
    const struct compaction_options *options = picker->options;
    const uint32_t base = picker->shape.base_level;

    KV_ASSERT(draft_can_start(picker, draft));
    *plan_out = (struct compaction_plan){
        .cf_id = picker->version->cf_id,
        .kind = draft->kind,
        .reason = draft->reason,
        .score = draft->score,
        .now_s = picker->view->now_s,
        .output_level = draft->output_level,
        .output_bytes_max = compaction_options_file_bytes(options, draft->output_level, base),
    };
    fill_inputs(picker, draft, plan_out);
    draft_span(picker, draft, &plan_out->smallest, &plan_out->largest);
    fill_spans(picker, draft, plan_out);
    if (plan_out->grandparent_count > 0)
        plan_out->grandparent_bytes_max = GRANDPARENT_OUTPUTS_MAX * plan_out->output_bytes_max;
    plan_out->compression = compaction_options_compression(
        options, picker->view->compression, draft->output_level, base, plan_out->is_bottommost);
    own_keys(plan_out);
    describe(picker, plan_out);
}

void
plan_of_drop(const struct picker *picker, const struct table_file *const *files, uint32_t count,
             enum compaction_reason reason, struct compaction_plan *plan_out)
{
    KV_ASSERT(count > 0);
    *plan_out = (struct compaction_plan){
        .cf_id = picker->version->cf_id, .kind = COMPACTION_DROP, .reason = reason, .score = 1};
    plan_out->inputs = kv_alloc_zero(count * sizeof(plan_out->inputs[0]));
    for (uint32_t i = 0; i < count; i++) {
        KV_ASSERT(i == 0 || files[i - 1]->level <= files[i]->level);
        add_input(plan_out, files[i]);
    }
    plan_out->input_level = plan_out->inputs[0].level;
    plan_out->smallest = internal_key_user(plan_out->inputs[0].smallest);
    plan_out->largest = internal_key_user(plan_out->inputs[0].largest);
    for (uint32_t i = 1; i < count; i++) {
        if (slice_compare(file_first_key(files[i]), plan_out->smallest) < 0)
            plan_out->smallest = file_first_key(files[i]);
        if (slice_compare(file_last_key(files[i]), plan_out->largest) > 0)
            plan_out->largest = file_last_key(files[i]);
    }
    own_keys(plan_out);
    describe(picker, plan_out);
}

/* --- cutting --- */

/* The bounds of the inputs and of the level below them, ascending and different.  The intervals
 * between them are what jobs are made of: interval i lies between keys[i] and keys[i + 1].
 *
 * What a table has in each interval is a guess.  Tables of sorted levels are narrow, and keys in
 * them are taken to be spread evenly; those of level 0 span everything, and are taken to be spread
 * as the tables of sorted levels are. */
struct cut_points {
    struct slice *keys;
    double *weights;   /* bytes of inputs in each interval */
    double *densities; /* bytes of sorted levels */
    uint32_t count;
    size_t prefix_bytes; /* that all keys share */
};

static int
compare_slices(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void
add_point(struct cut_points *points, const struct compaction_plan *plan, struct slice key)
{
    if (slice_compare(key, plan->smallest) < 0)
        key = plan->smallest;
    if (slice_compare(key, plan->largest) > 0)
        key = plan->largest;
    points->keys[points->count++] = key;
}

static void
cut_points_init(struct cut_points *points, const struct compaction_plan *plan)
{
    const size_t count_max = 2 * ((size_t)plan->input_count + plan->grandparent_count);
    const struct slice low = plan->smallest, high = plan->largest;
    uint32_t kept = 0;

    *points = (struct cut_points){
        .keys = kv_alloc(count_max * sizeof(points->keys[0])),
        .weights = kv_alloc_zero(count_max * sizeof(points->weights[0])),
        .densities = kv_alloc_zero(count_max * sizeof(points->densities[0])),
    };
    for (uint32_t i = 0; i < plan->input_count; i++) {
        add_point(points, plan, internal_key_user(plan->inputs[i].smallest));
        add_point(points, plan, internal_key_user(plan->inputs[i].largest));
    }
    for (uint32_t i = 0; i < plan->grandparent_count; i++) {
        add_point(points, plan, plan->grandparents[i].smallest);
        add_point(points, plan, plan->grandparents[i].largest);
    }
    qsort(points->keys, points->count, sizeof(points->keys[0]), compare_slices);
    for (uint32_t i = 0; i < points->count; i++)
        if (i == 0 || !slice_equal(points->keys[i], points->keys[kept - 1]))
            points->keys[kept++] = points->keys[i];
    points->count = kept;
    while (points->prefix_bytes < low.size && points->prefix_bytes < high.size &&
           low.data[points->prefix_bytes] == high.data[points->prefix_bytes])
        points->prefix_bytes++;
}

static void
cut_points_deinit(struct cut_points *points)
{
    free(points->keys);
    free(points->weights);
    free(points->densities);
}

/* Index of the first point >= key. */
static uint32_t
cut_points_find(const struct cut_points *points, struct slice key)
{
    uint32_t low = 0, high = points->count - 1;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (slice_compare(points->keys[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How far it is from one point to the next, from where keys differ. */
static double
interval_length(const struct cut_points *points, uint32_t index)
{
    double length = 0, unit = 1;

    for (size_t i = 0; i < 7; i++) {
        const size_t at = points->prefix_bytes + i;
        const struct slice left = points->keys[index], right = points->keys[index + 1];

        unit /= 256;
        length +=
            unit * ((at < right.size ? right.data[at] : 0) - (at < left.size ? left.data[at] : 0));
    }
    return length;
}

/* Spreads the bytes of a table first..last over its intervals in `target`, by density or by
 * length. */
static void
spread(struct cut_points *points, struct compaction_span table, bool by_density, double *target)
{
    const uint32_t first = cut_points_find(points, table.smallest);
    const uint32_t end = cut_points_find(points, table.largest);
    double sum = 0;

    if (first == end) {
        target[first] += (double)table.bytes;
        return;
    }
    for (uint32_t i = first; i < end; i++)
        sum += by_density ? points->densities[i] : interval_length(points, i);
    if (by_density && sum <= 0) {
        spread(points, table, false, target);
        return;
    }
    for (uint32_t i = first; i < end; i++) {
        const double share = sum <= 0     ? 1.0 / (end - first)
                             : by_density ? points->densities[i] / sum
                                          : interval_length(points, i) / sum;

        target[i] += share * (double)table.bytes;
    }
}

static void
weigh(struct cut_points *points, const struct compaction_plan *plan)
{
    for (uint32_t i = 0; i < plan->grandparent_count; i++)
        spread(points, plan->grandparents[i], false, points->densities);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < plan->input_count; i++) {
            const struct compaction_input *input = &plan->inputs[i];
            const struct compaction_span table = {.smallest = internal_key_user(input->smallest),
                                                  .largest = internal_key_user(input->largest),
                                                  .bytes = input->bytes};

            if ((input->level == 0) != (pass == 1))
                continue;
            if (pass == 0)
                spread(points, table, false, points->densities);
            spread(points, table, pass == 1, points->weights);
        }
    }
}

uint32_t
compaction_plan_cut(const struct compaction_plan *plan, uint32_t job_count_max,
                    uint64_t job_bytes_min, struct slice *cuts_out)
{
    struct cut_points points;
    double rest = (double)plan->input_bytes, job = 0, goal;
    uint32_t job_count = job_count_max, count = 0;

    KV_ASSERT(plan->kind == COMPACTION_MERGE && job_count_max > 0);
    if (job_bytes_min > 0 && plan->input_bytes / job_bytes_min < job_count)
        job_count = (uint32_t)(plan->input_bytes / job_bytes_min);
    /* What goes to level 0 becomes one table, since tables of one age in it have no order. */
    if (job_count <= 1 || plan->output_level == 0)
        return 0;
    goal = rest / job_count;
    cut_points_init(&points, plan);
    weigh(&points, plan);
    for (uint32_t i = 0; i + 1 < points.count && count + 1 < job_count; i++) {
        const double weight = points.weights[i];

        /* Before the interval rather than behind it, where that is nearer to the goal. */
        if (job > 0 && job >= (double)job_bytes_min && rest >= (double)job_bytes_min &&
            (job >= goal || job + weight - goal > goal - job)) {
            cuts_out[count++] = points.keys[i];
            goal = rest / (job_count - count);
            job = 0;
        }
        job += weight;
        rest -= weight;
    }
    cut_points_deinit(&points);
    return count;
}
