/* Goal: writers that are too fast are slowed to what compactions can take, evenly: no pile reaches
 * its end, no write waits long, and who is slow enough never waits.
 * Method: the pure functions, and a modelled tree of virtual time: writes fill memtables, these
 * become tables of level 0, one compaction at a time takes all of them away at a fixed speed. */
#include <CUnit/Basic.h>
#include <string.h>

#include "db/write_controller.h"
#include "support/unit.h"

#define MIB UINT64_C(1048576)

/* Goal: no limit before `soft`, the drain's speed half-way, next to nothing at `hard`, and never a
 * step between. */
static void
the_rate_falls_without_a_step(void)
{
    struct write_pile pile = {.soft = 20, .hard = 36, .drain_bytes_per_s = 100 * MIB};
    uint64_t before = WRITE_RATE_UNLIMITED;

    pile.amount = 20;
    CU_ASSERT_EQUAL(write_rate_of(&pile), WRITE_RATE_UNLIMITED);
    pile.amount = 28;
    CU_ASSERT_EQUAL(write_rate_of(&pile), 100 * MIB);
    pile.amount = 36;
    CU_ASSERT_EQUAL(write_rate_of(&pile), WRITE_RATE_MIN);
    for (pile.amount = 20.5; pile.amount < 36; pile.amount += 0.01) {
        const uint64_t rate = write_rate_of(&pile);

        CU_ASSERT_TRUE(rate <= before);
        CU_ASSERT_TRUE(before == WRITE_RATE_UNLIMITED || pile.amount > 35 ||
                       (double)rate > 0.95 * (double)before);
        before = rate;
    }
    CU_ASSERT_TRUE(before < 2 * MIB);
    pile.hard = pile.soft;
    CU_ASSERT_EQUAL(write_rate_of(&pile), WRITE_RATE_UNLIMITED);
    pile = (struct write_pile){.amount = 28, .soft = 20, .hard = 36};
    CU_ASSERT_EQUAL(write_rate_of(&pile), WRITE_RATE_GUESS);
}

static void
a_drain_is_known_better_with_each_measurement(void)
{
    uint64_t drain = write_drain_mix(0, 10 * MIB, 1000000);

    CU_ASSERT_EQUAL(drain, 10 * MIB);
    for (int i = 0; i < 20; i++)
        drain = write_drain_mix(drain, 50 * MIB, 1000000);
    CU_ASSERT_TRUE(drain > 49 * MIB && drain < 51 * MIB);
    CU_ASSERT_TRUE(write_drain_mix(0, 0, 0) > 0);
    CU_ASSERT_TRUE(write_drain_mix(0, UINT64_MAX, 0) > 0);
}

/* Goal: writes of one size are let in at equal distances; a huge one makes nobody wait for ever. */
static void
a_rate_is_spread_evenly(void)
{
    struct write_pacer pacer = {.rate_bytes_per_s = 1000000}; /* a byte each microsecond */
    uint64_t now_us = 5000000, last_us = 0;

    for (int i = 0; i < 100; i++) {
        now_us += write_pacer_delay_us(&pacer, now_us);
        CU_ASSERT_EQUAL(write_pacer_delay_us(&pacer, now_us), 0);
        write_pacer_charge(&pacer, 500, now_us);
        if (i > 10)
            CU_ASSERT_EQUAL(now_us - last_us, 500);
        last_us = now_us;
    }
    write_pacer_charge(&pacer, UINT64_MAX, now_us);
    CU_ASSERT_TRUE(write_pacer_delay_us(&pacer, now_us) <= WRITE_DELAY_US_MAX);
    pacer.rate_bytes_per_s = WRITE_RATE_UNLIMITED;
    CU_ASSERT_EQUAL(write_pacer_delay_us(&pacer, now_us), 0);
}

/* --- the modelled tree --- */

enum { WRITE_BYTES = 1000, MEMTABLE_BYTES = 1024 * 1024, TRIGGER = 4, SLOWDOWN = 20, STOP = 36 };

struct tree {
    uint64_t now_us;
    uint64_t drain_bytes_per_s;
    uint64_t memtable_bytes;
    uint32_t level0, merging, level0_max;
    uint64_t merge_end_us, merge_start_us;
    uint64_t measured;
    struct write_pacer pacer;
    uint64_t written_bytes, delay_us_max;
};

