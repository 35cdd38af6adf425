/* result.c - collects what the load loop measures.
 *
 * The loop records into the histogram of the current second only; a second that ends is reduced to
 * a line of the series and merged into the total.  So a measurement costs one count, and the
 * series costs some microseconds a second.
 */
#include "cli/kvbench/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/escape.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static const char other_errors[] = "(other errors)";

/* What goes into documents is printable UTF-8, whatever a server says. */
static void
set_text(char target[RESULT_TEXT_BYTES], struct slice text)
{
    const bool is_cut = text.size > RESULT_TEXT_BYTES - 1;
    size_t size = is_cut ? RESULT_TEXT_BYTES - 1 : text.size, whole = size;
    bool is_utf8;

    while (is_cut && whole > size - 3 && !escape_is_utf8(slice_of(text.data, whole)))
        whole--; /* perhaps it is only the last character that was cut */
    is_utf8 = escape_is_utf8(slice_of(text.data, whole));
    if (is_utf8)
        size = whole;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = text.data[i];
        const bool is_text = byte >= 0x20 && byte != 0x7f && (byte < 0x80 || is_utf8);

        target[i] = is_text ? (char)byte : '?';
    }
    target[size] = '\0';
}

static void
set_format(char target[RESULT_TEXT_BYTES], const char *format, va_list args)
{
    char text[2 * RESULT_TEXT_BYTES];

    (void)vsnprintf(text, sizeof(text), format, args);
    set_text(target, slice_from_text(text));
}

static void
run_free(struct result_run *run)
{
    for (uint32_t i = 0; i < run->operation_count; i++) {
        free(run->operations[i].total);
        free(run->operations[i].second);
        free(run->operations[i].seconds);
    }
    free(run->stalls_us);
    free(run);
}

void
result_deinit(struct result *result)
{
    for (uint32_t i = 0; i < result->run_count; i++)
        run_free(result->runs[i]);
    free(result->runs);
    *result = (struct result){0};
}

static struct result_setting *
find_setting(const struct result *result, const char *name)
{
    for (uint32_t i = 0; i < result->setting_count; i++) {
        if (strcmp(result->settings[i].name, name) == 0)
            return (struct result_setting *)&result->settings[i];
    }
    return NULL;
}

void
result_set(struct result *result, const char *name, const char *format, ...)
{
    struct result_setting *setting = find_setting(result, name);
    va_list args;

    if (setting == NULL) {
        if (result->setting_count == RESULT_SETTING_COUNT_MAX)
            return;
        setting = &result->settings[result->setting_count++];
        set_text(setting->name, slice_from_text(name));
    }
    va_start(args, format);
    set_format(setting->value, format, args);
    va_end(args);
}

const char *
result_setting(const struct result *result, const char *name)
{
    const struct result_setting *setting = find_setting(result, name);

    return setting == NULL ? NULL : setting->value;
}

struct result_run *
result_add_run(struct result *result, const char *workload, uint64_t start_unix_us)
{
    struct result_run *run;

    if (result->run_count == RESULT_RUN_COUNT_MAX)
        return NULL;
    run = kv_alloc_zero(sizeof(*run));
    set_text(run->workload, slice_from_text(workload));
    run->start_unix_us = start_unix_us;
    run->server_cpu_us = -1.0;
    run->second_end_ns = NS_PER_SECOND;
    result->runs = kv_realloc(result->runs, (result->run_count + 1) * sizeof(result->runs[0]));
    result->runs[result->run_count++] = run;
    return run;
}

uint32_t
result_run_operation(struct result_run *run, const char *name)
{
    struct result_operation *operation;

    for (uint32_t i = 0; i < run->operation_count; i++) {
        if (strcmp(run->operations[i].name, name) == 0)
            return i;
    }
    KV_ASSERT(run->operation_count < RESULT_OPERATION_COUNT_MAX);
    KV_ASSERT(run->duration_ns == 0);
    operation = &run->operations[run->operation_count];
    set_text(operation->name, slice_from_text(name));
    operation->total = kv_alloc_zero(sizeof(*operation->total));
    operation->second = kv_alloc_zero(sizeof(*operation->second));
    if (run->second_capacity > 0)
        operation->seconds = kv_alloc_zero(run->second_capacity * sizeof(operation->seconds[0]));
    return run->operation_count++;
}

static struct result_error *
find_error(struct result_operation *operation, const char *text)
{
    struct result_error *error;

    for (uint32_t i = 0; i < operation->error_text_count; i++) {
        if (strcmp(operation->errors[i].text, text) == 0)
            return &operation->errors[i];
    }
    if (operation->error_text_count == RESULT_ERROR_COUNT_MAX)
        return &operation->errors[RESULT_ERROR_COUNT_MAX - 1];
    if (operation->error_text_count == RESULT_ERROR_COUNT_MAX - 1)
        text = other_errors;
    error = &operation->errors[operation->error_text_count++];
    set_text(error->text, slice_from_text(text));
    return error;
}

