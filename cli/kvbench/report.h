/* report.h - a result, for people and for programs.
 *
 * Everything here only reads.  Runs have ended (but for report_seconds).  KV_IO: the
 * stream failed; a message was logged.
 */
#ifndef KV_KVBENCH_REPORT_H
#define KV_KVBENCH_REPORT_H

#include <stdio.h>

#include "base/status.h"
#include "cli/kvbench/result.h"

/* For people: for each run, throughput, latencies and errors of each operation. */
MUST_CHECK enum kv_status report_table(FILE *target, const struct result *result);
/* One table only, for a run that has just ended. */
MUST_CHECK enum kv_status report_table_run(FILE *target, const struct result_run *run);
/* The throughput of workloads that ran more than once; nothing if none did. */
MUST_CHECK enum kv_status report_table_repeats(FILE *target, const struct result *result);
/* One line for each operation of each run, with a head line; quoted as RFC 4180 says, lines end in
 * LF, times are microseconds. */
MUST_CHECK enum kv_status report_csv(FILE *target, const struct result *result);
/* The document of RESULT.md, which result_read.h reads. */
MUST_CHECK enum kv_status report_json(FILE *target, const struct result *result);
/* JSON lines, one for each operation and second from second `first` on (0: the first) to the last
 * that ended; flushed.  For following a run: call it whenever result_run_advance said true. */
MUST_CHECK enum kv_status report_seconds(FILE *target, const struct result_run *run,
                                         uint32_t first);
/* An SVG document: throughput and latencies over time, and the latency curve. */
MUST_CHECK enum kv_status report_plot(FILE *target, const struct result *result);

#endif
