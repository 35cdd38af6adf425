/* Goal: no text breaks the reader of results, and what it accepts can be shown in every form, and
 * is accepted again when it is written.
 * Method: parse; if good, write all reports, parse the JSON again, compare what must be the same.
 */
#include <stdlib.h>

#include "cli/kvbench/compare.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/result_read.h"
#include "support/quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(const struct result *a, const struct result *b)
{
    KV_ASSERT(a->run_count == b->run_count && a->setting_count == b->setting_count);
    for (uint32_t i = 0; i < a->run_count; i++) {
        KV_ASSERT(result_run_count(a->runs[i]) == result_run_count(b->runs[i]));
        KV_ASSERT(result_run_error_count(a->runs[i]) == result_run_error_count(b->runs[i]));
        KV_ASSERT(a->runs[i]->second_count == b->runs[i]->second_count);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a", "b"};
    struct result result, again;
    const struct result *const both[] = {&result, &again};
    enum kv_status st;
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *target;

    quiet_log();
    if (result_parse(slice_of(data, size), "fuzz", &result) != KV_OK)
        return 0;
    target = open_memstream(&text, &text_bytes);
    KV_ASSERT(target != NULL);
    KV_ASSERT(report_json(target, &result) == KV_OK);
    KV_ASSERT(result_parse(slice_of(text, text_bytes), "again", &again) == KV_OK);
    check_same(&result, &again);
    KV_ASSERT(report_table(target, &result) == KV_OK);
    KV_ASSERT(report_csv(target, &result) == KV_OK);
    KV_ASSERT(report_plot(target, &result) == KV_OK);
    st = compare_print(target, both, names, 2);
    KV_ASSERT(st == KV_OK || st == KV_INVALID);
    (void)fclose(target);
    free(text);
    result_deinit(&result);
    result_deinit(&again);
    return 0;
}
