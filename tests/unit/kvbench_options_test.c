/* Goal: the command line means what the manual says, and what makes no sense is refused; requests
 * are what a server expects. */
#include <CUnit/Basic.h>

#include "base/log.h"
#include "cli/kvbench/bench_options.h"
#include "cli/kvbench/request_template.h"
#include "support/unit.h"

enum { WORD_COUNT_MAX = 32, WORD_BYTES_MAX = 128 };

/* getopt and the password rule write to the arguments. */
static enum bench_options_action
read_words(struct bench_options *options, const char *text)
{
    static char words[WORD_COUNT_MAX][WORD_BYTES_MAX];
    char *argv[WORD_COUNT_MAX + 1] = {"kvbench"};
    int argc = 1, rest_at;

    for (const char *at = text; *at != '\0' && argc < WORD_COUNT_MAX; argc++) {
        const size_t size = strcspn(at, " ");

        memcpy(words[argc], at, size);
        words[argc][size] = '\0';
        argv[argc] = words[argc];
        at += size + strspn(at + size, " ");
    }
    argv[argc] = NULL;
    return bench_options_read(argc, argv, options, &rest_at);
}

static void
defaults_are_the_manuals(void)
{
    struct bench_options options;

    CU_ASSERT_EQUAL(read_words(&options, ""), BENCH_OPTIONS_RUN);
    CU_ASSERT_STRING_EQUAL(options.host, "127.0.0.1");
    CU_ASSERT_EQUAL(options.port, 7379);
    CU_ASSERT_EQUAL(options.connection_count, 50);
    CU_ASSERT_EQUAL(options.depth, 1);
    CU_ASSERT_EQUAL(options.op_count, 1000000);
    CU_ASSERT_EQUAL(options.workload_count, 2);
    CU_ASSERT_STRING_EQUAL(options.workloads[0]->name, "set");
    CU_ASSERT_STRING_EQUAL(options.workloads[1]->name, "get");
    CU_ASSERT_EQUAL(value_sizes_max(&options.sizes), 100);
    CU_ASSERT_EQUAL(options.rate, 0);
    bench_options_deinit(&options);
}

static void
every_option_is_taken(void)
{
    struct bench_options options;

    CU_ASSERT_EQUAL(
        read_words(&options, "-h db1 -p 1 -c 3 -P 4 -n 5k -r 2m -d 7-9 -t ycsb-a,get -a secret -q "
                             "--rate 1000.5 --arrivals poisson --seed 9 --ratio 3:2"),
        BENCH_OPTIONS_RUN);
    CU_ASSERT_STRING_EQUAL(options.host, "db1");
    CU_ASSERT_EQUAL(options.port, 1);
    CU_ASSERT_EQUAL(options.connection_count, 3);
    CU_ASSERT_EQUAL(options.depth, 4);
    CU_ASSERT_EQUAL(options.op_count, 5000);
    CU_ASSERT_EQUAL(options.key_count, 2000000);
    CU_ASSERT_EQUAL(value_sizes_max(&options.sizes), 9);
    CU_ASSERT_EQUAL(options.workload_count, 2);
    CU_ASSERT_STRING_EQUAL(options.password, "secret");
    CU_ASSERT_TRUE(options.is_quiet && options.is_poisson);
    CU_ASSERT_EQUAL(options.rate, 1000.5);
    CU_ASSERT_EQUAL(options.seed, 9);
    CU_ASSERT_EQUAL(options.ratio_get, 3);
    CU_ASSERT_EQUAL(options.ratio_set, 2);
    bench_options_deinit(&options);
    CU_ASSERT_EQUAL(read_words(&options, "--duration 1.5 --warmup 0.25 --hotspot 0.1:0.9 "
                                         "--distribution hotspot --command PING"),
                    BENCH_OPTIONS_RUN);
    CU_ASSERT_EQUAL(options.duration_ns, 1500000000);
    CU_ASSERT_EQUAL(options.warmup_ns, 250000000);
    CU_ASSERT_EQUAL(options.op_count, 0);
    CU_ASSERT_EQUAL(options.keys.hot_keys, 0.1);
    CU_ASSERT_EQUAL(options.keys.hot_ops, 0.9);
    CU_ASSERT_EQUAL(options.workload_count, 1);
    bench_options_deinit(&options);
    CU_ASSERT_EQUAL(read_words(&options, "--help"), BENCH_OPTIONS_HELP);
    CU_ASSERT_EQUAL(read_words(&options, "--version"), BENCH_OPTIONS_VERSION);
}

