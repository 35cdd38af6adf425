/* Goal: the space of deleted tables is given back a part at a time, and nobody ever meets a table
 * that has lost parts: not by another name, not in a read or a job that is under way, not after a
 * crash.
 * Method: a database of two large tables on the simulated machine, which become one.  How fast the
 * disk empties tells in which parts the old ones went. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/random.h"
#include "db/db.h"
#include "db/db_family.h"
#include "io/file.h"
#include "support/arrival.h"
#include "support/inline_port.h"
#include "support/quiet_log.h"
#include "support/sim_call.h"
#include "support/sim_io.h"
#include "support/unit.h"
#include "version/file_name.h"

enum {
    VALUE_BYTES = 100 * 1024,
    KEY_COUNT = 40,
    TABLE_BYTES_MIN = VALUE_BYTES * KEY_COUNT,
    PART_BYTES_MAX = 1024 * 1024,
    PAUSE_US = 2000,
    TURN_COUNT_MAX = 100000,
    SEED_COUNT = 20,
};

static const char dir[] = "/db";

struct world {
    struct sim_io *sim;
    struct inline_port inner;
    struct job_port port; /* before the inner one */
    bool is_deaf;         /* jobs are not cancelled */
    struct compact_job *asked;
    struct db_options options;
    struct db *db;
    uint64_t fall_bytes; /* the most that the disk has emptied by in a turn */
};

static void
start_flush(struct job_port *port, struct flush_job *job)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    world->inner.port.start_flush(&world->inner.port, job);
}

static void
start_compact(struct job_port *port, struct compact_job *job)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    world->asked = job;
    world->inner.port.start_compact(&world->inner.port, job);
}

static void
cancel_compact(struct job_port *port, struct compact_job *job)
{
    struct world *world = KV_CONTAINER_OF(port, struct world, port);

    if (!world->is_deaf)
        world->inner.port.cancel_compact(&world->inner.port, job);
}

static void
open_world(struct world *world)
{
    inline_port_init(&world->inner, sim_io_base(world->sim));
    world->port = (struct job_port){.start_flush = start_flush,
                                    .start_compact = start_compact,
                                    .cancel_compact = cancel_compact};
    world->options.port = &world->port;
    CU_ASSERT_EQUAL_FATAL(db_open(&world->options, &world->db), KV_OK);
}

static void
init(struct world *world, const struct sim_options *options)
{
    *world = (struct world){.sim = sim_io_new(options)};
    world->options = (struct db_options){
        .io = sim_io_base(world->sim),
        .dir = dir,
        .create_if_missing = true,
        .memory_limit_bytes = 64 << 20,
        .memtable_bytes = 16 << 20,
        .wal_bytes_max = 64 << 20,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compaction = {.job_count = 2,
                       .has_style = true,
                       .style = COMPACTION_LEVELED,
                       .level0_trigger = 2},
    };
    open_world(world);
    db_compaction_pause(world->db, true);
}

static void
turn(struct world *world)
{
    const uint64_t before = sim_io_used_bytes(world->sim);
    uint64_t after;

    db_turn(world->db);
    if (!sim_io_turn(world->sim))
        sim_io_advance(world->sim, 1000);
    after = sim_io_used_bytes(world->sim);
    if (before > after && before - after > world->fall_bytes)
        world->fall_bytes = before - after;
}

/* As after a crash, if the machine is down. */
static void
close_world(struct world *world)
{
    const bool is_down = sim_io_is_down(world->sim);
    enum kv_status st;

    inline_port_deinit(&world->inner);
    world->inner.hold = true;
    for (int i = 0; i < TURN_COUNT_MAX && !db_is_idle(world->db); i++)
        (void)sim_io_turn(world->sim);
    db_stop(world->db);
    inline_port_deinit(&world->inner);
    st = db_close(world->db);
    CU_ASSERT_TRUE(st == KV_OK || is_down);
    world->db = NULL;
}

