/* Goal: on a disk that fills up writes are refused while everything still works, deletions are not
 * and give their space back, and whatever filled the disk, service comes back by itself.
 * Method: a small database on the simulated machine, whose disk has a size and whose time is
 * virtual, with a port that does the jobs in place. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "db/db_snapshot.h"
#include "support/sim_life.h"
#include "support/unit.h"

enum { VALUE_BYTES = 50000, DISK_BYTES = 40 << 20, SECOND_US = 1000000 };

struct world {
    struct sim_life life;
    struct db_options options;
    int key_count; /* acknowledged */
    bool rest_is_taken;
};

static void
open_world(struct world *world)
{
    CU_ASSERT_EQUAL_FATAL(sim_life_open(&world->life, &world->options), KV_OK);
}

static void
init(struct world *world)
{
    world->key_count = 0;
    world->rest_is_taken = false;
    sim_life_init(&world->life, &(struct sim_options){.seed = 1, .capacity_bytes = DISK_BYTES});
    world->options = sim_life_options(&world->life, "/db", world);
    world->options.memory_limit_bytes = 64 << 20;
    world->options.memtable_bytes = 1 << 20;
    world->options.wal_bytes_max = 1 << 20;
    world->options.compaction = (struct db_compaction_settings){
        .job_count = 2,
        .has_style = true,
        .style = COMPACTION_LEVELED,
        .file_bytes = 2 << 20,
        .level_base_bytes = 8 << 20,
        .level0_trigger = 2,
    };
    open_world(world);
}

static void
deinit(struct world *world)
{
    sim_life_deinit(&world->life);
}

static void
set_disk_bytes(struct world *world, uint64_t bytes)
{
    sim_io_options(world->life.sim)->capacity_bytes = bytes;
}

static uint64_t
used_bytes(const struct world *world)
{
    return sim_io_used_bytes(world->life.sim);
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

static const char *
state_of(struct world *world)
{
    struct db_space_info info;

    db_get_space(world->life.db, &info);
    return info.state;
}

/* Until it is durable, or refused. */
static enum kv_status
write_batch_out(struct world *world, struct write_batch *batch)
{
    uint64_t seq;
    enum kv_status st;

    while ((st = db_write(world->life.db, batch, &seq)) == KV_BUSY)
        sim_life_turn(&world->life);
    while (st == KV_OK && db_durable_seq(world->life.db) < seq)
        sim_life_turn(&world->life);
    write_batch_deinit(batch);
    return st;
}

static enum kv_status
put(struct world *world, int number)
{
    uint8_t value[VALUE_BYTES];
    char key[16];
    struct write_batch batch;

    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)random_next(&world->life.random);
    (void)snprintf(key, sizeof(key), "k%06d", number);
    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_of(value, sizeof(value)));
    return write_batch_out(world, &batch);
}

static enum kv_status
delete_one(struct world *world, int number)
{
    char key[16];
    struct write_batch batch;

    (void)snprintf(key, sizeof(key), "k%06d", number);
    write_batch_init(&batch);
    write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    return write_batch_out(world, &batch);
}

static enum kv_status
delete_all(struct world *world)
{
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_delete_range(&batch, CF_DEFAULT, slice_from_text("k"), slice_from_text("l"));
    return write_batch_out(world, &batch);
}

static bool
is_there(struct world *world, int number)
{
    struct read_ctx ctx;
    struct lookup found;
    char key[16];

    (void)snprintf(key, sizeof(key), "k%06d", number);
    CU_ASSERT_EQUAL_FATAL(sim_life_get(&world->life, CF_DEFAULT, key, &ctx, &found), KV_OK);
    read_ctx_deinit(&ctx);
    return found.kind == LOOKUP_VALUE && found.value.size == VALUE_BYTES;
}

static void
check_all(struct world *world)
{
    for (int i = 0; i < world->key_count; i++)
        CU_ASSERT_TRUE(is_there(world, i));
}

/* New keys until one is refused. */
static void
fill(struct world *world)
{
    enum kv_status st;

    while ((st = put(world, world->key_count)) == KV_OK)
        world->key_count++;
    CU_ASSERT_EQUAL(st, KV_NO_SPACE);
    CU_ASSERT_TRUE(world->key_count > 100);
}

/* Until the disk is full, with tables that all overlap; now they may be compacted, in plans of six
 * megabytes. */