static void
nonsense_is_refused(void)
{
    const char *const bad[] = {
        "-p 0",
        "-p 65536",
        "-p",
        "-c 0",
        "-P 0",
        "-c 10001",
        "-n -1",
        "-n 1x",
        "--rate 0",
        "--rate nan",
        "--nothing",
        "-t nothing",
        "-t set,,get",
        "-t command",
        "-d 5-1",
        "--distribution normal",
        "--theta 1",
        "--hotspot 0.5",
        "--hotspot 0.5:2",
        "--ratio 0:0",
        "--ratio 1",
        "-n 5 --duration 5",
        "--key-size 4",
        "--key-size 30",
        "--key-size 7 -r 1000",
        "--timeout 0",
        "--arrivals odd",
        "--compressibility 1.1",
        "--verify -d 20",
        "--verify -t mergerandom",
        "--verify --ttl 5",
        "--verify -c 50 -r 10",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench_options options;

        CU_ASSERT_EQUAL(read_words(&options, bad[i]), BENCH_OPTIONS_BAD);
        bench_options_deinit(&options);
    }
}

static void
expect_request(const char *text, const char *wanted)
{
    const struct request_values values = {
        .key = slice_from_text("k1"), .value_bytes = 3, .ttl_s = 60, .count = 10};
    struct request_template request;
    struct buffer bytes = {0};
    const char *why = NULL;
    uint8_t *value;

    CU_ASSERT_TRUE_FATAL(request_template_init(&request, text, 2, &why));
    request_template_append(&request, &bytes, &values, &value);
    CU_ASSERT_EQUAL(value != NULL, request.has_data);
    if (value != NULL)
        memcpy(value, "abc", 3);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&bytes), slice_from_text(wanted)));
    buffer_deinit(&bytes);
    request_template_deinit(&request);
}

static void
templates_become_requests(void)
{
    expect_request("PING", "*1\r\n$4\r\nPING\r\n");
    expect_request("GET __key__", "*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n");
    expect_request("SET __key__ __data__", "*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\nabc\r\n");
    expect_request("SET __key__ __data__ EX __ttl__",
                   "*5\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\nabc\r\n$2\r\nEX\r\n$2\r\n60\r\n");
    expect_request("R [__key__ + __count__",
                   "*4\r\n$1\r\nR\r\n$3\r\n[k1\r\n$1\r\n+\r\n$2\r\n10\r\n");
    expect_request("X a__key__b__key__", "*2\r\n$1\r\nX\r\n$6\r\nak1bk1\r\n");
    expect_request("  ECHO \"two words\" \"\" \"q\\\"\\\\\" ",
                   "*4\r\n$4\r\nECHO\r\n$9\r\ntwo words\r\n$0\r\n\r\n$3\r\nq\"\\\r\n");
}

static void
malformed_templates_are_refused(void)
{
    const char *const bad[] = {"", "   ", "SET \"open", "SET __key__ x__data__",
                               "SET __data__ __data__"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct request_template request;
        const char *why = NULL;

        CU_ASSERT_FALSE(request_template_init(&request, bad[i], 16, &why));
        CU_ASSERT_PTR_NOT_NULL(why);
        request_template_deinit(&request);
    }
}

int
main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        UNIT_TEST(defaults_are_the_manuals),
        UNIT_TEST(every_option_is_taken),
        UNIT_TEST(nonsense_is_refused),
        UNIT_TEST(templates_become_requests),
        UNIT_TEST(malformed_templates_are_refused),
        UNIT_TEST_END,
    };

    return unit_main("kvbench options", tests, argc, argv);
}