static void
deinit(struct world *world)
{
    if (world->db != NULL)
        close_world(world);
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

struct listing {
    uint64_t numbers[64];
    size_t count;
};

static bool
note_table(void *owner, const char *name)
{
    struct listing *tables = owner;
    uint64_t number;

    if (file_name_parse(name, &number) == FILE_TABLE && tables->count < 64)
        tables->numbers[tables->count++] = number;
    return true;
}

static struct listing
list_tables(struct world *world)
{
    struct listing tables = {0};

    CU_ASSERT_EQUAL(io_list_dir(sim_io_base(world->sim), dir, note_table, &tables), 0);
    return tables;
}

static void
run_until_deleted(struct world *world)
{
    for (int i = 0; i < TURN_COUNT_MAX; i++) {
        const struct db_stats stats = stats_of(world);

        if (stats.compaction_is_settled && stats.obsolete_count == 0 && db_is_idle(world->db))
            return;
        turn(world);
    }
    CU_FAIL("files are not deleted");
}

static void
settle(struct world *world)
{
    run_until_deleted(world);
    CU_ASSERT_EQUAL(list_tables(world).count, stats_of(world).table_count);
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
    while (*st == NOT_DONE)
        turn(world);
    CU_ASSERT_EQUAL(*st, KV_OK);
}

/* Every value says which round it is of, in each byte. */
static void
write_table(struct world *world, uint32_t cf_id, int round)
{
    static uint8_t value[VALUE_BYTES];
    struct write_batch batch;
    int st = NOT_DONE;
    uint64_t seq;
    char key[16];

    memset(value, 'a' + round, sizeof(value));
    write_batch_init(&batch);
    for (int i = 0; i < KEY_COUNT; i++) {
        (void)snprintf(key, sizeof(key), "k%02d", i);
        write_batch_put(&batch, cf_id, slice_from_text(key), slice_of(value, sizeof(value)));
    }
    CU_ASSERT_EQUAL(db_write(world->db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
    db_flush(world->db, on_done, &st);
    wait_for(world, &st);
}

static struct slice
key_of(int number)
{
    static char key[16];

    (void)snprintf(key, sizeof(key), "k%02d", number);
    return slice_from_text(key);
}

static enum kv_status
try_get(struct world *world, struct read_ctx *ctx, int number, int round)
{
    struct lookup found;
    enum kv_status st;

    read_ctx_clear_wants(ctx);
    st = db_get(world->db, ctx, CF_DEFAULT, key_of(number), SEQUENCE_MAX, &found);
    if (st == KV_OK) {
        CU_ASSERT_EQUAL_FATAL(found.kind, LOOKUP_VALUE);
        CU_ASSERT_EQUAL_FATAL(found.value.size, VALUE_BYTES);
        CU_ASSERT_EQUAL(found.value.data[0], 'a' + round);
        CU_ASSERT_EQUAL(memcmp(found.value.data, found.value.data + 1, VALUE_BYTES - 1), 0);
    }
    return st;
}

static void
check_value(struct world *world, int number, int round)
{
    struct read_ctx ctx;

    read_ctx_init(&ctx, db_block_cache(world->db));
    while (try_get(world, &ctx, number, round) == KV_WANT_BLOCK) {
        struct arrival arrival = ARRIVAL;

        db_fetch(world->db, &ctx, &arrival.waiter);
        while (!arrival.is_here)
            turn(world);
        CU_ASSERT_EQUAL_FATAL(arrival.st, KV_OK);
    }
    read_ctx_deinit(&ctx);
}

static void
check_all(struct world *world, int round)
{
    for (int i = 0; i < KEY_COUNT; i++)
        check_value(world, i, round);
}

/* Compacts, until the old tables wait. */
static void
compact(struct world *world)
{
    db_compaction_pause(world->db, false);
    for (int i = 0; i < TURN_COUNT_MAX && stats_of(world).obsolete_count == 0; i++)
        turn(world);
    CU_ASSERT_EQUAL_FATAL(stats_of(world).obsolete_count, 2);
    world->fall_bytes = 0;
}

static void
init_two_tables(struct world *world, const struct sim_options *options)
{
    init(world, options);
    write_table(world, CF_DEFAULT, 0);
    write_table(world, CF_DEFAULT, 1);
    CU_ASSERT_EQUAL_FATAL(list_tables(world).count, 2);
}

static void
large_tables_go_in_parts(void)
{
    struct world world;
    uint64_t begin_us;

    init_two_tables(&world, NULL);
    compact(&world);
    begin_us = sim_io_now(world.sim);
    settle(&world);
    CU_ASSERT_TRUE(world.fall_bytes > 0 && world.fall_bytes <= PART_BYTES_MAX);
    CU_ASSERT_TRUE(sim_io_now(world.sim) - begin_us >=
                   UINT64_C(2) * TABLE_BYTES_MIN / PART_BYTES_MAX * PAUSE_US);
    check_all(&world, 1);
    deinit(&world);
}

static uint32_t
checksum(struct world *world, const char *path)
{
    struct buffer content = {0};
    uint32_t crc;

    CU_ASSERT_EQUAL(file_read_all(sim_io_base(world->sim), path, 64 << 20, &content), KV_OK);
    crc = crc32c_extend(0, content.data, content.size);
    buffer_deinit(&content);
    return crc;
}

/* Method: one of the two tables gets another name, as a checkpoint gives it. */
static void
a_table_with_another_name_stays_whole(void)
{
    static const char other[] = "/other.sst";
    struct world world;
    char path[PATH_BYTES_MAX];
    uint32_t before;

    init_two_tables(&world, NULL);
    file_name_format(path, dir, FILE_TABLE, list_tables(&world).numbers[0]);
    before = checksum(&world, path);
    CU_ASSERT_EQUAL(
        sim_call(world.sim, (struct io_request){.op = IO_LINK, .path = path, .path_to = other}), 0);
    compact(&world);
    settle(&world);
    CU_ASSERT_EQUAL(checksum(&world, other), before);
    CU_ASSERT_TRUE(sim_io_used_bytes(world.sim) > 2 * TABLE_BYTES_MIN);
    deinit(&world);
}

/* Goal: what cannot be done in parts is done at once, and what cannot be unlinked is left whole to
 * the next start. */
static void
each_step_may_fail(void)
{
    static const struct sim_fault faults[] = {
        {.op = IO_OPEN, .path_suffix = ".sst", .error = EMFILE},
        {.op = IO_STAT, .path_suffix = ".sst", .error = EIO},
        {.op = IO_PUNCH, .path_suffix = ".sst", .error = EOPNOTSUPP},
        {.op = IO_PUNCH, .path_suffix = ".sst", .skip_count = 1, .error = EIO},
        {.op = IO_UNLINK, .path_suffix = ".sst", .error = EROFS},
    };
    struct world world;

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const bool stays = faults[i].op == IO_UNLINK;
        const uint64_t left = stays ? 3 : 1;

        init_two_tables(&world, NULL);
        compact(&world);
        sim_io_add_fault(world.sim, &faults[i]);
        quiet_log();
        run_until_deleted(&world);
        log_set_sink(NULL, NULL);
        sim_io_clear_faults(world.sim);
        CU_ASSERT_EQUAL(list_tables(&world).count, left);
        CU_ASSERT_EQUAL(sim_io_used_bytes(world.sim) > left * TABLE_BYTES_MIN, true);
        CU_ASSERT_EQUAL(world.fall_bytes > TABLE_BYTES_MIN / 2, !stays);
        check_all(&world, 1);
        close_world(&world);
        open_world(&world);
        settle(&world);
        CU_ASSERT_EQUAL(list_tables(&world).count, 1);
        check_all(&world, 1);
        deinit(&world);
    }
}

/* Turns until the first of the two has lost its name and some of its parts. */
static void
run_into_deletion(struct world *world)
{
    while (list_tables(world).count == 3)
        turn(world);
    sim_io_advance(world->sim, UINT64_C(2) * PAUSE_US);
    CU_ASSERT_EQUAL(list_tables(world).count, 2);
    CU_ASSERT_EQUAL(stats_of(world).obsolete_count, 2);
}

/* Goal: a stop waits for no deletion; the rest of what was begun goes with the descriptor. */
static void
a_stop_amid_a_deletion(void)
{
    struct world world;

    init_two_tables(&world, NULL);
    compact(&world);
    run_into_deletion(&world);
    close_world(&world);
    CU_ASSERT_EQUAL(sim_io_open_count(world.sim), 0);
    CU_ASSERT_EQUAL(list_tables(&world).count, 2);
    open_world(&world);
    CU_ASSERT_EQUAL(list_tables(&world).count, 1);
    settle(&world);
    check_all(&world, 1);
    deinit(&world);
}

static bool
begins_with_zeros(struct world *world, uint64_t number)
{
    struct buffer content = {0};
    char path[PATH_BYTES_MAX];
    bool is_zero;

    file_name_format(path, dir, FILE_TABLE, number);
    CU_ASSERT_EQUAL(file_read_all(sim_io_base(world->sim), path, 64 << 20, &content), KV_OK);
    is_zero = content.size > 512 && content.data[0] == 0 &&
              memcmp(content.data, content.data + 1, 511) == 0;
    buffer_deinit(&content);
    return is_zero;
}

static uint32_t complaint_count;

static void
count_complaints(void *owner, enum log_level level, const char *line)
{
    (void)owner;
    if (level >= LOG_LEVEL_WARNING) {
        complaint_count++;
        fprintf(stderr, "%s\n", line);
    }
}

/* Goal: after a power cut a table may have its name back and lack parts: nobody reads it, and it is
 * gone after the start.
 * Method: cuts at random moments; what the simulated disk keeps of the unlink and of the holes is
 * chance, and it must have come to that. */
static void
a_power_cut_amid_a_deletion(void)
{
    struct random random;
    uint32_t undead_count = 0;

    random_init(&random, unit_seed());
    for (uint64_t i = 0; i < SEED_COUNT; i++) {
        const struct sim_options options = {.seed = unit_seed() + i,
                                            .harsh_directories = i % 2 == 0};
        struct listing left;
        struct world world;

        init_two_tables(&world, &options);
        compact(&world);
        sim_io_advance(world.sim, random_below(&random, UINT64_C(100) * PAUSE_US));
        sim_io_power_cut(world.sim);
        quiet_log();
        close_world(&world);
        sim_io_boot(world.sim);
        left = list_tables(&world);
        for (size_t j = 0; j < left.count; j++)
            undead_count += begins_with_zeros(&world, left.numbers[j]);
        complaint_count = 0;
        log_set_sink(count_complaints, NULL);
        open_world(&world);
        CU_ASSERT_EQUAL(list_tables(&world).count, 1);
        settle(&world);
        check_all(&world, 1);
        CU_ASSERT_EQUAL(complaint_count, 0);
        log_set_sink(NULL, NULL);
        deinit(&world);
    }
    CU_ASSERT_TRUE(undead_count > 0);
}

/* Goal: a block that was asked for before its table went is read from the table as it was.
 * Method: the disk takes its time for that read. */
static void
a_read_that_is_under_way_sees_its_table(void)
{
    const struct sim_options slow = {.latency_us_max = 100 * 1000 * 1000};
    struct arrival arrival = ARRIVAL;
    struct world world;
    struct read_ctx ctx;

    init_two_tables(&world, NULL);
    check_value(&world, 0, 1); /* opens the table */
    read_ctx_init(&ctx, db_block_cache(world.db));
    CU_ASSERT_EQUAL(try_get(&world, &ctx, KEY_COUNT - 1, 1), KV_WANT_BLOCK);
    sim_io_options(world.sim)->latency_us_max = slow.latency_us_max;
    db_fetch(world.db, &ctx, &arrival.waiter);
    sim_io_options(world.sim)->latency_us_max = 0;
    compact(&world);
    sim_io_advance(world.sim, UINT64_C(1000) * PAUSE_US);
    CU_ASSERT_FALSE(arrival.is_here);
    CU_ASSERT_EQUAL(stats_of(&world).obsolete_count, 1);
    while (!arrival.is_here)
        turn(&world);
    CU_ASSERT_EQUAL(arrival.st, KV_OK);
    read_ctx_deinit(&ctx);
    settle(&world);
    check_all(&world, 1);
    deinit(&world);
}

static uint32_t
make_family(struct world *world)
{
    int st = NOT_DONE;

    CU_ASSERT_EQUAL_FATAL(db_family_create(world->db, slice_from_text("x"), NULL, on_done, &st),
                          KV_OK);
    wait_for(world, &st);
    return 1;
}

/* Goal: a job may read its inputs until it has answered, though their family is no more. */
static void
a_job_keeps_its_inputs(void)
{
    struct world world;
    uint32_t cf_id;
    int st = NOT_DONE;

    init(&world, NULL);
    cf_id = make_family(&world);
    write_table(&world, cf_id, 0);
    write_table(&world, cf_id, 1);
    world.inner.hold_compact = world.is_deaf = true;
    db_compaction_pause(world.db, false);
    while (world.asked == NULL)
        turn(&world);
    CU_ASSERT_EQUAL_FATAL(db_family_drop(world.db, cf_id, on_done, &st), KV_OK);
    wait_for(&world, &st);
    for (int i = 0; i < 1000; i++)
        turn(&world);
    CU_ASSERT_EQUAL(list_tables(&world).count, 2);
    CU_ASSERT_EQUAL(stats_of(&world).obsolete_count, 0);
    world.is_deaf = false;
    cancel_compact(&world.port, world.asked);
    settle(&world);
    CU_ASSERT_EQUAL(list_tables(&world).count, 0);
    deinit(&world);
}

/* Goal: where a worker may live on unseen, with the inputs open, tables go whole. */
static void
who_was_abandoned_reads_on(void)
{
    struct world world;

    init_two_tables(&world, NULL);
    world.inner.hold_compact = true;
    db_compaction_pause(world.db, false);
    while (world.asked == NULL)
        turn(&world);
    world.asked->is_abandoned = true;
    cancel_compact(&world.port, world.asked);
    world.asked = NULL;
    while (world.asked == NULL)
        turn(&world);
    CU_ASSERT_FALSE(world.asked->is_abandoned);
    inline_port_release(&world.inner);
    compact(&world);
    settle(&world);
    CU_ASSERT_TRUE(world.fall_bytes > TABLE_BYTES_MIN);
    check_all(&world, 1);
    deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(large_tables_go_in_parts),
        UNIT_TEST(a_table_with_another_name_stays_whole),
        UNIT_TEST(each_step_may_fail),
        UNIT_TEST(a_stop_amid_a_deletion),
        UNIT_TEST(a_power_cut_amid_a_deletion),
        UNIT_TEST(a_read_that_is_under_way_sees_its_table),
        UNIT_TEST(a_job_keeps_its_inputs),
        UNIT_TEST(who_was_abandoned_reads_on),
        UNIT_TEST_END,
    };

    return unit_main("db_obsolete", tests, argc, argv);
}
