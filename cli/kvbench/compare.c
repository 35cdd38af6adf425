/* compare.c - ratios of repeated measurements, with an interval where there can be one.
 *
 * Throughputs and latencies are positive and vary by factors, so everything is done with their
 * logarithms: the ratio is that of the geometric means, and its interval is Welch's (the two sides
 * may vary differently) for the difference of two means, made a ratio again by exp.
 */
#include "cli/kvbench/compare.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/kvbench/report_text.h"
#include "cli/kvbench/result_read.h"
#include "cli/kvbench/statistics.h"

/* The measures of an operation: rate, mean, percentiles, max. */
enum { MEASURE_RATE, MEASURE_MEAN, MEASURE_PERCENTILES, MEASURE_MAX = 7, MEASURE_COUNT };
static_assert(MEASURE_MAX == MEASURE_PERCENTILES + REPORT_PERCENTILE_COUNT, "all percentiles");

static const char all_operations[] = "all";

/* One operation's measures in all valid runs of a workload. */
struct sample {
    double *values[MEASURE_COUNT]; /* owned; count of each */
    uint32_t count;
};

/* The logarithms; false: there is none, or a value has none. */
static bool
take_logarithms(const double *values, uint32_t count, double *logarithms)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!(values[i] > 0.0))
            return false;
        logarithms[i] = log(values[i]);
    }
    return count > 0;
}

static void
set_interval(struct ratio *ratio, const double *a, uint32_t a_count, const double *b,
             uint32_t b_count)
{
    const double a_error = variance_of(a, a_count) / a_count;
    const double b_error = variance_of(b, b_count) / b_count;
    const double error = a_error + b_error;
    double freedom = 1.0, margin = 0.0;

    KV_ASSERT(error >= 0.0);
    if (error > 0.0) {
        freedom =
            error * error / (a_error * a_error / (a_count - 1) + b_error * b_error / (b_count - 1));
        margin = student_t_95(fmax(freedom, 1.0)) * sqrt(error); /* it is 1 at least, but rounded */
    }
    ratio->low = ratio->ratio * exp(-margin);
    ratio->high = ratio->ratio * exp(margin);
    ratio->has_interval = true;
}

struct ratio
ratio_of(const double *a, uint32_t a_count, const double *b, uint32_t b_count)
{
    double *a_log = kv_alloc((a_count + 1) * sizeof(a[0]));
    double *b_log = kv_alloc((b_count + 1) * sizeof(b[0]));
    struct ratio ratio = {.ratio = NAN};

    if (take_logarithms(a, a_count, a_log) && take_logarithms(b, b_count, b_log)) {
        ratio.ratio = exp(mean_of(b_log, b_count) - mean_of(a_log, a_count));
        if (a_count >= 2 && b_count >= 2)
            set_interval(&ratio, a_log, a_count, b_log, b_count);
    }
    free(a_log);
    free(b_log);
    return ratio;
}

static double
geometric_mean(const double *values, uint32_t count)
{
    double *logarithms = kv_alloc((count + 1) * sizeof(values[0]));
    const bool has_mean = take_logarithms(values, count, logarithms);
    const double mean = has_mean ? exp(mean_of(logarithms, count)) : NAN;

    free(logarithms);
    return mean;
}

static void
sample_add(struct sample *sample, const struct result_run *run, const struct histogram *histogram)
{
    const size_t bytes = (sample->count + 1) * sizeof(sample->values[0][0]);

    if (histogram->count == 0)
        return;
    for (int i = 0; i < MEASURE_COUNT; i++) {
        double value = (double)histogram->max_ns;

        if (i == MEASURE_RATE)
            value = result_run_rate(run, histogram->count);
        else if (i == MEASURE_MEAN)
            value = histogram_mean_ns(histogram);
        else if (i < MEASURE_MAX)
            value = (double)histogram_percentile_ns(histogram,
                                                    report_percentiles[i - MEASURE_PERCENTILES]);
        sample->values[i] = kv_realloc(sample->values[i], bytes);
        sample->values[i][sample->count] = value;
    }
    sample->count++;
}

