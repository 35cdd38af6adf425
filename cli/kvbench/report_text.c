/* report_text.c - numbers as people read them. */
#include "cli/kvbench/report_text.h"

#include <errno.h>
#include <math.h>

#include "base/assert.h"

const double report_percentiles[REPORT_PERCENTILE_COUNT] = {50.0, 90.0, 99.0, 99.9, 99.99};
const char *const report_percentile_names[REPORT_PERCENTILE_COUNT] = {"p50", "p90", "p99", "p99.9",
                                                                      "p99.99"};

const char *
report_count(double count, char text[REPORT_NUMBER_BYTES])
{
    char digits[REPORT_NUMBER_BYTES];
    const int length = snprintf(digits, sizeof(digits), "%.0f", count);
    int at = 0;

    KV_ASSERT(count >= 0.0 && count < 1e18);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *
report_ns(double ns, char text[REPORT_NUMBER_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    size_t unit = 0;

    KV_ASSERT(ns >= 0.0);
    /* 999.5 would be shown as 1000. */
    for (; ns >= 999.5 && unit < 3; unit++)
        ns /= 1000.0;
    (void)snprintf(text, REPORT_NUMBER_BYTES, "%.*f %s",
                   unit == 0 || ns >= 99.95 ? 0 : (ns >= 9.995 ? 1 : 2), ns, units[unit]);
    return text;
}

enum kv_status
report_write(FILE *target, struct buffer *text)
{
    const size_t written = text->size == 0 ? 0 : fwrite(text->data, 1, text->size, target);
    const bool is_written = written == text->size && fflush(target) == 0;

    buffer_clear(text);
    if (!is_written)
        return KV_FAIL(KV_IO, "cannot write the report: %s", strerror(errno));
    return KV_OK;
}
