/* Goal: readers meet the tables of a compaction open, if they had opened its inputs; and a table
 * that turns out damaged then has replaced nothing.  Method: a small database on the simulated
 * machine, compactions in place; how often a read has to be tried tells what was missing. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "db/db.h"
#include "io/file.h"
#include "support/arrival.h"
#include "support/inline_port.h"
#include "support/sim_io.h"
#include "support/unit.h"
#include "version/file_name.h"

static const char dir[] = "/db";

struct world {
    struct sim_io *sim;
    struct inline_port inner;
    struct db *db;
};

static void
init(struct world *world)
{
    struct db_options options = {
        .dir = dir,
        .create_if_missing = true,
        .memory_limit_bytes = 64 << 20,
        .memtable_bytes = 1 << 20,
        .wal_bytes_max = 4 << 20,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compaction = {.job_count = 2, .has_style = true, .style = COMPACTION_LEVELED},
    };

    *world = (struct world){.sim = sim_io_new(NULL)};
    inline_port_init(&world->inner, sim_io_base(world->sim));
    options.io = sim_io_base(world->sim);
    options.port = &world->inner.port;
    CU_ASSERT_EQUAL_FATAL(db_open(&options, &world->db), KV_OK);
}

static void
turn(struct world *world)
{
    db_turn(world->db);
    if (!sim_io_turn(world->sim))
        sim_io_advance(world->sim, 1000);
}

static void
deinit(struct world *world)
{
    while (!db_is_idle(world->db))
        turn(world);
    db_stop(world->db);
    inline_port_deinit(&world->inner);
    CU_ASSERT_EQUAL(db_close(world->db), KV_OK);
    sim_io_drain(world->sim);
    sim_io_free(world->sim);
}

static struct db_stats
stats_of(struct world *world)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    return stats;
}

static void
on_done(void *owner, enum kv_status st)
{
    *(int *)owner = (int)st;
}

enum { NOT_DONE = -1 };

static void
wait_for(struct world *world, const int *st)
{
    for (int i = 0; i < 100000 && *st == NOT_DONE; i++)
        turn(world);
    CU_ASSERT_NOT_EQUAL_FATAL(*st, NOT_DONE);
}

static void
write_table(struct world *world, const char *value)
{
    struct write_batch batch;
    uint64_t seq;
    int st = NOT_DONE;

    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("a"), slice_from_text(value));
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("z"), slice_from_text(value));
    CU_ASSERT_EQUAL(db_write(world->db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
    db_flush(world->db, on_done, &st);
    wait_for(world, &st);
}

static int
compact(struct world *world)
{
    struct db_compact_request everything = {.cf_id = CF_DEFAULT, .is_forced = true};
    int st = NOT_DONE;

    (void)db_compact(world->db, &everything, on_done, &st);
    wait_for(world, &st);
    return st;
}

/* How often a read of "a", which has `value`, had to wait. */
static uint32_t
count_waits(struct world *world, const char *value)
{
    struct read_ctx ctx;
    struct lookup found;
    uint32_t count = 0;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(world->db));
    while ((st = db_get(world->db, &ctx, CF_DEFAULT, slice_from_text("a"), SEQUENCE_MAX, &found)) ==
           KV_WANT_BLOCK) {
        struct arrival arrival = ARRIVAL;

        count++;
        db_fetch(world->db, &ctx, &arrival.waiter);
        while (!arrival.is_here)
            turn(world);
        CU_ASSERT_EQUAL_FATAL(arrival.st, KV_OK);
    }
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_VALUE);
    CU_ASSERT_TRUE(slice_equal(found.value, slice_from_text(value)));
    read_ctx_deinit(&ctx);
    return count;
}

/* Method: the first read of a table opens it and then waits for the block; with an open table it
 * waits for the block only. */
static void
tables_are_open_where_readers_are(void)
{
    struct world world;

    init(&world);
    write_table(&world, "one");
    CU_ASSERT_EQUAL(compact(&world), KV_OK);
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 2);
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 0);
    write_table(&world, "two");
    CU_ASSERT_EQUAL(compact(&world), KV_OK);
    CU_ASSERT_EQUAL(count_waits(&world, "two"), 1);
    deinit(&world);
}

