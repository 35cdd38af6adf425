/* core_watch: finding a process's core, and changing places without staying bound. */
#include "daemon/core_watch.h"

#include <CUnit/CUnit.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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

static int
first_core(const cpu_set_t *allowed)
{
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET((size_t)core, allowed))
            return core;
    return -1;
}

static void
bind_to(pid_t pid, int core)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    CU_ASSERT_EQUAL_FATAL(sched_setaffinity(pid, sizeof(one), &one), 0);
}

/* A child that is busy until it is killed, on this core at first; it may go to all of `allowed`. */
static pid_t
start_busy_child(int core, const cpu_set_t *allowed)
{
    const pid_t pid = fork();

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            __asm__ volatile("" ::: "memory");
    }
    bind_to(pid, core);
    while (core_of_process(pid) != core)
        sched_yield();
    CU_ASSERT_EQUAL_FATAL(sched_setaffinity(pid, sizeof(*allowed), allowed), 0);
    return pid;
}

static void
check_affinity(pid_t pid, const cpu_set_t *expected)
{
    cpu_set_t now;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(pid, sizeof(now), &now), 0);
    CU_ASSERT_TRUE(CPU_EQUAL(&now, expected));
}

/* Goal: an exchange ends at the other's core and binds nobody.  Method: a busy child at the last
 * core, and this process at the first; the kernel may move either before the exchange looks, so
 * what is asked is that one of a few succeeds.  With one core there is none to go to. */
static void
an_exchange_binds_nobody(void)
{
    cpu_set_t before;
    bool has_moved = false;
    int first, last;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
    first = first_core(&before);
    last = last_core(&before);
    for (int i = 0; i < 100 && !has_moved; i++) {
        const pid_t child = start_busy_child(last, &before);

        bind_to(0, first);
        CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(before), &before), 0);
        has_moved = core_exchange(&child, 1);
        check_affinity(0, &before);
        check_affinity(child, &before);
        CU_ASSERT_EQUAL(kill(child, SIGKILL), 0);
        CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
    }
    CU_ASSERT_EQUAL(has_moved, first != last);
}

/* Goal: whoever may not leave its core stays there, and so does everybody else.  Method: this
 * process is bound; then it may move, and there is nobody to change places with. */
static void
a_bound_process_stays(void)
{
    const pid_t nobody = INT32_MAX;
    cpu_set_t before, bound;
    pid_t child;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
    child = start_busy_child(last_core(&before), &before);
    bind_to(0, first_core(&before));
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(bound), &bound), 0);
    CU_ASSERT_FALSE(core_exchange(&child, 1));
    check_affinity(0, &bound);
    check_affinity(child, &before);
    CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(before), &before), 0);
    CU_ASSERT_FALSE(core_exchange(&nobody, 1));
    CU_ASSERT_EQUAL(kill(child, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
}

/* Goal: the core of a process is what the kernel says, and nobody's is not known.  Method: this
 * process, while it is bound to one core. */
static void
the_core_of_a_process_is_found(void)
{
    cpu_set_t before;
    int core;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
    core = last_core(&before);
    bind_to(0, core);
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
    CU_ASSERT_EQUAL(watch.exchange_count, 0);
    core_watch_close(&watch);
    core_watch_turn(&watch, NULL, 2000000);
    CU_ASSERT_EQUAL(watch.exchange_count, 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(an_exchange_binds_nobody),
        UNIT_TEST(a_bound_process_stays),
        UNIT_TEST(the_core_of_a_process_is_found),
        UNIT_TEST(without_workers_nothing_is_done),
        UNIT_TEST_END,
    };

    return unit_main("daemon_core_watch", tests, argc, argv);
}
