/* report_table.c - the report that people read. */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/report_text.h"
#include "cli/kvbench/statistics.h"

enum { NAME_COLUMNS_MIN = 12 };

/* Two runs that differ much have an interval without a sensible end. */
static const double count_shown_max = 1e15;

static int
name_columns(const struct result_run *run)
{
    size_t columns = NAME_COLUMNS_MIN;

    for (uint32_t i = 0; i < run->operation_count; i++) {
        const size_t size = strlen(run->operations[i].name);

        if (size > columns)
            columns = size;
    }
    return (int)columns;
}

static void
append_head(struct buffer *text, int columns)
{
    buffer_append_format(text, "  %-*s %14s %12s %9s", columns, "operation", "count", "ops/s",
                         "mean");
    for (int i = 0; i < REPORT_PERCENTILE_COUNT; i++)
        buffer_append_format(text, " %9s", report_percentile_names[i]);
    buffer_append_format(text, " %9s %10s\n", "max", "errors");
}

static void
append_row(struct buffer *text, int columns, const char *name, const struct result_run *run,
           const struct histogram *histogram, uint64_t error_count)
{
    char number[REPORT_NUMBER_BYTES];

    buffer_append_format(text, "  %-*s %14s", columns, name,
                         report_count((double)histogram->count, number));
    buffer_append_format(text, " %12s",
                         report_count(result_run_rate(run, histogram->count), number));
    if (histogram->count > 0) {
        buffer_append_format(text, " %9s", report_ns(histogram_mean_ns(histogram), number));
        for (int i = 0; i < REPORT_PERCENTILE_COUNT; i++) {
            const uint64_t ns = histogram_percentile_ns(histogram, report_percentiles[i]);

            buffer_append_format(text, " %9s", report_ns((double)ns, number));
        }
        buffer_append_format(text, " %9s", report_ns((double)histogram->max_ns, number));
    } else {
        for (int i = 0; i < REPORT_PERCENTILE_COUNT + 2; i++)
            buffer_append_format(text, " %9s", "-");
    }
    buffer_append_format(text, " %10s\n", report_count((double)error_count, number));
}

static void
append_errors(struct buffer *text, const struct result_run *run)
{
    char number[REPORT_NUMBER_BYTES];

    for (uint32_t i = 0; i < run->operation_count; i++) {
        const struct result_operation *operation = &run->operations[i];

        for (uint32_t j = 0; j < operation->error_text_count; j++)
            buffer_append_format(text, "  error of %s, %s times: %s\n", operation->name,
                                 report_count((double)operation->errors[j].count, number),
                                 operation->errors[j].text);
    }
}

/* What else is known of the run, a line each. */
static void
append_remarks(struct buffer *text, const struct result_run *run)
{
    const uint64_t count = result_run_count(run) + result_run_error_count(run);
    char number[REPORT_NUMBER_BYTES];

    if (run->target_rate > 0.0)
        buffer_append_format(text,
                             "  open loop at %s ops/s: latency counts from the intended "
                             "start\n",
                             report_count(run->target_rate, number));
    if (run->server_cpu_us >= 0.0 && count > 0)
        buffer_append_format(text, "  server CPU: %.2f us an operation\n",
                             run->server_cpu_us / (double)count);
    if (run->miss_count > 0)
        buffer_append_format(text, "  %.2f %% of the reads found no key\n",
                             100.0 * (double)run->miss_count / (double)run->read_count);
    if (run->is_stall_known) {
        uint64_t stall_us = 0;

        for (uint32_t i = 0; i < run->second_count; i++)
            stall_us += run->stalls_us[i];
        stall_us += run->second_stall_us;
        buffer_append_format(text, "  the server held writers back for %s\n",
                             report_ns((double)stall_us * 1000.0, number));
    }
    if (run->invalid[0] != '\0')
        buffer_append_format(text, "  NOT VALID: %s\n", run->invalid);
}

static void
append_run(struct buffer *text, const struct result_run *run)
{
    const int columns = name_columns(run);
    const uint64_t count = result_run_count(run);
    char number[REPORT_NUMBER_BYTES], rate[REPORT_NUMBER_BYTES];

    KV_ASSERT(run->duration_ns > 0);
    buffer_append_format(text, "%s: %s operations in %.2f s, %s ops/s\n", run->workload,
                         report_count((double)count, number), (double)run->duration_ns / 1e9,
                         report_count(result_run_rate(run, count), rate));
    append_head(text, columns);
    for (uint32_t i = 0; i < run->operation_count; i++) {
        const struct result_operation *operation = &run->operations[i];

        append_row(text, columns, operation->name, run, operation->total, operation->error_count);
    }
    if (run->operation_count > 1) {
        struct histogram *total = result_run_total(run);

        append_row(text, columns, "all", run, total, result_run_error_count(run));
        free(total);
    }
    append_errors(text, run);
    append_remarks(text, run);
}

/* The throughput of repeated runs, where there are any.  Of logarithms, as compare does it: an
 * interval that goes below zero would be of no use. */
static void
append_repeats(struct buffer *text, const struct result *result, uint32_t first)
{
    const char *workload = result->runs[first]->workload;
    char low[REPORT_NUMBER_BYTES], high[REPORT_NUMBER_BYTES], middle[REPORT_NUMBER_BYTES];
    double *logarithms = kv_alloc(result->run_count * sizeof(logarithms[0]));
    uint32_t count = 0;

    for (uint32_t i = first; i < result->run_count; i++) {
        const struct result_run *run = result->runs[i];
        const uint64_t operation_count = result_run_count(run);

        if (strcmp(run->workload, workload) == 0 && run->invalid[0] == '\0' && operation_count > 0)
            logarithms[count++] = log(result_run_rate(run, operation_count));
    }
    if (count >= 2) {
        const double mean = mean_of(logarithms, count);
        const double margin =
            student_t_95(count - 1) * sqrt(variance_of(logarithms, count) / (double)count);

        buffer_append_format(text,
                             "%s: %u valid runs, geometric mean %s ops/s, 95 %% interval %s "
                             "to %s\n",
                             workload, count, report_count(exp(mean), middle),
                             report_count(exp(mean - margin), low),
                             report_count(fmin(exp(mean + margin), count_shown_max), high));
    }
    free(logarithms);
}

static bool
is_first_of_workload(const struct result *result, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (strcmp(result->runs[i]->workload, result->runs[at]->workload) == 0)
            return false;
    }
    return true;
}

enum kv_status
report_table_run(FILE *target, const struct result_run *run)
{
    struct buffer text = {0};
    enum kv_status st;

    append_run(&text, run);
    st = report_write(target, &text);
    buffer_deinit(&text);
    return st;
}

enum kv_status
report_table_repeats(FILE *target, const struct result *result)
{
    struct buffer text = {0};
    enum kv_status st;

    for (uint32_t i = 0; i < result->run_count; i++) {
        if (is_first_of_workload(result, i))
            append_repeats(&text, result, i);
    }
    st = report_write(target, &text);
    buffer_deinit(&text);
    return st;
}

enum kv_status
report_table(FILE *target, const struct result *result)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; st == KV_OK && i < result->run_count; i++)
        st = report_table_run(target, result->runs[i]);
    return st == KV_OK ? report_table_repeats(target, result) : st;
}
