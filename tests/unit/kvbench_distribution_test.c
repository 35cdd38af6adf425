/* Goal: keys and sizes are drawn as often as their distributions say. */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/kvbench/key_chooser.h"
#include "cli/kvbench/number.h"
#include "cli/kvbench/value_sizes.h"
#include "support/unit.h"

enum { DRAW_COUNT = 400000, SEED = 20240607 };

static double
zeta_term_by_term(uint64_t count, double theta)
{
    double sum = 0;

    for (uint64_t i = count; i > 0; i--)
        sum += pow((double)i, -theta);
    return sum;
}

/* Method: the formula against the sum, around the number of terms that it sums itself. */
static void
zeta_is_the_sum_of_all_terms(void)
{
    const uint64_t counts[] = {1, 2, 3, 255, 256, 257, 1000, 100000, 3000000};
    const double thetas[] = {0.01, 0.5, 0.99, 0.999};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (size_t j = 0; j < sizeof(thetas) / sizeof(thetas[0]); j++) {
            const double sum = zeta_term_by_term(counts[i], thetas[j]);

            CU_ASSERT_DOUBLE_EQUAL(zipf_zeta(counts[i], thetas[j]) / sum, 1, 1e-11);
        }
    }
}

/* Method: the observed share of the first ranks and of the first tenth, against the law.  Gray's
 * method is exact for the first two ranks and close for the others. */
static void
zipf_draws_the_ranks_by_the_law(void)
{
    enum { RANK_COUNT = 1000 };
    static uint32_t seen[RANK_COUNT];
    struct random random;
    struct zipf zipf;
    double tenth = 0, tenth_by_law = 0;

    random_init(&random, SEED);
    zipf_init(&zipf, RANK_COUNT, 0.99);
    for (uint32_t i = 0; i < DRAW_COUNT; i++) {
        const uint64_t rank = zipf_next(&zipf, &random);

        CU_ASSERT_TRUE_FATAL(rank < RANK_COUNT);
        seen[rank]++;
    }
    for (uint32_t rank = 0; rank < RANK_COUNT / 10; rank++) {
        tenth += seen[rank];
        tenth_by_law += pow(rank + 1.0, -0.99) / zipf.zeta;
    }
    CU_ASSERT_DOUBLE_EQUAL(seen[0] / (double)DRAW_COUNT, 1 / zipf.zeta, 0.003);
    CU_ASSERT_DOUBLE_EQUAL(seen[1] / (double)DRAW_COUNT, pow(2, -0.99) / zipf.zeta, 0.003);
    CU_ASSERT_DOUBLE_EQUAL(tenth / DRAW_COUNT, tenth_by_law, 0.02);
}

/* Method: one by one and in a leap, against a start at the end. */
static void
zipf_grows_as_if_it_had_been_so_big(void)
{
    struct zipf grown, big;

    zipf_init(&grown, 1, 0.8);
    for (uint64_t count = 2; count <= 5000; count++)
        zipf_grow(&grown, count);
    zipf_grow(&grown, 90000);
    zipf_init(&big, 90000, 0.8);
    CU_ASSERT_DOUBLE_EQUAL(grown.zeta / big.zeta, 1, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(grown.eta / big.eta, 1, 1e-9);
}

/* Method: a milliard ranks; a sum over all of them would take longer than the test may. */
static void
zipf_over_a_milliard_ranks_starts_at_once(void)
{
    struct random random;
    struct zipf zipf;

    random_init(&random, SEED);
    zipf_init(&zipf, 1000000000, 0.99);
    for (uint32_t i = 0; i < 1000; i++)
        CU_ASSERT_TRUE(zipf_next(&zipf, &random) < 1000000000);
}

/* Method: sizes around the squares; each number comes out exactly once. */
static void
a_permutation_has_every_number_once(void)
{
    const uint32_t counts[] = {1, 2, 3, 4, 5, 15, 16, 17, 1000, 4096, 4097, 65537};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint8_t *seen = kv_alloc_zero(counts[i]);
        struct permutation permutation;

        permutation_init(&permutation, counts[i]);
        for (uint32_t j = 0; j < counts[i]; j++) {
            const uint64_t at = permutation_at(&permutation, j);

            CU_ASSERT_TRUE_FATAL(at < counts[i]);
            CU_ASSERT_EQUAL(seen[at]++, 0);
        }
        free(seen);
    }
}

