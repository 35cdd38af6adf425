/* Goal: no number that a failed log took back is ever told as written, however often it fails, and
 * none that was written as lost. */
#include <CUnit/Basic.h>

#include "daemon/command_durability.h"
#include "support/unit.h"

enum told { KEPT, LOST, PERHAPS };

static enum told
tell(const struct lost_sequences *lost, uint64_t seq)
{
    const struct lost_range *range = lost_sequences_find(lost, seq);

    if (range == NULL)
        return KEPT;
    return range->has_gaps ? PERHAPS : LOST;
}

/* Method: three failures, the second without a durable write since the first. */
static void
ranges_are_what_was_taken_back(void)
{
    struct lost_sequences lost = {0};

    CU_ASSERT_EQUAL(tell(&lost, 0), KEPT);
    lost_sequences_add(&lost, 11, 15);
    lost_sequences_add(&lost, 11, 17);
    lost_sequences_add(&lost, 11, 17);
    CU_ASSERT_EQUAL(lost.count, 1);
    lost_sequences_add(&lost, 20, 20);
    CU_ASSERT_EQUAL(lost.count, 2);
    for (uint64_t seq = 0; seq < 30; seq++)
        CU_ASSERT_EQUAL(tell(&lost, seq), (seq >= 11 && seq <= 17) || seq == 20 ? LOST : KEPT);
}

/* Method: as many failures as are kept, and many more: each lost number is known, of the oldest it
 * is said that they may be, and of the newest the rest is known as well. */
static void
the_oldest_become_one(void)
{
    enum { FAILURE_COUNT = 10 * LOST_RANGE_COUNT_MAX };
    struct lost_sequences lost = {0};

    for (uint64_t i = 0; i < FAILURE_COUNT; i++) {
        if (i == LOST_RANGE_COUNT_MAX)
            CU_ASSERT_EQUAL(tell(&lost, 5), LOST);
        lost_sequences_add(&lost, 10 * i + 5, 10 * i + 9);
    }
    CU_ASSERT_EQUAL(lost.count, LOST_RANGE_COUNT_MAX);
    for (uint64_t i = 0; i < FAILURE_COUNT; i++) {
        const bool is_own = i + LOST_RANGE_COUNT_MAX > FAILURE_COUNT; /* is it a range of its own */

        CU_ASSERT_EQUAL(tell(&lost, 10 * i + 5), is_own ? LOST : PERHAPS);
        CU_ASSERT_EQUAL(tell(&lost, 10 * i + 9), is_own ? LOST : PERHAPS);
        CU_ASSERT_EQUAL(tell(&lost, 10 * i + 4), i == 0 || is_own ? KEPT : PERHAPS);
    }
    CU_ASSERT_EQUAL(tell(&lost, 0), KEPT);
    CU_ASSERT_EQUAL(tell(&lost, 10 * FAILURE_COUNT), KEPT);
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