static void
update_rate(struct tree *tree)
{
    const struct write_pile pile = {.amount = tree->level0,
                                    .soft = SLOWDOWN,
                                    .hard = STOP,
                                    .drain_bytes_per_s = tree->measured};

    tree->pacer.rate_bytes_per_s = write_rate_of(&pile);
}

static void
compact(struct tree *tree)
{
    if (tree->merging > 0 && tree->now_us >= tree->merge_end_us) {
        tree->level0 -= tree->merging;
        tree->measured = write_drain_mix(tree->measured, (uint64_t)tree->merging * MEMTABLE_BYTES,
                                         tree->now_us - tree->merge_start_us);
        tree->merging = 0;
    }
    if (tree->merging == 0 && tree->level0 >= TRIGGER) {
        /* A plan takes a few of the oldest, so that one doesn't last for ever. */
        tree->merging = tree->level0 < 8 ? tree->level0 : 8;
        tree->merge_start_us = tree->now_us;
        tree->merge_end_us = tree->now_us + (uint64_t)tree->merging * MEMTABLE_BYTES * 1000000 /
                                                tree->drain_bytes_per_s;
    }
    update_rate(tree);
}

static void
write_one(struct tree *tree)
{
    const uint64_t delay_us = write_pacer_delay_us(&tree->pacer, tree->now_us);

    if (delay_us > tree->delay_us_max)
        tree->delay_us_max = delay_us;
    tree->now_us += delay_us;
    write_pacer_charge(&tree->pacer, WRITE_BYTES, tree->now_us);
    tree->written_bytes += WRITE_BYTES;
    tree->memtable_bytes += WRITE_BYTES;
    if (tree->memtable_bytes >= MEMTABLE_BYTES) {
        tree->memtable_bytes = 0;
        tree->level0++;
        if (tree->level0 > tree->level0_max)
            tree->level0_max = tree->level0;
    }
    compact(tree);
}

/* Writers offer this much for a minute. */
static void
run_minute(struct tree *tree, uint64_t offered_bytes_per_s)
{
    const uint64_t end_us = tree->now_us + 60000000;

    tree->written_bytes = tree->delay_us_max = tree->level0_max = 0;
    while (tree->now_us < end_us) {
        write_one(tree);
        tree->now_us += WRITE_BYTES * UINT64_C(1000000) / offered_bytes_per_s;
    }
}

/* Goal: ten times too fast becomes as fast as the drain, for fast drains and slow ones. */
static void
a_flood_becomes_what_the_tree_can_take(void)
{
    static const uint64_t drains[] = {4 * MIB, 20 * MIB, 60 * MIB};

    for (size_t i = 0; i < 3; i++) {
        struct tree tree = {.now_us = 1000000, .drain_bytes_per_s = drains[i]};
        double share;

        update_rate(&tree);
        run_minute(&tree, 10 * drains[i]); /* it fills up to its balance */
        CU_ASSERT_TRUE(tree.level0_max < STOP);
        run_minute(&tree, 10 * drains[i]);
        share = (double)tree.written_bytes / 60 / (double)drains[i];
        CU_ASSERT_TRUE(share > 0.9 && share < 1.1);
        CU_ASSERT_TRUE(tree.level0_max < STOP);
        CU_ASSERT_TRUE(tree.delay_us_max < 2 * WRITE_BYTES * UINT64_C(1000000) / (drains[i] / 4));
    }
}

static void
who_is_slow_enough_never_waits(void)
{
    struct tree tree = {.now_us = 1000000, .drain_bytes_per_s = 20 * MIB};

    update_rate(&tree);
    run_minute(&tree, 18 * MIB);
    CU_ASSERT_EQUAL(tree.delay_us_max, 0);
    CU_ASSERT_TRUE(tree.level0_max < SLOWDOWN);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_rate_falls_without_a_step),
        UNIT_TEST(a_drain_is_known_better_with_each_measurement),
        UNIT_TEST(a_rate_is_spread_evenly),
        UNIT_TEST(a_flood_becomes_what_the_tree_can_take),
        UNIT_TEST(who_is_slow_enough_never_waits),
        UNIT_TEST_END,
    };

    return unit_main("write_controller", tests, argc, argv);
}
