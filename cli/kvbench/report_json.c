/* report_json.c - the document of RESULT.md, and its per-second form. */
#include <inttypes.h>

#include "cli/escape.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/report_text.h"
#include "cli/kvbench/result_read.h"

/* A result's texts are UTF-8 (result.c sees to it). */
static void
append_text(struct buffer *text, const char *name, const char *value)
{
    buffer_append_format(text, "\"%s\":", name);
    escape_append_json(text, slice_from_text(value));
}

static void
append_settings(struct buffer *text, const struct result *result)
{
    buffer_append_format(text, "\"settings\":{");
    for (uint32_t i = 0; i < result->setting_count; i++) {
        buffer_append_format(text, "%s\n  ", i == 0 ? "" : ",");
        escape_append_json(text, slice_from_text(result->settings[i].name));
        buffer_append_byte(text, ':');
        escape_append_json(text, slice_from_text(result->settings[i].value));
    }
    buffer_append_format(text, "},\n");
}

static void
append_latency(struct buffer *text, const struct histogram *histogram)
{
    buffer_append_format(text, "\"latency_ns\":{\"mean\":%.3f,\"min\":%" PRIu64,
                         histogram_mean_ns(histogram), histogram->min_ns);
    for (int i = 0; i < REPORT_PERCENTILE_COUNT; i++)
        buffer_append_format(text, ",\"%s\":%" PRIu64, report_percentile_names[i],
                             histogram_percentile_ns(histogram, report_percentiles[i]));
    buffer_append_format(text, ",\"max\":%" PRIu64 "},\n    ", histogram->max_ns);
}

static void
append_error_texts(struct buffer *text, const struct result_operation *operation)
{
    buffer_append_format(text, "\"error_texts\":[");
    for (uint32_t i = 0; i < operation->error_text_count; i++) {
        buffer_append_format(text, "%s{", i == 0 ? "" : ",");
        append_text(text, "text", operation->errors[i].text);
        buffer_append_format(text, ",\"count\":%" PRIu64 "}", operation->errors[i].count);
    }
    buffer_append_format(text, "],\n    ");
}

static void
append_seconds(struct buffer *text, const struct result_operation *operation, uint32_t count)
{
    buffer_append_format(text, "\"seconds\":[");
    for (uint32_t i = 0; i < count; i++) {
        const struct result_second *second = &operation->seconds[i];

        buffer_append_format(text,
                             "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
                             i == 0 ? "" : ",", second->count, second->error_count, second->p50_ns,
                             second->p99_ns, second->max_ns);
    }
    buffer_append_format(text, "],\n    ");
}

static void
append_histogram(struct buffer *text, const struct histogram *histogram)
{
    const char *comma = "";

    buffer_append_format(text, "\"histogram\":[");
    for (uint32_t i = 0; histogram->count > 0 && i < HISTOGRAM_BUCKET_COUNT; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        buffer_append_format(text, "%s[%" PRIu64 ",%" PRIu64 "]", comma, histogram_bucket_low_ns(i),
                             histogram->buckets[i]);
        comma = ",";
    }
    buffer_append_format(text, "]");
}

static void
append_operation(struct buffer *text, const struct result_run *run,
                 const struct result_operation *operation)
{
    buffer_append_byte(text, '{');
    append_text(text, "name", operation->name);
    buffer_append_format(text, ",\"count\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"ops_per_s\":%.3f,",
                         operation->total->count, operation->error_count,
                         result_run_rate(run, operation->total->count));
    append_latency(text, operation->total);
    append_error_texts(text, operation);
    append_seconds(text, operation, run->second_count);
    append_histogram(text, operation->total);
    buffer_append_byte(text, '}');
}

static void
append_number_or_null(struct buffer *text, const char *name, bool is_known, double value)
{
    if (is_known)
        buffer_append_format(text, "\"%s\":%.3f,", name, value);
    else
        buffer_append_format(text, "\"%s\":null,", name);
}