static void
fill_level0(struct world *world)
{
    struct db_compaction_settings settings = world->options.compaction;
    enum kv_status st = KV_OK;

    settings.file_bytes = 256 << 10;
    settings.level_base_bytes = DISK_BYTES;
    settings.level0_trigger = settings.level0_slowdown = settings.level0_stop = 1000;
    db_set_compaction(world->life.db, &settings);
    for (int i = 0; st == KV_OK; i++)
        st = put(world, i * 389 % 1009);
    CU_ASSERT_EQUAL(st, KV_NO_SPACE);
    settings.level_base_bytes = world->options.compaction.level_base_bytes;
    settings.level0_trigger = 2;
    db_set_compaction(world->life.db, &settings);
}

static void
until_writable(struct world *world, uint64_t seconds_max)
{
    const uint64_t end_us = sim_io_now(world->life.sim) + seconds_max * SECOND_US;

    while (put(world, world->key_count) != KV_OK && sim_io_now(world->life.sim) < end_us)
        run_for(world, SECOND_US / 10);
    CU_ASSERT_TRUE(sim_io_now(world->life.sim) < end_us);
    world->key_count++;
}

/* Goal: the refusal comes before anything has failed, and goes when the disk has grown. */
static void
writes_are_refused_before_anything_fails(void)
{
    struct world world;

    init(&world);
    fill(&world);
    CU_ASSERT_STRING_EQUAL(state_of(&world), "deletions-only");
    run_for(&world, 20 * SECOND_US);
    CU_ASSERT_EQUAL(stats_of(&world).flush_failure_count, 0);
    CU_ASSERT_EQUAL(stats_of(&world).fault, KV_OK);
    CU_ASSERT_TRUE(used_bytes(&world) > DISK_BYTES / 2);
    check_all(&world);
    sim_life_close(&world.life); /* what is kept is enough for a start */
    open_world(&world);
    check_all(&world);
    set_disk_bytes(&world, 2 * DISK_BYTES);
    until_writable(&world, 3);
    check_all(&world);
    deinit(&world);
}

/* Goal: when others take even what was kept, nothing is lost, and it is enough that they give it
 * back. */
static void
the_reserve_is_taken_and_given_back(void)
{
    struct world world;

    init(&world);
    fill(&world);
    set_disk_bytes(&world, used_bytes(&world) + 1000);
    run_for(&world, SECOND_US);
    CU_ASSERT_EQUAL(put(&world, world.key_count), KV_NO_SPACE);
    CU_ASSERT_STRING_EQUAL(state_of(&world), "full");
    CU_ASSERT_EQUAL(delete_one(&world, 0), KV_NO_SPACE);
    check_all(&world);
    run_for(&world, 60 * SECOND_US);
    set_disk_bytes(&world, 3 * DISK_BYTES);
    until_writable(&world, 12);
    check_all(&world);
    deinit(&world);
}

/* The machine goes down in the middle of whatever it does, and boots. */
static void
cut_power(struct world *world)
{
    if (!sim_io_is_down(world->life.sim))
        sim_io_power_cut(world->life.sim);
    sim_life_bury(&world->life, true);
    sim_life_boot(&world->life);
}

/* Goal: without a byte of free space the engine starts, serves what there is, and goes on when
 * there is space; whatever happens on the way. */
static void
a_start_without_space(void)
{
    struct world world;

    init(&world);
    fill(&world);
    for (int round = 0; round < 3; round++) {
        cut_power(&world);
        set_disk_bytes(&world, used_bytes(&world));
        open_world(&world);
        CU_ASSERT_EQUAL(stats_of(&world).fault, KV_NO_SPACE);
        check_all(&world);
        CU_ASSERT_EQUAL(put(&world, world.key_count), KV_NO_SPACE);
        run_for(&world, 10 * SECOND_US);
        CU_ASSERT_EQUAL(put(&world, world.key_count), KV_NO_SPACE);
    }
    set_disk_bytes(&world, 3 * DISK_BYTES);
    until_writable(&world, 12);
    check_all(&world);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(put(&world, world.key_count++), KV_OK);
    cut_power(&world);
    open_world(&world);
    CU_ASSERT_EQUAL(stats_of(&world).fault, KV_OK);
    check_all(&world);
    deinit(&world);
}

/* Goal: so does one with space for a part of what it writes, wherever that ends: for a while a
 * write gets less space than it asked for instead of none. */
