/* statistics.h - what a few repeated measurements say about the next one. */
#ifndef KV_KVBENCH_STATISTICS_H
#define KV_KVBENCH_STATISTICS_H

#include <stdint.h>

/* The t with which a two-sided 95 % interval of Student's distribution is made; `freedom` >= 1
 * degrees of freedom, which need not be whole. */
double student_t_95(double freedom);

double mean_of(const double *values, uint32_t count);
/* Of a sample (n - 1); `count` >= 2. */
double variance_of(const double *values, uint32_t count);

#endif
