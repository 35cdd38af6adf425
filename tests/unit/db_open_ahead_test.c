/* Goal: readers meet the tables of a compaction open, if they had opened its inputs; and a table
 * that turns out damaged then has replaced nothing.  Method: a small database on the simulated
 * machine, compactions in place; how often a read has to be tried tells what was missing. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "io/file.h"
#include "support/sim_life.h"
#include "support/unit.h"
#include "version/file_name.h"

static const char dir[] = "/db";
static const struct db_compact_request everything = {.cf_id = CF_DEFAULT, .is_forced = true};

static void
init(struct sim_life *life)
{
    struct db_options options;

    sim_life_init(life, &(struct sim_options){.seed = 1});
    options = sim_life_options(life, dir, NULL);
    options.compaction = (struct db_compaction_settings){
        .job_count = 2, .has_style = true, .style = COMPACTION_LEVELED};
    CU_ASSERT_EQUAL_FATAL(sim_life_open(life, &options), KV_OK);
}

static void
write_table(struct sim_life *life, const char *value)
{
    struct write_batch batch;
    uint64_t seq;

    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("a"), slice_from_text(value));
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("z"), slice_from_text(value));
    CU_ASSERT_EQUAL(db_write(life->db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
    sim_life_flush(life);
}

/* How often a read of "a", which has `value`, had to wait. */
static uint64_t
count_waits(struct sim_life *life, const char *value)
{
    const uint64_t count_before = life->fetch_count;
    struct read_ctx ctx;
    struct lookup found;

    CU_ASSERT_EQUAL_FATAL(sim_life_get(life, CF_DEFAULT, "a", &ctx, &found), KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_VALUE);
    CU_ASSERT_TRUE(slice_equal(found.value, slice_from_text(value)));
    read_ctx_deinit(&ctx);
    return life->fetch_count - count_before;
}

/* Method: the first read of a table opens it and then waits for the block; with an open table it
 * waits for the block only. */
static void
tables_are_open_where_readers_are(void)
{
    struct sim_life life;

    init(&life);
    write_table(&life, "one");
    CU_ASSERT_EQUAL(sim_life_compact(&life, &everything), KV_OK);
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 2);
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 0);
    write_table(&life, "two");
    CU_ASSERT_EQUAL(sim_life_compact(&life, &everything), KV_OK);
    CU_ASSERT_EQUAL(count_waits(&life, "two"), 1);
    sim_life_deinit(&life);
}

/* The last bit of what the first output's footer is known by. */
static void
damage(void *owner, const struct compact_job *job)
{
    struct sim_life *life = owner;
    char path[PATH_BYTES_MAX];
    struct io_request stat = {.op = IO_STAT, .path = path};

    file_name_format(path, dir, FILE_TABLE, job->spec.output_number_first);
    CU_ASSERT_EQUAL_FATAL(io_call(sim_io_base(life->sim), &stat), 0);
    CU_ASSERT_TRUE(sim_io_flip_bit(life->sim, path, stat.size_out * 8 - 1));
}

/* Method: the output's magic number is damaged on the disk before the engine hears of it. */
static void
a_damaged_table_replaces_nothing(void)
{
    struct sim_life life;

    init(&life);
    write_table(&life, "one");
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 2);
    life.port.on_compacted = damage;
    life.port.owner = &life;
    CU_ASSERT_EQUAL(sim_life_compact(&life, &everything), KV_CORRUPT);
    CU_ASSERT_EQUAL(sim_life_stats(&life).compaction.failure_count, 1);
    CU_ASSERT_EQUAL(sim_life_stats(&life).table_count, 1);
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 0);
    sim_life_deinit(&life);
}

/* Method: as above, and the stop comes while the tables are being opened. */
static void
a_stop_does_not_wait_for_tables_to_open(void)
{
    struct outcome outcome = {0};
    struct sim_life life;

    init(&life);
    write_table(&life, "one");
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 2);
    (void)db_compact(life.db, &everything, outcome_note, &outcome);
    for (int i = 0; i < 100000 && life.port.compact_done_count == 0; i++)
        sim_life_turn(&life);
    CU_ASSERT_EQUAL(life.port.compact_done_count, 1);
    CU_ASSERT_FALSE(outcome.is_here);
    sim_life_deinit(&life);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(tables_are_open_where_readers_are),
        UNIT_TEST(a_damaged_table_replaces_nothing),
        UNIT_TEST(a_stop_does_not_wait_for_tables_to_open),
        UNIT_TEST_END,
    };

    return unit_main("db_open_ahead", tests, argc, argv);
}
