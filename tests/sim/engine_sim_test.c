/* Goal: no acknowledged write is ever lost, none is half there, every read is right, and the
 * engine always comes back to service, whatever the disk and the power do.
 * Method: whole engine runs on a simulated machine, one seed each (support/sim_world.h).
 *
 *     engine_sim_test                        1,000 seeds from the clock (on a slow machine as many
 *                                            as there is time for), and the other tests
 *     engine_sim_test seeds=20000 seed=7     more of them, from a fixed one
 *     engine_sim_test seeds=1 seed=123 trace=1 worlds_keep_all_promises    replays one, with its
 * story
 */
#include <CUnit/Basic.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/quiet_log.h"
#include "support/sim_world.h"
#include "support/unit.h"

enum {
    SEED_COUNT_DEFAULT = 1000,
    DEFAULT_RUN_S_MAX = 90,
    TWIN_COUNT = 20,
    LIE_SEED_COUNT = 600,
    FAILURE_COUNT_MAX = 10
};

static uint64_t seed_count = SEED_COUNT_DEFAULT;
static bool seed_count_is_given;
static bool is_traced;
static char seed_text[100]; /* for the handler */

/* An assertion has failed: which seed was it? */
static void
on_abort(int signal_number)
{
    (void)signal_number;
    (void)!write(STDERR_FILENO, seed_text, strlen(seed_text));
}

static bool
run_seed(uint64_t seed, enum sim_lie lie, struct sim_world_report *report)
{
    const struct sim_world_options options = {.seed = seed, .lie = lie, .trace = is_traced};

    snprintf(seed_text, sizeof(seed_text), "\nin the world of seed=%" PRIu64 ", lie %s\n", seed,
             sim_lie_name(lie));
    return sim_world_run(&options, report);
}

static void
add_up(struct sim_world_report *sum, const struct sim_world_report *one)
{
    sum->step_count += one->step_count;
    sum->life_count += one->life_count;
    sum->cut_count += one->cut_count;
    sum->kill_count += one->kill_count;
    sum->cut_in_open_count += one->cut_in_open_count;
    sum->stop_count += one->stop_count;
    sum->guest_count += one->guest_count;
    sum->txn_count += one->txn_count;
    sum->txn_get_count += one->txn_get_count;
    sum->batch_count += one->batch_count;
    sum->acked_count += one->acked_count;
    sum->taken_back_count += one->taken_back_count;
    sum->refused_count += one->refused_count;
    sum->get_count += one->get_count;
    sum->scan_count += one->scan_count;
    sum->snapshot_count += one->snapshot_count;
    sum->snapshot_get_count += one->snapshot_get_count;
    sum->flush_count += one->flush_count;
    sum->flush_failure_count += one->flush_failure_count;
    sum->compaction_count += one->compaction_count;
    sum->compaction_job_count += one->compaction_job_count;
    sum->compaction_failure_count += one->compaction_failure_count;
    sum->move_count += one->move_count;
    sum->drop_count += one->drop_count;
    sum->manual_count += one->manual_count;
    sum->wal_failure_count += one->wal_failure_count;
    sum->fault_count += one->fault_count;
    sum->virtual_us += one->virtual_us;
    if (one->settle_us_max > sum->settle_us_max)
        sum->settle_us_max = one->settle_us_max;
}

