/* compare.h - is b faster than a, by how much, and how sure is that?
 *
 * For each workload and operation that both results have: the ratio b/a of throughput, of the mean
 * and of each percentile.  Where both sides have at least two valid runs, a 95 % confidence
 * interval is given: Welch's t interval of the difference of the means of the logarithms, for
 * ratios of positive quantities multiply.  The ratio is then that of the geometric means.
 */
#ifndef KV_KVBENCH_COMPARE_H
#define KV_KVBENCH_COMPARE_H

#include <stdio.h>

#include "base/status.h"
#include "cli/kvbench/result.h"

struct ratio {
    double ratio; /* b/a; NaN: a side has no value */
    double low;   /* the 95 % interval, if has_interval */
    double high;
    bool has_interval;
};

/* `a` and `b` are positive measures of repeated runs. */
struct ratio ratio_of(const double *a, uint32_t a_count, const double *b, uint32_t b_count);

/* Prints the comparison of results[1..] with results[0]; `names` are what to call them. */
MUST_CHECK enum kv_status compare_print(FILE *target, const struct result *const *results,
                                        const char *const *names, uint32_t count);

/* `kvbench compare FILE FILE...`: reads and prints.  KV_NO_FILE, KV_IO, KV_CORRUPT (not a result of
 * ours), KV_INVALID (nothing in common); a message was logged. */
MUST_CHECK enum kv_status compare_files(FILE *target, char *const *paths, uint32_t count);

#endif