static void
a_start_with_little_space(void)
{
    for (uint64_t spare_bytes = 0; spare_bytes < 4 << 20; spare_bytes += 100000) {
        struct world world;

        init(&world);
        for (int i = 0; i < 5; i++)
            CU_ASSERT_EQUAL(put(&world, world.key_count++), KV_OK);
        sim_life_close(&world.life);
        set_disk_bytes(&world, used_bytes(&world) + spare_bytes);
        open_world(&world);
        check_all(&world);
        set_disk_bytes(&world, DISK_BYTES);
        until_writable(&world, 12);
        check_all(&world);
        deinit(&world);
    }
}

/* Goal: the power may fail at any moment of the way from such a start to service. */
static void
a_cut_on_the_way_back(void)
{
    for (uint64_t op = 1; op < 60; op++) {
        struct world world;

        init(&world);
        for (int i = 0; i < 30; i++)
            CU_ASSERT_EQUAL(put(&world, world.key_count++), KV_OK);
        cut_power(&world);
        set_disk_bytes(&world, used_bytes(&world));
        open_world(&world);
        set_disk_bytes(&world, DISK_BYTES);
        sim_io_cut_at(world.life.sim, op);
        for (int i = 0; i < 3000 && !sim_io_is_down(world.life.sim); i++)
            sim_life_turn(&world.life);
        sim_io_cut_at(world.life.sim, 0);
        cut_power(&world);
        open_world(&world);
        check_all(&world);
        deinit(&world);
    }
}

/* Goal: one deletion of everything makes room, with nobody's help. */
static void
a_deletion_of_a_range_frees_its_space(void)
{
    struct world world;
    const uint64_t used_when_empty = 8 << 20;

    init(&world);
    fill(&world);
    CU_ASSERT_EQUAL(delete_all(&world), KV_OK);
    world.key_count = 0;
    until_writable(&world, 30);
    run_for(&world, 30 * SECOND_US);
    CU_ASSERT_TRUE(used_bytes(&world) < used_when_empty);
    CU_ASSERT_FALSE(is_there(&world, 50));
    check_all(&world);
    deinit(&world);
}

/* Goal: also when no compaction can take the deletion and what it deletes together: a plan begins
 * with the oldest tables of level 0, has no room for all of them, and what it writes is as large as
 * what it reads until the deletion is among its inputs. */
static void
what_is_deleted_goes_without_a_job(void)
{
    struct world world;
    uint64_t used_before;

    init(&world);
    fill_level0(&world);
    used_before = used_bytes(&world);
    set_disk_bytes(&world, used_before + (6 << 20));
    CU_ASSERT_EQUAL(delete_all(&world), KV_OK);
    run_for(&world, 20 * SECOND_US);
    CU_ASSERT_TRUE(used_bytes(&world) < used_before / 2);
    CU_ASSERT_TRUE(stats_of(&world).compaction.drop_count > 0);
    CU_ASSERT_FALSE(is_there(&world, 50));
    until_writable(&world, 1);
    check_all(&world);
    sim_life_close(&world.life);
    open_world(&world);
    check_all(&world);
    CU_ASSERT_FALSE(is_there(&world, 50));
    deinit(&world);
}

/* Goal: so does what was deleted while there was space; nothing else flushes the deletion. */
static void
a_deletion_from_before_the_disk_was_full(void)
{
    struct world world;
    uint64_t used_before;

    init(&world);
    fill_level0(&world);
    set_disk_bytes(&world, 3 * DISK_BYTES);
    until_writable(&world, 3);
    run_for(&world, 60 * SECOND_US);
    CU_ASSERT_STRING_EQUAL(state_of(&world), "ample");
    used_before = used_bytes(&world);
    CU_ASSERT_EQUAL(delete_all(&world), KV_OK);
    run_for(&world, 60 * SECOND_US);
    set_disk_bytes(&world, used_bytes(&world) + (6 << 20));
    while (put(&world, 0) == KV_OK) {
    } /* what was known to be free has been used up, and it is measured anew */
    until_writable(&world, 20);
    run_for(&world, SECOND_US);
    CU_ASSERT_TRUE(used_bytes(&world) < used_before / 2);
    deinit(&world);
}

