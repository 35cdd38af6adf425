/* Goal: what a snapshot shows stays as it is, even if the clock is set back while a job that takes
 * values for dead is under way; and when the job is over, the clock alone says what is dead.
 *
 * Method: a simulated machine.  The clock leaps over a value's deadline, a job of one of the three
 * kinds that let go of dead values begins, the clock goes back, a snapshot is taken, the job ends:
 * reads at the snapshot find the same before and after. */
#include <CUnit/Basic.h>
#include <string.h>

#include "db/db_snapshot.h"
#include "support/dying_value.h"
#include "support/sim_life.h"
#include "support/unit.h"

enum { LIFE_MS = 60 * 1000, LEAP_US = 1800 * 1000 * 1000, TURN_COUNT_MAX = 100000 };

static void
start(struct sim_life *life)
{
    const struct sim_options machine = {.seed = unit_seed()};
    struct db_options options;

    sim_life_init(life, &machine);
    options = sim_life_options(life, "/db", NULL);
    options.compaction.level0_trigger = 8;
    CU_ASSERT_EQUAL_FATAL(sim_life_open(life, &options), KV_OK);
}

static void
write_all(struct sim_life *life, struct write_batch *batch)
{
    uint64_t seq;

    CU_ASSERT_EQUAL_FATAL(db_write(life->db, batch, &seq), KV_OK);
    write_batch_deinit(batch);
    while (db_durable_seq(life->db) < seq)
        sim_life_turn(life);
}

/* "dying" dies in a minute; the others live. */
static void
put_one_that_dies(struct sim_life *life)
{
    struct write_batch batch;

    write_batch_init(&batch);
    batch_put_until(&batch, "dying", "v", db_now_ms(life->db) + LIFE_MS);
    write_all(life, &batch);
}

static void
put_one_that_lives(struct sim_life *life)
{
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("living"), slice_from_text("v"));
    write_all(life, &batch);
}

static uint64_t
now_ms(struct sim_life *life)
{
    db_let_time_pass(life->db);
    return db_now_ms(life->db);
}

static bool
is_there(struct sim_life *life, const char *key, uint64_t seq_max)
{
    struct arrival arrival;
    struct lookup found;
    struct read_ctx ctx;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(life->db));
    for (;;) {
        db_let_time_pass(life->db);
        st = db_get(life->db, &ctx, CF_DEFAULT, slice_from_text(key), seq_max, &found);
        if (st != KV_WANT_BLOCK)
            break;
        arrival = ARRIVAL;
        db_fetch(life->db, &ctx, &arrival.waiter);
        while (!arrival.is_here)
            (void)sim_io_turn(life->sim);
        CU_ASSERT_EQUAL_FATAL(arrival.st, KV_OK);
    }
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
    read_ctx_deinit(&ctx);
    return found.kind == LOOKUP_VALUE;
}

/* Until a job of the kind is under way, and no further. */
static void
await_job(struct sim_life *life, const char *kind)
{
    struct db_job_info jobs[4];

    for (int turn = 0; turn < TURN_COUNT_MAX; turn++) {
        db_turn(life->db);
        for (uint32_t i = 0; i < db_jobs(life->db, jobs, 4) && i < 4; i++) {
            if (strcmp(jobs[i].kind, kind) == 0)
                return;
        }
        if (!sim_io_turn(life->sim))
            sim_io_advance(life->sim, 10000);
    }
    CU_FAIL_FATAL("no job has begun");
}

/* A job has begun half an hour from now.  Ends it. */
static void
expect_one_answer(struct sim_life *life)
{
    struct db_snapshot *snapshot;
    struct db_stats stats;
    uint64_t seq;
    bool before;

    sim_io_jump_wall(life->sim, -LEAP_US);
    (void)now_ms(life);
    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(life->db, &snapshot), KV_OK);
    seq = db_snapshot_seq(snapshot);
    before = is_there(life, "dying", seq);
    CU_ASSERT_FALSE(before); /* it is as good as gone */
    CU_ASSERT_TRUE(is_there(life, "living", seq));
    inline_port_release(&life->port);
    sim_life_run_for(life, 1000000);
    CU_ASSERT_EQUAL(db_jobs(life->db, NULL, 0), 0);
    CU_ASSERT_EQUAL(is_there(life, "dying", seq), before);
    CU_ASSERT_FALSE(is_there(life, "dying", SEQUENCE_MAX));
    CU_ASSERT_TRUE(is_there(life, "living", seq));
    db_get_stats(life->db, &stats);
    CU_ASSERT_EQUAL(stats.expired_count, 1);
    db_snapshot_release(life->db, snapshot);

    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(life->db, &snapshot), KV_OK);
    CU_ASSERT_EQUAL(db_snapshot_time_ms(snapshot), now_ms(life));
    db_snapshot_release(life->db, snapshot);
}

static void
under_a_flush(void)
{
    struct sim_life life;
    struct outcome outcome = {0};

    start(&life);
    put_one_that_lives(&life);
    put_one_that_dies(&life);
    CU_ASSERT_TRUE(is_there(&life, "dying", SEQUENCE_MAX));
    sim_io_jump_wall(life.sim, LEAP_US);
    life.port.hold = true;
    db_flush(life.db, outcome_note, &outcome);
    await_job(&life, "flush");
    expect_one_answer(&life);
    CU_ASSERT_TRUE(outcome.is_here);
    sim_life_deinit(&life);
}

static void
under_a_compaction(void)
{
    const struct db_compact_request request = {.cf_id = CF_DEFAULT, .is_forced = true};
    struct sim_life life;
    struct outcome outcome = {0};

    start(&life);
    put_one_that_lives(&life);
    put_one_that_dies(&life);
    sim_life_flush(&life);
    CU_ASSERT_TRUE(is_there(&life, "dying", SEQUENCE_MAX));
    sim_io_jump_wall(life.sim, LEAP_US);
    life.port.hold_compact = true;
    (void)db_compact(life.db, &request, outcome_note, &outcome);
    await_job(&life, "compaction");
    expect_one_answer(&life);
    CU_ASSERT_TRUE(outcome.is_here);
    CU_ASSERT_EQUAL(sim_life_stats(&life).compaction.count, 1);
    sim_life_deinit(&life);
}

/* Method: a table that holds nothing else, which the picker finds by itself. */
static void
under_a_drop(void)
{
    struct sim_life life;

    start(&life);
    put_one_that_lives(&life);
    sim_life_flush(&life);
    put_one_that_dies(&life);
    sim_life_flush(&life);
    CU_ASSERT_TRUE(is_there(&life, "dying", SEQUENCE_MAX));
    sim_io_jump_wall(life.sim, LEAP_US);
    await_job(&life, "compaction");
    CU_ASSERT_EQUAL(sim_life_stats(&life).table_count, 2);
    expect_one_answer(&life);
    CU_ASSERT_EQUAL(sim_life_stats(&life).compaction.drop_count, 1);
    sim_life_deinit(&life);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(under_a_flush),
        UNIT_TEST(under_a_compaction),
        UNIT_TEST(under_a_drop),
        UNIT_TEST_END,
    };

    return unit_main("db_clock_back", tests, argc, argv);
}