/* Method: the hundred most popular of 10,000 keys should lie as anywhere else: in each tenth of
 * them about ten. */
static void
popular_keys_are_no_neighbours(void)
{
    uint32_t tenths[10] = {0};
    struct permutation permutation;

    permutation_init(&permutation, 10000);
    for (uint32_t rank = 0; rank < 100; rank++)
        tenths[permutation_at(&permutation, rank) / 1000]++;
    for (uint32_t i = 0; i < 10; i++)
        CU_ASSERT_TRUE(tenths[i] >= 2 && tenths[i] <= 22);
}

static uint32_t *
draw(enum distribution distribution, uint32_t count)
{
    const struct key_chooser_options options = {
        .distribution = distribution, .theta = 0.99, .hot_keys = 0.2, .hot_ops = 0.8};
    uint32_t *seen = kv_alloc_zero(count * sizeof(*seen));
    struct key_chooser chooser;
    struct random random;

    random_init(&random, SEED);
    key_chooser_init(&chooser, &options, count);
    for (uint32_t i = 0; i < DRAW_COUNT; i++) {
        const uint64_t key = key_chooser_next(&chooser, &random);

        CU_ASSERT_TRUE_FATAL(key < count);
        seen[key]++;
    }
    return seen;
}

static int
more_first(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left < right) - (left > right);
}

/* Method: chi-square over 1,000 keys: 999 degrees of freedom, 1,143 is the 99.9th percentile. */
static void
uniform_draws_all_keys_alike(void)
{
    uint32_t *seen = draw(DISTRIBUTION_UNIFORM, 1000);
    double sum = 0;

    for (uint32_t i = 0; i < 1000; i++)
        sum += pow(seen[i] - DRAW_COUNT / 1000.0, 2) / (DRAW_COUNT / 1000.0);
    CU_ASSERT_TRUE(sum < 1143);
    free(seen);
}

/* Method: the fifth of the keys that is drawn most must have four fifths of the draws; within it,
 * and without, all are alike. */
static void
a_hotspot_has_its_share(void)
{
    uint32_t *seen = draw(DISTRIBUTION_HOTSPOT, 1000);
    double hot = 0;

    qsort(seen, 1000, sizeof(*seen), more_first);
    for (uint32_t i = 0; i < 200; i++)
        hot += seen[i];
    CU_ASSERT_DOUBLE_EQUAL(hot / DRAW_COUNT, 0.8, 0.005);
    CU_ASSERT_TRUE(seen[0] < 1600 * 1.2 && seen[199] > 1600 * 0.8);
    CU_ASSERT_TRUE(seen[200] < 100 * 1.5 && seen[999] > 100 * 0.5);
    free(seen);
}

/* Method: the newest key is the first rank; and after growth it is another one. */
static void
latest_prefers_the_newest_keys(void)
{
    const struct key_chooser_options options = {.distribution = DISTRIBUTION_LATEST, .theta = 0.99};
    uint32_t *seen = draw(DISTRIBUTION_LATEST, 1000), newest = 0;
    struct key_chooser chooser;
    struct random random;

    CU_ASSERT_DOUBLE_EQUAL(seen[999] / (double)DRAW_COUNT, 1 / zipf_zeta(1000, 0.99), 0.003);
    CU_ASSERT_TRUE(seen[999] > seen[998] && seen[998] > seen[900] && seen[900] > seen[0]);
    random_init(&random, SEED);
    key_chooser_init(&chooser, &options, 1000);
    key_chooser_grow(&chooser, 2000);
    for (uint32_t i = 0; i < 10000; i++)
        newest += key_chooser_next(&chooser, &random) == 1999;
    CU_ASSERT_DOUBLE_EQUAL(newest / 10000.0, 1 / zipf_zeta(2000, 0.99), 0.015);
    free(seen);
}

