/* report_csv.c - one line for each operation of each run. */
#include "cli/kvbench/report.h"
#include "cli/kvbench/report_text.h"

static void
append_field(struct buffer *text, const char *field)
{
    if (strpbrk(field, ",\"\r\n") == NULL) {
        buffer_append_slice(text, slice_from_text(field));
        return;
    }
    buffer_append_byte(text, '"');
    for (; *field != '\0'; field++) {
        if (*field == '"')
            buffer_append_byte(text, '"');
        buffer_append_byte(text, (uint8_t)*field);
    }
    buffer_append_byte(text, '"');
}

static void
append_us(struct buffer *text, double ns)
{
    buffer_append_format(text, ",%.3f", ns / 1000.0);
}

static void
append_operation(struct buffer *text, uint32_t number, const struct result_run *run,
                 const struct result_operation *operation)
{
    const struct histogram *total = operation->total;

    append_field(text, run->workload);
    buffer_append_format(text, ",%u,", number);
    append_field(text, operation->name);
    buffer_append_format(text, ",%llu,%.6f,%llu,%llu,%.3f", (unsigned long long)run->start_unix_us,
                         (double)run->duration_ns / 1e9, (unsigned long long)total->count,
                         (unsigned long long)operation->error_count,
                         result_run_rate(run, total->count));
    append_us(text, histogram_mean_ns(total));
    append_us(text, (double)total->min_ns);
    for (int i = 0; i < REPORT_PERCENTILE_COUNT; i++)
        append_us(text, (double)histogram_percentile_ns(total, report_percentiles[i]));
    append_us(text, (double)total->max_ns);
    buffer_append_format(text, ",%s\n", run->invalid[0] == '\0' ? "yes" : "no");
}

enum kv_status
report_csv(FILE *target, const struct result *result)
{
    struct buffer text = {0};
    enum kv_status st;

    buffer_append_format(&text, "workload,run,operation,start_unix_us,duration_s,count,errors,"
                                "ops_per_s,mean_us,min_us");
    for (int i = 0; i < REPORT_PERCENTILE_COUNT; i++)
        buffer_append_format(&text, ",%s_us", report_percentile_names[i]);
    buffer_append_format(&text, ",max_us,valid\n");
    for (uint32_t i = 0; i < result->run_count; i++) {
        const struct result_run *run = result->runs[i];

        for (uint32_t j = 0; j < run->operation_count; j++)
            append_operation(&text, i + 1, run, &run->operations[j]);
    }
    st = report_write(target, &text);
    buffer_deinit(&text);
    return st;
}
