/* Goal: writes are refused while there is still room to flush and to compact, deletions later,
 * what is refused is accepted again by itself, and no size makes the arithmetic go wrong.
 * Method: the pure functions; random sizes up to the largest against the rules as the header has
 * them. */
#include <CUnit/Basic.h>

#include "base/random.h"
#include "db/space_reserve.h"
#include "support/unit.h"

#define MIB UINT64_C(1048576)

static const struct space_need need = {.flush_bytes = 100 * MIB, .step_bytes = 60 * MIB};

/* Goal: each level begins where the header says. */
static void
levels_begin_where_they_should(void)
{
    struct space_reserve reserve;

    space_reserve_init(&reserve);
    CU_ASSERT_EQUAL(reserve.level, SPACE_AMPLE);
    CU_ASSERT_TRUE(space_reserve_room(&reserve) >= UINT64_MAX - 1);
    space_reserve_update(&reserve, 160 * MIB, 1000 * MIB, &need);
    CU_ASSERT_EQUAL(space_reserve_kept_bytes(&reserve), 160 * MIB);
    CU_ASSERT_EQUAL(reserve.level, SPACE_AMPLE);
    space_reserve_update(&reserve, 160 * MIB - 1, 1000 * MIB, &need);
    CU_ASSERT_EQUAL(reserve.level, SPACE_DELETIONS);
    space_reserve_update(&reserve, 100 * MIB, 1000 * MIB, &need);
    CU_ASSERT_EQUAL(reserve.level, SPACE_DELETIONS);
    space_reserve_update(&reserve, 100 * MIB - 1, 1000 * MIB, &need);
    CU_ASSERT_EQUAL(reserve.level, SPACE_FULL);
    space_reserve_update(&reserve, 160 * MIB, 1000 * MIB, &need);
    CU_ASSERT_EQUAL(reserve.level, SPACE_DELETIONS); /* not yet: it would flutter */
    space_reserve_update(&reserve, 171 * MIB, 1000 * MIB, &need);
    CU_ASSERT_EQUAL(reserve.level, SPACE_AMPLE);
}

/* Goal: between two measurements no more is let in than a part of what is not kept. */
static void
writes_are_measured_by_bytes(void)
{
    struct space_reserve reserve;
    uint64_t written = 0;

    space_reserve_init(&reserve);
    CU_ASSERT_TRUE(reserve.budget_bytes == 0 && space_reserve_admits(&reserve, 1));
    space_reserve_update(&reserve, 200 * MIB, 1000 * MIB, &need);
    while (reserve.budget_bytes >= MIB) {
        CU_ASSERT_TRUE_FATAL(space_reserve_admits(&reserve, MIB));
        space_reserve_charge(&reserve, MIB);
        written += MIB;
    }
    CU_ASSERT_EQUAL(written, 10 * MIB);
    CU_ASSERT_TRUE(space_reserve_admits(&reserve, 40 * MIB));
    CU_ASSERT_FALSE(space_reserve_admits(&reserve, 41 * MIB));
    space_reserve_charge(&reserve, UINT64_MAX);
    CU_ASSERT_EQUAL(reserve.budget_bytes, 0);
}

/* Goal: a compaction starts only beside what flushes and other compactions need; one that doesn't
 * fit is tried ever more seldom, and at once after a success. */
