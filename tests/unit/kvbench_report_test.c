/* Goal: a result that was written is the same when it is read, nothing else is read, and
 * comparisons say what the numbers say. */
#include <CUnit/Basic.h>
#include <math.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/kvbench/compare.h"
#include "cli/kvbench/progress.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/report_text.h"
#include "cli/kvbench/result_read.h"
#include "support/unit.h"

static char last_message[1024];

static void
keep_line(void *owner, enum log_level level, const char *line)
{
    (void)owner;
    (void)level;
    (void)snprintf(last_message, sizeof(last_message), "%s", line);
}

static void
draw_run(struct result *result, struct random *random, const char *workload)
{
    static const char *const names[] = {"get", "set", "a \"name\" \\ with <&,> \xc3\xa4"};
    struct result_run *run = result_add_run(result, workload, random_below(random, 1ull << 50));
    const uint32_t operation_count = 1 + (uint32_t)random_below(random, 3);
    const uint32_t second_count = (uint32_t)random_below(random, 10);

    for (uint32_t i = 0; i < operation_count; i++)
        (void)result_run_operation(run, names[i]);
    for (uint32_t second = 1; second <= second_count; second++) {
        for (uint64_t left = random_below(random, 100); left > 0; left--) {
            const uint32_t operation = (uint32_t)random_below(random, operation_count);

            if (random_below(random, 20) == 0)
                result_run_record_error(run, operation, slice_from_text("-ERR \"\\ \xff"));
            else
                result_run_record(run, operation,
                                  random_next(random) >> (20 + random_below(random, 44)));
        }
        if (random_below(random, 4) == 0)
            result_run_note_stall(run, random_below(random, 1000000));
        (void)result_run_advance(run, second * UINT64_C(1000000000));
    }
    if (random_below(random, 2) == 0)
        run->server_cpu_us = (double)random_below(random, 1000000);
    if (random_below(random, 2) == 0)
        run->target_rate = 1000.0;
    run->read_count = 10 + random_below(random, 100);
    run->miss_count = random_below(random, 10);
    if (random_below(random, 4) == 0)
        result_run_mark_invalid(run, "late by %d ms", 5);
    result_run_end(run, second_count * UINT64_C(1000000000) + 1 + random_below(random, 900000000));
}

static void
check_same_operation(const struct result_operation *a, const struct result_operation *b,
                     uint32_t second_count)
{
    CU_ASSERT_STRING_EQUAL(a->name, b->name);
    CU_ASSERT_EQUAL(a->error_count, b->error_count);
    CU_ASSERT_EQUAL(a->error_text_count, b->error_text_count);
    CU_ASSERT_EQUAL(memcmp(a->errors, b->errors, sizeof(a->errors)), 0);
    CU_ASSERT_EQUAL(a->total->count, b->total->count);
    CU_ASSERT_EQUAL(a->total->min_ns, b->total->min_ns);
    CU_ASSERT_EQUAL(a->total->max_ns, b->total->max_ns);
    CU_ASSERT_DOUBLE_EQUAL(histogram_mean_ns(a->total), histogram_mean_ns(b->total), 0.001);
    CU_ASSERT_EQUAL(memcmp(a->total->buckets, b->total->buckets, sizeof(a->total->buckets)), 0);
    if (second_count > 0)
        CU_ASSERT_EQUAL(memcmp(a->seconds, b->seconds, second_count * sizeof(a->seconds[0])), 0);
}

static void
check_same_run(const struct result_run *a, const struct result_run *b)
{
    CU_ASSERT_STRING_EQUAL(a->workload, b->workload);
    CU_ASSERT_STRING_EQUAL(a->invalid, b->invalid);
    CU_ASSERT_EQUAL(a->start_unix_us, b->start_unix_us);
    CU_ASSERT_EQUAL(a->duration_ns, b->duration_ns);
    CU_ASSERT_EQUAL(a->target_rate, b->target_rate);
    CU_ASSERT_EQUAL(a->server_cpu_us, b->server_cpu_us);
    CU_ASSERT_EQUAL(a->read_count, b->read_count);
    CU_ASSERT_EQUAL(a->miss_count, b->miss_count);
    CU_ASSERT_EQUAL(a->is_stall_known, b->is_stall_known);
    CU_ASSERT_EQUAL_FATAL(a->second_count, b->second_count);
    CU_ASSERT_EQUAL_FATAL(a->operation_count, b->operation_count);
    for (uint32_t i = 0; i < a->second_count; i++)
        CU_ASSERT_EQUAL(a->stalls_us[i], b->stalls_us[i]);
    for (uint32_t i = 0; i < a->operation_count; i++)
        check_same_operation(&a->operations[i], &b->operations[i], a->second_count);
}

