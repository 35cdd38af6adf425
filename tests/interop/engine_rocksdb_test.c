/* Goal: kvd's engine gives the answers that librocksdb 7.8.3 gives, whatever was written, in
 * whatever order it was flushed, compacted, interrupted and opened again; and what it leaves on
 * disk is for librocksdb, ldb and sst_dump what it was for us.
 *
 * Method: random operations, from a seed, are given to the engine on the simulated machine, to
 * librocksdb in a directory of its own, and to a map.  All answers are compared, as are scans of
 * everything at the end, and then librocksdb's of the directory that the engine left.  What
 * differs is shrunk: operations are left out as long as it still does.
 *
 * KVD_DIFF_OPS=5000000 makes it long; `seed=N` with KVD_DIFF_OPS=1 repeats one round;
 * KVD_DIFF_STYLE=leveled, universal or fifo keeps to one style of compaction. */
#include <CUnit/Basic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "support/diff_engine.h"
#include "support/diff_model.h"
#include "support/diff_rocks.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

enum { ROUND_OP_COUNT = 20000, SHORT_OP_COUNT = 100000, SHRINK_SECONDS = 240, TEXT_BYTES = 600 };

static char scratch_dir[SCRATCH_PATH_BYTES];

struct totals {
    uint64_t op_count, round_count, flush_count, crash_count, lost_count;
    struct db_compaction_totals compaction;
};

struct run {
    uint64_t seed;
    uint32_t key_count;
    struct diff_op *ops; /* borrowed */
    uint32_t op_count;
    uint32_t op_failed; /* where it went wrong; op_count: at the end */
    struct diff_engine engine;
    struct diff_rocks rocks;
    struct diff_model model;
    struct buffer ours, theirs;
    char failure[TEXT_BYTES];
};

static bool __attribute__((format(printf, 2, 3))) fail(struct run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (run->failure[0] == '\0')
        (void)vsnprintf(run->failure, sizeof(run->failure), format, args);
    va_end(args);
    return false;
}

