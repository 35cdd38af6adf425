/* Goal: a long turn counts for the part that took most of it, a short one not at all, and the
 * longest is remembered.  Method: turns whose parts took given times. */
#include <CUnit/Basic.h>

#include "base/buffer.h"
#include "daemon/turn_watch.h"
#include "support/unit.h"

static void
watch_turn(struct turn_watch *watch, const uint64_t *parts_us)
{
    const uint64_t begun_us = 1000000;
    uint64_t now_us = begun_us;

    for (uint32_t part = 0; part < TURN_PART_COUNT; part++) {
        now_us += parts_us[part];
        turn_watch_mark(watch, (enum turn_part)part, now_us);
    }
    turn_watch_end(watch, begun_us);
}

static void
long_turns_count_for_their_largest_part(void)
{
    static const uint64_t turns[][TURN_PART_COUNT] = {
        {TURN_LONG_US - 1, 0, 0, 0, 0}, /* not long */
        {0, 400, 400, 800, 400},        /* long together */
        {100, 0, 0, 9000, 0},           {100, 3000, 0, 0, 0}, {100, 0, 0, 0, 5000},
    };
    struct turn_watch watch = {0};
    struct buffer text = {0};

    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
        watch_turn(&watch, turns[i]);
    turn_watch_format(&watch, &text);
    CU_ASSERT_TRUE(
        slice_equal(buffer_slice(&text), slice_from_text("turns_long:4\r\n"
                                                         "turns_long_completions:0\r\n"
                                                         "turns_long_timers:1\r\n"
                                                         "turns_long_writers:0\r\n"
                                                         "turns_long_engine:2\r\n"
                                                         "turns_long_sends:1\r\n"
                                                         "turn_usec_max:9100\r\n"
                                                         "turn_usec_max_part:engine\r\n")));
    buffer_deinit(&text);
}

/* Method: parts end before they began, the last one too. */
static void
a_clock_that_goes_back_stops_nobody(void)
{
    struct turn_watch watch = {0};

    for (uint32_t part = 0; part < TURN_PART_COUNT; part++)
        turn_watch_mark(&watch, (enum turn_part)part, part % 2 == 0 ? 10 : 5000 * part);
    turn_watch_end(&watch, 1000);
    CU_ASSERT_EQUAL(watch.longest_us, 0);
    turn_watch_mark(&watch, TURN_SENDS, 22000);
    turn_watch_end(&watch, 1000);
    CU_ASSERT_EQUAL(watch.longest_us, 21000);
    CU_ASSERT_EQUAL(watch.longest_part, TURN_ENGINE);
}

/* Goal: counters that are set to zero by a command in the middle of a turn (CONFIG RESETSTAT of a
 * client that had waited) leave the turn what it is.  Without that the part in which it came would
 * seem to begin with the system. */
static void
a_reset_in_a_turn_leaves_its_times(void)
{
    struct turn_watch watch = {0};

    watch_turn(&watch, (const uint64_t[TURN_PART_COUNT]){50000, 0, 0, 0, 0});
    turn_watch_mark(&watch, TURN_COMPLETIONS, 9000);
    turn_watch_mark(&watch, TURN_TIMERS, 9000);
    turn_watch_reset(&watch);
    turn_watch_mark(&watch, TURN_WRITERS, 10000);
    turn_watch_mark(&watch, TURN_ENGINE, 10000);
    turn_watch_mark(&watch, TURN_SENDS, 10000);
    turn_watch_end(&watch, 1000);
    CU_ASSERT_EQUAL(watch.longest_us, 9000);
    CU_ASSERT_EQUAL(watch.longest_part, TURN_COMPLETIONS);
    CU_ASSERT_EQUAL(watch.long_counts[TURN_COMPLETIONS], 1);
    CU_ASSERT_EQUAL(watch.long_counts[TURN_WRITERS], 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(long_turns_count_for_their_largest_part),
        UNIT_TEST(a_clock_that_goes_back_stops_nobody),
        UNIT_TEST(a_reset_in_a_turn_leaves_its_times),
        UNIT_TEST_END,
    };

    return unit_main("daemon_turn_watch", tests, argc, argv);
}