static double
now_s(void)
{
    return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

static void
print_sum(const struct sim_world_report *sum, uint64_t count, double took_s)
{
    printf("\n  %" PRIu64 " seeds, %.0f/s: %" PRIu64 " steps, %" PRIu64 " power cuts (%" PRIu64
           " while opening), %" PRIu64 " kills, %" PRIu64 " stops,\n"
           "  %" PRIu64 " batches (%" PRIu64 " refused), %" PRIu64 " acknowledgements, %" PRIu64
           " gets (%" PRIu64 " through %" PRIu64 " snapshots), %" PRIu64 " scans, %" PRIu64
           " flushes (%" PRIu64 " failed),\n"
           "  %" PRIu64 " compactions in %" PRIu64 " jobs (%" PRIu64 " failed), %" PRIu64
           " moves, %" PRIu64 " drops, %" PRIu64 " asked for,\n"
           "  %" PRIu64 " families dropped, %" PRIu64 " transactions with %" PRIu64 " gets,\n"
           "  %" PRIu64 " faults, %" PRIu64 " logs failed (%" PRIu64 " with batches taken back), "
           "%.0f virtual s, %.1f of them at most to come to rest\n  ",
           count, (double)count / took_s, sum->step_count, sum->cut_count + sum->cut_in_open_count,
           sum->cut_in_open_count, sum->kill_count, sum->stop_count, sum->batch_count,
           sum->refused_count, sum->acked_count, sum->get_count, sum->snapshot_get_count,
           sum->snapshot_count, sum->scan_count, sum->flush_count, sum->flush_failure_count,
           sum->compaction_count, sum->compaction_job_count, sum->compaction_failure_count,
           sum->move_count, sum->drop_count, sum->manual_count, sum->guest_count, sum->txn_count,
           sum->txn_get_count, sum->fault_count, sum->wal_failure_count, sum->taken_back_count,
           (double)sum->virtual_us / 1e6, (double)sum->settle_us_max / 1e6);
}

static void
worlds_keep_all_promises(void)
{
    struct sim_world_report report, sum = {0};
    const double start_s = now_s();
    uint32_t failure_count = 0;
    uint64_t i = 0;

    for (; i < seed_count && failure_count < FAILURE_COUNT_MAX; i++) {
        const uint64_t seed = unit_seed() + i;

        if (!seed_count_is_given && now_s() - start_s > DEFAULT_RUN_S_MAX)
            break;

        if (!run_seed(seed, LIE_NONE, &report)) {
            printf("\n  seed=%" PRIu64 " step %" PRIu64 ": %s", seed, report.step_count,
                   report.failure);
            fflush(stdout);
            failure_count++;
        }
        add_up(&sum, &report);
    }
    print_sum(&sum, i, now_s() - start_s);
    CU_ASSERT_EQUAL(failure_count, 0);
}

static void
the_same_seed_gives_the_same_run(void)
{
    struct sim_world_report first, second;

    for (uint64_t i = 0; i < TWIN_COUNT; i++) {
        const bool first_is_good = run_seed(unit_seed() + i, LIE_NONE, &first);

        CU_ASSERT_EQUAL(run_seed(unit_seed() + i, LIE_NONE, &second), first_is_good);
        CU_ASSERT_EQUAL(first.hash, second.hash);
        CU_ASSERT_EQUAL(first.step_count, second.step_count);
    }
}

/* Method: each bug that can be made from outside; the seeds are tried until one shows it. */
static void
planted_bugs_are_found(void)
{
    struct sim_world_report report;

    printf("\n");
    for (enum sim_lie lie = LIE_NONE + 1; lie < SIM_LIE_COUNT; lie++) {
        uint64_t i = 0, lie_count = 0;

        while (i < LIE_SEED_COUNT && run_seed(unit_seed() + i, lie, &report)) {
            lie_count += report.lie_count;
            i++;
        }
        printf("  %-18s seed %" PRIu64 " (number %" PRIu64 "), after %" PRIu64 " lies: %s\n",
               sim_lie_name(lie), unit_seed() + i, i + 1, lie_count + report.lie_count,
               i < LIE_SEED_COUNT ? report.failure : "NOT FOUND");
        CU_ASSERT_TRUE(i < LIE_SEED_COUNT);
    }
    printf("  ");
}

static void
read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "seeds=", 6) == 0) {
            seed_count = strtoull(argv[i] + 6, NULL, 10);
            seed_count_is_given = true;
        } else if (strcmp(argv[i], "trace=1") == 0) {
            is_traced = true;
        }
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(worlds_keep_all_promises),
        UNIT_TEST(the_same_seed_gives_the_same_run),
        UNIT_TEST(planted_bugs_are_found),
        UNIT_TEST_END,
    };

    read_arguments(argc, argv);
    /* Files are large blocks of memory here; given back to the system, each costs page faults. */
    mallopt(M_MMAP_THRESHOLD, 512 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    signal(SIGABRT, on_abort);
    if (!is_traced)
        quiet_log();
    return unit_main("engine_sim", tests, argc, argv);
}