static void
make_dir(char path[], size_t size, const char *name)
{
    char command[400];

    (void)snprintf(path, size, "%s/%s", scratch_dir, name);
    (void)snprintf(command, sizeof(command), "rm -rf '%s' && mkdir '%s'", path, path);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* --- one run --- */

/* The answers are the same; else what is around the first difference. */
static bool
same(struct run *run, const char *what)
{
    const struct buffer *ours = &run->ours, *theirs = &run->theirs;
    size_t at = 0;

    if (slice_equal(buffer_slice(ours), buffer_slice(theirs)))
        return true;
    while (at < ours->size && at < theirs->size && ours->data[at] == theirs->data[at])
        at++;
    at = at < 60 ? 0 : at - 60;
    return fail(run, "%s: kvd (%zu bytes) '%.*s', not (%zu bytes) '%.*s'", what, ours->size,
                (int)(ours->size - at < 150 ? ours->size - at : 150),
                ours->size == 0 ? "" : (const char *)ours->data + at, theirs->size,
                (int)(theirs->size - at < 150 ? theirs->size - at : 150),
                theirs->size == 0 ? "" : (const char *)theirs->data + at);
}

static bool
check_model(struct run *run, const struct diff_op *op)
{
    const struct diff_cell *cell = diff_model_cell(&run->model, op);

    buffer_clear(&run->theirs);
    if (cell->exists)
        diff_answer_value(&run->theirs, buffer_slice(&cell->value));
    else
        diff_answer_none(&run->theirs);
    return same(run, "map");
}

/* librocksdb flushes the engine's log, compacts its tables, and the engine goes on from there. */
static bool
hand_over(struct run *run, const struct diff_op *op)
{
    struct diff_rocks guest;
    char dir[300];

    make_dir(dir, sizeof(dir), "handed");
    if (!diff_engine_export(&run->engine, dir, op->number % 4 == 0))
        return false;
    diff_rocks_open(&guest, dir, false);
    for (uint32_t family = 0; op->number % 8 < 5 && family < DIFF_FAMILY_COUNT; family++)
        rocksdb_compact_range_cf(guest.db, guest.families[family], NULL, 0, NULL, 0);
    diff_rocks_close(&guest);
    return diff_engine_import(&run->engine, dir);
}

/* A family from end to end, as of the snapshot of that place, or now. */
static bool
compare_scan(struct run *run, uint32_t family, uint32_t snapshot, bool is_forward)
{
    buffer_clear(&run->ours);
    buffer_clear(&run->theirs);
    diff_rocks_scan(&run->rocks, family, snapshot, is_forward, &run->theirs);
    if (!diff_engine_scan(&run->engine, family, snapshot, is_forward, &run->ours))
        return fail(run, "kvd's scan: %s", run->engine.failure);
    return same(run, snapshot == DIFF_SNAPSHOT_COUNT ? "scan" : "scan of a snapshot");
}

static bool
apply(struct run *run, const struct diff_op *given)
{
    struct diff_op op = *given;
    bool is_read;

    if (diff_op_scans(&op) &&
        !compare_scan(run, op.family, diff_op_snapshot(&op), (op.number & 4) != 0))
        return false;
    buffer_clear(&run->ours);
    buffer_clear(&run->theirs);
    diff_model_apply(&run->model, &op);
    diff_rocks_apply(&run->rocks, &op, &run->theirs);
    if (!diff_engine_apply(&run->engine, &op, &run->ours) ||
        (op.kind == DIFF_HAND_OVER && !hand_over(run, &op)))
        return fail(run, "kvd: %s", run->engine.failure);
    is_read = op.kind == DIFF_GET || op.kind == DIFF_SNAPSHOT_GET;
    return same(run, "rocksdb") && (!is_read || check_model(run, &op));
}

static bool
compare_all(struct run *run)
{
    for (uint32_t family = 0; family < DIFF_FAMILY_COUNT; family++) {
        for (uint32_t snapshot = 0; snapshot <= DIFF_SNAPSHOT_COUNT; snapshot++) {
            if (!compare_scan(run, family, snapshot, true) ||
                !compare_scan(run, family, snapshot, false))
                return false;
        }
    }
    return true;
}

static bool
run_tool(struct run *run, const char *format, const char *dir)
{
    char command[1000];

    (void)snprintf(command, sizeof(command), format, dir);
    return system(command) == 0 || fail(run, "'%s' is not content", command);
}

/* What the engine leaves is what librocksdb has. */
static bool
check_directory(struct run *run)
{
    struct diff_rocks reader;
    char dir[300];
    bool is_same = true;

    make_dir(dir, sizeof(dir), "left");
    if (!diff_engine_export(&run->engine, dir, run->seed % 2 == 0))
        return fail(run, "kvd's end: %s", run->engine.failure);
    diff_rocks_open(&reader, dir, true);
    for (uint32_t family = 0; is_same && family < DIFF_FAMILY_COUNT; family++) {
        for (int forward = 0; is_same && forward < 2; forward++) {
            buffer_clear(&run->ours);
            buffer_clear(&run->theirs);
            diff_rocks_scan(&reader, family, DIFF_SNAPSHOT_COUNT, forward != 0, &run->ours);
            diff_rocks_scan(&run->rocks, family, DIFF_SNAPSHOT_COUNT, forward != 0, &run->theirs);
            is_same = same(run, "the directory");
        }
    }
    diff_rocks_close(&reader);
    return is_same && run_tool(run, "ldb --db='%s' checkconsistency >/dev/null", dir) &&
           run_tool(run,
                    "! ls '%1$s'/*.sst >/dev/null 2>&1 || "
                    "! sst_dump --file='%1$s' --command=verify --verify_checksum 2>&1 | "
                    "grep -i 'corrupt\\|mismatch\\|fail'",
                    dir);
}

static bool
run_ops(struct run *run)
{
    for (uint32_t i = 0; i < run->op_count; i++) {
        run->op_failed = i;
        if (!apply(run, &run->ops[i]))
            return false;
    }
    run->op_failed = run->op_count;
    for (uint32_t i = 0; i < DIFF_SLOT_COUNT; i++) {
        const struct diff_op close = {.kind = DIFF_ITER_CLOSE, .slot = (uint8_t)i};

        if (!apply(run, &close))
            return false;
    }
    return compare_all(run) && check_directory(run);
}

/* Of what the engine was told and did.  False: run->failure and run->op_failed say what. */
static bool
run_once(struct run *run, struct totals *totals)
{
    char dir[300], beginning[300];
    bool is_fine;

    run->failure[0] = '\0';
    make_dir(beginning, sizeof(beginning), "beginning");
    diff_rocks_open(&run->rocks, beginning, false);
    diff_rocks_close(&run->rocks);
    make_dir(dir, sizeof(dir), "rocks");
    diff_rocks_open(&run->rocks, dir, false);
    diff_model_init(&run->model, run->key_count);
    diff_engine_init(&run->engine, run->seed, beginning);
    is_fine = run_ops(run);
    diff_engine_deinit(&run->engine);
    diff_model_deinit(&run->model);
    diff_rocks_close(&run->rocks);
    buffer_deinit(&run->ours);
    buffer_deinit(&run->theirs);
    run->ours = run->theirs = (struct buffer){0};
    totals->op_count += run->op_count;
    totals->flush_count += run->engine.flush_count;
    totals->crash_count += run->engine.crash_count;
    totals->lost_count += run->engine.lost_count;
    totals->compaction.count += run->engine.totals.count;
    totals->compaction.failure_count += run->engine.totals.failure_count;
    totals->compaction.move_count += run->engine.totals.move_count;
    totals->compaction.drop_count += run->engine.totals.drop_count;
    return is_fine;
}

/* --- shrinking --- */

/* Without `count` operations from `from` on: whether it still fails.  Then they are gone. */
static bool
fails_without(struct run *run, uint32_t from, uint32_t count)
{
    struct diff_op *ops = run->ops;
    const uint32_t op_count = run->op_count;
    struct totals ignored = {0};

    run->op_count = op_count - count;
    run->ops = kv_alloc(sizeof(ops[0]) * (run->op_count + 1));
    memcpy(run->ops, ops, sizeof(ops[0]) * from);
    memcpy(run->ops + from, ops + from + count, sizeof(ops[0]) * (op_count - from - count));
    if (run_once(run, &ignored)) {
        free(run->ops);
        run->ops = ops;
        run->op_count = op_count;
        return false;
    }
    if (run->op_failed < run->op_count)
        run->op_count = run->op_failed + 1;
    free(ops);
    return true;
}

static void
shrink(struct run *run)
{
    const time_t end = time(NULL) + SHRINK_SECONDS;
    char failure[TEXT_BYTES];
    uint32_t op_count;

    if (run->op_failed < run->op_count)
        run->op_count = run->op_failed + 1;
    memcpy(failure, run->failure, sizeof(failure));
    /* What could not go at first may go when others have. */
    do {
        op_count = run->op_count;
        for (uint32_t width = (op_count + 1) / 2; width > 0; width /= 2) {
            for (uint32_t from = 0; from + width <= run->op_count && time(NULL) < end;) {
                if (fails_without(run, from, width))
                    memcpy(failure, run->failure, sizeof(failure));
                else
                    from += width;
            }
        }
    } while (run->op_count < op_count && time(NULL) < end);
    printf("shrunk to %u operations of %u keys: %s\n", run->op_count, run->key_count, failure);
    for (uint32_t i = 0; i < run->op_count && i < 400; i++)
        diff_op_print(&run->ops[i]);
}

/* --- the test --- */

static bool
play(uint64_t seed, struct totals *totals)
{
    struct run run = {.seed = seed, .op_count = ROUND_OP_COUNT};
    struct diff_profile profile;
    struct random random;
    bool is_fine;

    printf("\rseed=%llu ", (unsigned long long)seed);
    (void)fflush(stdout);
    random_init(&random, seed);
    diff_profile_draw(&profile, &random);
    run.key_count = profile.key_count;
    run.ops = kv_alloc(sizeof(run.ops[0]) * run.op_count);
    for (uint32_t i = 0; i < run.op_count; i++)
        diff_op_draw(&run.ops[i], &profile, &random);
    is_fine = run_once(&run, totals);
    totals->round_count++;
    if (!is_fine) {
        printf("\nseed=%llu fails at operation %u: %s\n", (unsigned long long)seed, run.op_failed,
               run.failure);
        (void)fflush(stdout);
        shrink(&run);
    }
    free(run.ops);
    return is_fine;
}

static void
both_engines_agree(void)
{
    const char *wish = getenv("KVD_DIFF_OPS");
    const uint64_t target = wish != NULL ? strtoull(wish, NULL, 10) : SHORT_OP_COUNT;
    const bool is_long = target > SHORT_OP_COUNT;
    const time_t begin = time(NULL);
    struct totals totals = {0};

    for (uint64_t seed = unit_seed(); totals.op_count < target; seed++) {
        if (!play(seed, &totals))
            CU_FAIL_FATAL("the engines differ");
        if (is_long && totals.round_count % 10 == 0) {
            printf("\r%llu operations, %llu a second, next seed=%llu",
                   (unsigned long long)totals.op_count,
                   (unsigned long long)(totals.op_count / (uint64_t)(time(NULL) - begin + 1)),
                   (unsigned long long)seed + 1);
            (void)fflush(stdout);
        }
    }
    printf("\n%llu operations in %llu rounds, %lld s: %llu flushes, %llu compactions, %llu failed, "
           "%llu moves, %llu drops, %llu crashes that took back %llu batches\n",
           (unsigned long long)totals.op_count, (unsigned long long)totals.round_count,
           (long long)(time(NULL) - begin), (unsigned long long)totals.flush_count,
           (unsigned long long)totals.compaction.count,
           (unsigned long long)totals.compaction.failure_count,
           (unsigned long long)totals.compaction.move_count,
           (unsigned long long)totals.compaction.drop_count, (unsigned long long)totals.crash_count,
           (unsigned long long)totals.lost_count);
}

/* Memory is enough of a disk for the side that is simulated anyway. */
int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(both_engines_agree),
        UNIT_TEST_END,
    };
    int result;

    log_set_level(LOG_LEVEL_WARNING);
    scratch_dir_make_in_memory(scratch_dir);
    result = unit_main("engine_rocksdb", tests, argc, argv);
    scratch_dir_remove(scratch_dir);
    return result;
}
