/* bench_options.c - one table has each option's name, meaning, type and bounds; help and parser
 * are made from it.  What concerns more than one option is checked at the end.
 */
#include "cli/kvbench/bench_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/exit_code.h"
#include "cli/hidden_password.h"
#include "cli/kvbench/number.h"
#include "cli/kvbench/payload.h"

/* Takes `text`; false: it is malformed. */
typedef bool option_fn(struct bench_options *options, const char *text);

enum option_type {
    OPTION_TEXT,
    OPTION_FLAG,
    OPTION_NUMBER,   /* uint64_t */
    OPTION_SECONDS,  /* with a fraction, to nanoseconds */
    OPTION_FRACTION, /* double */
    OPTION_OWN,      /* by a function */
};

struct option_row {
    const char *name;
    const char *argument; /* in the help; NULL: none */
    const char *help;     /* NULL: a second name, which the help does not show */
    size_t offset;
    double min, max;
    option_fn *take;
    enum option_type type;
    char letter; /* 0: none */
};

static bool
take_workloads(struct bench_options *options, const char *text)
{
    char names[1024], *rest = names, *name;

    if (strlen(text) >= sizeof(names))
        return false;
    memcpy(names, text, strlen(text) + 1);
    while ((name = strsep(&rest, ",")) != NULL) {
        const struct workload *workload = workload_find(name);

        if (workload == NULL || options->workload_count == BENCH_WORKLOAD_COUNT_MAX) {
            complain(workload == NULL ? "there is no workload %s" : "too many workloads at %s",
                     name);
            return false;
        }
        options->workloads[options->workload_count++] = workload;
    }
    return true;
}

static bool
take_ratio(struct bench_options *options, const char *text)
{
    return number_take(&text, VALUE_SIZES_WEIGHT_MAX, &options->ratio_get) && *text++ == ':' &&
           number_parse(text, VALUE_SIZES_WEIGHT_MAX, &options->ratio_set) &&
           options->ratio_get + options->ratio_set > 0;
}

static bool
take_sizes(struct bench_options *options, const char *text)
{
    options->sizes_text = text;
    return value_sizes_parse(&options->sizes, text);
}

static bool
take_distribution(struct bench_options *options, const char *text)
{
    options->has_distribution = true;
    return distribution_from_name(text, &options->keys.distribution);
}

static bool
take_hotspot(struct bench_options *options, const char *text)
{
    const char *colon = strchr(text, ':');
    char keys[32] = {0};

    if (colon == NULL || (size_t)(colon - text) >= sizeof(keys))
        return false;
    memcpy(keys, text, (size_t)(colon - text));
    return fraction_parse(keys, 0, 1, &options->keys.hot_keys) &&
           fraction_parse(colon + 1, 0, 1, &options->keys.hot_ops);
}

static bool
take_arrivals(struct bench_options *options, const char *text)
{
    options->is_poisson = strcmp(text, "poisson") == 0;
    return options->is_poisson || strcmp(text, "even") == 0;
}

#define AT(member)   offsetof(struct bench_options, member)
#define TEXT(member) .type = OPTION_TEXT, .offset = AT(member)
#define FLAG(member) .type = OPTION_FLAG, .offset = AT(member)
#define NUMBER(member, least, most)                                                                \
    .type = OPTION_NUMBER, .offset = AT(member), .min = (least), .max = (most)
#define SECONDS(member, most) .type = OPTION_SECONDS, .offset = AT(member), .max = (most)
#define FRACTION(member, least, most)                                                              \
    .type = OPTION_FRACTION, .offset = AT(member), .min = (least), .max = (most)
#define OWN(function) .type = OPTION_OWN, .take = (function)

