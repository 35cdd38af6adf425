/* Goal: whatever the power and the disk do, a family that was reported as made is there with its
 * settings and keys, one that was reported as dropped is gone for good, a change that was not
 * reported is made or not made, and no id is used twice.
 * Method: lives of an engine on a simulated machine, one seed each.  Families are made, dropped and
 * set at random while keys are written; the power fails at any operation, also of an opening; a
 * model says what may be found.  `seed=N worlds=1` repeats one. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/db_family.h"
#include "support/quiet_log.h"
#include "support/sim_life.h"
#include "support/unit.h"

enum {
    NAME_COUNT = 4,
    WORLD_COUNT_DEFAULT = 150,
    LIFE_COUNT = 6,
    STEP_COUNT_MAX = 60,
};

enum presence { ABSENT, PRESENT, MAKING, DROPPING };

/* A name, and what may be found under it. */
struct model_family {
    enum presence presence;
    uint32_t id; /* unless ABSENT or MAKING */
    /* Of bloom-bits, which stand for all settings; -1: not set.  `wanted` is asked for, and may
     * hold already. */
    int bits, bits_wanted;
    bool is_setting;
    uint32_t doubts; /* a set of bits + 1, of changes that failed: a crash may bring one back */
    /* Its one key counts up. */
    uint64_t written, acked; /* 0: never */
    uint64_t acked_seq;      /* of `written` */
};

struct family_world {
    struct sim_life life;
    struct model_family families[NAME_COUNT];
    uint32_t id_max; /* that was ever seen */
    uint64_t durable_seq;
    bool had_fault;
};

/* What a change that was asked for reports to. */
struct ask {
    struct family_world *world;
    uint32_t index;
};

static uint64_t world_count = WORLD_COUNT_DEFAULT;
static struct ask asks[NAME_COUNT];

static struct slice
name_of(uint32_t index)
{
    static const char *const names[NAME_COUNT] = {"one", "two", "db3", "with space"};

    return slice_from_text(names[index]);
}

/* --- what happens --- */

static void
on_durable(void *owner, uint64_t seq)
{
    struct family_world *world = owner;

    if (!sim_life_is_awake(&world->life))
        return;
    world->durable_seq = seq;
    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        struct model_family *family = &world->families[i];

        if (family->written > family->acked && family->acked_seq <= seq)
            family->acked = family->written;
    }
}

/* What was taken back may be found after a crash all the same, but is never acknowledged. */
static void
on_write_failed(void *owner, uint64_t seq_durable)
{
    struct family_world *world = owner;

    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        if (world->families[i].acked_seq > seq_durable)
            world->families[i].acked_seq = UINT64_MAX;
    }
}

static void
on_changed(void *owner, enum kv_status st)
{
    const struct ask *ask = owner;
    struct family_world *world = ask->world;
    struct model_family *family = &world->families[ask->index];
    const bool is_good = st == KV_OK;
    uint32_t cf_id;

    if (!sim_life_is_awake(&world->life))
        return;
    CU_ASSERT_TRUE(is_good || world->had_fault);
    switch (family->presence) {
    case MAKING:
        family->presence = is_good ? PRESENT : ABSENT;
        if (!is_good)
            break;
        CU_ASSERT_TRUE_FATAL(db_find_family(world->life.db, name_of(ask->index), &cf_id));
        CU_ASSERT_TRUE(cf_id > world->id_max);
        world->id_max = family->id = cf_id;
        family->bits = family->bits_wanted;
        break;
    case DROPPING:
        CU_ASSERT_TRUE(is_good);
        *family = (struct model_family){.presence = ABSENT};
        break;
    case PRESENT:
        family->is_setting = false;
        if (is_good)
            family->bits = family->bits_wanted;
        family->doubts = is_good ? 0 : family->doubts | UINT32_C(1) << (family->bits_wanted + 1);
        break;
    case ABSENT:
        CU_FAIL("a report of nothing");
    }
}

static void
add_setting(struct family_settings *settings, enum family_setting setting, uint64_t value)
{
    CU_ASSERT_TRUE(family_settings_set(settings, setting, value));
}

/* The bits decide all else, so that settings of two changes never look like one's. */
static struct family_settings
settings_of(int bits)
{
    static const enum compression levels[] = {COMPRESSION_NONE, COMPRESSION_LZ4};
    struct family_settings settings = {0};

    if (bits < 0)
        return settings;
    add_setting(&settings, FAMILY_BLOOM_BITS, (uint64_t)bits);
    if (bits % 2 == 0)
        add_setting(&settings, FAMILY_LEVEL_COMPRESSIONS, level_compressions_pack(levels, 2));
    if (bits % 3 == 0)
        add_setting(&settings, FAMILY_COMPACTION_STYLE, COMPACTION_UNIVERSAL);
    if (bits % 5 == 0)
        add_setting(&settings, FAMILY_MEMTABLE_BYTES, MEMTABLE_BYTES_MIN);
    return settings;
}

