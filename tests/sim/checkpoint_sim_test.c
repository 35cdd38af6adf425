/* Goal: a checkpoint that was reported as made is there after any power cut, opens, and holds one
 * moment of all families, not before that of its call; one that was not reported is there as a
 * whole or not at all, and what is left of it hurts nobody. Method: lives of an engine on a
 * simulated machine, one seed each, in which one number is counted up in two families at once;
 * checkpoints at random, with failures of what they do; the power fails at any operation.  `seed=N
 * worlds=1` repeats one. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/db_checkpoint.h"
#include "db/db_family.h"
#include "support/quiet_log.h"
#include "support/sim_life.h"
#include "support/unit.h"

enum {
    WORLD_COUNT_DEFAULT = 150,
    LIFE_COUNT = 3,
    STEP_COUNT_MAX = 120,
    CHECKPOINT_COUNT_MAX = 64,
};

#define PARENT "/db/checkpoints"

/* One that was asked for. */
struct ask {
    struct checkpoint_world *world;
    uint64_t low; /* the number when it was */
    bool is_reported, is_made;
};

struct checkpoint_world {
    struct sim_life life;
    uint32_t two; /* the other family's id */
    uint64_t number, durable_number, seq;
    uint64_t durable_seq;
    struct ask asks[CHECKPOINT_COUNT_MAX];
    uint32_t ask_count;
    bool had_fault;
};

static uint64_t world_count = WORLD_COUNT_DEFAULT;
static uint64_t made_count, refused_count, whole_count;

static void
on_durable(void *owner, uint64_t seq)
{
    struct checkpoint_world *world = owner;

    if (sim_life_is_awake(&world->life) && world->seq <= seq)
        world->durable_number = world->number;
}

static void
on_write_failed(void *owner, uint64_t seq_durable)
{
    struct checkpoint_world *world = owner;

    if (world->seq > seq_durable)
        world->seq = UINT64_MAX; /* what was taken back is never acknowledged */
}

static void
on_made(void *owner, enum kv_status st, const struct db_checkpoint_info *info)
{
    struct ask *ask = owner;
    struct checkpoint_world *world = ask->world;

    (void)info;
    if (!sim_life_is_awake(&world->life))
        return;
    CU_ASSERT_TRUE(st == KV_OK || world->had_fault);
    ask->is_reported = true;
    ask->is_made = st == KV_OK;
    made_count += st == KV_OK;
    refused_count += st != KV_OK;
}

/* The next number to both families, and something else beside it. */
static void
write_number(struct checkpoint_world *world)
{
    struct write_batch batch;
    char value[24], other[8];
    uint64_t seq;

    snprintf(value, sizeof(value), "%" PRIu64, world->number + 1);
    snprintf(other, sizeof(other), "k%u", (unsigned)sim_life_draw(&world->life, 5));
    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("key"), slice_from_text(value));
    write_batch_put(&batch, CF_DEFAULT, slice_from_text(other), slice_from_text(value));
    write_batch_put(&batch, world->two, slice_from_text("key"), slice_from_text(value));
    if (db_write(world->life.db, &batch, &seq) == KV_OK) {
        world->number++;
        world->seq = seq;
    }
    write_batch_deinit(&batch);
}

static void
make_checkpoint(struct checkpoint_world *world)
{
    struct ask *ask = &world->asks[world->ask_count];
    char name[16];

    if (world->ask_count == CHECKPOINT_COUNT_MAX)
        return;
    snprintf(name, sizeof(name), "c%u", world->ask_count);
    *ask = (struct ask){.world = world, .low = world->durable_number};
    if (db_checkpoint(world->life.db, PARENT, name, on_made, ask) == KV_OK)
        world->ask_count++;
}

/* One failure of something that a checkpoint does. */
static void
start_fault(struct checkpoint_world *world)
{
    static const struct sim_fault kinds[] = {
        {.op = IO_MKDIR},
        {.op = IO_LINK},
        {.op = IO_SYNC_DIR, .path_part = "/checkpoints"},
        {.op = IO_WRITE, .path_part = "/checkpoints/"},
        {.op = IO_FSYNC, .path_part = "/checkpoints/"},
        {.op = IO_RENAME, .path_part = "/checkpoints/"},
        {.op = IO_OPEN, .path_part = "/checkpoints/"},
        {.op = IO_UNLINK, .path_part = "/checkpoints/"},
    };
    struct sim_fault fault = kinds[sim_life_draw(&world->life, sizeof(kinds) / sizeof(kinds[0]))];

    fault.error = sim_life_draw(&world->life, 2) == 0 ? EIO : ENOSPC;
    fault.skip_count = (uint32_t)sim_life_draw(&world->life, 4);
    fault.fail_count = 1 + (uint32_t)sim_life_draw(&world->life, 2);
    sim_io_clear_faults(world->life.sim);
    sim_io_add_fault(world->life.sim, &fault);
    world->had_fault = true;
}

static void
cancel(struct checkpoint_world *world)
{
    world->had_fault = true;
    db_checkpoint_cancel(world->life.db);
}