static void
zipfian_has_the_law_on_scattered_keys(void)
{
    uint32_t *seen = draw(DISTRIBUTION_ZIPFIAN, 1000);

    CU_ASSERT_TRUE(seen[0] < DRAW_COUNT / 10);
    qsort(seen, 1000, sizeof(*seen), more_first);
    CU_ASSERT_DOUBLE_EQUAL(seen[0] / (double)DRAW_COUNT, 1 / zipf_zeta(1000, 0.99), 0.003);
    free(seen);
}

static void
sequential_goes_round(void)
{
    uint32_t *seen = draw(DISTRIBUTION_SEQUENTIAL, 1000);

    for (uint32_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(seen[i], DRAW_COUNT / 1000);
    free(seen);
}

/* Method: shares of a list with weights, the bounds of a range, and texts that are refused. */
static void
value_sizes_follow_their_text(void)
{
    const char *const bad[] = {"",   "x",  "1-", "5-4",   "1:",   "1:0",  "1,",
                               ",1", "1 ", "-1", "1:2:3", "600m", "1--2", "99999999999999999999"};
    struct value_sizes sizes;
    struct random random;
    uint32_t small = 0;

    random_init(&random, SEED);
    CU_ASSERT_TRUE(value_sizes_parse(&sizes, "64:80,1024-2048:20"));
    CU_ASSERT_EQUAL(value_sizes_min(&sizes), 64);
    CU_ASSERT_EQUAL(value_sizes_max(&sizes), 2048);
    for (uint32_t i = 0; i < DRAW_COUNT; i++) {
        const uint32_t size = value_sizes_next(&sizes, &random);

        CU_ASSERT_TRUE_FATAL(size == 64 || (size >= 1024 && size <= 2048));
        small += size == 64;
    }
    CU_ASSERT_DOUBLE_EQUAL(small / (double)DRAW_COUNT, 0.8, 0.005);
    CU_ASSERT_TRUE(value_sizes_parse(&sizes, "4k"));
    CU_ASSERT_EQUAL(value_sizes_next(&sizes, &random), 4000);
    CU_ASSERT_TRUE(value_sizes_parse(&sizes, "0"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(value_sizes_parse(&sizes, bad[i]));
}

static void
numbers_have_units_and_bounds(void)
{
    uint64_t value = 7;
    double fraction = 7;

    CU_ASSERT_TRUE(number_parse("12m", UINT64_MAX, &value) && value == 12000000);
    CU_ASSERT_TRUE(number_parse("18446744073709551615", UINT64_MAX, &value));
    CU_ASSERT_FALSE(number_parse("18446744073709551616", UINT64_MAX, &value));
    CU_ASSERT_FALSE(number_parse("18446744073709551615k", UINT64_MAX, &value));
    CU_ASSERT_FALSE(number_parse("11", 10, &value));
    CU_ASSERT_FALSE(number_parse("1x", 10, &value));
    CU_ASSERT_FALSE(number_parse("", 10, &value));
    CU_ASSERT_TRUE(fraction_parse("0.25", 0, 1, &fraction) && fraction == 0.25);
    CU_ASSERT_FALSE(fraction_parse("nan", 0, 1, &fraction));
    CU_ASSERT_FALSE(fraction_parse("1.5", 0, 1, &fraction));
    CU_ASSERT_FALSE(fraction_parse("", 0, 1, &fraction));
}

int
main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        UNIT_TEST(zeta_is_the_sum_of_all_terms),
        UNIT_TEST(zipf_draws_the_ranks_by_the_law),
        UNIT_TEST(zipf_grows_as_if_it_had_been_so_big),
        UNIT_TEST(zipf_over_a_milliard_ranks_starts_at_once),
        UNIT_TEST(a_permutation_has_every_number_once),
        UNIT_TEST(popular_keys_are_no_neighbours),
        UNIT_TEST(uniform_draws_all_keys_alike),
        UNIT_TEST(a_hotspot_has_its_share),
        UNIT_TEST(latest_prefers_the_newest_keys),
        UNIT_TEST(zipfian_has_the_law_on_scattered_keys),
        UNIT_TEST(sequential_goes_round),
        UNIT_TEST(value_sizes_follow_their_text),
        UNIT_TEST(numbers_have_units_and_bounds),
        UNIT_TEST_END,
    };

    return unit_main("kvbench distributions", tests, argc, argv);
}
