/* Goal: no number that a failed log took back is ever told as written, however often it fails. */
#include <CUnit/Basic.h>

#include "daemon/command_durability.h"
#include "support/unit.h"

/* Method: three failures, the second without a durable write since the first. */
static void
ranges_are_what_was_taken_back(void)
{
    struct lost_sequences lost = {0};

    CU_ASSERT_FALSE(lost_sequences_has(&lost, 0));
    lost_sequences_add(&lost, 11, 15);
    lost_sequences_add(&lost, 11, 17);
    lost_sequences_add(&lost, 11, 17);
    CU_ASSERT_EQUAL(lost.count, 1);
    lost_sequences_add(&lost, 20, 20);
    CU_ASSERT_EQUAL(lost.count, 2);
    for (uint64_t seq = 0; seq < 30; seq++)
        CU_ASSERT_EQUAL(lost_sequences_has(&lost, seq), (seq >= 11 && seq <= 17) || seq == 20);
}

/* Method: many more failures than are kept: each lost number is known, and of the newest the rest
 * as well. */
static void
the_oldest_become_one(void)
{
    enum { FAILURE_COUNT = 10 * LOST_RANGE_COUNT_MAX };
    struct lost_sequences lost = {0};

    for (uint64_t i = 0; i < FAILURE_COUNT; i++)
        lost_sequences_add(&lost, 10 * i + 5, 10 * i + 9);
    CU_ASSERT_EQUAL(lost.count, LOST_RANGE_COUNT_MAX);
    for (uint64_t i = 0; i < FAILURE_COUNT; i++) {
        const bool is_new = i + LOST_RANGE_COUNT_MAX > FAILURE_COUNT;

        CU_ASSERT_TRUE(lost_sequences_has(&lost, 10 * i + 5));
        CU_ASSERT_TRUE(lost_sequences_has(&lost, 10 * i + 9));
        CU_ASSERT_EQUAL(lost_sequences_has(&lost, 10 * i + 4), i > 0 && !is_new);
    }
    CU_ASSERT_FALSE(lost_sequences_has(&lost, 0));
    CU_ASSERT_FALSE(lost_sequences_has(&lost, 10 * FAILURE_COUNT));
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(ranges_are_what_was_taken_back),
        UNIT_TEST(the_oldest_become_one),
        UNIT_TEST_END,
    };

    return unit_main("daemon_lost_sequences", tests, argc, argv);
}