static void
append_stalls(struct buffer *text, const struct result_run *run)
{
    if (!run->is_stall_known) {
        buffer_append_format(text, "\"stalls_us\":null,");
        return;
    }
    buffer_append_format(text, "\"stalls_us\":[");
    for (uint32_t i = 0; i < run->second_count; i++)
        buffer_append_format(text, "%s%" PRIu32, i == 0 ? "" : ",", run->stalls_us[i]);
    buffer_append_format(text, "],");
}

static void
append_run(struct buffer *text, const struct result_run *run)
{
    buffer_append_format(text, "\n {");
    append_text(text, "workload", run->workload);
    buffer_append_format(text, ",\"start_unix_us\":%" PRIu64 ",\"duration_ns\":%" PRIu64 ",",
                         run->start_unix_us, run->duration_ns);
    append_number_or_null(text, "target_rate", run->target_rate > 0.0, run->target_rate);
    append_number_or_null(text, "server_cpu_us", run->server_cpu_us >= 0.0, run->server_cpu_us);
    buffer_append_format(
        text, "\"generator_late_ns\":%" PRIu64 ",\"reads\":%" PRIu64 ",\"misses\":%" PRIu64 ",",
        run->generator_late_ns, run->read_count, run->miss_count);
    if (run->invalid[0] == '\0')
        buffer_append_format(text, "\"invalid\":null");
    else
        append_text(text, "invalid", run->invalid);
    buffer_append_format(text, ",\n  ");
    append_stalls(text, run);
    buffer_append_format(text, "\n  \"operations\":[");
    for (uint32_t i = 0; i < run->operation_count; i++) {
        buffer_append_format(text, "%s\n   ", i == 0 ? "" : ",");
        append_operation(text, run, &run->operations[i]);
    }
    buffer_append_format(text, "]}");
}

enum kv_status
report_json(FILE *target, const struct result *result)
{
    struct buffer text = {0};
    enum kv_status st = KV_OK;

    buffer_append_format(&text, "{\"format\":\"%s\",\"version\":%d,\"program\":\"kvbench %s\",\n ",
                         RESULT_FORMAT_NAME, RESULT_FORMAT_VERSION, KV_VERSION);
    append_settings(&text, result);
    buffer_append_format(&text, " \"runs\":[");
    for (uint32_t i = 0; st == KV_OK && i < result->run_count; i++) {
        KV_ASSERT(result->runs[i]->duration_ns > 0);
        if (i > 0)
            buffer_append_byte(&text, ',');
        append_run(&text, result->runs[i]);
        st = report_write(target, &text);
    }
    buffer_append_format(&text, "]}\n");
    if (st == KV_OK)
        st = report_write(target, &text);
    buffer_deinit(&text);
    return st;
}

static void
append_second(struct buffer *text, const struct result_run *run,
              const struct result_operation *operation, uint32_t at)
{
    const struct result_second *second = &operation->seconds[at];

    buffer_append_byte(text, '{');
    append_text(text, "workload", run->workload);
    buffer_append_format(text, ",\"start_unix_us\":%" PRIu64 ",\"second\":%" PRIu32 ",",
                         run->start_unix_us, at + 1);
    append_text(text, "operation", operation->name);
    buffer_append_format(text,
                         ",\"count\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"p50_ns\":%" PRIu64
                         ",\"p99_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64 ",\"stall_us\":",
                         second->count, second->error_count, second->p50_ns, second->p99_ns,
                         second->max_ns);
    if (run->is_stall_known)
        buffer_append_format(text, "%" PRIu32 "}\n", run->stalls_us[at]);
    else
        buffer_append_format(text, "null}\n");
}

enum kv_status
report_seconds(FILE *target, const struct result_run *run, uint32_t first)
{
    struct buffer text = {0};
    enum kv_status st;

    for (uint32_t i = first; i < run->second_count; i++) {
        for (uint32_t j = 0; j < run->operation_count; j++)
            append_second(&text, run, &run->operations[j], i);
    }
    st = report_write(target, &text);
    buffer_deinit(&text);
    return st;
}
