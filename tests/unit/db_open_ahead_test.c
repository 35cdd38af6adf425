/* Goal: readers meet the tables of a compaction open, if they had opened its inputs; and a table
 * that turns out damaged then has replaced nothing.  Method: a small database on the simulated
 * machine, compactions in place; how often a read has to be tried tells what was missing. */
#include <CUnit/Basic.h>
#include <errno.h>
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

/* Others' tools, or a disk that loses a directory's entry. */
static void
take_away(void *owner, const struct compact_job *job)
{
    struct sim_life *life = owner;
    char path[PATH_BYTES_MAX];
    struct io_request unlink = {.op = IO_UNLINK, .path = path};

    file_name_format(path, dir, FILE_TABLE, job->spec.output_number_first);
    CU_ASSERT_EQUAL_FATAL(io_call(sim_io_base(life->sim), &unlink), 0);
}

/* The output cannot be read, while the input can. */
static void
spoil(void *owner, const struct compact_job *job)
{
    static char name[PATH_BYTES_MAX];
    struct sim_life *life = owner;

    file_name_format(name, dir, FILE_TABLE, job->spec.output_number_first);
    sim_io_add_fault(life->sim, &(struct sim_fault){.op = IO_READ,
                                                    .path_suffix = strrchr(name, '/'),
                                                    .error = EIO,
                                                    .fail_count = 1000});
}

/* Goal: what cannot be read when it is new takes nobody's place: its inputs can be. */
static void
replaces_nothing(void (*on_compacted)(void *owner, const struct compact_job *job),
                 enum kv_status expected)
{
    struct sim_life life;

    init(&life);
    write_table(&life, "one");
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 2);
    life.port.on_compacted = on_compacted;
    life.port.owner = &life;
    CU_ASSERT_EQUAL(sim_life_compact(&life, &everything), expected);
    CU_ASSERT_EQUAL(sim_life_stats(&life).compaction.failure_count, 1);
    CU_ASSERT_EQUAL(sim_life_stats(&life).table_count, 1);
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 0);
    sim_io_clear_faults(life.sim);
    sim_life_deinit(&life);
}

/* Method: the output's magic number is damaged on the disk before the engine hears of it. */
static void
a_damaged_table_replaces_nothing(void)
{
    replaces_nothing(damage, KV_CORRUPT);
}

static void
a_table_that_is_gone_replaces_nothing(void)
{
    replaces_nothing(take_away, KV_NO_FILE);
}

static void
a_table_that_cannot_be_read_replaces_nothing(void)
{
    replaces_nothing(spoil, KV_IO);
}

/* Goal: what was opened for nothing is closed at once, and not when the plan has rested: an open
 * file keeps its space.  Method: the memory of open tables. */
static void
a_damaged_table_is_closed(void)
{
    struct sim_life life;
    uint64_t bytes_before;

    init(&life);
    write_table(&life, "one");
    CU_ASSERT_EQUAL(count_waits(&life, "one"), 2);
    bytes_before = sim_life_stats(&life).table_reader_bytes;
    life.port.on_compacted = damage;
    life.port.owner = &life;
    CU_ASSERT_EQUAL(sim_life_compact(&life, &everything), KV_CORRUPT);
    CU_ASSERT_EQUAL(sim_life_stats(&life).table_reader_bytes, bytes_before);
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
        UNIT_TEST(a_table_that_is_gone_replaces_nothing),
        UNIT_TEST(a_table_that_cannot_be_read_replaces_nothing),
        UNIT_TEST(a_damaged_table_is_closed),
        UNIT_TEST(a_stop_does_not_wait_for_tables_to_open),
        UNIT_TEST_END,
    };

    return unit_main("db_open_ahead", tests, argc, argv);
}
