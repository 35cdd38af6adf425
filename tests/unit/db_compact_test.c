/* Goal: the engine's compactions end well or leave no trace: installed as a whole, begun again
 * after a failure, left alone when they cannot work, stopped when they are not wanted; and no file
 * stays. Method: a small database on the simulated machine, whose time is virtual, with a port that
 * does the jobs in place and can be told to fail or to lie. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "support/sim_life.h"
#include "support/unit.h"
#include "version/file_name.h"

static const char dir[] = "/db";
static const struct db_compact_request everything = {.cf_id = CF_DEFAULT};

struct world {
    struct sim_life life;
    struct job_port port; /* before that of the life */
    struct db_options options;
    bool is_crowded; /* two were asked for at a time */
    enum job_urgency urgency;
    /* Instead of on_done; NULL: the truth. */
    void (*lie)(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
                uint32_t table_count);
    uint32_t asked_count, leaving_count; /* the second: that leave their core to others */
    struct compact_job *asked;
    void (*engine_done)(struct compact_job *job, enum kv_status st,
                        const struct table_summary *tables, uint32_t table_count);
};

/* --- the port --- */

static struct world *liar; /* on_done has no owner of ours */

/* The last output reaches beyond the inputs. */
static void
lie_beyond(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
           uint32_t table_count)
{
    struct table_summary twisted = tables[0];

    CU_ASSERT_EQUAL(st, KV_OK);
    CU_ASSERT_EQUAL(table_count, 1);
    twisted.largest = (struct buffer){0};
    internal_key_append(&twisted.largest, slice_from_text("zzz"), 1, TYPE_VALUE);
    liar->engine_done(job, st, &twisted, 1);
    buffer_deinit(&twisted.largest);
}

/* All inputs were read, and nothing is left of them. */
static void
lie_emptiness(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
              uint32_t table_count)
{
    (void)tables;
    CU_ASSERT_EQUAL(table_count, 1);
    liar->engine_done(job, st, NULL, 0);
}

/* The inputs ended early. */
static void
lie_shortness(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
              uint32_t table_count)
{
    job->entries_read--;
    liar->engine_done(job, st, tables, table_count);
}

static void
start_flush(struct job_port *port, struct flush_job *job)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    world->life.port.port.start_flush(&world->life.port.port, job);
}

static void
start_compact(struct job_port *port, struct compact_job *job)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    world->asked_count++;
    world->leaving_count += job->spec.leaves_core;
    world->asked = job;
    world->is_crowded = world->is_crowded || !list_empty(&world->life.port.jobs);
    if (world->lie != NULL) {
        liar = world;
        world->engine_done = job->on_done;
        job->on_done = world->lie;
    }
    world->life.port.port.start_compact(&world->life.port.port, job);
}

static void
cancel_compact(struct job_port *port, struct compact_job *job)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    world->life.port.port.cancel_compact(&world->life.port.port, job);
}

static void
set_urgency(struct job_port *port, enum job_urgency urgency)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    CU_ASSERT_TRUE(urgency != world->urgency);
    world->urgency = urgency;
}

/* --- the world --- */

static void
open_world(struct world *world)
{
    CU_ASSERT_EQUAL_FATAL(sim_life_open(&world->life, &world->options), KV_OK);
}

static void
init(struct world *world)
{
    *world = (struct world){.port = {.start_flush = start_flush,
                                     .start_compact = start_compact,
                                     .cancel_compact = cancel_compact,
                                     .set_urgency = set_urgency}};
    sim_life_init(&world->life, &(struct sim_options){.seed = 1});
    world->options = sim_life_options(&world->life, dir, world);
    world->options.port = &world->port;
    world->options.memory_limit_bytes = 64 << 20;
    world->options.memtable_bytes = 1 << 20;
    world->options.wal_bytes_max = 4 << 20;
    world->options.compaction = (struct db_compaction_settings){
        .job_count = 2, .has_style = true, .style = COMPACTION_LEVELED, .level0_trigger = 2};
    open_world(world);
}