/* Goal: what a snapshot sees stays until it is released, and goes then. */
static void
a_snapshot_keeps_what_is_deleted(void)
{
    struct world world;
    struct db_snapshot *snapshot;
    uint64_t used_before;

    init(&world);
    fill_level0(&world);
    used_before = used_bytes(&world);
    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world.life.db, &snapshot), KV_OK);
    CU_ASSERT_EQUAL(delete_all(&world), KV_OK);
    run_for(&world, 10 * SECOND_US);
    CU_ASSERT_TRUE(used_bytes(&world) >= used_before / 2);
    db_snapshot_release(world.life.db, snapshot);
    run_for(&world, 10 * SECOND_US);
    CU_ASSERT_TRUE(used_bytes(&world) < used_before / 2);
    until_writable(&world, 1);
    deinit(&world);
}

/* Goal: so do deletions of one key after the other, and what is left is what was not deleted. */
static void
deletions_of_keys_free_their_space(void)
{
    struct world world;
    const int kept_count = 100;

    init(&world);
    fill(&world);
    for (int i = world.key_count; i-- > kept_count;)
        CU_ASSERT_EQUAL(delete_one(&world, i), KV_OK);
    world.key_count = kept_count;
    until_writable(&world, 60);
    check_all(&world);
    CU_ASSERT_FALSE(is_there(&world, kept_count + 1));
    deinit(&world);
}

/* Goal: a compaction that could not end is not begun over and over. */
static void
compactions_wait_for_space(void)
{
    struct world world;
    uint64_t done_before;

    init(&world);
    world.life.port.hold_compact = true;
    fill(&world);
    set_disk_bytes(&world, used_bytes(&world) + (4 << 20));
    inline_port_release(&world.life.port);
    run_for(&world, 30 * SECOND_US);
    done_before = world.life.port.compact_done_count;
    run_for(&world, 600ull * SECOND_US);
    CU_ASSERT_TRUE(world.life.port.compact_done_count - done_before <= 12);
    check_all(&world);
    set_disk_bytes(&world, 3 * DISK_BYTES);
    until_writable(&world, 3);
    run_for(&world, 30 * SECOND_US);
    CU_ASSERT_TRUE(stats_of(&world).level_table_count[0] < 2);
    check_all(&world);
    deinit(&world);
}

/* Goal: a disk full of what was overwritten is a way out of itself, although all that level 0
 * should become has no space beside it: a part at a time has, and makes space for the next. */
static void
what_was_overwritten_goes(enum compaction_style style)
{
    enum { LIVE_COUNT = 200, TURN_COUNT = 500 };
    struct db_compaction_settings settings;
    struct world world;
    uint64_t used_before;

    init(&world);
    settings = world.options.compaction;
    settings.style = style;
    settings.level0_trigger = 4;
    settings.level_base_bytes = DISK_BYTES;
    db_set_compaction(world.life.db, &settings);
    set_disk_bytes(&world, 10ull * DISK_BYTES);
    for (world.key_count = 0; world.key_count < LIVE_COUNT; world.key_count++)
        CU_ASSERT_EQUAL(put(&world, world.key_count), KV_OK);
    run_for(&world, 10 * SECOND_US);
    world.life.port.hold_compact = true;
    for (int i = 0; i < TURN_COUNT; i++)
        CU_ASSERT_EQUAL(put(&world, (int)random_below(&world.life.random, LIVE_COUNT)), KV_OK);
    used_before = used_bytes(&world);
    CU_ASSERT_TRUE(used_before > (uint64_t)(LIVE_COUNT + TURN_COUNT * 9 / 10) * VALUE_BYTES);
    set_disk_bytes(&world, used_before + (7 << 20));
    while (put(&world, 0) == KV_OK) {
    } /* what was known to be free has been used up, and it is measured anew */
    inline_port_release(&world.life.port);
    until_writable(&world, 60);
    run_for(&world, 60 * SECOND_US);
    CU_ASSERT_TRUE(used_bytes(&world) < used_before / 4 * 3);
    CU_ASSERT_STRING_EQUAL(state_of(&world), "ample");
    check_all(&world);
    deinit(&world);
}

static void
what_was_overwritten_goes_leveled(void)
{
    what_was_overwritten_goes(COMPACTION_LEVELED);
}

static void
what_was_overwritten_goes_universal(void)
{
    what_was_overwritten_goes(COMPACTION_UNIVERSAL);
}

static void
take_the_rest(void *owner, const struct compact_job *job)
{
    struct world *world = owner;

    (void)job;
    if (!world->rest_is_taken)
        set_disk_bytes(world, used_bytes(world));
    world->rest_is_taken = true;
}

/* Goal: a compaction that took the last bytes, or met a disk that others had filled, gives back
 * more than it took: what stands between is a record of the MANIFEST, for which space is kept.
 * Method: not a byte is free when its tables are there, and nobody gives anything back. */
