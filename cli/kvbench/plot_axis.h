/* plot_axis.h - from values to pixels, with ticks at round numbers. */
#ifndef KV_KVBENCH_PLOT_AXIS_H
#define KV_KVBENCH_PLOT_AXIS_H

#include <stdbool.h>
#include <stdint.h>

enum { AXIS_TICK_COUNT_MAX = 64, AXIS_LABEL_BYTES = 32 };

struct axis_tick {
    double value;
    char label[AXIS_LABEL_BYTES]; /* empty: a thin line only */
};

struct axis {
    double low; /* the values at the two ends */
    double high;
    double pixel_low;
    double pixel_high;
    double (*transform)(double value);
    struct axis_tick ticks[AXIS_TICK_COUNT_MAX];
    uint32_t tick_count;
};

/* Set pixel_low and pixel_high before axis_place. */

/* 0 to at least `high`, for counts: "40k". */
void axis_init_count(struct axis *axis, double high);
/* 0 to `seconds`, in s, min or h; `unit_out` says which. */
void axis_init_time(struct axis *axis, double seconds, const char **unit_out);
/* From below `low_ns` to above `high_ns`, logarithmic: "10 us". */
void axis_init_latency(struct axis *axis, double low_ns, double high_ns);
/* Percentiles from 0 to 100 (1 - 1/count), each further nine as wide as the one before. */
void axis_init_percentile(struct axis *axis, double count);

/* The pixel of a value; values outside are moved to the nearer end. */
double axis_place(const struct axis *axis, double value);

/* The percentile at a share (0 to 1) of a percentile axis' length. */
double axis_percentile_at(const struct axis *axis, double share);

#endif
