/* Goal: what is found is a longest common subsequence, in runs that are really the same, however
 * the work is cut into pieces. */
#include <CUnit/Basic.h>

#include <string.h>

#include "base/random.h"
#include "daemon/common_subsequence.h"
#include "support/unit.h"

enum { SIZE_MAX_HERE = 60 };

/* The textbook's table, all of it. */
static uint32_t
longest(struct slice a, struct slice b)
{
    static uint32_t table[SIZE_MAX_HERE + 1][SIZE_MAX_HERE + 1];

    memset(table, 0, sizeof(table));
    for (size_t i = 1; i <= a.size; i++) {
        for (size_t j = 1; j <= b.size; j++) {
            const uint32_t up = table[i - 1][j], left = table[i][j - 1];

            table[i][j] = a.data[i - 1] == b.data[j - 1] ? table[i - 1][j - 1] + 1
                          : up > left                    ? up
                                                         : left;
        }
    }
    return table[a.size][b.size];
}

static void
check(struct slice a, struct slice b, uint64_t piece)
{
    struct common_subsequence work;
    struct common_path path;
    struct common_run run;
    uint32_t total = 0, a_end = UINT32_MAX, b_end = UINT32_MAX;

    common_subsequence_init(&work, a, b);
    while (!common_subsequence_advance(&work, piece)) {
    }
    CU_ASSERT_EQUAL(common_subsequence_length(&work), longest(a, b));
    path = common_subsequence_path(&work);
    while (common_path_next(&path, &run)) {
        CU_ASSERT_FATAL(run.size > 0);
        CU_ASSERT_FATAL(a_end == UINT32_MAX || (run.a_first + run.size <= a_end));
        CU_ASSERT_FATAL(b_end == UINT32_MAX || (run.b_first + run.size <= b_end));
        CU_ASSERT_FATAL(run.a_first + run.size <= a.size && run.b_first + run.size <= b.size);
        CU_ASSERT_FATAL(memcmp(a.data + run.a_first, b.data + run.b_first, run.size) == 0);
        a_end = run.a_first;
        b_end = run.b_first;
        total += run.size;
    }
    CU_ASSERT_EQUAL(total, longest(a, b));
    common_subsequence_deinit(&work);
}

/* Method: random strings of few letters against the whole table. */
static void
random_strings_have_it(void)
{
    struct random random;
    uint8_t a[SIZE_MAX_HERE], b[SIZE_MAX_HERE];

    random_init(&random, unit_seed());
    for (int i = 0; i < 3000; i++) {
        const size_t a_size = random_below(&random, SIZE_MAX_HERE + 1);
        const size_t b_size = random_below(&random, SIZE_MAX_HERE + 1);
        const uint64_t letters = 1 + random_below(&random, 8);

        for (size_t k = 0; k < a_size; k++)
            a[k] = (uint8_t)('a' + random_below(&random, letters));
        for (size_t k = 0; k < b_size; k++)
            b[k] = (uint8_t)('a' + random_below(&random, letters));
        check(slice_of(a, a_size), slice_of(b, b_size), 1 + random_below(&random, 500));
    }
}

/* Method: none, one and both empty, and equal ones. */
static void
edges_have_it(void)
{
    check(slice_of(NULL, 0), slice_of(NULL, 0), 1);
    check(slice_of(NULL, 0), slice_of("abc", 3), 1);
    check(slice_of("abc", 3), slice_of(NULL, 0), 1);
    check(slice_of("abc", 3), slice_of("abc", 3), 1);
    check(slice_of("a", 1), slice_of("b", 1), UINT64_MAX);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(random_strings_have_it),
        UNIT_TEST(edges_have_it),
        UNIT_TEST_END,
    };

    return unit_main("daemon_common_subsequence", tests, argc, argv);
}