static void
sample_deinit(struct sample *sample)
{
    for (int i = 0; i < MEASURE_COUNT; i++)
        free(sample->values[i]);
    *sample = (struct sample){0};
}

static const struct result_operation *
find_operation(const struct result_run *run, const char *name)
{
    for (uint32_t i = 0; i < run->operation_count; i++) {
        if (strcmp(run->operations[i].name, name) == 0)
            return &run->operations[i];
    }
    return NULL;
}

/* The valid runs of a workload; `operation` NULL: all operations together. */
static struct sample
sample_of(const struct result *result, const char *workload, const char *operation)
{
    struct sample sample = {0};

    for (uint32_t i = 0; i < result->run_count; i++) {
        const struct result_run *run = result->runs[i];
        const struct result_operation *found;

        if (strcmp(run->workload, workload) != 0 || run->invalid[0] != '\0')
            continue;
        if (operation == NULL) {
            struct histogram *total = result_run_total(run);

            sample_add(&sample, run, total);
            free(total);
        } else if ((found = find_operation(run, operation)) != NULL) {
            sample_add(&sample, run, found->total);
        }
    }
    return sample;
}

static const char *
measure_name(int measure)
{
    if (measure == MEASURE_RATE)
        return "ops/s";
    if (measure == MEASURE_MEAN)
        return "mean";
    return measure == MEASURE_MAX ? "max" : report_percentile_names[measure - MEASURE_PERCENTILES];
}

static const char *
show_value(int measure, double value, char text[REPORT_NUMBER_BYTES])
{
    if (isnan(value))
        return "-";
    return measure == MEASURE_RATE ? report_count(value, text) : report_ns(value, text);
}

static const char *
verdict_of(int measure, const struct ratio *ratio)
{
    if (ratio->low <= 1.0 && ratio->high >= 1.0)
        return "no difference shown";
    return (ratio->ratio > 1.0) == (measure == MEASURE_RATE) ? "better" : "worse";
}

static void
append_measure(struct buffer *text, int measure, const struct sample *a, const struct sample *b)
{
    const struct ratio ratio = ratio_of(a->values[measure], a->count, b->values[measure], b->count);
    char number[REPORT_NUMBER_BYTES];

    buffer_append_format(text, "    %-7s %12s", measure_name(measure),
                         show_value(measure, geometric_mean(a->values[measure], a->count), number));
    buffer_append_format(text, " %12s",
                         show_value(measure, geometric_mean(b->values[measure], b->count), number));
    if (isnan(ratio.ratio))
        buffer_append_format(text, " %8s\n", "-");
    else if (ratio.has_interval)
        buffer_append_format(text, " %8.3f  %.3f to %.3f  %s\n", ratio.ratio, ratio.low, ratio.high,
                             verdict_of(measure, &ratio));
    else
        buffer_append_format(text, " %8.3f\n", ratio.ratio);
}

/* False: one side has no valid run with this operation. */
static bool
append_operation(struct buffer *text, const struct result *a, const struct result *b,
                 const char *workload, const char *operation)
{
    const char *name = operation == NULL ? all_operations : operation;
    struct sample of_a = sample_of(a, workload, operation);
    struct sample of_b = sample_of(b, workload, operation);
    const bool has_both = of_a.count > 0 && of_b.count > 0;

    if (has_both) {
        buffer_append_format(text, "  %s: %u against %u valid runs\n", name, of_b.count,
                             of_a.count);
        buffer_append_format(text, "    %-7s %12s %12s %8s  %s\n", "", "a", "b", "b/a",
                             of_a.count >= 2 && of_b.count >= 2
                                 ? "95 % interval"
                                 : "(no interval: it takes two runs on each side)");
        for (int i = 0; i < MEASURE_COUNT; i++)
            append_measure(text, i, &of_a, &of_b);
    }
    sample_deinit(&of_a);
    sample_deinit(&of_b);
    return has_both;
}

