/* Goal: what on_durable has reported survives, in order and without a hole, whatever happens to
 * the disk; what fails is reported once. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "io/file.h"
#include "key/write_batch.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"
#include "support/unit.h"
#include "wal/wal.h"
#include "wal/wal_replay.h"

enum { LOG_COUNT_MAX = 512, SEEDS = 1500 };

/* One machine with a log on it.  Batches hold one Put whose value tells the sequence. */
struct world {
    struct sim_io *sim;
    struct io *io;
    struct wal *wal;
    struct wal_options options;
    struct random random;
    uint64_t file_number;
    uint64_t logs[LOG_COUNT_MAX]; /* live ones, ascending */
    uint64_t log_last_seq[LOG_COUNT_MAX];
    uint32_t log_count;
    uint64_t seq_appended;
    uint64_t durable_seq;
    uint64_t synced_seq; /* as on_synced said */
    uint32_t failed_count;
    uint64_t seq_replayed;
    uint64_t seq_first; /* the replay's first */
    bool replay_is_bad;
};

static uint64_t
next_file_number(void *owner)
{
    struct world *world = owner;

    return ++world->file_number;
}

static void
on_durable(void *owner, uint64_t seq)
{
    struct world *world = owner;

    CU_ASSERT_TRUE_FATAL(seq >= world->durable_seq);
    CU_ASSERT_TRUE_FATAL(seq <= world->seq_appended);
    CU_ASSERT_EQUAL_FATAL(world->failed_count, 0);
    world->durable_seq = seq;
}

static void
on_failed(void *owner, enum kv_status st)
{
    struct world *world = owner;

    CU_ASSERT_NOT_EQUAL(st, KV_OK);
    world->failed_count++;
}

static void
add_log(struct world *world, uint64_t number)
{
    CU_ASSERT_TRUE_FATAL(world->log_count < LOG_COUNT_MAX);
    world->logs[world->log_count] = number;
    world->log_last_seq[world->log_count++] = 0;
}

static void
world_open_wal(struct world *world)
{
    CU_ASSERT_EQUAL_FATAL(wal_open(&world->options, &world->wal), KV_OK);
    wal_set_durable_seq(world->wal, world->durable_seq);
    add_log(world, wal_number(world->wal));
}

static void
world_init(struct world *world, uint64_t seed, enum wal_sync sync)
{
    *world = (struct world){0};
    random_init(&world->random, seed);
    world->sim = sim_io_new(&(struct sim_options){
        .seed = seed,
        .latency_us_max = 1 + random_below(&world->random, 300),
        .harsh_directories = random_below(&world->random, 2) == 0,
        .no_direct_io = random_below(&world->random, 8) == 0,
    });
    world->io = sim_io_base(world->sim);
    world->options = (struct wal_options){
        .io = world->io,
        .dir = "/",
        .sync = sync,
        .interval_us = 1000,
        .segment_bytes = 4096 * (1 + random_below(&world->random, 40)),
        .recycle_count_max = (uint32_t)random_below(&world->random, 3),
        .owner = world,
        .next_file_number = next_file_number,
        .on_durable = on_durable,
        .on_failed = on_failed,
    };
    world_open_wal(world);
}

static void
world_deinit(struct world *world)
{
    wal_close(world->wal);
    sim_io_drain(world->sim);
    sim_io_free(world->sim);
}

/* The bytes of the value follow from the sequence alone. */
static void
make_batch(struct write_batch *batch, uint64_t seq, size_t size)
{
    static uint8_t value[200000];

    memset(value, (int)(seq * 7), size);
    write_batch_clear(batch);
    write_batch_put(batch, 0, slice_of(&seq, sizeof(seq)), slice_of(value, size));
    write_batch_set_sequence(batch, seq);
}