static void
deinit(struct world *world)
{
    sim_life_deinit(&world->life);
}

static void
run_for(struct world *world, uint64_t duration_us)
{
    sim_life_run_for(&world->life, duration_us);
}

static struct db_stats
stats_of(const struct world *world)
{
    return sim_life_stats(&world->life);
}

static bool
count_table(void *owner, const char *name)
{
    uint64_t number;

    *(uint64_t *)owner += file_name_parse(name, &number) == FILE_TABLE;
    return true;
}

static uint64_t
table_files(struct world *world)
{
    uint64_t count = 0;

    CU_ASSERT_EQUAL(io_list_dir(sim_io_base(world->life.sim), dir, count_table, &count), 0);
    return count;
}

static bool
is_settled(struct world *world)
{
    const struct db_stats stats = stats_of(world);

    return stats.compaction_is_settled && stats.obsolete_count == 0 && db_is_idle(world->life.db);
}

static void
settle(struct world *world)
{
    for (int i = 0; i < 100000 && !is_settled(world); i++)
        sim_life_turn(&world->life);
    CU_ASSERT_TRUE(is_settled(world));
    CU_ASSERT_EQUAL(table_files(world), stats_of(world).table_count);
}

/* Keys k<first>..k9, their values from `round`; then a flush. */
static void
write_table_from(struct world *world, int first, int round)
{
    struct write_batch batch;
    uint64_t seq;
    char key[16], value[64];

    write_batch_init(&batch);
    for (int i = first; i < 10; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        (void)snprintf(value, sizeof(value), "value %d of round %d", i, round);
        write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_from_text(value));
    }
    CU_ASSERT_EQUAL(db_write(world->life.db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
    sim_life_flush(&world->life);
}

static void
write_table(struct world *world, int round)
{
    write_table_from(world, 0, round);
}

/* What a get says: KV_OK and the value of `round`, or an error. */
static enum kv_status
check_value(struct world *world, int number, int round)
{
    struct read_ctx ctx;
    struct lookup found;
    char key[16], value[64];
    enum kv_status st;

    (void)snprintf(key, sizeof(key), "k%d", number);
    (void)snprintf(value, sizeof(value), "value %d of round %d", number, round);
    st = sim_life_get(&world->life, CF_DEFAULT, key, &ctx, &found);
    if (st == KV_OK &&
        (found.kind != LOOKUP_VALUE || !slice_equal(found.value, slice_from_text(value))))
        st = KV_INVALID;
    read_ctx_deinit(&ctx);
    return st;
}

static void
check_all(struct world *world, int round)
{
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(check_value(world, i, round), KV_OK);
}

/* Goal: tables in level 0 become one below, by themselves, and their files go. */
static void
level0_is_compacted_by_itself(void)
{
    struct world world;
    struct db_stats stats;

    init(&world);
    for (int round = 0; round < 5; round++)
        write_table(&world, round);
    settle(&world);
    stats = stats_of(&world);
    CU_ASSERT_TRUE(stats.compaction.count >= 1);
    CU_ASSERT_TRUE(stats.level_table_count[0] < 2);
    CU_ASSERT_EQUAL(stats.level_table_count[LEVEL_COUNT - 1], 1);
    CU_ASSERT_TRUE(stats.compaction.read_bytes > stats.compaction.written_bytes);
    check_all(&world, 4);
    sim_life_close(&world.life);
    open_world(&world);
    check_all(&world, 4);
    deinit(&world);
}

/* Goal: a job that fails is begun again, later and later, and loses nothing. */
static void
a_failed_job_is_tried_again_ever_later(void)
{
    struct world world;
    uint32_t asked_in_first_second, asked_in_a_minute;

    init(&world);
    world.life.port.refusal = KV_NO_SPACE;
    write_table(&world, 0);
    write_table(&world, 1);
    run_for(&world, 1000000);
    asked_in_first_second = world.asked_count;
    CU_ASSERT_TRUE(asked_in_first_second >= 2 && asked_in_first_second <= 5);
    run_for(&world, 60000000);
    asked_in_a_minute = world.asked_count - asked_in_first_second;
    CU_ASSERT_TRUE(asked_in_a_minute >= 5 && asked_in_a_minute <= 12);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 2);
    CU_ASSERT_EQUAL(stats_of(&world).compaction.failure_count, world.asked_count);
    check_all(&world, 1);
    world.life.port.refusal = KV_OK;
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 1);
    check_all(&world, 1);
    deinit(&world);
}