static const struct result_run *
find_workload(const struct result *result, const char *workload)
{
    for (uint32_t i = 0; i < result->run_count; i++) {
        if (strcmp(result->runs[i]->workload, workload) == 0)
            return result->runs[i];
    }
    return NULL;
}

static bool
append_workload(struct buffer *text, const struct result *a, const struct result *b,
                const struct result_run *run)
{
    bool has_any = false;

    buffer_append_format(text, "%s\n", run->workload);
    for (uint32_t i = 0; i < run->operation_count; i++)
        has_any |= append_operation(text, a, b, run->workload, run->operations[i].name);
    if (run->operation_count > 1)
        has_any |= append_operation(text, a, b, run->workload, NULL);
    if (!has_any)
        buffer_append_format(text, "  nothing to compare: one side has no valid run of it\n");
    return has_any;
}

/* Two runs with different settings measure more than the two servers. */
static void
append_differences(struct buffer *text, const struct result *a, const struct result *b)
{
    for (uint32_t i = 0; i < a->setting_count; i++) {
        const char *name = a->settings[i].name, *of_b = result_setting(b, name);

        if (of_b == NULL || strcmp(of_b, a->settings[i].value) != 0)
            buffer_append_format(text, "  %s: %s in a, %s in b\n", name, a->settings[i].value,
                                 of_b == NULL ? "not given" : of_b);
    }
    for (uint32_t i = 0; i < b->setting_count; i++) {
        if (result_setting(a, b->settings[i].name) == NULL)
            buffer_append_format(text, "  %s: not given in a, %s in b\n", b->settings[i].name,
                                 b->settings[i].value);
    }
}

/* False: there was nothing to compare. */
static bool
append_pair(struct buffer *text, const struct result *a, const struct result *b,
            const char *const names[2])
{
    bool has_any = false;

    buffer_append_format(text, "a: %s\nb: %s\n", names[0], names[1]);
    append_differences(text, a, b);
    for (uint32_t i = 0; i < a->run_count; i++) {
        const struct result_run *run = a->runs[i];

        if (find_workload(a, run->workload) == run && find_workload(b, run->workload) != NULL)
            has_any |= append_workload(text, a, b, run);
    }
    return has_any;
}

enum kv_status
compare_print(FILE *target, const struct result *const *results, const char *const *names,
              uint32_t count)
{
    struct buffer text = {0};
    enum kv_status st = KV_OK;

    KV_ASSERT(count >= 2);
    for (uint32_t i = 1; st == KV_OK && i < count; i++) {
        const char *const pair[2] = {names[0], names[i]};

        if (!append_pair(&text, results[0], results[i], pair))
            st = KV_FAIL(KV_INVALID, "%s and %s have no workload with valid runs in common",
                         names[0], names[i]);
    }
    if (st == KV_OK) {
        buffer_append_format(&text, "Values are geometric means of the valid runs; intervals are "
                                    "Welch's t intervals of\nthe logarithms. \"better\" and "
                                    "\"worse\" is said where 1 is outside of the interval.\n");
        st = report_write(target, &text);
    }
    buffer_deinit(&text);
    return st;
}

enum kv_status
compare_files(FILE *target, char *const *paths, uint32_t count)
{
    struct result *results = kv_alloc_zero((count + 1) * sizeof(results[0]));
    const struct result **pointers = kv_alloc((count + 1) * sizeof(pointers[0]));
    enum kv_status st = KV_OK;

    if (count < 2)
        st = KV_FAIL(KV_INVALID, "a comparison takes at least two results");
    for (uint32_t i = 0; st == KV_OK && i < count; i++) {
        st = result_read(paths[i], &results[i]);
        pointers[i] = &results[i];
    }
    if (st == KV_OK)
        st = compare_print(target, pointers, (const char *const *)paths, count);
    for (uint32_t i = 0; i < count; i++)
        result_deinit(&results[i]);
    free(results);
    free(pointers);
    return st;
}