static void
step(struct checkpoint_world *world)
{
    switch (sim_life_draw(&world->life, 10)) {
    case 0:
    case 1:
    case 2:
        write_number(world);
        break;
    case 3:
        make_checkpoint(world);
        break;
    case 4:
        if (sim_life_draw(&world->life, 8) == 0)
            start_fault(world);
        else if (sim_life_draw(&world->life, 16) == 0)
            cancel(world);
        break;
    default:
        for (uint64_t turns = 1 + sim_life_draw(&world->life, 12); turns > 0; turns--)
            sim_life_turn(&world->life);
        break;
    }
}

static enum kv_status
open_engine(struct checkpoint_world *world, const char *dir)
{
    struct db_options options = sim_life_options(&world->life, dir, world);

    options.on_durable = on_durable;
    options.on_write_failed = on_write_failed;
    return sim_life_open(&world->life, &options);
}

static void
bury(struct checkpoint_world *world, bool is_dead)
{
    world->life.is_dreaming = true; /* what is cancelled reports */
    sim_liar_set_afterlife(world->life.liar, is_dead);
    db_checkpoint_cancel(world->life.db);
    sim_life_bury(&world->life, is_dead);
}

static bool
is_there(struct checkpoint_world *world, const char *path)
{
    struct io_request look = {.op = IO_STAT, .path = path};

    return io_call(sim_io_base(world->life.sim), &look) == 0;
}

/* Opens what has the name of a checkpoint. */
static void
judge_checkpoint(struct checkpoint_world *world, uint32_t index)
{
    const struct ask *ask = &world->asks[index];
    uint64_t number;
    uint32_t two;
    char path[64];

    snprintf(path, sizeof(path), PARENT "/c%u", index);
    CU_ASSERT_TRUE(!ask->is_made || is_there(world, path));
    if (!is_there(world, path))
        return;
    whole_count++;
    CU_ASSERT_EQUAL_FATAL(open_engine(world, path), KV_OK);
    number = sim_life_read_number(&world->life, CF_DEFAULT);
    if (db_find_family(world->life.db, slice_from_text("two"), &two))
        CU_ASSERT_EQUAL(sim_life_read_number(&world->life, two), number);
    CU_ASSERT_TRUE(number >= ask->low);
    bury(world, false);
    sim_io_drain(world->life.sim);
}

static void
on_family(void *owner, enum kv_status st)
{
    CU_ASSERT_TRUE(st == KV_OK || st == KV_IO);
    *(bool *)owner = true;
}

static void
begin_life(struct checkpoint_world *world)
{
    bool is_made = false;
    uint64_t number;

    CU_ASSERT_EQUAL_FATAL(open_engine(world, "/db"), KV_OK);
    if (!db_find_family(world->life.db, slice_from_text("two"), &world->two)) {
        CU_ASSERT_EQUAL(
            db_family_create(world->life.db, slice_from_text("two"), NULL, on_family, &is_made),
            KV_OK);
        while (!is_made)
            sim_life_turn(&world->life);
        CU_ASSERT_TRUE_FATAL(db_find_family(world->life.db, slice_from_text("two"), &world->two));
    }
    number = sim_life_read_number(&world->life, CF_DEFAULT);
    CU_ASSERT_EQUAL(sim_life_read_number(&world->life, world->two), number);
    CU_ASSERT_TRUE(number >= world->durable_number);
    world->number = world->durable_number = number;
    world->seq = 0;
}

static void
live(struct checkpoint_world *world)
{
    begin_life(world);
    if (sim_life_draw(&world->life, 4) > 0)
        sim_io_cut_at(world->life.sim, 1 + sim_life_draw(&world->life, 600));
    for (uint64_t steps = sim_life_draw(&world->life, STEP_COUNT_MAX); steps > 0; steps--) {
        if (sim_io_is_down(world->life.sim))
            break;
        step(world);
    }
    if (!sim_io_is_down(world->life.sim))
        sim_io_power_cut(world->life.sim);
    bury(world, true);
    sim_life_boot(&world->life);
    world->had_fault = false;
    for (uint32_t i = 0; i < world->ask_count; i++)
        judge_checkpoint(world, i);
}

static void
run_world(uint64_t seed)
{
    struct checkpoint_world world = {0};

    sim_life_init_random(&world.life, seed);
    for (int life = 0; life < LIFE_COUNT; life++)
        live(&world);
    sim_life_deinit(&world.life);
}

static void
checkpoints_are_whole_or_not_there(void)
{
    const uint64_t base = unit_seed();

    quiet_log();
    for (uint64_t i = 0; i < world_count; i++) {
        const unsigned failures = CU_get_number_of_failures();

        run_world(base + i);
        if (CU_get_number_of_failures() > failures)
            printf("seed=%" PRIu64 " worlds=1\n", base + i);
    }
    log_set_sink(NULL, NULL);
    if (world_count >= WORLD_COUNT_DEFAULT)
        CU_ASSERT_TRUE(made_count > 0 && refused_count > 0 && whole_count > 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(checkpoints_are_whole_or_not_there),
        UNIT_TEST_END,
    };

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "worlds=", 7) == 0)
            world_count = strtoull(argv[i] + 7, NULL, 10);
    }
    return unit_main("checkpoint_sim", tests, argc, argv);
}
