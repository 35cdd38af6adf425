/* bench_options.h - kvbench's command line, checked once. */
#ifndef KV_KVBENCH_BENCH_OPTIONS_H
#define KV_KVBENCH_BENCH_OPTIONS_H

#include "cli/kvbench/key_chooser.h"
#include "cli/kvbench/value_sizes.h"
#include "cli/kvbench/workload.h"

enum {
    BENCH_WORKLOAD_COUNT_MAX = 32,
    BENCH_CONNECTION_COUNT_MAX = 10000,
    BENCH_DEPTH_MAX = 10000,
    BENCH_KEY_BYTES_MAX = 64 + 20, /* the journal's names */
    BENCH_PREFIX_BYTES_MAX = 63,
    BENCH_REPEAT_COUNT_MAX = 100,
    BENCH_RANGE_COUNT_MAX = 1000000000,
};

/* Texts are borrowed from the arguments where nothing else is said; 0 or NULL is "not given". */
struct bench_options {
    /* The server. */
    const char *host;
    uint64_t port;
    const char *socket_path; /* NULL: TCP */
    const char *password;
    char *password_copy; /* owned; what `password` borrows if it was an argument */
    uint64_t db_index;
    bool is_resp3;
    uint64_t timeout_ns; /* for connecting, and without any reply */
    uint64_t busy_poll_us;
    const char *label;
    uint64_t server_pid;

    /* The engine in this process, instead of a server; NULL: a server. */
    const char *engine_dir;
    const char *engine_settings; /* kvd's, as name=value,name=value */
    uint64_t batch_count;        /* records of a write */
    bool is_settling;            /* waits at the end for what the load left to be done */

    /* The load. */
    const struct workload *workloads[BENCH_WORKLOAD_COUNT_MAX];
    uint32_t workload_count;
    uint64_t connection_count;
    uint64_t depth;
    uint64_t op_count;    /* of each workload; 0: duration_ns counts, or each key once */
    uint64_t duration_ns; /* of each workload */
    uint64_t warmup_ns;   /* before each workload, the same load, not counted */
    uint64_t repeat_count;
    double rate; /* operations a second over all connections; 0: closed loop */
    bool is_poisson;
    uint64_t late_ns_max; /* open loop: what the generator may be late */
    uint64_t seed;
    uint64_t ratio_get;
    uint64_t ratio_set;
    const char *command;
    uint64_t range_count; /* keys of a range; 0: 1 to 100 */

    /* The data. */
    uint64_t key_count;
    const char *key_prefix;
    uint64_t key_bytes;
    struct key_chooser_options keys;
    bool has_distribution;
    struct value_sizes sizes;
    const char *sizes_text;
    double compressibility;
    uint64_t ttl_s; /* 0: none */
    double ttl_share;

    /* The report. */
    bool is_verifying;
    const char *journal_path;
    const char *json_path;
    const char *csv_path;
    const char *seconds_path;
    const char *plot_path;
    bool is_quiet;
};

enum bench_options_action {
    BENCH_OPTIONS_RUN,
    BENCH_OPTIONS_HELP,
    BENCH_OPTIONS_VERSION,
    BENCH_OPTIONS_BAD, /* a message is on standard error */
};

/* `options` is initialised in any case.  A password in the arguments is copied and overwritten
 * there, so that other users do not see it in the list of processes.  *rest_at_out is the index of
 * the first argument that is no option: there are some for `check` only. */
enum bench_options_action bench_options_read(int argc, char **argv, struct bench_options *options,
                                             int *rest_at_out);
void bench_options_deinit(struct bench_options *options);
void bench_options_print_help(void);

/* Digits of the number in a key. */
uint32_t bench_options_key_digits(const struct bench_options *options);

#endif