/* Goal: a job whose workers die is given away more slowly each time, and loses nothing. */
static void
a_job_that_kills_its_workers_is_given_away_more_slowly(void)
{
    struct world world;

    init(&world);
    world.life.port.refusal = KV_CANCELLED;
    write_table(&world, 0);
    write_table(&world, 1);
    run_for(&world, 1000000);
    CU_ASSERT_TRUE(world.asked_count >= 2 && world.asked_count <= 4);
    run_for(&world, 60000000);
    CU_ASSERT_TRUE(world.asked_count >= 8 && world.asked_count <= 16);
    CU_ASSERT_TRUE(stats_of(&world).compaction.failure_count >= 1);
    world.life.port.refusal = KV_OK;
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 1);
    check_all(&world, 1);
    deinit(&world);
}

/* Goal: tables that cannot be read are left alone for minutes, and a KV.COMPACT tries them. */
static void
a_damaged_table_is_left_alone(void)
{
    struct world world;

    init(&world);
    world.life.port.refusal = KV_CORRUPT;
    write_table(&world, 0);
    write_table(&world, 1);
    run_for(&world, 250000000);
    CU_ASSERT_EQUAL(world.asked_count, 1);
    CU_ASSERT_EQUAL(stats_of(&world).compaction_parked_count, 1);
    CU_ASSERT_EQUAL(sim_life_compact(&world.life, &everything), KV_CORRUPT);
    CU_ASSERT_EQUAL(world.asked_count, 2);
    /* Whoever of the two was first: the picker's own plan, or the one that was asked for. */
    for (int i = 0; i < 4; i++) {
        struct outcome outcome = {0};

        (void)db_compact(world.life.db, &everything, outcome_note, &outcome);
        run_for(&world, 2000000);
        CU_ASSERT_TRUE_FATAL(outcome.is_here);
        CU_ASSERT_EQUAL(outcome.st, KV_CORRUPT);
    }
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 2);
    deinit(&world);
}

/* Goal: an answer that cannot be true is not installed, and its file is deleted. */
static void
an_untrue_answer_is_refused(void)
{
    static void (*const lies[])(struct compact_job *, enum kv_status, const struct table_summary *,
                                uint32_t) = {lie_beyond, lie_emptiness, lie_shortness};

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct world world;

        init(&world);
        world.lie = lies[i];
        write_table(&world, 0);
        write_table(&world, 1);
        run_for(&world, 10000000);
        CU_ASSERT_EQUAL(world.asked_count, 1);
        CU_ASSERT_EQUAL(stats_of(&world).compaction.failure_count, 1);
        CU_ASSERT_EQUAL(stats_of(&world).table_count, 2);
        check_all(&world, 1);
        deinit(&world);
    }
}