static void
a_compaction_that_took_the_last_bytes(void)
{
    struct world world;
    uint64_t count_before;

    init(&world);
    fill_level0(&world);
    set_disk_bytes(&world, used_bytes(&world) + (14 << 20));
    count_before = stats_of(&world).compaction.count;
    world.life.port.owner = &world;
    world.life.port.on_compacted = take_the_rest;
    run_for(&world, 30 * SECOND_US);
    CU_ASSERT_TRUE(world.rest_is_taken);
    CU_ASSERT_TRUE(stats_of(&world).compaction.count > count_before);
    CU_ASSERT_EQUAL(stats_of(&world).fault, KV_OK);
    CU_ASSERT_EQUAL(delete_all(&world), KV_OK);
    until_writable(&world, 30);
    deinit(&world);
}

static enum kv_status
last_error_of_job(struct world *world, uint64_t id)
{
    struct db_job_info jobs[64];
    const uint32_t count = db_jobs(world->life.db, jobs, 64);

    for (uint32_t i = 0; i < count && i < 64; i++) {
        if (jobs[i].id == id)
            return jobs[i].last_error;
    }
    return KV_OK;
}

/* Goal: whoever has asked for a compaction that nothing can be done for is told so in time, and can
 * see before why it waits; who is patient gets it when there is space.  `spare_bytes`: of the disk,
 * so that tables cannot be merged, or not even be flushed. */
static void
compact_without_space(uint64_t spare_bytes)
{
    const struct db_compact_request hasty = {.cf_id = CF_DEFAULT};
    const struct db_compact_request patient = {.cf_id = CF_DEFAULT, .is_patient = true};
    struct outcome outcomes[2] = {{0}};
    struct world world;
    uint64_t id;

    init(&world);
    fill_level0(&world);
    set_disk_bytes(&world, used_bytes(&world) + spare_bytes);
    run_for(&world, 100 * SECOND_US); /* what could be tried has been */
    (void)db_compact(world.life.db, &patient, outcome_note, &outcomes[1]);
    id = db_compact(world.life.db, &hasty, outcome_note, &outcomes[0]);
    run_for(&world, 5 * SECOND_US);
    CU_ASSERT_TRUE(outcomes[0].is_here || last_error_of_job(&world, id) == KV_NO_SPACE);
    run_for(&world, 40 * SECOND_US);
    CU_ASSERT_TRUE(outcomes[0].is_here);
    CU_ASSERT_EQUAL(outcomes[0].st, KV_NO_SPACE);
    CU_ASSERT_FALSE(outcomes[1].is_here && outcomes[1].st == KV_OK);
    set_disk_bytes(&world, 3 * DISK_BYTES);
    outcomes[0] = (struct outcome){0};
    (void)db_compact(world.life.db, &hasty, outcome_note, &outcomes[0]);
    run_for(&world, 30 * SECOND_US);
    CU_ASSERT_TRUE(outcomes[0].is_here && outcomes[0].st == KV_OK);
    CU_ASSERT_TRUE(outcomes[1].is_here);
    until_writable(&world, 3);
    deinit(&world);
}

static void
a_compact_without_space_is_answered(void)
{
    compact_without_space(5 << 20);
    compact_without_space(1 << 20);
    compact_without_space(1000);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(writes_are_refused_before_anything_fails),
        UNIT_TEST(the_reserve_is_taken_and_given_back),
        UNIT_TEST(a_start_without_space),
        UNIT_TEST(a_start_with_little_space),
        UNIT_TEST(a_cut_on_the_way_back),
        UNIT_TEST(a_deletion_of_a_range_frees_its_space),
        UNIT_TEST(what_is_deleted_goes_without_a_job),
        UNIT_TEST(a_deletion_from_before_the_disk_was_full),
        UNIT_TEST(a_snapshot_keeps_what_is_deleted),
        UNIT_TEST(deletions_of_keys_free_their_space),
        UNIT_TEST(compactions_wait_for_space),
        UNIT_TEST(a_compact_without_space_is_answered),
        UNIT_TEST(what_was_overwritten_goes_leveled),
        UNIT_TEST(what_was_overwritten_goes_universal),
        UNIT_TEST(a_compaction_that_took_the_last_bytes),
        UNIT_TEST_END,
    };

    return unit_main("db_space", tests, argc, argv);
}
