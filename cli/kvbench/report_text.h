/* report_text.h - numbers as people read them, and a buffer on its way out. */
#ifndef KV_KVBENCH_REPORT_TEXT_H
#define KV_KVBENCH_REPORT_TEXT_H

#include <stdio.h>

#include "base/buffer.h"
#include "base/status.h"

enum { REPORT_NUMBER_BYTES = 32 };

/* The percentiles of all reports, rising; and their names: "p50", ... */
enum { REPORT_PERCENTILE_COUNT = 5 };
extern const double report_percentiles[REPORT_PERCENTILE_COUNT];
extern const char *const report_percentile_names[REPORT_PERCENTILE_COUNT];

/* 1,234,567; rounded. */
const char *report_count(double count, char text[REPORT_NUMBER_BYTES]);
/* Three digits and a unit: "843 ns", "12.3 us", "1.00 s". */
const char *report_ns(double ns, char text[REPORT_NUMBER_BYTES]);

/* Writes, flushes and empties the buffer. */
MUST_CHECK enum kv_status report_write(FILE *target, struct buffer *text);

#endif