static bool
append_one(struct world *world)
{
    static const size_t sizes[] = {10, 100, 100, 100, 3000, 4060, 30000, 70000};
    struct write_batch batch;
    const size_t size_max = sizes[random_below(&world->random, 8)];
    enum kv_status st;

    write_batch_init(&batch);
    make_batch(&batch, world->seq_appended + 1, random_below(&world->random, size_max));
    st = wal_append(world->wal, buffer_slice(&batch.bytes), world->seq_appended + 1);
    if (st == KV_OK)
        world->log_last_seq[world->log_count - 1] = ++world->seq_appended;
    write_batch_deinit(&batch);
    return st == KV_OK;
}

/* As the engine does: the oldest log is retired when all in it is durable and flushed. */
static void
retire_one(struct world *world)
{
    if (world->log_count < 2 || world->log_last_seq[0] > world->durable_seq ||
        world->logs[0] == wal_number(world->wal))
        return;
    wal_retire(world->wal, world->logs[0]);
    world->log_count--;
    memmove(world->logs, world->logs + 1, world->log_count * sizeof(world->logs[0]));
    memmove(world->log_last_seq, world->log_last_seq + 1,
            world->log_count * sizeof(world->log_last_seq[0]));
}

/* A change begins a new log. */
static void
change_sync(struct world *world)
{
    const uint64_t number = wal_number(world->wal);

    if (world->log_count >= LOG_COUNT_MAX - 2)
        return;
    wal_set_sync(world->wal, (enum wal_sync)random_below(&world->random, 3), 500);
    if (wal_number(world->wal) != number)
        add_log(world, wal_number(world->wal));
}

static void
step(struct world *world)
{
    const uint64_t dice = random_below(&world->random, 100);

    if (dice < 60)
        (void)append_one(world);
    else if (dice < 64 && world->log_count < LOG_COUNT_MAX - 2 && !wal_is_failed(world->wal))
        add_log(world, wal_switch(world->wal));
    else if (dice < 70)
        retire_one(world);
    else
        (void)sim_io_turn(world->sim);
    if (random_below(&world->random, 3) == 0)
        wal_turn(world->wal);
}

static enum kv_status
on_batch(void *owner, uint64_t log_number, struct slice encoded)
{
    struct world *world = owner;
    struct write_batch_reader reader;
    struct batch_record record;
    struct write_batch expected;
    bool found = false;

    (void)log_number;
    if (write_batch_reader_init(&reader, encoded) != KV_OK ||
        write_batch_reader_next(&reader, &record, &found) != KV_OK || !found)
        return KV_INVALID;
    if (world->seq_first == 0)
        world->seq_first = record.seq;
    if (world->seq_replayed != 0 && record.seq != world->seq_replayed + 1)
        world->replay_is_bad = true;
    write_batch_init(&expected);
    make_batch(&expected, record.seq, record.value.size);
    if (!slice_equal(buffer_slice(&expected.bytes), encoded))
        world->replay_is_bad = true;
    write_batch_deinit(&expected);
    world->seq_replayed = record.seq;
    return KV_OK;
}

/* All live logs that are there; the newest may be missing, it was never used then. */
static void
replay_and_check(struct world *world, uint64_t flushed_seq)
{
    struct wal_replay replay = {
        .io = world->io,
        .dir = "/",
        .mode = WAL_POINT_IN_TIME,
        .on_batch = on_batch,
        .owner = world,
        .seq_next = flushed_seq + 1,
    };
    uint32_t count = 0;
    uint64_t found[LOG_COUNT_MAX];

    for (uint32_t i = 0; i < world->log_count; i++) {
        char path[64];
        bool exists = false;

        snprintf(path, sizeof(path), "//%06llu.log", (unsigned long long)world->logs[i]);
        CU_ASSERT_EQUAL_FATAL(file_exists(world->io, path, &exists), KV_OK);
        if (exists)
            found[count++] = world->logs[i];
    }
    world->seq_replayed = 0;
    world->seq_first = 0;
    world->replay_is_bad = false;
    CU_ASSERT_EQUAL(wal_replay_run(&replay, found, count), KV_OK);
    CU_ASSERT_FALSE(world->replay_is_bad);
    if (world->seq_replayed == 0)
        world->seq_replayed = flushed_seq;
    else
        CU_ASSERT_EQUAL(world->seq_first, flushed_seq + 1);
    CU_ASSERT_TRUE(world->seq_replayed <= world->seq_appended);
}

