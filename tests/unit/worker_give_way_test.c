/* Goal: a worker of the idle class keeps its core from nobody.
 *
 * Method: two processes that never sleep on one core, both of the idle class, since that is open to
 * everybody.  Each notes in common memory that it has run. */
#include <CUnit/Basic.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io_blocking.h"
#include "support/unit.h"
#include "worker/give_way.h"

enum { TURN_COUNT = 300, OTHER = 1, SELF = 2, PATIENCE_US = 20 * 1000 * 1000 };

static void
spin(struct io *io, uint64_t us)
{
    const uint64_t end_us = io_now_us(io) + us;

    while (io_now_us(io) < end_us)
        continue;
}

static void
be_idle_on_this_core(void)
{
    const struct sched_param param = {0};
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(one), &one), 0);
    CU_ASSERT_EQUAL_FATAL(sched_setscheduler(0, SCHED_IDLE, &param), 0);
}

/* Works as a worker does, for ever, and dies with the test. */
static pid_t
start_other(struct io *io, _Atomic int *who)
{
    const pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) {
        atomic_store(who, OTHER);
        spin(io, 60);
        give_way(io);
    }
}

/* Without giving way each of the two would have a tick of the clock at least, a thousand
 * microseconds or more; so of the calls that are sixty apart few would find that the other has
 * been there. */
static void
the_other_runs_whenever_way_is_given(void)
{
    struct io *io = io_blocking_new();
    _Atomic int *who =
        mmap(NULL, sizeof(*who), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint32_t calls = 0, turns = 0;
    uint64_t end_us;
    pid_t other;

    CU_ASSERT_TRUE_FATAL(who != MAP_FAILED);
    be_idle_on_this_core();
    other = start_other(io, who);
    CU_ASSERT_TRUE_FATAL(other > 0);
    end_us = io_now_us(io) + PATIENCE_US;
    while (turns < TURN_COUNT && io_now_us(io) < end_us) {
        atomic_store(who, SELF);
        spin(io, 60);
        give_way(io);
        calls += turns > 0; /* until then the other is only being made */
        turns += atomic_load(who) == OTHER;
    }
    CU_ASSERT_EQUAL(turns, TURN_COUNT);
    CU_ASSERT_TRUE(calls < 4 * turns);
    (void)kill(other, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(other, NULL, 0), other);
    (void)munmap(who, sizeof(*who));
    io_blocking_free(io);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_other_runs_whenever_way_is_given),
        UNIT_TEST_END,
    };

    return unit_main("worker_give_way", tests, argc, argv);
}
