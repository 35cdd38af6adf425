/* Goal: latencies are counted right, whatever they are, and a result holds what was recorded. */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/random.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/report_text.h"
#include "cli/kvbench/statistics.h"
#include "support/unit.h"

/* Method: each bucket begins where the one before ends, and its first and last value go there. */
static void
buckets_cover_everything_once(void)
{
    uint64_t next_ns = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKET_COUNT; i++) {
        const uint64_t low = histogram_bucket_low_ns(i), width = histogram_bucket_width_ns(i);

        CU_ASSERT_EQUAL_FATAL(low, next_ns);
        CU_ASSERT_EQUAL_FATAL(histogram_bucket_of(low), i);
        CU_ASSERT_EQUAL_FATAL(histogram_bucket_of(low + width - 1), i);
        CU_ASSERT_TRUE_FATAL(width == 1 || width * 1000 <= low);
        next_ns = low + width;
    }
    CU_ASSERT_TRUE(next_ns > HISTOGRAM_NS_MAX);
}

static int
compare_values(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Latencies as they are: log-uniform over many powers of two, many equal ones. */
static uint64_t
draw_latency(struct random *random, unsigned bits)
{
    return random_next(random) >> (64 - 1 - random_below(random, bits));
}

/* Method: percentiles of random values of many magnitudes against the sorted values. */
static void
percentiles_agree_with_sorted_values(void)
{
    enum { VALUE_COUNT = 20000 };
    struct histogram *histogram = kv_alloc_zero(sizeof(*histogram));
    uint64_t *values = kv_alloc(VALUE_COUNT * sizeof(values[0]));
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned bits = 1; bits <= 39; bits += 2) {
        double sum = 0.0;

        histogram_clear(histogram);
        for (uint32_t i = 0; i < VALUE_COUNT; i++) {
            values[i] = draw_latency(&random, bits);
            sum += (double)values[i];
            histogram_record(histogram, values[i]);
        }
        qsort(values, VALUE_COUNT, sizeof(values[0]), compare_values);
        for (double percent = 0.0; percent <= 100.0; percent += 0.01) {
            const double rank = ceil(percent / 100.0 * VALUE_COUNT);
            const size_t at = rank < 1.0 ? 0 : (size_t)rank - 1;
            const double exact = (double)values[at < VALUE_COUNT ? at : VALUE_COUNT - 1];
            const double found = (double)histogram_percentile_ns(histogram, percent);

            CU_ASSERT_TRUE_FATAL(fabs(found - exact) <= exact * 0.0005);
        }
        CU_ASSERT_EQUAL(histogram->min_ns, values[0]);
        CU_ASSERT_EQUAL(histogram->max_ns, values[VALUE_COUNT - 1]);
        CU_ASSERT_DOUBLE_EQUAL(histogram_mean_ns(histogram), sum / VALUE_COUNT, 1e-6 * sum);
    }
    free(values);
    free(histogram);
}

/* Method: what is empty is 0; too long counts as the longest; one value is all percentiles. */
static void
extremes_are_clamped(void)
{
    struct histogram *histogram = kv_alloc_zero(sizeof(*histogram));

    CU_ASSERT_EQUAL(histogram_percentile_ns(histogram, 99.0), 0);
    CU_ASSERT_EQUAL(histogram_mean_ns(histogram), 0.0);
    histogram_record(histogram, UINT64_MAX);
    CU_ASSERT_EQUAL(histogram->max_ns, HISTOGRAM_NS_MAX);
    CU_ASSERT_EQUAL(histogram_percentile_ns(histogram, 50.0), HISTOGRAM_NS_MAX);
    histogram_clear(histogram);
    histogram_record(histogram, 123456789);
    for (double percent = 0.0; percent <= 100.0; percent += 12.5)
        CU_ASSERT_EQUAL(histogram_percentile_ns(histogram, percent), 123456789);
    free(histogram);
}

/* Method: values over two histograms, merged, against all of them in one. */
static void
merging_is_counting_together(void)
{
    struct histogram *parts = kv_alloc_zero(3 * sizeof(parts[0]));
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < 10000; i++) {
        const uint64_t ns = draw_latency(&random, 39);

        histogram_record(&parts[random_below(&random, 2)], ns);
        histogram_record(&parts[2], ns);
    }
    histogram_merge(&parts[0], &parts[1]);
    CU_ASSERT_DOUBLE_EQUAL(parts[0].sum_ns, parts[2].sum_ns, 1e-9 * parts[2].sum_ns);
    parts[0].sum_ns = parts[2].sum_ns;
    CU_ASSERT_EQUAL(memcmp(&parts[0], &parts[2], sizeof(parts[0])), 0);
    histogram_clear(&parts[1]);
    histogram_merge(&parts[0], &parts[1]);
    CU_ASSERT_EQUAL(memcmp(&parts[0], &parts[2], sizeof(parts[0])), 0);
    free(parts);
}