static char *
json_of(const struct result *result, size_t *size_out)
{
    char *text = NULL;
    FILE *target = open_memstream(&text, size_out);

    CU_ASSERT_EQUAL(report_json(target, result), KV_OK);
    (void)fclose(target);
    return text;
}

/* Method: random results, empty ones among them, written and read. */
static void
json_comes_back_as_it_was(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 50; round++) {
        struct result result = {0}, again;
        char *text;
        size_t size;

        result_set(&result, "target", "kvd \"%d\" \xc3\xa4", round);
        for (uint64_t left = random_below(&random, 4); left > 0; left--)
            draw_run(&result, &random, "ycsb-a");
        text = json_of(&result, &size);
        CU_ASSERT_EQUAL_FATAL(result_parse(slice_of(text, size), "text", &again), KV_OK);
        CU_ASSERT_EQUAL_FATAL(again.run_count, result.run_count);
        CU_ASSERT_EQUAL(again.setting_count, 1);
        CU_ASSERT_STRING_EQUAL(result_setting(&again, "target"), result_setting(&result, "target"));
        for (uint32_t i = 0; i < result.run_count; i++)
            check_same_run(result.runs[i], again.runs[i]);
        result_deinit(&result);
        result_deinit(&again);
        free(text);
    }
}

/* Method: a small document, cut at many places, and with a byte here and there changed: what is
 * accepted nevertheless must be a number or a text that is as good. */
static void
damaged_documents_are_refused(void)
{
    enum { CHANGE_COUNT = 1000 };
    static const char replacements[] = {'{', '"', '0', ']'};
    struct result result = {0}, again;
    struct random random;
    uint32_t accepted = 0;
    char *text;
    size_t size;

    random_init(&random, unit_seed());
    draw_run(&result, &random, "mixed");
    text = json_of(&result, &size);
    log_set_sink(keep_line, NULL);
    for (size_t cut = 0; cut + 2 < size; cut += 1 + random_below(&random, 20))
        CU_ASSERT_EQUAL_FATAL(result_parse(slice_of(text, cut), "text", &again), KV_CORRUPT);
    for (int i = 0; i < CHANGE_COUNT; i++) {
        const size_t at = random_below(&random, size);
        const char kept = text[at];

        text[at] = replacements[random_below(&random, sizeof(replacements))];
        if (result_parse(slice_of(text, size), "text", &again) == KV_OK) {
            accepted++;
            result_deinit(&again);
        }
        text[at] = kept;
    }
    CU_ASSERT_TRUE(accepted < CHANGE_COUNT / 2);
    log_set_sink(NULL, NULL);
    free(text);
    result_deinit(&result);
}