struct life {
    struct world world;
    uint64_t flushed; /* last sequence of the retired logs */
};

static void
life_step(struct life *life)
{
    struct world *world = &life->world;
    const uint64_t last = world->log_last_seq[0];
    const uint64_t number = world->logs[0];

    step(world);
    if (world->logs[0] != number && last > life->flushed)
        life->flushed = last;
}

/* Method: random work, a power cut or a kill at a random point, replay; several lives a seed,
 * the old logs stay beside the new one. */
static void
a_power_cut_loses_nothing_durable(void)
{
    const uint64_t base = unit_seed();

    quiet_log();
    for (uint64_t i = 0; i < SEEDS; i++) {
        struct life life = {0};
        struct world *world = &life.world;

        world_init(world, base + i, WAL_SYNC_ALWAYS);
        for (int round = 0; round < 3; round++) {
            const uint64_t steps = 10 + random_below(&world->random, 200);

            for (uint64_t j = 0; j < steps; j++)
                life_step(&life);
            CU_ASSERT_EQUAL(world->failed_count, 0);
            sim_io_power_cut(world->sim);
            wal_close(world->wal);
            sim_io_drain(world->sim);
            sim_io_boot(world->sim);
            replay_and_check(world, life.flushed);
            if (world->seq_replayed < world->durable_seq)
                printf("seed=%llu round %d: durable %llu, replayed %llu, flushed %llu\n",
                       (unsigned long long)(base + i), round,
                       (unsigned long long)world->durable_seq,
                       (unsigned long long)world->seq_replayed, (unsigned long long)life.flushed);
            CU_ASSERT_TRUE_FATAL(world->seq_replayed >= world->durable_seq);
            world->seq_appended = world->durable_seq = world->seq_replayed;
            for (uint32_t k = 0; k < world->log_count; k++)
                if (world->log_last_seq[k] > world->seq_replayed)
                    world->log_last_seq[k] = world->seq_replayed;
            world_open_wal(world);
        }
        world_deinit(world);
    }
    log_set_sink(NULL, NULL);
}

/* Method: as above, but a write or a sync fails at a random point. */
static void
a_failure_is_reported_once_and_nothing_later_is_durable(void)
{
    const uint64_t base = unit_seed();

    quiet_log();
    for (uint64_t i = 0; i < SEEDS / 3; i++) {
        const bool fails_sync = i % 6 == 0;
        struct world world;
        uint64_t durable_at_failure;

        world_init(&world, base + i, i % 3 == 0 ? WAL_SYNC_INTERVAL : WAL_SYNC_ALWAYS);
        for (int j = 0; j < 30; j++)
            step(&world);
        sim_io_add_fault(world.sim, &(struct sim_fault){
                                        .op = fails_sync ? IO_FDATASYNC : IO_WRITE,
                                        .path_suffix = ".log",
                                        .skip_count = (uint32_t)random_below(&world.random, 5),
                                        .error = i % 5 == 0 && !fails_sync ? 0 : EIO,
                                    });
        for (int j = 0; j < 3000 && world.failed_count == 0; j++)
            step(&world);
        CU_ASSERT_EQUAL_FATAL(world.failed_count, 1);
        CU_ASSERT_TRUE(wal_is_failed(world.wal));
        durable_at_failure = world.durable_seq;
        CU_ASSERT_FALSE(append_one(&world));
        for (int j = 0; j < 50; j++)
            step(&world);
        CU_ASSERT_EQUAL(world.failed_count, 1);
        CU_ASSERT_EQUAL(world.durable_seq, durable_at_failure);
        if (i % 3 != 0)
            CU_ASSERT_NOT_EQUAL(wal_restart(world.wal), KV_OK);
        sim_io_clear_faults(world.sim);
        CU_ASSERT_EQUAL(wal_restart(world.wal), KV_OK);
        while (world.log_count > 0)
            wal_retire(world.wal, world.logs[--world.log_count]);
        add_log(&world, wal_number(world.wal));
        world.failed_count = 0;
        world.seq_appended = world.durable_seq;
        for (int j = 0; j < 100; j++)
            step(&world);
        while (wal_drain(world.wal) == KV_BUSY) {
            wal_turn(world.wal);
            (void)sim_io_turn(world.sim);
        }
        CU_ASSERT_EQUAL(world.durable_seq, world.seq_appended);
        CU_ASSERT_EQUAL(world.failed_count, 0);
        world_deinit(&world);
    }
    log_set_sink(NULL, NULL);
}

