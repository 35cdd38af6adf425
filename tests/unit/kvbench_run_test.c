/* Goal: a run gives out exactly what it was asked for, when it is due, and blames the right one for
 * being late. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/kvbench/run.h"
#include "cli/kvbench/session.h"
#include "support/unit.h"

static const uint64_t START_NS = UINT64_C(5000000000), MS = 1000000;

struct fixture {
    struct bench_options options;
    struct session session;
    struct run *run;
};

static void
set_up(struct fixture *fixture, char *words[], int count, const char *workload)
{
    int rest_at;

    CU_ASSERT_EQUAL_FATAL(bench_options_read(count, words, &fixture->options, &rest_at),
                          BENCH_OPTIONS_RUN);
    CU_ASSERT_EQUAL_FATAL(session_open(&fixture->session, &fixture->options), EXIT_OK);
    fixture->run = run_new(&fixture->session, workload_find(workload));
}

static void
tear_down(struct fixture *fixture)
{
    run_free(fixture->run);
    CU_ASSERT_EQUAL(session_close(&fixture->session), EXIT_OK);
    bench_options_deinit(&fixture->options);
}

#define SET_UP(fixture, workload, ...)                                                             \
    do {                                                                                           \
        char *words[] = {"kvbench", "-q", __VA_ARGS__};                                            \
        set_up((fixture), words, (int)(sizeof(words) / sizeof(words[0])), (workload));             \
    } while (0)

static void
a_closed_loop_gives_out_its_count_at_once(void)
{
    struct fixture fixture;
    struct op op;

    SET_UP(&fixture, "mixed", "-n", "1000", "-r", "100", "--ratio", "1:1", "--seed", "1");
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS, &op), RUN_START);
        run_done(fixture.run, &op, true, slice_of(NULL, 0), START_NS + 3 * MS);
    }
    CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS, &op), RUN_END);
    CU_ASSERT_EQUAL(run_due_ns(fixture.run), UINT64_MAX);
    run_finish(fixture.run, -1);
    CU_ASSERT_EQUAL(result_run_count(run_result(fixture.run)), 1000);
    CU_ASSERT_EQUAL(run_result(fixture.run)->operation_count, 2);
    tear_down(&fixture);
}

/* Method: the same seed must give the same operations, another one others. */
static void
a_seed_is_a_sequence(void)
{
    uint64_t sums[3] = {0};

    for (int i = 0; i < 3; i++) {
        struct fixture fixture;
        struct op op;

        SET_UP(&fixture, "ycsb-a", "-n", "100", "-r", "100k", "--seed", i == 1 ? "2" : "1");
        while (run_next(fixture.run, 0, START_NS, &op) == RUN_START)
            sums[i] = sums[i] * 31 + op.key_id * 2 + op.kind;
        tear_down(&fixture);
    }
    CU_ASSERT_EQUAL(sums[0], sums[2]);
    CU_ASSERT_NOT_EQUAL(sums[0], sums[1]);
}

/* Method: 1,000 a second: one each ms; after a pause of 10 ms, ten are due, from their own times.
 */
static void
an_open_loop_keeps_its_times(void)
{
    struct fixture fixture;
    struct op op;

    SET_UP(&fixture, "get", "--rate", "1000", "--duration", "0.02", "-r", "100");
    CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS, &op), RUN_START);
    CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS, &op), RUN_WAIT);
    CU_ASSERT_EQUAL(run_due_ns(fixture.run), START_NS + MS);
    for (uint64_t i = 1; i <= 10; i++) {
        CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS + 10 * MS, &op), RUN_START);
        CU_ASSERT_EQUAL(op.start_ns, START_NS + i * MS);
    }
    CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS + 10 * MS, &op), RUN_WAIT);
    /* What was due before the end is started even after it. */
    for (uint64_t i = 11; i < 20; i++)
        CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS + 50 * MS, &op), RUN_START);
    CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS + 50 * MS, &op), RUN_END);
    tear_down(&fixture);
}

/* Method: exponential gaps: their mean is the interval, and so is their deviation. */
static void
poisson_arrivals_have_the_rate(void)
{
    double sum = 0, squares = 0;
    struct fixture fixture;
    uint64_t last_ns = START_NS;
    struct op op;

    SET_UP(&fixture, "get", "--rate", "1000", "-n", "20000", "--arrivals", "poisson", "--seed", "7",
           "-r", "10");
    CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS, &op), RUN_START);
    while (run_next(fixture.run, 0, last_ns + 1000000 * MS, &op) == RUN_START) {
        const double gap_ms = (double)(op.start_ns - last_ns) / 1e6;

        sum += gap_ms;
        squares += gap_ms * gap_ms;
        last_ns = op.start_ns;
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / 20000, 1, 0.03);
    CU_ASSERT_DOUBLE_EQUAL(squares / 20000, 2, 0.15);
    tear_down(&fixture);
}

/* Method: the same lateness of 5 ms, once because there was no room, once with room all the time.
 */
static void
only_a_late_generator_makes_a_run_invalid(void)
{
    for (int is_own_fault = 0; is_own_fault < 2; is_own_fault++) {
        struct fixture fixture;
        struct op op;

        SET_UP(&fixture, "get", "--rate", "1000", "-n", "100", "-r", "10");
        for (uint64_t i = 0; i < 100; i++) {
            const uint64_t now_ns = START_NS + i * MS + (i == 0 ? 0 : 5 * MS);

            CU_ASSERT_EQUAL(run_next(fixture.run, 0, now_ns, &op), RUN_START);
            run_started(fixture.run, &op, is_own_fault ? START_NS : now_ns - MS / 2, now_ns);
            run_done(fixture.run, &op, true, slice_of(NULL, 0), now_ns + MS);
        }
        run_finish(fixture.run, -1);
        CU_ASSERT_EQUAL(run_result(fixture.run)->invalid[0] != '\0', is_own_fault == 1);
        CU_ASSERT_EQUAL(run_result(fixture.run)->generator_late_ns, is_own_fault ? 5 * MS : MS / 2);
        /* Either way the latency is what a user would have seen. */
        CU_ASSERT_EQUAL(run_result(fixture.run)->operations[0].total->max_ns, 6 * MS);
        tear_down(&fixture);
    }
}

