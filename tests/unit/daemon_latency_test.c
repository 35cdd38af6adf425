/* Goal: histograms count each time once, within a sixteenth of it; samples are a second's longest,
 * and the latest ones only. */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "daemon/server.h"
#include "support/unit.h"

/* Method: single times over all powers of two, each in a histogram of its own. */
static void
a_time_is_found_where_it_is(void)
{
    for (uint64_t power = 0; power < 30; power++) {
        for (uint64_t offset = 0; offset < 3; offset++) {
            const uint64_t us = (UINT64_C(1) << power) + offset * (UINT64_C(1) << power) / 3;
            struct latency_histogram *histogram = NULL;
            uint64_t told;

            latency_histogram_add(&histogram, us);
            told = latency_histogram_at(histogram, 0.5);
            CU_ASSERT_TRUE(told >= us && told - us <= us / 16);
            CU_ASSERT_EQUAL(latency_histogram_below(histogram, us), 1);
            CU_ASSERT_EQUAL(latency_histogram_below(histogram, us - us / 8 - 1), 0);
            free(histogram);
        }
    }
}

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Method: random times, the percentiles compared with those of the sorted list. */
static void
percentiles_are_those_of_the_list(void)
{
    enum { TIME_COUNT = 5000 };
    static const double shares[] = {0.0, 0.1, 0.5, 0.99, 0.999, 1.0};
    struct random random;
    struct latency_histogram *histogram = NULL;
    static uint64_t times[TIME_COUNT];

    random_init(&random, unit_seed());
    for (int i = 0; i < TIME_COUNT; i++) {
        times[i] = random_next(&random) >> (40 + random_next(&random) % 20);
        latency_histogram_add(&histogram, times[i]);
    }
    qsort(times, TIME_COUNT, sizeof(times[0]), compare_numbers);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        const double at = shares[i] * TIME_COUNT;
        const uint64_t exact = times[at < 1 ? 0 : (size_t)at - 1];
        const uint64_t told = latency_histogram_at(histogram, shares[i]);

        CU_ASSERT_TRUE(told + told / 16 + 1 >= exact && told <= exact + exact / 8 + 1);
    }
    CU_ASSERT_EQUAL(latency_histogram_below(histogram, UINT64_MAX), TIME_COUNT);
    latency_histogram_add(&histogram, UINT64_MAX);
    CU_ASSERT_EQUAL(latency_histogram_at(histogram, 1.0), LATENCY_US_MAX);
    free(histogram);
}

static uint64_t wall_us;

static uint64_t
tell_wall_us(struct io *io)
{
    (void)io;
    return wall_us;
}

/* Method: more seconds than a ring holds, several samples in each, over and under the threshold. */
static void
samples_are_the_longest_of_a_second(void)
{
    static const struct io_ops ops = {.wall_us = tell_wall_us};
    struct io io = {.ops = &ops};
    struct server *server = calloc(1, sizeof(*server));
    struct latency_series *series = &server->latency.series[LATENCY_COMMAND];
    struct buffer picture = {0};

    server->io = &io;
    wall_us = 1000000;
    latency_note(server, LATENCY_COMMAND, 5000000);
    CU_ASSERT_EQUAL(latency_count(series), 0); /* no threshold */
    server->config.latency_threshold_us = 1000;
    for (uint64_t second = 1; second <= 1000; second++) {
        wall_us = second * 1000000;
        latency_note(server, LATENCY_COMMAND, second * 1000);
        latency_note(server, LATENCY_COMMAND, second * 2000);
        latency_note(server, LATENCY_COMMAND, second * 1500);
        latency_note(server, LATENCY_COMMAND, 999);
    }
    CU_ASSERT_EQUAL(latency_count(series), LATENCY_SAMPLE_COUNT);
    CU_ASSERT_EQUAL(series->ms_max, 2000);
    for (uint32_t i = 0; i < LATENCY_SAMPLE_COUNT; i++) {
        CU_ASSERT_EQUAL(latency_at(series, i)->wall_s, 1000 - LATENCY_SAMPLE_COUNT + 1 + i);
        CU_ASSERT_EQUAL(latency_at(series, i)->ms, 2 * latency_at(series, i)->wall_s);
    }
    latency_draw(series, LATENCY_COMMAND, 1000, &picture);
    CU_ASSERT_PTR_NOT_NULL(memmem(picture.data, picture.size, "command - high 2000 ms", 22));
    CU_ASSERT_TRUE(latency_reset(series));
    CU_ASSERT_FALSE(latency_reset(series));
    buffer_deinit(&picture);
    free(server);
}

/* Method: samples ten seconds apart, then the clock is put back by an hour, and goes on. */
static void
a_clock_that_is_put_back_does_no_harm(void)
{
    static const struct io_ops ops = {.wall_us = tell_wall_us};
    static const uint64_t seconds[] = {5000, 5010, 5020, 1400, 1410, 1420};
    struct io io = {.ops = &ops};
    struct server *server = calloc(1, sizeof(*server));
    struct latency_series *series = &server->latency.series[LATENCY_COMMAND];
    struct buffer picture = {0};

    server->io = &io;
    server->config.latency_threshold_us = 1;
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        wall_us = seconds[i] * 1000000;
        latency_note(server, LATENCY_COMMAND, 3000);
        CU_ASSERT_EQUAL(latency_count(series), i + 1);
        CU_ASSERT_EQUAL(latency_interval_s(series), i == 0 ? 0 : 10);
        latency_draw(series, LATENCY_COMMAND, seconds[i], &picture);
    }
    CU_ASSERT_EQUAL(latency_at(series, 5)->wall_s, 1420);
    buffer_deinit(&picture);
    free(server);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_time_is_found_where_it_is),
        UNIT_TEST(percentiles_are_those_of_the_list),
        UNIT_TEST(samples_are_the_longest_of_a_second),
        UNIT_TEST(a_clock_that_is_put_back_does_no_harm),
        UNIT_TEST_END,
    };

    return unit_main("daemon_latency", tests, argc, argv);
}