/* Method: the three modes and changes between them; after a drain and a power cut all is there. */
static void
a_drained_log_has_everything(void)
{
    const uint64_t base = unit_seed();

    quiet_log();
    for (uint64_t i = 0; i < SEEDS / 3; i++) {
        struct life life = {0};
        struct world *world = &life.world;

        world_init(world, base + i, (enum wal_sync)(i % 3));
        for (int j = 0; j < 150; j++) {
            life_step(&life);
            if (i % 2 == 0 && random_below(&world->random, 20) == 0)
                change_sync(world);
        }
        while (wal_drain(world->wal) == KV_BUSY) {
            wal_turn(world->wal);
            (void)sim_io_turn(world->sim);
        }
        CU_ASSERT_EQUAL(world->durable_seq, world->seq_appended);
        sim_io_power_cut(world->sim);
        wal_close(world->wal);
        sim_io_drain(world->sim);
        sim_io_boot(world->sim);
        replay_and_check(world, life.flushed);
        CU_ASSERT_EQUAL(world->seq_replayed, world->seq_appended);
        sim_io_free(world->sim);
    }
    log_set_sink(NULL, NULL);
}

static void
on_synced(void *owner, uint64_t seq)
{
    struct world *world = owner;

    CU_ASSERT_TRUE_FATAL(seq >= world->synced_seq);
    CU_ASSERT_TRUE_FATAL(seq <= world->durable_seq);
    CU_ASSERT_EQUAL(seq, wal_synced_seq(world->wal));
    world->synced_seq = seq;
}

/* Method: the three modes and changes between them, syncs asked for now and then: each arrives, and
 * after a power cut at a random point all is there that was said to be synced. */
static void
a_power_cut_loses_nothing_synced(void)
{
    const uint64_t base = unit_seed();
    uint32_t mattered_count = 0;

    quiet_log();
    for (uint64_t i = 0; i < SEEDS / 10; i++) {
        struct life life = {0};
        struct world *world = &life.world;
        uint64_t synced, target;

        world_init(world, base + i, (enum wal_sync)(i % 3));
        wal_close(world->wal);
        sim_io_drain(world->sim);
        world->log_count = 0;
        world->options.on_synced = on_synced;
        world->options.interval_us = 1000 * 1000 * 1000;
        world_open_wal(world);
        for (uint64_t j = random_below(&world->random, 200); j > 0; j--) {
            life_step(&life);
            if (i % 2 == 0 && random_below(&world->random, 20) == 0)
                change_sync(world);
            if (random_below(&world->random, 8) == 0)
                wal_sync_to(world->wal, random_below(&world->random, world->seq_appended + 2));
        }
        target = world->seq_appended;
        wal_sync_to(world->wal, target);
        for (int j = 0; i % 4 == 0 && j < 3000 && wal_synced_seq(world->wal) < target; j++) {
            wal_turn(world->wal);
            (void)sim_io_turn(world->sim);
        }
        synced = wal_synced_seq(world->wal);
        CU_ASSERT_TRUE(i % 4 != 0 || synced >= target);
        CU_ASSERT_TRUE(synced <= world->durable_seq);
        CU_ASSERT_TRUE(wal_submitted_seq(world->wal) >= world->durable_seq);
        mattered_count += synced < world->durable_seq;
        sim_io_power_cut(world->sim);
        wal_close(world->wal);
        sim_io_drain(world->sim);
        sim_io_boot(world->sim);
        replay_and_check(world, life.flushed);
        if (world->seq_replayed < synced)
            printf("seed=%llu\n", (unsigned long long)(base + i));
        CU_ASSERT_TRUE_FATAL(world->seq_replayed >= synced);
        sim_io_free(world->sim);
    }
    CU_ASSERT_TRUE(mattered_count > 0);
    log_set_sink(NULL, NULL);
}