/* clang-format off */
static const struct option_row rows[] = {
    {"host", "HOST", "the server's host [127.0.0.1]", .letter = 'h', TEXT(host)},
    {"port", "PORT", "its port [7379]", .letter = 'p', NUMBER(port, 1, 65535)},
    {"socket", "PATH", "its Unix socket, instead of host and port",
     .letter = 's', TEXT(socket_path)},
    {"password", "TEXT", "its password; better: the environment's KVBENCH_PASSWORD",
     .letter = 'a', TEXT(password)},
    {"db", "NUMBER", "the numbered database [0]", NUMBER(db_index, 0, 1000000)},
    {"resp3", NULL, "speak RESP3", .letter = '3', FLAG(is_resp3)},
    {"timeout", "SECONDS", "for connecting, and without any reply [30]",
     SECONDS(timeout_ns, 86400)},
    {"busy-poll", "US", "look for replies so long before sleeping, which costs a processor [0]",
     NUMBER(busy_poll_us, 0, 1000)},
    {"target", "LABEL", "what the report calls the server", TEXT(label)},
    {"server-pid", "PID", "report the CPU time that this process needs",
     NUMBER(server_pid, 1, 4194304)},
    {"engine", "DIR", "no server: kvd's engine in this process, on this data directory",
     TEXT(engine_dir)},
    {"engine-set", "NAME=VALUE,...", "its settings, those of kvd.conf", TEXT(engine_settings)},
    {"batch", "COUNT", "its writes have so many records each [1]",
     NUMBER(batch_count, 1, BENCH_DEPTH_MAX)},
    {"settle", NULL, "at the end wait until it has flushed and compacted everything",
     FLAG(is_settling)},
    {"workload", "NAME,...", "what to run, one after another; see below",
     .letter = 't', OWN(take_workloads)},
    {"clients", "COUNT", "connections [50]",
     .letter = 'c', NUMBER(connection_count, 1, BENCH_CONNECTION_COUNT_MAX)},
    {"pipeline", "DEPTH", "requests in flight on each [1]",
     .letter = 'P', NUMBER(depth, 1, BENCH_DEPTH_MAX)},
    {"requests", "COUNT", "operations of each workload [as many as keys]",
     .letter = 'n', NUMBER(op_count, 1, 1e15)},
    {"duration", "SECONDS", "run each workload for so long instead", SECONDS(duration_ns, 604800)},
    {"warmup", "SECONDS", "load before each workload that is not counted [0]",
     SECONDS(warmup_ns, 604800)},
    {"repeat", "COUNT", "run all of them so often, for confidence intervals [1]",
     NUMBER(repeat_count, 1, BENCH_REPEAT_COUNT_MAX)},
    {"rate", "COUNT", "open loop: so many operations start each second", FRACTION(rate, 0.01, 1e9)},
    {"arrivals", "KIND", "open loop: even or poisson [even]", OWN(take_arrivals)},
    {"late-bound", "SECONDS", "open loop: how late kvbench itself may be [0.001]",
     SECONDS(late_ns_max, 3600)},
    {"ratio", "GET:SET", "of the workload mixed [10:1]", OWN(take_ratio)},
    {"command", "TEXT", "a command with __key__ and __data__, as a workload", TEXT(command)},
    {"range-size", "KEYS", "of each range [1 to 100, at random]",
     NUMBER(range_count, 1, BENCH_RANGE_COUNT_MAX)},
    {"seed", "NUMBER", "the same seed gives the same operations [from the clock]",
     NUMBER(seed, 0, 1e18)},
    {"keys", "COUNT", "how many keys there are [1m]", .letter = 'r', NUMBER(key_count, 1, 4e18)},
    {"key-prefix", "TEXT", "what keys begin with [key:]", TEXT(key_prefix)},
    {"key-size", "BYTES", "of each key, its number being padded with zeros [16]",
     NUMBER(key_bytes, 1, BENCH_KEY_BYTES_MAX)},
    {"distribution", "NAME", "uniform, zipfian, latest, hotspot or sequential",
     OWN(take_distribution)},
    {"theta", "NUMBER", "zipfian and latest: skew [0.99]",
     FRACTION(keys.theta, ZIPF_THETA_MIN, ZIPF_THETA_MAX)},
    {"hotspot", "KEYS:OPS", "hotspot: share of the keys, of the operations [0.2:0.8]",
     OWN(take_hotspot)},
    {"data-size", "SIZES", "of values: 100, 64-4096, or 64:80,1024:20 [100]",
     .letter = 'd', OWN(take_sizes)},
    {"compressibility", "SHARE", "of a value that compression takes away [0.5]",
     FRACTION(compressibility, 0, 1)},
    {"ttl", "SECONDS", "values expire after so long [never]", NUMBER(ttl_s, 1, 4294967295.0)},
    {"ttl-share", "SHARE", "of the values that have a --ttl [1]", FRACTION(ttl_share, 0, 1)},
    {"verify", NULL, "values prove themselves, and reads are checked", FLAG(is_verifying)},
    {"journal", "FILE", "note what was acknowledged, for `kvbench check`", TEXT(journal_path)},
    {"json", "FILE", "write the result for programs and `kvbench compare`", TEXT(json_path)},
    {"csv", "FILE", "write a line for each operation", TEXT(csv_path)},
    {"seconds", "FILE", "write a JSON line for each second, while it runs", TEXT(seconds_path)},
    {"plot", "FILE", "write an SVG picture", TEXT(plot_path)},
    {"quiet", NULL, "no progress line", .letter = 'q', FLAG(is_quiet)},
};
/* clang-format on */

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]), OPTION_HELP = 1000, OPTION_VERSION };