/* Method: for each rule of the schema, a document that breaks it and no other. */
static void
the_fault_is_named(void)
{
#define HEAD                                                                                       \
    "{\"format\":\"kvbench-result\",\"version\":1,\"program\":\"\",\"settings\":{},\"runs\":["
#define RUN                                                                                        \
    "{\"workload\":\"w\",\"start_unix_us\":0,\"duration_ns\":1000,\"target_rate\":null,"           \
    "\"server_cpu_us\":null,\"generator_late_ns\":0,\"reads\":2,\"misses\":1,\"invalid\":null,"    \
    "\"stalls_us\":null,"                                                                          \
    "\"operations\":["
#define LATENCY                                                                                    \
    "\"latency_ns\":{\"mean\":5,\"min\":5,\"p50\":5,\"p90\":5,\"p99\":5,\"p99.9\":5,"              \
    "\"p99.99\":5,\"max\":5},"
#define OPERATION "{\"name\":\"get\",\"errors\":0,\"ops_per_s\":1e9," LATENCY "\"error_texts\":[],"
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "'{' is missing"},
        {"[]", "'{' is missing"},
        {"{\"format\":\"other\"", "no result of kvbench"},
        {"{\"version\":2", "version is not 1"},
        {"{\"version\":01", "whole number"},
        {"{\"version\":1,\"version\":1", "comes twice"},
        {"{\"more\":1", "not known"},
        {"{\"version\":1}", "\"format\" is missing"},
        {"{\"format\":\"\\u0001\"", "not printable"},
        {"{\"format\":\"\\ud800\"", "not printable"},
        {"{\"format\":\"\xff\"", "not UTF-8"},
        {HEAD "]} x", "more than one document"},
        {HEAD RUN OPERATION "\"count\":1,\"seconds\":[],\"histogram\":[[5,1]]},]}]}", "'{'"},
        {HEAD RUN OPERATION "\"count\":2,\"seconds\":[],\"histogram\":[[5,1]]}]}]}",
         "not that of its buckets"},
        {HEAD RUN OPERATION "\"count\":1,\"seconds\":[],\"histogram\":[[6,1]]}]}]}", "min and max"},
        {HEAD RUN OPERATION "\"count\":1,\"seconds\":[],\"histogram\":[[2049,1]]}]}]}", "bucket"},
        {HEAD RUN OPERATION "\"count\":1,\"seconds\":[[2,0,5,5,5]],\"histogram\":[[5,1]]}]}]}",
         "more than all"},
        {HEAD RUN OPERATION "\"count\":1,\"seconds\":[[1,0,5,5]],\"histogram\":[[5,1]]}]}]}",
         "less than 5"},
        {HEAD RUN OPERATION "\"count\":5000000,\"seconds\":[],\"histogram\":[[5,5000000]]}]}]}",
         "more operations than its time"},
    };
    struct result result;

    log_set_sink(keep_line, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(result_parse(slice_from_text(cases[i].text), "text", &result), KV_CORRUPT);
        if (strstr(last_message, cases[i].message) == NULL)
            (void)printf("\n%s\nsays: %s\n", cases[i].text, last_message);
        CU_ASSERT_PTR_NOT_NULL(strstr(last_message, cases[i].message));
    }
    log_set_sink(NULL, NULL);
    CU_ASSERT_EQUAL(
        result_parse(slice_from_text(HEAD RUN OPERATION
                                     "\"count\":1,\"seconds\":[[1,0,5,5,5]],\"histogram\":[[5,1]]}"
                                     "]}]}"),
                     "text", &result),
        KV_OK);
    result_deinit(&result);
}

static double
draw_normal(struct random *random)
{
    const double share = ((double)(random_next(random) >> 11) + 1.0) / 9007199254740992.0;

    return sqrt(-2.0 * log(share)) *
           cos(6.283185307179586 * (double)(random_next(random) >> 11) / 9007199254740992.0);
}

/* Method: measures with a known ratio and log-normal noise, different on the two sides; 95 % of the
 * intervals must contain the ratio (the seed is fixed: it is a property, not luck). */
static void
intervals_cover_the_truth_as_often_as_they_say(void)
{
    enum { TRIAL_COUNT = 400 };
    static const uint32_t counts[][2] = {{3, 3}, {5, 5}, {3, 10}, {10, 4}};
    struct random random;

    random_init(&random, 1);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint32_t covered = 0;

        for (int trial = 0; trial < TRIAL_COUNT; trial++) {
            double a[10], b[10];
            struct ratio ratio;

            for (uint32_t j = 0; j < counts[i][0]; j++)
                a[j] = 1000.0 * exp(0.05 * draw_normal(&random));
            for (uint32_t j = 0; j < counts[i][1]; j++)
                b[j] = 1300.0 * exp(0.15 * draw_normal(&random));
            ratio = ratio_of(a, counts[i][0], b, counts[i][1]);
            CU_ASSERT_TRUE(ratio.has_interval && ratio.low <= ratio.ratio &&
                           ratio.ratio <= ratio.high);
            covered += ratio.low <= 1.3 && 1.3 <= ratio.high;
        }
        CU_ASSERT_TRUE(covered >= TRIAL_COUNT * 93 / 100 && covered <= TRIAL_COUNT * 985 / 1000);
    }
}