/* Method: operations before the end of the warm-up count neither as done nor as asked for. */
static void
a_warm_up_does_not_count(void)
{
    struct fixture fixture;
    uint32_t count = 0;
    struct op op;

    SET_UP(&fixture, "set", "--warmup", "0.01", "-n", "100", "-r", "10");
    for (uint64_t at_ns = START_NS; run_next(fixture.run, 0, at_ns, &op) == RUN_START;
         at_ns += MS, count++)
        run_done(fixture.run, &op, true, slice_of(NULL, 0), at_ns + MS / 2);
    run_finish(fixture.run, -1);
    CU_ASSERT_EQUAL(count, 110);
    CU_ASSERT_EQUAL(result_run_count(run_result(fixture.run)), 100);
    tear_down(&fixture);
}

/* Method: YCSB d: inserted keys are new ones, and reads find them when they are there. */
static void
inserts_make_new_keys(void)
{
    uint64_t insert_count = 0, newest_read = 0;
    struct fixture fixture;
    struct op op;

    SET_UP(&fixture, "ycsb-d", "-n", "10000", "-r", "1000", "--seed", "5");
    while (run_next(fixture.run, 0, START_NS, &op) == RUN_START) {
        if (op.kind == OP_SET)
            CU_ASSERT_EQUAL(op.key_id, 1000 + insert_count++);
        if (op.kind == OP_GET) {
            CU_ASSERT_TRUE(op.key_id < 1000 + insert_count);
            newest_read = op.key_id > newest_read ? op.key_id : newest_read;
        }
        run_done(fixture.run, &op, true, slice_of(NULL, 0), START_NS);
    }
    CU_ASSERT_TRUE(insert_count > 400 && insert_count < 600);
    CU_ASSERT_TRUE(newest_read > 1300);
    tear_down(&fixture);
}

/* Method: --verify: a key is written over one connection only, values come back proven, and one
 * that was changed is a fault. */
static void
verified_values_are_checked(void)
{
    struct fixture fixture;
    uint8_t value[200];
    struct op op;

    SET_UP(&fixture, "set", "--verify", "-n", "1000", "-r", "100", "-c", "7", "-d", "200");
    for (uint32_t i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(run_next(fixture.run, i % 7, START_NS, &op), RUN_START);
        CU_ASSERT_EQUAL(op.key_id % 7, i % 7);
        CU_ASSERT_TRUE(op.key_id < 100);
        run_begin_write(fixture.run, &op);
        run_put_value(fixture.run, &op, value);
        run_done(fixture.run, &op, true, slice_of(NULL, 0), START_NS);
    }
    op.kind = OP_GET;
    op.floor = op.version;
    op.version = 0;
    run_done(fixture.run, &op, true, slice_of(value, 200), START_NS);
    CU_ASSERT_EQUAL(fixture.session.fault_count, 0);
    value[150] ^= 1;
    run_done(fixture.run, &op, true, slice_of(value, 200), START_NS);
    CU_ASSERT_EQUAL(fixture.session.fault_count, 1);
    run_done(fixture.run, &op, false, slice_of(NULL, 0), START_NS);
    CU_ASSERT_EQUAL(fixture.session.fault_count, 2);
    tear_down(&fixture);
}

/* Goal: --seconds has a line for the last second too, if the last reply came just before its end
 * and nothing looked at the clock afterwards. */
static void
the_last_second_is_told(void)
{
    char path[] = "/tmp/kvbench-seconds.XXXXXX", line[1024];
    const int fd = mkstemp(path);
    struct fixture fixture;
    struct op op;
    FILE *file;
    int line_count = 0;

    CU_ASSERT_FATAL(fd >= 0 && close(fd) == 0);
    SET_UP(&fixture, "get", "--rate", "1000", "--duration", "2", "--seconds", path);
    for (uint64_t i = 0; i < 2000; i++) {
        CU_ASSERT_EQUAL(run_next(fixture.run, 0, START_NS + i * MS, &op), RUN_START);
        run_done(fixture.run, &op, true, slice_of(NULL, 0), START_NS + i * MS);
        run_tick(fixture.run, START_NS + i * MS);
    }
    run_finish(fixture.run, -1);
    tear_down(&fixture);
    file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fgets(line, sizeof(line), file) != NULL)
        line_count++;
    CU_ASSERT_EQUAL(line_count, 2);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

int
main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        UNIT_TEST(a_closed_loop_gives_out_its_count_at_once),
        UNIT_TEST(a_seed_is_a_sequence),
        UNIT_TEST(an_open_loop_keeps_its_times),
        UNIT_TEST(poisson_arrivals_have_the_rate),
        UNIT_TEST(only_a_late_generator_makes_a_run_invalid),
        UNIT_TEST(a_warm_up_does_not_count),
        UNIT_TEST(inserts_make_new_keys),
        UNIT_TEST(verified_values_are_checked),
        UNIT_TEST(the_last_second_is_told),
        UNIT_TEST_END,
    };

    return unit_main("kvbench run", tests, argc, argv);
}
