/* core_watch: finding a process's core, and moving there without staying bound to it. */
#include "daemon/core_watch.h"

#include <CUnit/CUnit.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "support/unit.h"

/* The highest core that this process may use. */
static int
last_core(const cpu_set_t *allowed)
{
    for (int core = CPU_SETSIZE - 1; core >= 0; core--)
        if (CPU_ISSET((size_t)core, allowed))
            return core;
    return -1;
}

/* Goal: a move ends at the core that was asked for and leaves the affinity as it was.  Method: the
 * kernel is asked; with one core there is little to see. */
static void
a_move_is_not_for_ever(void)
{
    cpu_set_t before, after;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
    CU_ASSERT_TRUE(core_move_to(last_core(&before)));
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(after), &after), 0);
    CU_ASSERT_TRUE(CPU_EQUAL(&before, &after));
    CU_ASSERT_FALSE(core_move_to(CPU_SETSIZE));
}

/* Goal: the core of a process is what the kernel says, and nobody's is not known.  Method: this
 * process, while it is bound to one core. */
static void
the_core_of_a_process_is_found(void)
{
    cpu_set_t before, one;
    int core;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
    core = last_core(&before);
    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(one), &one), 0);
    CU_ASSERT_EQUAL(core_of_process(getpid()), core);
    CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(before), &before), 0);
    CU_ASSERT_EQUAL(core_of_process(INT32_MAX), -1);
}

/* Goal: without a pool, or without an account, nothing happens. */
static void
without_workers_nothing_is_done(void)
{
    struct core_watch watch;

    core_watch_open(&watch);
    core_watch_turn(&watch, NULL, 1000000);
    CU_ASSERT_EQUAL(watch.move_count, 0);
    core_watch_close(&watch);
    core_watch_turn(&watch, NULL, 2000000);
    CU_ASSERT_EQUAL(watch.move_count, 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_move_is_not_for_ever),
        UNIT_TEST(the_core_of_a_process_is_found),
        UNIT_TEST(without_workers_nothing_is_done),
        UNIT_TEST_END,
    };

    return unit_main("daemon_core_watch", tests, argc, argv);
}