static void
compactions_start_if_they_can_end(void)
{
    struct space_reserve reserve;
    struct space_need running = need;
    uint64_t now_us = 5000000;

    space_reserve_init(&reserve);
    running.running_bytes = 30 * MIB;
    space_reserve_update(&reserve, 200 * MIB, 1000 * MIB, &running);
    CU_ASSERT_TRUE(space_reserve_room(&reserve) >= 10 * MIB);
    CU_ASSERT_FALSE(space_reserve_room(&reserve) >= 10 * MIB + 1);
    CU_ASSERT_FALSE(space_reserve_may_probe(&reserve, now_us)); /* another one runs */
    space_reserve_update(&reserve, 200 * MIB, 1000 * MIB, &need);
    CU_ASSERT_TRUE(space_reserve_room(&reserve) >= 100 * MIB);
    CU_ASSERT_FALSE(space_reserve_room(&reserve) >= 100 * MIB + 1);
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(space_reserve_may_probe(&reserve, now_us));
        space_reserve_probed(&reserve, now_us);
        CU_ASSERT_FALSE(space_reserve_may_probe(&reserve, now_us));
        now_us = reserve.probe_us;
    }
    CU_ASSERT_EQUAL(reserve.probe_delay_us, SPACE_PROBE_US_MAX);
    space_reserve_probed(&reserve, now_us);
    space_reserve_compacted(&reserve);
    CU_ASSERT_TRUE(space_reserve_may_probe(&reserve, now_us));
    running.running_bytes = 90 * MIB; /* more than a step: then that is kept */
    space_reserve_update(&reserve, 200 * MIB, 1000 * MIB, &running);
    CU_ASSERT_EQUAL(space_reserve_kept_bytes(&reserve), 190 * MIB);
}

static void
a_step_suits_the_tree_and_the_disk(void)
{
    CU_ASSERT_EQUAL(space_step_bytes(0, 0, 64 * MIB, 1000 * MIB), 0);
    CU_ASSERT_EQUAL(space_step_bytes(50 * MIB, 10 * MIB, 64 * MIB, 1000 * MIB), 50 * MIB);
    CU_ASSERT_EQUAL(space_step_bytes(5000 * MIB, 100 * MIB, 64 * MIB, 10000 * MIB), 356 * MIB);
    CU_ASSERT_EQUAL(space_step_bytes(5000 * MIB, 100 * MIB, 64 * MIB, 800 * MIB), 100 * MIB);
    CU_ASSERT_EQUAL(space_step_bytes(UINT64_MAX, 0, UINT64_MAX, UINT64_MAX), UINT64_MAX / 8);
}

static uint64_t
any_size(struct random *random)
{
    return random_next(random) >> random_below(random, 64);
}

/* Goal: with any sizes the levels are in order, and a write that is let in leaves the flushes'. */
static void
any_sizes(void)
{
    struct random random;
    struct space_reserve reserve;

    random_init(&random, unit_seed());
    space_reserve_init(&reserve);
    for (int i = 0; i < 100000; i++) {
        const uint64_t free_bytes = any_size(&random), bytes = any_size(&random);
        const struct space_need any = {.flush_bytes = any_size(&random),
                                       .step_bytes = any_size(&random),
                                       .running_bytes = any_size(&random)};

        space_reserve_update(&reserve, free_bytes, any_size(&random), &any);
        if (reserve.level == SPACE_AMPLE)
            CU_ASSERT_TRUE(free_bytes >= space_reserve_kept_bytes(&reserve));
        if (reserve.level != SPACE_FULL)
            CU_ASSERT_TRUE(free_bytes >= any.flush_bytes);
        if (space_reserve_admits(&reserve, bytes) && bytes > SPACE_BUDGET_BYTES_MIN)
            CU_ASSERT_TRUE(free_bytes - any.flush_bytes >= bytes);
        CU_ASSERT_TRUE(space_reserve_room(&reserve) <= free_bytes);
        CU_ASSERT_TRUE(free_bytes - space_reserve_room(&reserve) >= any.flush_bytes ||
                       free_bytes - space_reserve_room(&reserve) >= free_bytes / 2);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(levels_begin_where_they_should),
        UNIT_TEST(writes_are_measured_by_bytes),
        UNIT_TEST(compactions_start_if_they_can_end),
        UNIT_TEST(a_step_suits_the_tree_and_the_disk),
        UNIT_TEST(any_sizes),
        UNIT_TEST_END,
    };

    return unit_main("space_reserve", tests, argc, argv);
}