/* Goal: jobs are listed, paused, resumed and cancelled, one and all. */
static void
jobs_obey(void)
{
    struct world world;
    struct db_job_info job;

    init(&world);
    world.life.port.hold_compact = true;
    write_table(&world, 0);
    write_table(&world, 1);
    run_for(&world, 1000000);
    CU_ASSERT_EQUAL_FATAL(db_jobs(world.life.db, &job, 1), 1);
    CU_ASSERT_STRING_EQUAL(job.kind, "compaction");
    CU_ASSERT_STRING_EQUAL(job.state, "running");
    CU_ASSERT_EQUAL(job.level_from, 0);
    CU_ASSERT_EQUAL(job.level_to, LEVEL_COUNT - 1);
    CU_ASSERT_TRUE(job.bytes_total > 0 && job.bytes_done == 0 && job.age_us > 0);
    CU_ASSERT_EQUAL(db_job_pause(world.life.db, 999, true), KV_NO_FILE);
    CU_ASSERT_EQUAL(db_job_pause(world.life.db, job.id, true), KV_OK);
    run_for(&world, 1000000);
    CU_ASSERT_EQUAL(db_jobs(world.life.db, &job, 1), 1);
    CU_ASSERT_STRING_EQUAL(job.state, "paused");
    CU_ASSERT_EQUAL(world.asked_count, 1);
    CU_ASSERT_EQUAL(db_job_pause(world.life.db, job.id, false), KV_OK);
    run_for(&world, 1000000);
    CU_ASSERT_EQUAL(world.asked_count, 2);
    CU_ASSERT_EQUAL(db_job_cancel(world.life.db, job.id), KV_OK);
    run_for(&world, 1000000);
    CU_ASSERT_EQUAL(db_jobs(world.life.db, &job, 1), 1);
    CU_ASSERT_STRING_EQUAL(job.state, "resting");
    CU_ASSERT_EQUAL(world.asked_count, 2);
    world.life.port.hold_compact = false;
    run_for(&world, 61000000);
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 1);
    check_all(&world, 1);
    deinit(&world);
}

/* Goal: while all is paused nothing begins; afterwards it does. */
static void
a_pause_of_all_holds_what_comes_too(void)
{
    struct world world;

    init(&world);
    db_compaction_pause(world.life.db, true);
    for (int round = 0; round < 4; round++)
        write_table(&world, round);
    run_for(&world, 1000000);
    CU_ASSERT_EQUAL(world.asked_count, 0);
    CU_ASSERT_EQUAL(stats_of(&world).level_table_count[0], 4);
    db_compaction_pause(world.life.db, false);
    settle(&world);
    CU_ASSERT_TRUE(stats_of(&world).level_table_count[0] < 2);
    deinit(&world);
}

/* Goal: KV.COMPACT takes what is in memory along, goes to the bottom, and ends. */
static void
a_compaction_that_is_asked_for_goes_to_the_bottom(void)
{
    struct world world;
    struct write_batch batch;
    uint64_t seq;

    init(&world);
    write_table(&world, 0);
    write_batch_init(&batch);
    for (int i = 0; i < 10; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "k%d", i);
        write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    }
    CU_ASSERT_EQUAL(db_write(world.life.db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
    CU_ASSERT_EQUAL(sim_life_compact(&world.life, &everything), KV_OK);
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 0); /* deletions have met what they delete */
    deinit(&world);
}

/* Goal: a job is told to leave its core to whoever wants one if somebody asked for it by hand, and
 * nobody waits for its space. */
static void
only_what_was_asked_for_leaves_its_core(void)
{
    const struct db_compact_request forced = {.cf_id = CF_DEFAULT, .is_forced = true};
    const struct db_compact_request patient = {
        .cf_id = CF_DEFAULT, .is_forced = true, .is_patient = true};
    struct world world;

    init(&world);
    for (int round = 0; round < 4; round++)
        write_table(&world, round);
    settle(&world);
    CU_ASSERT_TRUE(world.asked_count > 0);
    CU_ASSERT_EQUAL(world.leaving_count, 0);
    world.asked_count = 0;
    CU_ASSERT_EQUAL(sim_life_compact(&world.life, &patient), KV_OK);
    CU_ASSERT_TRUE(world.asked_count > 0);
    CU_ASSERT_EQUAL(world.leaving_count, 0);
    world.asked_count = 0;
    CU_ASSERT_EQUAL(sim_life_compact(&world.life, &forced), KV_OK);
    CU_ASSERT_TRUE(world.asked_count > 0);
    CU_ASSERT_EQUAL(world.leaving_count, world.asked_count);
    deinit(&world);
}