static bool
count_name(void *owner, const char *name)
{
    (void)name;
    *(int *)owner += 1;
    return true;
}

/* Method: a clean end; only the live logs remain in the directory. */
static void
prepared_and_retired_files_are_gone_after_a_close(void)
{
    const uint64_t base = unit_seed();

    for (uint64_t i = 0; i < 200; i++) {
        struct life life = {0};
        struct world *world = &life.world;
        int name_count = 0;

        world_init(world, base + i, (enum wal_sync)(i % 3));
        for (int j = 0; j < 150; j++)
            life_step(&life);
        wal_close(world->wal);
        sim_io_drain(world->sim);
        CU_ASSERT_EQUAL(io_list_dir(world->io, "/", count_name, &name_count), 0);
        /* A segment whose preparation had not begun to be awaited may lack its file. */
        CU_ASSERT_TRUE(name_count <= (int)world->log_count);
        sim_io_free(world->sim);
    }
}

/* A directory's logs among some of the world's. */
struct log_search {
    uint64_t numbers[LOG_COUNT_MAX];
    uint32_t count;
    uint32_t found_count;
};

static bool
find_log(void *owner, const char *name)
{
    struct log_search *search = owner;
    const uint64_t number = strtoull(name, NULL, 10);

    for (uint32_t i = 0; i < search->count; i++)
        search->found_count += search->numbers[i] == number;
    return true;
}

/* Method: the live logs that say they are named, right after a switch; a power cut; they are all in
 * the directory.  Some were not named yet. */
static void
a_named_log_is_there_after_a_power_cut(void)
{
    const uint64_t base = unit_seed();
    uint32_t unnamed_count = 0;

    for (uint64_t i = 0; i < 300; i++) {
        struct log_search search = {0};
        struct life life = {0};
        struct world *world = &life.world;

        world_init(world, base + i, (enum wal_sync)(i % 3));
        for (int j = 0; j < 60; j++)
            life_step(&life);
        add_log(world, wal_switch(world->wal));
        for (uint32_t k = 0; k < world->log_count; k++) {
            if (wal_is_named(world->wal, world->logs[k]))
                search.numbers[search.count++] = world->logs[k];
            else
                unnamed_count++;
        }
        sim_io_power_cut(world->sim);
        wal_close(world->wal);
        sim_io_drain(world->sim);
        sim_io_boot(world->sim);
        CU_ASSERT_EQUAL(io_list_dir(world->io, "/", find_log, &search), 0);
        CU_ASSERT_EQUAL(search.found_count, search.count);
        sim_io_free(world->sim);
    }
    CU_ASSERT(unnamed_count > 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_power_cut_loses_nothing_durable),
        UNIT_TEST(a_failure_is_reported_once_and_nothing_later_is_durable),
        UNIT_TEST(a_drained_log_has_everything),
        UNIT_TEST(a_power_cut_loses_nothing_synced),
        UNIT_TEST(a_named_log_is_there_after_a_power_cut),
        UNIT_TEST(prepared_and_retired_files_are_gone_after_a_close),
        UNIT_TEST_END,
    };

    return unit_main("wal", tests, argc, argv);
}