void
bench_options_print_help(void)
{
    (void)fputs("Usage: kvbench [OPTION]...                    load a server and measure it\n"
                "       kvbench compare A.json B.json...       what has become faster\n"
                "       kvbench check JOURNAL [OPTION]...      nothing acknowledged is lost\n\n"
                "Loads a kvd, or any server that speaks Redis's protocol.  Options:\n\n",
                stdout);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "%s%s %s", "--", rows[i].name,
                       rows[i].argument == NULL ? "" : rows[i].argument);
        if (rows[i].letter != 0)
            (void)printf("  -%c, %-24s %s\n", rows[i].letter, left, rows[i].help);
        else
            (void)printf("      %-24s %s\n", left, rows[i].help);
    }
    (void)fputs("      --help, --version        print this or the version, then leave\n\n"
                "Numbers may end in k, m or g.  Workloads:\n\n",
                stdout);
    for (uint32_t i = 0; workload_at(i) != NULL; i++)
        (void)printf("  %-28s %s\n", workload_at(i)->name, workload_at(i)->summary);
    (void)fputs("\nExit codes: 0 ok, 2 usage, 3 cannot connect or connection lost, 4 the server\n"
                "answered with errors, 6 the run is not valid, 65 check: something is lost, 71 no\n"
                "io_uring, 74 input/output error, 130 interrupted.\n",
                stdout);
}

static bool
take(struct bench_options *options, const struct option_row *row, char *text)
{
    void *at = (char *)options + row->offset;
    double seconds;

    switch (row->type) {
    case OPTION_TEXT:
        *(const char **)at = text;
        return true;
    case OPTION_FLAG:
        *(bool *)at = true;
        return true;
    case OPTION_NUMBER:
        return number_parse(text, (uint64_t)row->max, at) && *(uint64_t *)at >= (uint64_t)row->min;
    case OPTION_FRACTION:
        return fraction_parse(text, row->min, row->max, at);
    case OPTION_SECONDS:
        if (!fraction_parse(text, 0, row->max, &seconds))
            return false;
        *(uint64_t *)at = (uint64_t)(seconds * 1e9 + 0.5);
        return true;
    default:
        return row->take(options, text);
    }
}

static void
hide_password(struct bench_options *options, char *argument)
{
    hidden_password_free(options->password_copy);
    options->password_copy = hidden_password_take(argument);
    options->password = options->password_copy;
}

uint32_t
bench_options_key_digits(const struct bench_options *options)
{
    return (uint32_t)(options->key_bytes - strlen(options->key_prefix));
}

/* All keys, and as many inserted ones, must have their digits. */
static bool
check_keys(const struct bench_options *options)
{
    const size_t prefix_bytes = strlen(options->key_prefix);
    uint64_t bound = 1, digits;

    if (prefix_bytes > BENCH_PREFIX_BYTES_MAX || prefix_bytes >= options->key_bytes) {
        complain("a key of %llu bytes has no room for the prefix and a number",
                 (unsigned long long)options->key_bytes);
        return false;
    }
    digits = options->key_bytes - prefix_bytes;
    if (digits > 20) {
        complain("a key's number may have 20 digits: make the prefix longer");
        return false;
    }
    for (uint64_t i = 0; i < digits && i < 19; i++)
        bound *= 10;
    if (options->key_count > bound / 2) {
        complain("keys of %llu bytes are too short for %llu of them, and those that are inserted",
                 (unsigned long long)options->key_bytes, (unsigned long long)options->key_count);
        return false;
    }
    return true;
}

static bool
add_command(struct bench_options *options)
{
    if (options->command != NULL && options->workload_count < BENCH_WORKLOAD_COUNT_MAX)
        options->workloads[options->workload_count++] = workload_find("command");
    for (uint32_t i = 0; i < options->workload_count; i++) {
        if (options->workloads[i]->rows[0].kind == OP_COMMAND && options->command == NULL) {
            complain("the workload command needs --command");
            return false;
        }
    }
    if (options->workload_count == 0) {
        options->workloads[options->workload_count++] = workload_find("set");
        options->workloads[options->workload_count++] = workload_find("get");
    }
    return true;
}