/* Goal: one that isn't wanted any more ends as cancelled; tables stay. */
static void
a_compaction_that_was_asked_for_can_be_cancelled(void)
{
    struct world world;
    const struct db_compact_request forced = {.cf_id = CF_DEFAULT, .is_forced = true};
    struct outcome outcome = {0};
    uint64_t id;

    init(&world);
    write_table(&world, 0);
    world.life.port.hold_compact = true;
    id = db_compact(world.life.db, &forced, outcome_note, &outcome);
    run_for(&world, 1000000);
    CU_ASSERT_FALSE(outcome.is_here);
    CU_ASSERT_EQUAL(db_job_cancel(world.life.db, id), KV_OK);
    run_for(&world, 1000000);
    CU_ASSERT_TRUE(outcome.is_here);
    CU_ASSERT_EQUAL(outcome.st, KV_CANCELLED);
    CU_ASSERT_EQUAL(db_job_cancel(world.life.db, id), KV_NO_FILE);
    check_all(&world, 0);
    deinit(&world);
}

/* Goal: a change of style holds at once: FIFO drops the oldest tables beyond its size. */
static void
fifo_drops_the_oldest(void)
{
    struct world world;
    struct db_compaction_settings settings;

    init(&world);
    db_compaction_pause(world.life.db, true);
    for (int round = 0; round < 6; round++)
        write_table(&world, round);
    settings = world.options.compaction;
    settings.style = COMPACTION_FIFO;
    settings.fifo_bytes_max = stats_of(&world).table_bytes / 2;
    db_set_compaction(world.life.db, &settings);
    db_compaction_pause(world.life.db, false);
    settle(&world);
    CU_ASSERT_TRUE(stats_of(&world).table_bytes <= settings.fifo_bytes_max);
    CU_ASSERT_TRUE(stats_of(&world).compaction.drop_count >= 1);
    CU_ASSERT_EQUAL(world.asked_count, 0);
    check_all(&world, 5);
    deinit(&world);
}

/* Goal: a stop cancels what runs and leaves a directory without loss or remains. */
static void
a_stop_does_not_wait_for_a_compaction(void)
{
    struct world world;

    init(&world);
    world.life.port.hold_compact = true;
    write_table(&world, 0);
    write_table(&world, 1);
    run_for(&world, 1000000);
    CU_ASSERT_EQUAL(world.asked_count, 1);
    sim_life_close(&world.life);
    open_world(&world);
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 1);
    check_all(&world, 1);
    deinit(&world);
}

/* Goal: many files that go at once are deleted one after the other. */
static void
deletions_are_paced(void)
{
    struct world world;
    uint64_t before;
    int slow_turns = 0;

    init(&world);
    db_compaction_pause(world.life.db, true);
    for (int round = 0; round < 40; round++)
        write_table(&world, round);
    db_compaction_pause(world.life.db, false);
    before = table_files(&world);
    while (!is_settled(&world)) {
        const uint64_t now = table_files(&world);

        CU_ASSERT_TRUE(now + 2 >= before);
        slow_turns += now < before;
        before = now;
        sim_life_turn(&world.life);
    }
    CU_ASSERT_TRUE(slow_turns >= 30);
    check_all(&world, 39);
    deinit(&world);
}

/* Goal: a plan that is large is many jobs, even if they run one after the other, and is installed
 * as a whole.  Method: tables that begin at different keys, which are where a plan can be cut. */
static void
a_large_plan_is_cut(void)
{
    struct world world;
    struct db_compaction_settings settings;

    init(&world);
    settings = world.options.compaction;
    settings.job_count = 1;
    settings.part_bytes_min = 300;
    db_set_compaction(world.life.db, &settings);
    db_compaction_pause(world.life.db, true);
    for (int round = 0; round < 10; round++)
        write_table_from(&world, 9 - round, round);
    db_compaction_pause(world.life.db, false);
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).compaction.count, 1);
    CU_ASSERT_TRUE(stats_of(&world).compaction.job_count >= 3);
    CU_ASSERT_EQUAL(stats_of(&world).compaction.job_count, world.asked_count);
    CU_ASSERT_FALSE(world.is_crowded);
    CU_ASSERT_EQUAL(stats_of(&world).level_table_count[0], 0);
    check_all(&world, 9);
    deinit(&world);
}