static void
change_family(struct family_world *world, uint32_t index)
{
    struct model_family *family = &world->families[index];
    struct family_settings settings;

    if (family->presence == MAKING || family->presence == DROPPING || family->is_setting)
        return;
    if (family->presence == PRESENT && sim_life_draw(&world->life, 2) == 0) {
        family->presence = DROPPING;
        CU_ASSERT_EQUAL(db_family_drop(world->life.db, family->id, on_changed, &asks[index]),
                        KV_OK);
        return;
    }
    family->bits_wanted = (int)sim_life_draw(&world->life, 20) - 1;
    settings = settings_of(family->bits_wanted);
    if (family->presence == PRESENT) {
        family->is_setting = true;
        CU_ASSERT_EQUAL(
            db_family_set(world->life.db, family->id, &settings, on_changed, &asks[index]), KV_OK);
        return;
    }
    *family = (struct model_family){.presence = MAKING, .bits_wanted = family->bits_wanted};
    CU_ASSERT_EQUAL(
        db_family_create(world->life.db, name_of(index), &settings, on_changed, &asks[index]),
        KV_OK);
}

static void
write_key(struct family_world *world, uint32_t index)
{
    struct model_family *family = &world->families[index];
    struct write_batch batch;
    char value[24];
    uint64_t seq;

    if (family->presence != PRESENT && family->presence != DROPPING)
        return;
    snprintf(value, sizeof(value), "%" PRIu64, family->written + 1);
    write_batch_init(&batch);
    write_batch_put(&batch, family->id, slice_from_text("key"), slice_from_text(value));
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("key"), slice_from_text(value));
    if (db_write(world->life.db, &batch, &seq) == KV_OK) {
        family->written++;
        family->acked_seq = seq;
    }
    write_batch_deinit(&batch);
}

static void
on_flushed(void *owner, enum kv_status st)
{
    (void)owner;
    (void)st;
}

/* One failure of a file that changes of families write. */
static void
start_fault(struct family_world *world)
{
    static const struct sim_fault kinds[] = {
        {.op = IO_WRITE, .path_suffix = ".dbtmp"},
        {.op = IO_FSYNC, .path_suffix = ".dbtmp"},
        {.op = IO_RENAME, .path_suffix = ".dbtmp"},
        {.op = IO_OPEN, .path_suffix = ".dbtmp"},
        {.op = IO_WRITE, .path_part = "/MANIFEST-"},
        {.op = IO_FDATASYNC, .path_part = "/MANIFEST-"},
        {.op = IO_SYNC_DIR},
    };
    struct sim_fault fault = kinds[sim_life_draw(&world->life, sizeof(kinds) / sizeof(kinds[0]))];

    fault.error = sim_life_draw(&world->life, 2) == 0 ? EIO : ENOSPC;
    fault.fail_count = 1 + (uint32_t)sim_life_draw(&world->life, 2);
    sim_io_clear_faults(world->life.sim);
    sim_io_add_fault(world->life.sim, &fault);
    world->had_fault = true;
}

static void
step(struct family_world *world)
{
    const uint32_t index = (uint32_t)sim_life_draw(&world->life, NAME_COUNT);

    switch (sim_life_draw(&world->life, 12)) {
    case 0:
    case 1:
    case 2:
        change_family(world, index);
        break;
    case 3:
    case 4:
    case 5:
        write_key(world, index);
        break;
    case 6:
        db_flush(world->life.db, on_flushed, NULL);
        break;
    case 7:
        if (sim_life_draw(&world->life, 4) == 0)
            start_fault(world);
        break;
    default:
        for (uint64_t turns = 1 + sim_life_draw(&world->life, 8); turns > 0; turns--)
            sim_life_turn(&world->life);
        break;
    }
}

/* --- opening and judging --- */

static enum kv_status
open_engine(struct family_world *world)
{
    struct db_options options = sim_life_options(&world->life, "/db", world);

    options.on_durable = on_durable;
    options.on_write_failed = on_write_failed;
    return sim_life_open(&world->life, &options);
}

/* What holds for it is what it has set, and OPTIONS, which may be older, has no say. */
static int
bits_of(struct family_world *world, uint32_t cf_id)
{
    struct family_settings own = *db_family_own_settings(world->life.db, cf_id);
    const int bits = own.has[FAMILY_BLOOM_BITS] ? (int)own.values[FAMILY_BLOOM_BITS] : -1;
    const struct family_settings expected = settings_of(bits);
    const struct family_options effective = db_family_effective(world->life.db, cf_id);

    memset(own.taken_back, 0, sizeof(own.taken_back));
    own.ignores_options = false;
    CU_ASSERT_TRUE(family_settings_equal(&own, &expected));
    CU_ASSERT_EQUAL(effective.compaction.style == COMPACTION_UNIVERSAL, bits >= 0 && bits % 3 == 0);
    CU_ASSERT_EQUAL(effective.compaction.compression_per_level_count,
                    bits >= 0 && bits % 2 == 0 ? 2 : 0);
    return bits;
}