static void
a_ratio_needs_values_and_an_interval_needs_repeats(void)
{
    const double twos[] = {2.0, 2.0}, fours[] = {4.0, 4.0}, with_zero[] = {1.0, 0.0};
    struct ratio ratio = ratio_of(twos, 1, fours, 2);

    CU_ASSERT_DOUBLE_EQUAL(ratio.ratio, 2.0, 1e-12);
    CU_ASSERT_FALSE(ratio.has_interval);
    ratio = ratio_of(twos, 2, fours, 2);
    CU_ASSERT_TRUE(ratio.has_interval);
    CU_ASSERT_DOUBLE_EQUAL(ratio.low, 2.0, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(ratio.high, 2.0, 1e-12);
    CU_ASSERT_TRUE(isnan(ratio_of(twos, 0, fours, 2).ratio));
    CU_ASSERT_TRUE(isnan(ratio_of(twos, 2, with_zero, 2).ratio));
}

static void
add_flat_run(struct result *result, const char *workload, uint64_t count, uint64_t ns)
{
    struct result_run *run = result_add_run(result, workload, 0);
    const uint32_t get = result_run_operation(run, "get");

    for (uint64_t i = 0; i < count; i++)
        result_run_record(run, get, ns);
    result_run_end(run, 1000000000);
}

/* Method: two results with three runs each, one of them not valid, and a workload that only one
 * has. */
static void
a_comparison_says_what_is_better(void)
{
    struct result a = {0}, b = {0};
    const struct result *const both[] = {&a, &b};
    const char *const names[] = {"a.json", "b.json"};
    char *text = NULL;
    size_t size;
    FILE *target = open_memstream(&text, &size);

    result_set(&a, "connections", "50");
    result_set(&b, "connections", "100");
    for (uint64_t i = 0; i < 3; i++) {
        add_flat_run(&a, "set", 1000 + i, 2000 - i);
        add_flat_run(&b, "set", 2000 + i, 1000 - i);
    }
    add_flat_run(&b, "set", 7, 100000000);
    result_run_mark_invalid(b.runs[3], "late");
    add_flat_run(&b, "other", 1, 1);
    CU_ASSERT_EQUAL(compare_print(target, both, names, 2), KV_OK);
    (void)fclose(target);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "connections: 50 in a, 100 in b"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "3 against 3 valid runs"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "1,001        2,001    1.999"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "better"));
    CU_ASSERT_PTR_NULL(strstr(text, "worse\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "other"));
    free(text);
    log_set_sink(keep_line, NULL);
    result_deinit(&a);
    CU_ASSERT_EQUAL(compare_print(stdout, both, names, 2), KV_INVALID);
    log_set_sink(NULL, NULL);
    result_deinit(&b);
}

/* What a terminal of 41 columns gets, as text. */
static void
read_terminal(int master, char *text, size_t size)
{
    const ssize_t got = read(master, text, size - 1);

    CU_ASSERT_TRUE_FATAL(got > 0);
    text[got] = '\0';
}

/* Method: a pseudo-terminal, a run in its second second; then a file. */
static void
progress_is_one_line_of_a_terminal(void)
{
    const struct winsize size = {.ws_row = 10, .ws_col = 41};
    struct result result = {0};
    struct result_run *run = result_add_run(&result, "ycsb-a", 0);
    const uint32_t get = result_run_operation(run, "get");
    struct progress progress;
    char text[500];
    int master, slave;
    FILE *target;

    CU_ASSERT_EQUAL_FATAL(openpty(&master, &slave, NULL, NULL, &size), 0);
    target = fdopen(slave, "w");
    progress_init(&progress, target);
    CU_ASSERT_TRUE(progress.is_terminal);
    progress_show(&progress, run, 0, 0, NULL); /* nothing is known yet */
    result_run_record(run, get, 1500);
    result_run_record_error(run, get, slice_from_text("ERR"));
    result_run_note_stall(run, 20000);
    CU_ASSERT_TRUE(result_run_advance(run, 1500000000));
    progress_show(&progress, run, UINT64_C(60000000000), 0, "and more that does not fit");
    read_terminal(master, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "\rycsb-a 1 s of 60 | 1 ops/s | p99 1.50 us\033[K");
    progress_clear(&progress);
    read_terminal(master, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "\r\033[K");
    (void)fclose(target);
    (void)close(master);
    target = fopen("/dev/null", "w");
    progress_init(&progress, target);
    CU_ASSERT_FALSE(progress.is_terminal);
    progress_show(&progress, run, 0, 100, NULL);
    CU_ASSERT_FALSE(progress.is_shown);
    (void)fclose(target);
    result_deinit(&result);
}

static const struct unit_test tests[] = {
    UNIT_TEST(json_comes_back_as_it_was),
    UNIT_TEST(damaged_documents_are_refused),
    UNIT_TEST(the_fault_is_named),
    UNIT_TEST(intervals_cover_the_truth_as_often_as_they_say),
    UNIT_TEST(a_ratio_needs_values_and_an_interval_needs_repeats),
    UNIT_TEST(a_comparison_says_what_is_better),
    UNIT_TEST(progress_is_one_line_of_a_terminal),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("kvbench reports", tests, argc, argv);
}