/* What kvbench must know to say what a read may find. */
static bool
check_verifying(const struct bench_options *options)
{
    const char *why = NULL;

    for (uint32_t i = 0; i < options->workload_count; i++) {
        const enum op_kind kind = options->workloads[i]->rows[0].kind;

        if (kind == OP_MERGE || kind == OP_COMMAND)
            why = "merges and --command change values in a way of their own";
    }
    if (value_sizes_min(&options->sizes) < PAYLOAD_BYTES_MIN)
        why = "values must have 28 bytes at least";
    if (options->ttl_s > 0)
        why = "values with a --ttl disappear";
    if (options->key_count < options->connection_count)
        why = "there must be a key for each connection";
    if (why != NULL)
        complain("--verify: %s", why);
    return why == NULL;
}

static bool
check_engine(const struct bench_options *options)
{
    if (options->engine_dir == NULL &&
        (options->engine_settings != NULL || options->batch_count > 1 || options->is_settling)) {
        complain("--engine-set, --batch and --settle need --engine");
        return false;
    }
    if (options->batch_count > options->connection_count * options->depth) {
        complain("--batch: no more than --clients x --pipeline operations are started together");
        return false;
    }
    return true;
}

static bool
check_all(struct bench_options *options)
{
    if (options->journal_path != NULL)
        options->is_verifying = true;
    if (options->timeout_ns == 0) {
        complain("--timeout must be more than 0");
        return false;
    }
    if (options->op_count > 0 && options->duration_ns > 0) {
        complain("--requests and --duration exclude each other");
        return false;
    }
    if (options->op_count == 0 && options->duration_ns == 0)
        options->op_count = options->key_count;
    return check_keys(options) && check_engine(options) && add_command(options) &&
           (!options->is_verifying || check_verifying(options));
}

static void
set_defaults(struct bench_options *options)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    *options = (struct bench_options){
        .host = "127.0.0.1",
        .port = 7379,
        .password = getenv("KVBENCH_PASSWORD"),
        .timeout_ns = UINT64_C(30000000000),
        .connection_count = 50,
        .depth = 1,
        .batch_count = 1,
        .repeat_count = 1,
        .late_ns_max = 1000000,
        .ratio_get = 10,
        .ratio_set = 1,
        .key_count = 1000000,
        .key_prefix = "key:",
        .key_bytes = 16,
        .keys = {.theta = 0.99, .hot_keys = 0.2, .hot_ops = 0.8},
        .compressibility = 0.5,
        .ttl_share = 1,
        .seed = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
    };
    (void)take_sizes(options, "100");
}

/* The table as getopt wants it. */
static void
make_getopt_tables(struct option *longs, char *shorts)
{
    *shorts++ = ':';
    for (int i = 0; i < ROW_COUNT; i++) {
        longs[i] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].argument == NULL ? no_argument : required_argument,
            .val = 256 + i,
        };
        if (rows[i].letter == 0)
            continue;
        *shorts++ = rows[i].letter;
        if (rows[i].argument != NULL)
            *shorts++ = ':';
    }
    longs[ROW_COUNT] = (struct option){.name = "help", .val = OPTION_HELP};
    longs[ROW_COUNT + 1] = (struct option){.name = "version", .val = OPTION_VERSION};
    longs[ROW_COUNT + 2] = (struct option){0};
    *shorts = '\0';
}

static const struct option_row *
row_of(int value)
{
    if (value >= 256 && value < 256 + ROW_COUNT)
        return &rows[value - 256];
    for (int i = 0; i < ROW_COUNT; i++) {
        if (rows[i].letter != 0 && rows[i].letter == value)
            return &rows[i];
    }
    return NULL;
}

enum bench_options_action
bench_options_read(int argc, char **argv, struct bench_options *options, int *rest_at_out)
{
    struct option longs[ROW_COUNT + 3];
    char shorts[2 * ROW_COUNT + 2];
    int value;

    KV_ASSERT(argc > 0);
    set_defaults(options);
    make_getopt_tables(longs, shorts);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct option_row *row = row_of(value);

        if (value == OPTION_HELP)
            return BENCH_OPTIONS_HELP;
        if (value == OPTION_VERSION)
            return BENCH_OPTIONS_VERSION;
        if (row == NULL) {
            complain(value == ':' ? "%s needs an argument" : "unknown option %s", argv[optind - 1]);
            return BENCH_OPTIONS_BAD;
        }
        if (!take(options, row, optarg)) {
            complain("--%s cannot be %s", row->name, optarg);
            return BENCH_OPTIONS_BAD;
        }
        if (row->letter == 'a')
            hide_password(options, optarg);
    }
    *rest_at_out = optind;
    return check_all(options) ? BENCH_OPTIONS_RUN : BENCH_OPTIONS_BAD;
}

void
bench_options_deinit(struct bench_options *options)
{
    hidden_password_free(options->password_copy);
    options->password_copy = NULL;
}