static void
write_tables(struct world *world, int begin, int end)
{
    for (int round = begin; round < end; round++)
        write_table(world, round);
    run_for(world, 1000);
}

static void
expect_pressing_until_done(struct world *world, int last_round)
{
    CU_ASSERT_EQUAL(world->urgency, JOB_PRESSING);
    CU_ASSERT_EQUAL(stats_of(world).write_delay_count, 0);
    sim_life_close(&world->life);
    world->life.port.hold_compact = false;
    world->urgency = JOB_CALM;
    open_world(world);
    settle(world);
    CU_ASSERT_EQUAL(world->urgency, JOB_CALM);
    check_all(world, last_round);
}

/* Goal: the port is told when compactions press, before writers have to be slowed, and when they
 * do not any more. */
static void
level0_presses(void)
{
    struct world world;

    init(&world);
    world.life.port.hold_compact = true;
    write_tables(&world, 0, 4);
    CU_ASSERT_EQUAL(world.urgency, JOB_CALM);
    write_tables(&world, 4, 12);
    expect_pressing_until_done(&world, 11);
    CU_ASSERT_TRUE(stats_of(&world).level_table_count[0] < 2);
    deinit(&world);
}

/* Goal: it is told as well when the debt is large beside the data, long before it slows writers.
 * Method: four tables are nothing to a base level of the usual size, and much to a tiny one. */
static void
debt_presses(void)
{
    struct world world;
    struct db_compaction_settings settings;

    init(&world);
    world.life.port.hold_compact = true;
    write_tables(&world, 0, 4);
    CU_ASSERT_EQUAL(world.urgency, JOB_CALM);
    settings = world.options.compaction;
    settings.level_base_bytes = 256;
    db_set_compaction(world.life.db, &settings);
    run_for(&world, 1000);
    world.options.compaction = settings;
    expect_pressing_until_done(&world, 3);
    deinit(&world);
}

/* Goal: writers who are slowed go faster while the compaction gets on, not only when it is over.
 * Method: one that is held back reports that it has read all. */
static void
progress_speeds_writers_up(void)
{
    struct world world;
    uint64_t rate_before;

    init(&world);
    world.life.port.hold_compact = true;
    for (int round = 0; round < 30; round++)
        write_table(&world, round);
    run_for(&world, 1000000);
    rate_before = stats_of(&world).write_rate_bytes_per_s;
    CU_ASSERT_TRUE(stats_of(&world).level_table_count[0] == 30);
    for (uint32_t i = 0; i < world.asked->spec.input_count; i++)
        world.asked->bytes_done += world.asked->spec.inputs[i].file_bytes;
    run_for(&world, 1000000);
    CU_ASSERT_TRUE(stats_of(&world).write_rate_bytes_per_s > rate_before);
    CU_ASSERT_TRUE(stats_of(&world).level_table_count[0] == 30);
    deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(level0_is_compacted_by_itself),
        UNIT_TEST(a_failed_job_is_tried_again_ever_later),
        UNIT_TEST(a_job_that_kills_its_workers_is_given_away_more_slowly),
        UNIT_TEST(a_damaged_table_is_left_alone),
        UNIT_TEST(an_untrue_answer_is_refused),
        UNIT_TEST(jobs_obey),
        UNIT_TEST(a_pause_of_all_holds_what_comes_too),
        UNIT_TEST(a_compaction_that_is_asked_for_goes_to_the_bottom),
        UNIT_TEST(only_what_was_asked_for_leaves_its_core),
        UNIT_TEST(a_compaction_that_was_asked_for_can_be_cancelled),
        UNIT_TEST(fifo_drops_the_oldest),
        UNIT_TEST(a_stop_does_not_wait_for_a_compaction),
        UNIT_TEST(deletions_are_paced),
        UNIT_TEST(a_large_plan_is_cut),
        UNIT_TEST(level0_presses),
        UNIT_TEST(debt_presses),
        UNIT_TEST(progress_speeds_writers_up),
        UNIT_TEST_END,
    };

    return unit_main("db_compact", tests, argc, argv);
}