static bool
may_have_bits(const struct model_family *family, int bits)
{
    if (family->presence == MAKING)
        return bits == family->bits_wanted;
    return bits == family->bits || (family->is_setting && bits == family->bits_wanted) ||
           (family->doubts & UINT32_C(1) << (bits + 1)) != 0;
}

/* From here on the model has what was found. */
static void
judge_family(struct family_world *world, uint32_t index)
{
    struct model_family *family = &world->families[index];
    struct model_family found = {.presence = ABSENT};
    uint64_t number;

    if (!db_find_family(world->life.db, name_of(index), &found.id)) {
        CU_ASSERT_NOT_EQUAL(family->presence, PRESENT);
        *family = found;
        return;
    }
    found.presence = PRESENT;
    CU_ASSERT_NOT_EQUAL(family->presence, ABSENT);
    if (family->presence == MAKING)
        CU_ASSERT_TRUE(found.id > world->id_max)
    else
        CU_ASSERT_EQUAL(found.id, family->id);
    found.bits = bits_of(world, found.id);
    CU_ASSERT_TRUE(may_have_bits(family, found.bits));
    number = sim_life_read_number(&world->life, found.id);
    CU_ASSERT_TRUE(number >= family->acked && number <= family->written);
    found.written = found.acked = number;
    *family = found;
}

static void
judge(struct family_world *world)
{
    uint32_t id_max = world->id_max;

    for (uint32_t i = 0; i < NAME_COUNT; i++)
        judge_family(world, i);
    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        if (world->families[i].presence == PRESENT && world->families[i].id > id_max)
            id_max = world->families[i].id;
    }
    world->id_max = id_max;
}

static void
boot(struct family_world *world)
{
    sim_life_boot(&world->life);
    world->had_fault = false;
}

static void
open_and_judge(struct family_world *world)
{
    for (int attempt = 0; world->life.db == NULL; attempt++) {
        enum kv_status st;

        if (attempt < 3 && sim_life_draw(&world->life, 3) == 0)
            sim_io_cut_at(world->life.sim, 1 + sim_life_draw(&world->life, 60));
        st = open_engine(world);
        if (sim_io_is_down(world->life.sim)) {
            if (world->life.db != NULL)
                sim_life_bury(&world->life, true);
            boot(world);
        } else {
            CU_ASSERT_EQUAL_FATAL(st, KV_OK);
        }
    }
    sim_io_cut_at(world->life.sim, 0);
    judge(world);
}

static void
live(struct family_world *world)
{
    open_and_judge(world);
    if (sim_life_draw(&world->life, 4) > 0)
        sim_io_cut_at(world->life.sim, 1 + sim_life_draw(&world->life, 300));
    for (uint64_t steps = sim_life_draw(&world->life, STEP_COUNT_MAX); steps > 0; steps--) {
        if (sim_io_is_down(world->life.sim))
            break;
        step(world);
    }
    if (!sim_io_is_down(world->life.sim))
        sim_io_power_cut(world->life.sim);
    sim_life_bury(&world->life, true);
    boot(world);
}

static void
run_world(uint64_t seed)
{
    struct family_world world = {0};

    sim_life_init_random(&world.life, seed);
    for (uint32_t i = 0; i < NAME_COUNT; i++)
        asks[i] = (struct ask){.world = &world, .index = i};
    for (int life = 0; life < LIFE_COUNT; life++)
        live(&world);
    open_and_judge(&world);
    sim_io_power_cut(world.life.sim);
    sim_life_bury(&world.life, true);
    boot(&world);
    sim_life_deinit(&world.life);
}

static void
families_survive_power_cuts(void)
{
    quiet_log();
    for (uint64_t i = 0; i < world_count; i++) {
        const unsigned failures_before = CU_get_number_of_failures();

        run_world(unit_seed() + i);
        if (CU_get_number_of_failures() > failures_before) {
            printf("\n  in the world of seed=%" PRIu64 "\n", unit_seed() + i);
            break;
        }
    }
    log_set_sink(NULL, NULL);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(families_survive_power_cuts),
        UNIT_TEST_END,
    };

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "worlds=", 7) == 0)
            world_count = strtoull(argv[i] + 7, NULL, 10);
    }
    return unit_main("family_sim", tests, argc, argv);
}