void
result_run_record_error(struct result_run *run, uint32_t operation_index, struct slice text)
{
    struct result_operation *operation = &run->operations[operation_index];
    const uint8_t *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    char line[RESULT_TEXT_BYTES];

    KV_ASSERT(operation_index < run->operation_count);
    if (end != NULL)
        text.size = (size_t)(end - text.data);
    if (text.size > 0 && text.data[text.size - 1] == '\r')
        text.size--;
    set_text(line, text);
    find_error(operation, line)->count++;
    operation->error_count++;
    operation->second_error_count++;
}

static void
reserve_second(struct result_run *run)
{
    const uint32_t capacity = run->second_capacity == 0 ? 64 : run->second_capacity * 2;

    if (run->second_count < run->second_capacity)
        return;
    for (uint32_t i = 0; i < run->operation_count; i++) {
        struct result_operation *operation = &run->operations[i];

        operation->seconds =
            kv_realloc(operation->seconds, capacity * sizeof(operation->seconds[0]));
    }
    run->stalls_us = kv_realloc(run->stalls_us, capacity * sizeof(run->stalls_us[0]));
    run->second_capacity = capacity;
}

static void
end_second(struct result_run *run)
{
    const bool is_kept = run->second_count < RESULT_SECOND_COUNT_MAX;
    const uint64_t stall_us = run->second_stall_us;

    if (is_kept) {
        reserve_second(run);
        run->stalls_us[run->second_count] = stall_us < UINT32_MAX ? (uint32_t)stall_us : UINT32_MAX;
    }
    for (uint32_t i = 0; i < run->operation_count; i++) {
        struct result_operation *operation = &run->operations[i];
        const struct histogram *second = operation->second;

        if (is_kept)
            operation->seconds[run->second_count] = (struct result_second){
                .count = second->count,
                .error_count = operation->second_error_count,
                .p50_ns = histogram_percentile_ns(second, 50.0),
                .p99_ns = histogram_percentile_ns(second, 99.0),
                .max_ns = second->max_ns,
            };
        histogram_merge(operation->total, second);
        if (second->count > 0)
            histogram_clear(operation->second);
        operation->second_error_count = 0;
    }
    run->second_count += is_kept;
    run->second_stall_us = 0;
    run->second_end_ns += NS_PER_SECOND;
}

bool
result_run_end_seconds(struct result_run *run, uint64_t elapsed_ns)
{
    const uint32_t before = run->second_count;

    KV_ASSERT(run->duration_ns == 0);
    while (run->second_end_ns <= elapsed_ns)
        end_second(run);
    return run->second_count != before;
}

void
result_run_note_stall(struct result_run *run, uint64_t stall_us)
{
    run->second_stall_us += stall_us;
    run->is_stall_known = true;
}

void
result_run_mark_invalid(struct result_run *run, const char *format, ...)
{
    va_list args;

    if (run->invalid[0] != '\0')
        return;
    va_start(args, format);
    set_format(run->invalid, format, args);
    va_end(args);
    KV_ASSERT(run->invalid[0] != '\0');
}

void
result_run_end(struct result_run *run, uint64_t elapsed_ns)
{
    KV_ASSERT(run->duration_ns == 0);
    (void)result_run_advance(run, elapsed_ns + NS_PER_SECOND / 100);
    for (uint32_t i = 0; i < run->operation_count; i++) {
        struct result_operation *operation = &run->operations[i];

        histogram_merge(operation->total, operation->second);
        free(operation->second);
        operation->second = NULL;
    }
    run->duration_ns = elapsed_ns > 0 ? elapsed_ns : 1;
}

uint64_t
result_run_count(const struct result_run *run)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < run->operation_count; i++) {
        const struct result_operation *operation = &run->operations[i];

        count += operation->total->count;
        if (operation->second != NULL)
            count += operation->second->count;
    }
    return count;
}

uint64_t
result_run_error_count(const struct result_run *run)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < run->operation_count; i++)
        count += run->operations[i].error_count;
    return count;
}

struct histogram *
result_run_total(const struct result_run *run)
{
    struct histogram *total = kv_alloc_zero(sizeof(*total));

    for (uint32_t i = 0; i < run->operation_count; i++)
        histogram_merge(total, run->operations[i].total);
    return total;
}

double
result_run_rate(const struct result_run *run, uint64_t count)
{
    KV_ASSERT(run->duration_ns > 0);
    return (double)count * 1e9 / (double)run->duration_ns;
}