/* Method: seconds that end one by one, several at once, with an operation that comes later. */
static void
a_run_has_a_line_for_each_second(void)
{
    struct result result = {0};
    struct result_run *run = result_add_run(&result, "mixed", 1);
    const uint32_t get = result_run_operation(run, "get");
    uint32_t set;

    result_run_record(run, get, 100);
    CU_ASSERT_FALSE(result_run_advance(run, 999999999));
    CU_ASSERT_TRUE(result_run_advance(run, 1000000000));
    set = result_run_operation(run, "set");
    CU_ASSERT_EQUAL(result_run_operation(run, "get"), get);
    result_run_record(run, set, 300);
    result_run_record_error(run, set, slice_from_text("ERR full\r\nmore"));
    result_run_note_stall(run, 1500);
    CU_ASSERT_TRUE(result_run_advance(run, UINT64_C(4000000000)));
    result_run_record(run, get, 500);
    result_run_end(run, UINT64_C(4500000000));
    CU_ASSERT_EQUAL_FATAL(run->second_count, 4);
    CU_ASSERT_EQUAL(run->operations[get].seconds[0].count, 1);
    CU_ASSERT_EQUAL(run->operations[get].seconds[0].max_ns, 100);
    CU_ASSERT_EQUAL(run->operations[set].seconds[0].count, 0);
    CU_ASSERT_EQUAL(run->operations[set].seconds[1].count, 1);
    CU_ASSERT_EQUAL(run->operations[set].seconds[1].error_count, 1);
    CU_ASSERT_EQUAL(run->stalls_us[1], 1500);
    CU_ASSERT_EQUAL(run->operations[set].seconds[2].count, 0);
    CU_ASSERT_EQUAL(result_run_count(run), 3);
    CU_ASSERT_EQUAL(result_run_error_count(run), 1);
    CU_ASSERT_STRING_EQUAL(run->operations[set].errors[0].text, "ERR full");
    CU_ASSERT_DOUBLE_EQUAL(result_run_rate(run, 9), 2.0, 1e-9);
    result_deinit(&result);
}

/* Method: more error texts than there is room for, bytes that are no text, a text that is cut in
 * the middle of a character, many seconds. */
static void
what_is_recorded_is_bounded(void)
{
    struct result result = {0};
    struct result_run *run = result_add_run(&result, "bytes \xff\n", 1);
    const uint32_t get = result_run_operation(run, "get");
    char text[400];

    CU_ASSERT_STRING_EQUAL(run->workload, "bytes ??");
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "ERR %d", i);
        result_run_record_error(run, get, slice_from_text(text));
    }
    CU_ASSERT_EQUAL(run->operations[get].error_text_count, RESULT_ERROR_COUNT_MAX);
    CU_ASSERT_EQUAL(run->operations[get].errors[RESULT_ERROR_COUNT_MAX - 1].count,
                    100 - (RESULT_ERROR_COUNT_MAX - 1));
    memset(text, 'a', sizeof(text));
    memcpy(text + RESULT_TEXT_BYTES - 2, "\xc3\xa4", 3);
    result_set(&result, "name", "%s", text);
    CU_ASSERT_EQUAL(strlen(result_setting(&result, "name")), RESULT_TEXT_BYTES - 2);
    for (int i = 0; i < 2 * RESULT_SETTING_COUNT_MAX; i++) {
        (void)snprintf(text, sizeof(text), "setting %d", i);
        result_set(&result, text, "%d", i);
    }
    CU_ASSERT_EQUAL(result.setting_count, RESULT_SETTING_COUNT_MAX);
    CU_ASSERT_TRUE(result_run_advance(run, UINT64_C(1000) * 1000000000));
    CU_ASSERT_EQUAL(run->second_count, 1000);
    result_deinit(&result);
}

static void
numbers_are_readable(void)
{
    static const struct {
        double ns;
        const char *text;
    } cases[] = {{0, "0 ns"},           {999, "999 ns"},   {999.4, "999 ns"}, {999.6, "1.00 us"},
                 {9994, "9.99 us"},     {9996, "10.0 us"}, {99960, "100 us"}, {12345678, "12.3 ms"},
                 {999600000, "1.00 s"}, {1e12, "1000 s"}};
    char text[REPORT_NUMBER_BYTES];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_STRING_EQUAL(report_ns(cases[i].ns, text), cases[i].text);
    CU_ASSERT_STRING_EQUAL(report_count(0, text), "0");
    CU_ASSERT_STRING_EQUAL(report_count(999, text), "999");
    CU_ASSERT_STRING_EQUAL(report_count(1234567.4, text), "1,234,567");
}

/* Method: the values of any table of Student's distribution. */
static void
student_t_is_as_in_the_tables(void)
{
    CU_ASSERT_DOUBLE_EQUAL(student_t_95(1), 12.706, 0.0006);
    CU_ASSERT_DOUBLE_EQUAL(student_t_95(2), 4.303, 0.0006);
    CU_ASSERT_DOUBLE_EQUAL(student_t_95(4), 2.776, 0.0006);
    CU_ASSERT_DOUBLE_EQUAL(student_t_95(9), 2.262, 0.0006);
    CU_ASSERT_DOUBLE_EQUAL(student_t_95(30), 2.042, 0.0006);
    CU_ASSERT_DOUBLE_EQUAL(student_t_95(1e9), 1.960, 0.003);
}

static const struct unit_test tests[] = {
    UNIT_TEST(buckets_cover_everything_once),
    UNIT_TEST(percentiles_agree_with_sorted_values),
    UNIT_TEST(extremes_are_clamped),
    UNIT_TEST(merging_is_counting_together),
    UNIT_TEST(a_run_has_a_line_for_each_second),
    UNIT_TEST(what_is_recorded_is_bounded),
    UNIT_TEST(numbers_are_readable),
    UNIT_TEST(student_t_is_as_in_the_tables),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("kvbench measuring", tests, argc, argv);
}
