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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io_blocking.h"
#include "support/unit.h"
#include "worker/give_way.h"

enum {
    TURN_COUNT = 300,
    OTHER = 1,
    SELF = 2,
    PATIENCE_US = 20 * 1000 * 1000,
    HURRY_US = 300 * 1000
};

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

/* Between the calls there is something to do.  true: the core was left, by sleeping, within a
 * time.  (Only who sleeps switches of its own will.) */
static bool
leaves_its_core(struct io *io, uint64_t within_us)
{
    const uint64_t end_us = io_now_us(io) + within_us;
    struct rusage before, after;

    CU_ASSERT_EQUAL_FATAL(getrusage(RUSAGE_SELF, &before), 0);
    do {
        spin(io, 60);
        give_way(io);
        CU_ASSERT_EQUAL_FATAL(getrusage(RUSAGE_SELF, &after), 0);
    } while (after.ru_nvcsw == before.ru_nvcsw && io_now_us(io) < end_us);
    return after.ru_nvcsw > before.ru_nvcsw;
}

/* Goal: with more to run than there are cores it leaves its own, even if nobody wants that one; but
 * not with work that has no time for it.  Method: others that never sleep, one for each core. */
static void
the_core_is_left_while_somebody_waits(void)
{
    enum { OTHER_COUNT_MAX = 256 };
    const long core_count = sysconf(_SC_NPROCESSORS_ONLN);
    struct io *io = io_blocking_new();
    _Atomic int *who =
        mmap(NULL, sizeof(*who), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t others[OTHER_COUNT_MAX];

    CU_ASSERT_TRUE_FATAL(core_count > 0 && core_count < OTHER_COUNT_MAX);
    CU_ASSERT_TRUE_FATAL(who != MAP_FAILED);
    give_way_prepare();
    be_idle_on_this_core();
    for (long i = 0; i < core_count; i++)
        others[i] = start_other(io, who);
    give_way_leaves_core(true);
    CU_ASSERT_TRUE(leaves_its_core(io, PATIENCE_US));
    give_way_leaves_core(false);
    CU_ASSERT_FALSE(leaves_its_core(io, HURRY_US));
    for (long i = 0; i < core_count; i++) {
        (void)kill(others[i], SIGKILL);
        CU_ASSERT_EQUAL(waitpid(others[i], NULL, 0), others[i]);
    }
    (void)munmap(who, sizeof(*who));
    io_blocking_free(io);
}

static void
loadavg_is_read(void)
{
    CU_ASSERT_EQUAL(ready_in_loadavg("0.20 0.18 0.12 3/80 11206\n"), 3);
    CU_ASSERT_EQUAL(ready_in_loadavg("12.20 100.18 0.12 123/4080 11206\n"), 123);
    CU_ASSERT_EQUAL(ready_in_loadavg(""), 0);
    CU_ASSERT_EQUAL(ready_in_loadavg("0.20 0.18 0.12"), 0);
    CU_ASSERT_EQUAL(ready_in_loadavg("0.20 0.18 0.12 "), 0);
    CU_ASSERT_EQUAL(ready_in_loadavg("0.20 0.18 0.12 x/80 11206\n"), 0);
    CU_ASSERT_EQUAL(ready_in_loadavg("0.20 0.18 0.12 3 11206\n"), 0);
    CU_ASSERT_EQUAL(ready_in_loadavg("0.20 0.18 0.12 99999999999/80 11206\n"), 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_other_runs_whenever_way_is_given),
        UNIT_TEST(the_core_is_left_while_somebody_waits),
        UNIT_TEST(loadavg_is_read),
        UNIT_TEST_END,
    };

    return unit_main("worker_give_way", tests, argc, argv);
}