/* The last bit of what the first output's footer is known by. */
static void
damage(void *owner, const struct compact_job *job)
{
    struct world *world = owner;
    char path[PATH_BYTES_MAX];
    struct io_request stat = {.op = IO_STAT, .path = path};

    file_name_format(path, dir, FILE_TABLE, job->spec.output_number_first);
    CU_ASSERT_EQUAL_FATAL(io_call(sim_io_base(world->sim), &stat), 0);
    CU_ASSERT_TRUE(sim_io_flip_bit(world->sim, path, stat.size_out * 8 - 1));
}

/* Method: the output's magic number is damaged on the disk before the engine hears of it. */
static void
a_damaged_table_replaces_nothing(void)
{
    struct world world;

    init(&world);
    write_table(&world, "one");
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 2);
    world.inner.on_compacted = damage;
    world.inner.owner = &world;
    CU_ASSERT_EQUAL(compact(&world), KV_CORRUPT);
    CU_ASSERT_EQUAL(stats_of(&world).compaction.failure_count, 1);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 1);
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 0);
    deinit(&world);
}

/* Others' tools, or a disk that loses a directory's entry. */
static void
take_away(void *owner, const struct compact_job *job)
{
    struct world *world = owner;
    char path[PATH_BYTES_MAX];
    struct io_request unlink = {.op = IO_UNLINK, .path = path};

    file_name_format(path, dir, FILE_TABLE, job->spec.output_number_first);
    CU_ASSERT_EQUAL_FATAL(io_call(sim_io_base(world->sim), &unlink), 0);
}

/* The output cannot be read, while the input can. */
static void
spoil(void *owner, const struct compact_job *job)
{
    static char name[PATH_BYTES_MAX];
    struct world *world = owner;

    file_name_format(name, dir, FILE_TABLE, job->spec.output_number_first);
    sim_io_add_fault(world->sim, &(struct sim_fault){.op = IO_READ,
                                                     .path_suffix = strrchr(name, '/'),
                                                     .error = EIO,
                                                     .fail_count = 1000});
}

/* Goal: what cannot be read when it is new takes nobody's place: its inputs can be. */
static void
replaces_nothing(void (*on_compacted)(void *owner, const struct compact_job *job),
                 enum kv_status expected)
{
    struct world world;

    init(&world);
    write_table(&world, "one");
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 2);
    world.inner.on_compacted = on_compacted;
    world.inner.owner = &world;
    CU_ASSERT_EQUAL(compact(&world), (int)expected);
    CU_ASSERT_EQUAL(stats_of(&world).compaction.failure_count, 1);
    CU_ASSERT_EQUAL(stats_of(&world).table_count, 1);
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 0);
    sim_io_clear_faults(world.sim);
    deinit(&world);
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
    struct world world;
    uint64_t bytes_before;

    init(&world);
    write_table(&world, "one");
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 2);
    bytes_before = stats_of(&world).table_reader_bytes;
    world.inner.on_compacted = damage;
    world.inner.owner = &world;
    CU_ASSERT_EQUAL(compact(&world), KV_CORRUPT);
    CU_ASSERT_EQUAL(stats_of(&world).table_reader_bytes, bytes_before);
    deinit(&world);
}

/* Method: as above, and the stop comes while the tables are being opened. */
static void
a_stop_does_not_wait_for_tables_to_open(void)
{
    struct db_compact_request everything = {.cf_id = CF_DEFAULT, .is_forced = true};
    struct world world;
    int st = NOT_DONE;

    init(&world);
    write_table(&world, "one");
    CU_ASSERT_EQUAL(count_waits(&world, "one"), 2);
    (void)db_compact(world.db, &everything, on_done, &st);
    for (int i = 0; i < 100000 && world.inner.compact_done_count == 0; i++)
        turn(&world);
    CU_ASSERT_EQUAL(world.inner.compact_done_count, 1);
    CU_ASSERT_EQUAL(st, NOT_DONE);
    deinit(&world);
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
