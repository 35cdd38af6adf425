/* result.h - what kvbench measured: one document of settings and runs.
 *
 * A run is one workload, once; repeated runs are runs with the same workload name, and it is from
 * them that confidence intervals come (compare.h).  A run has operations, an operation has a
 * histogram, errors by their text, and one line for each second.
 *
 *     struct result_run *run = result_add_run(result, "ycsb-a", wall_clock_us);
 *     const uint32_t get = result_run_operation(run, "get");
 *     for each turn of the loop, with the time since the run began:
 *         result_run_advance(run, elapsed_ns);
 *         result_run_record(run, get, latency_ns);       // for each reply
 *         result_run_record_error(run, get, text);       // or this, for an error reply
 *     result_run_end(run, elapsed_ns);
 *
 * An operation belongs to the second in which it ended.  Texts are copied; too long ones are cut.
 */
#ifndef KV_KVBENCH_RESULT_H
#define KV_KVBENCH_RESULT_H

#include <stdbool.h>

#include "base/slice.h"
#include "cli/kvbench/histogram.h"

enum {
    RESULT_SETTING_COUNT_MAX = 64,
    RESULT_RUN_COUNT_MAX = 1000,
    RESULT_OPERATION_COUNT_MAX = 16,  /* in one run */
    RESULT_ERROR_COUNT_MAX = 16,      /* different texts in one operation; the rest as one */
    RESULT_SECOND_COUNT_MAX = 604800, /* one week; what comes later is in the totals only */
    RESULT_TEXT_BYTES = 128,          /* with its NUL */
};

struct result_setting {
    char name[RESULT_TEXT_BYTES];
    char value[RESULT_TEXT_BYTES];
};

struct result_error {
    char text[RESULT_TEXT_BYTES];
    uint64_t count;
};

struct result_second {
    uint64_t count; /* operations that ended well */
    uint64_t error_count;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t max_ns;
};

struct result_operation {
    char name[RESULT_TEXT_BYTES];
    struct histogram *total;  /* owned; up to the last second that ended */
    struct histogram *second; /* owned; the second that runs; NULL when the run has ended */
    uint64_t error_count;     /* not in the histogram */
    uint64_t second_error_count;
    struct result_error errors[RESULT_ERROR_COUNT_MAX];
    uint32_t error_text_count;
    struct result_second *seconds; /* owned; result_run.second_count of them */
};

struct result_run {
    char workload[RESULT_TEXT_BYTES];
    uint64_t start_unix_us;
    uint64_t duration_ns; /* 0 until the run has ended */
    double target_rate;   /* open loop: operations a second; 0: closed loop */
    double server_cpu_us; /* user and system time of the server in the run; negative: unknown */
    uint64_t generator_late_ns;      /* open loop: the worst lateness that was kvbench's own */
    uint64_t read_count;             /* reads that were answered, warm-up included */
    uint64_t miss_count;             /* of those: found no key */
    char invalid[RESULT_TEXT_BYTES]; /* why the run does not count; empty: it is valid */

    struct result_operation operations[RESULT_OPERATION_COUNT_MAX];
    uint32_t operation_count;

    uint32_t second_count;    /* seconds that ended */
    uint64_t second_end_ns;   /* when the one that runs does */
    uint64_t second_stall_us; /* of the one that runs */
    uint32_t *stalls_us;      /* owned; server stalls in each second, second_count of them */
    uint32_t second_capacity;
    bool is_stall_known; /* result_run_note_stall was called */
};

/* All zero is empty and valid. */
struct result {
    struct result_setting settings[RESULT_SETTING_COUNT_MAX];
    uint32_t setting_count;
    struct result_run **runs; /* owned */
    uint32_t run_count;
};

void result_deinit(struct result *result);

/* A setting of the same name is replaced; more than the limit are dropped.  By convention
 * "target" is the label of the server, "seed" the seed. */
void result_set(struct result *result, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NULL if there is none. */
const char *result_setting(const struct result *result, const char *name);

/* The run is the result's and stays where it is; NULL: there are RESULT_RUN_COUNT_MAX. */
struct result_run *result_add_run(struct result *result, const char *workload,
                                  uint64_t start_unix_us);
/* The index of the operation of this name, which is added if it is new; asserts that there is
 * room, for the names are kvbench's own. */
uint32_t result_run_operation(struct result_run *run, const char *name);

static inline void
result_run_record(struct result_run *run, uint32_t operation, uint64_t latency_ns)
{
    histogram_record(run->operations[operation].second, latency_ns);
}

/* `text` is what the server said; its first line counts. */
void result_run_record_error(struct result_run *run, uint32_t operation, struct slice text);

/* Ends the seconds that are over; true if one was.  Costs a comparison else. */
bool result_run_end_seconds(struct result_run *run, uint64_t elapsed_ns);
static inline bool
result_run_advance(struct result_run *run, uint64_t elapsed_ns)
{
    return elapsed_ns >= run->second_end_ns && result_run_end_seconds(run, elapsed_ns);
}

/* The server said that it held writers back for so long, since the last call. */
void result_run_note_stall(struct result_run *run, uint64_t stall_us);
/* The reason is copied; the first one stays. */
void result_run_mark_invalid(struct result_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Once.  The last second is in the series if it is whole, to 1 %; in the totals in any case. */
void result_run_end(struct result_run *run, uint64_t elapsed_ns);

/* Over all operations of a run: good ones, and errors; the second that runs included. */
uint64_t result_run_count(const struct result_run *run);
uint64_t result_run_error_count(const struct result_run *run);
/* All operations of a run that ended as one histogram; the caller frees it. */
struct histogram *result_run_total(const struct result_run *run);
/* Good operations a second; for a run that ended. */
double result_run_rate(const struct result_run *run, uint64_t count);

#endif
