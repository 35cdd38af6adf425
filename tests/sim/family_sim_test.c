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
#include "base/random.h"
#include "db/db_family.h"
#include "support/arrival.h"
#include "support/inline_port.h"
#include "support/quiet_log.h"
#include "support/sim_liar.h"
#include "support/unit.h"

enum {
    NAME_COUNT = 4,
    WORLD_COUNT_DEFAULT = 150,
    LIFE_COUNT = 6,
    STEP_COUNT_MAX = 60,
    REST_TURN_COUNT_MAX = 100000,
};

enum presence { ABSENT, PRESENT, MAKING, DROPPING };

/* A name, and what may be found under it. */
struct model_family {
    enum presence presence;
    uint32_t id; /* unless ABSENT or MAKING */
    /* Of bloom-bits; -1: not set.  `wanted` is asked for, and may hold already. */
    int bits, bits_wanted;
    bool is_setting;
    uint32_t doubts; /* a set of bits + 1, of changes that failed: a crash may bring one back */
    /* Its one key counts up. */
    uint64_t written, acked; /* 0: never */
    uint64_t acked_seq;      /* of `written` */
};

struct family_world {
    struct random random;
    struct sim_io *sim;
    struct sim_liar *liar;
    struct inline_port port;
    struct db *db;
    struct model_family families[NAME_COUNT];
    uint32_t id_max; /* that was ever seen */
    uint64_t durable_seq;
    bool is_dreaming;
    bool had_fault;
};

/* What a change that was asked for reports to. */
struct ask {
    struct family_world *world;
    uint32_t index;
};

static uint64_t world_count = WORLD_COUNT_DEFAULT;
static struct ask asks[NAME_COUNT];

static uint64_t
draw(struct family_world *world, uint64_t bound)
{
    return random_below(&world->random, bound);
}

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

    if (world->is_dreaming || sim_io_is_down(world->sim))
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

    if (world->is_dreaming || sim_io_is_down(world->sim))
        return;
    CU_ASSERT_TRUE(is_good || world->had_fault);
    switch (family->presence) {
    case MAKING:
        family->presence = is_good ? PRESENT : ABSENT;
        if (!is_good)
            break;
        CU_ASSERT_TRUE_FATAL(db_find_family(world->db, name_of(ask->index), &cf_id));
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

static struct family_settings
settings_of(int bits)
{
    struct family_settings settings = {0};

    if (bits >= 0)
        CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_BLOOM_BITS, (uint64_t)bits));
    return settings;
}

static void
change_family(struct family_world *world, uint32_t index)
{
    struct model_family *family = &world->families[index];
    struct family_settings settings;

    if (family->presence == MAKING || family->presence == DROPPING || family->is_setting)
        return;
    if (family->presence == PRESENT && draw(world, 2) == 0) {
        family->presence = DROPPING;
        CU_ASSERT_EQUAL(db_family_drop(world->db, family->id, on_changed, &asks[index]), KV_OK);
        return;
    }
    family->bits_wanted = (int)draw(world, 20) - 1;
    settings = settings_of(family->bits_wanted);
    if (family->presence == PRESENT) {
        family->is_setting = true;
        CU_ASSERT_EQUAL(db_family_set(world->db, family->id, &settings, on_changed, &asks[index]),
                        KV_OK);
        return;
    }
    *family = (struct model_family){.presence = MAKING, .bits_wanted = family->bits_wanted};
    CU_ASSERT_EQUAL(
        db_family_create(world->db, name_of(index), &settings, on_changed, &asks[index]), KV_OK);
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
    if (db_write(world->db, &batch, &seq) == KV_OK) {
        family->written++;
        family->acked_seq = seq;
    }
    write_batch_deinit(&batch);
}

static void
turn(struct family_world *world)
{
    db_turn(world->db);
    if (!sim_io_is_down(world->sim) && !sim_io_turn(world->sim))
        sim_io_advance(world->sim, 10000);
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
    struct sim_fault fault = kinds[draw(world, sizeof(kinds) / sizeof(kinds[0]))];

    fault.error = draw(world, 2) == 0 ? EIO : ENOSPC;
    fault.fail_count = 1 + (uint32_t)draw(world, 2);
    sim_io_clear_faults(world->sim);
    sim_io_add_fault(world->sim, &fault);
    world->had_fault = true;
}

static void
step(struct family_world *world)
{
    const uint32_t index = (uint32_t)draw(world, NAME_COUNT);

    switch (draw(world, 12)) {
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
        db_flush(world->db, on_flushed, NULL);
        break;
    case 7:
        if (draw(world, 4) == 0)
            start_fault(world);
        break;
    default:
        for (uint64_t turns = 1 + draw(world, 8); turns > 0; turns--)
            turn(world);
        break;
    }
}

/* --- opening and judging --- */

static enum kv_status
open_engine(struct family_world *world)
{
    const struct db_options options = {
        .io = sim_liar_base(world->liar),
        .port = &world->port.port,
        .dir = "/db",
        .create_if_missing = true,
        .memory_limit_bytes = 8 << 20,
        .memtable_bytes = MEMTABLE_BYTES_MIN,
        .wal_bytes_max = 20000,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compaction = {.level0_trigger = 2},
        .owner = world,
        .on_durable = on_durable,
        .on_write_failed = on_write_failed,
    };

    inline_port_init(&world->port, options.io);
    world->port.delay_us_max = 1 + draw(world, 5000);
    return db_open(&options, &world->db);
}

/* The number under the key; 0: none. */
static uint64_t
read_key(struct family_world *world, uint32_t cf_id)
{
    struct read_ctx ctx;
    struct lookup found;
    uint64_t number = 0;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(world->db));
    while ((st = db_get(world->db, &ctx, cf_id, slice_from_text("key"), SEQUENCE_MAX, &found)) ==
           KV_WANT_BLOCK) {
        struct arrival arrival = ARRIVAL;

        db_fetch(world->db, &ctx, &arrival.waiter);
        while (!arrival.is_here)
            turn(world);
        CU_ASSERT_EQUAL(arrival.st, KV_OK);
        read_ctx_clear_wants(&ctx);
    }
    CU_ASSERT_EQUAL(st, KV_OK);
    for (size_t i = 0; found.kind == LOOKUP_VALUE && i < found.value.size; i++)
        number = number * 10 + (uint64_t)(found.value.data[i] - '0');
    read_ctx_deinit(&ctx);
    return number;
}

static int
bits_of(struct family_world *world, uint32_t cf_id)
{
    const struct family_settings *own = db_family_own_settings(world->db, cf_id);

    return own->has[FAMILY_BLOOM_BITS] ? (int)own->values[FAMILY_BLOOM_BITS] : -1;
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

    if (!db_find_family(world->db, name_of(index), &found.id)) {
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
    number = read_key(world, found.id);
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

/* The engine object goes; nothing that it still does reaches the disk. */
static void
bury(struct family_world *world)
{
    uint32_t turns = 0;

    world->is_dreaming = true;
    sim_liar_set_afterlife(world->liar, true);
    inline_port_deinit(&world->port);
    world->port.hold = true;
    while (!db_is_idle(world->db) && turns++ < REST_TURN_COUNT_MAX)
        (void)sim_io_turn(world->sim);
    CU_ASSERT_TRUE_FATAL(db_is_idle(world->db));
    inline_port_deinit(&world->port);
    (void)db_close(world->db);
    world->db = NULL;
    sim_liar_set_afterlife(world->liar, false);
    world->is_dreaming = false;
}

static void
boot(struct family_world *world)
{
    sim_io_cut_at(world->sim, 0);
    sim_io_drain(world->sim);
    sim_io_boot(world->sim);
    sim_io_clear_faults(world->sim);
    world->had_fault = false;
}

static void
open_and_judge(struct family_world *world)
{
    for (int attempt = 0; world->db == NULL; attempt++) {
        enum kv_status st;

        if (attempt < 3 && draw(world, 3) == 0)
            sim_io_cut_at(world->sim, 1 + draw(world, 60));
        st = open_engine(world);
        if (sim_io_is_down(world->sim)) {
            if (world->db != NULL)
                bury(world);
            boot(world);
        } else {
            CU_ASSERT_EQUAL_FATAL(st, KV_OK);
        }
    }
    sim_io_cut_at(world->sim, 0);
    judge(world);
}

static void
live(struct family_world *world)
{
    open_and_judge(world);
    if (draw(world, 4) > 0)
        sim_io_cut_at(world->sim, 1 + draw(world, 300));
    for (uint64_t steps = draw(world, STEP_COUNT_MAX); steps > 0; steps--) {
        if (sim_io_is_down(world->sim))
            break;
        step(world);
    }
    if (!sim_io_is_down(world->sim))
        sim_io_power_cut(world->sim);
    bury(world);
    boot(world);
}

static void
run_world(uint64_t seed)
{
    struct family_world world = {0};
    const struct sim_options options = {
        .seed = seed, .latency_us_max = 300, .harsh_directories = seed % 2 == 0};

    random_init(&world.random, seed);
    world.sim = sim_io_new(&options);
    world.liar = sim_liar_new(world.sim, LIE_NONE);
    for (uint32_t i = 0; i < NAME_COUNT; i++)
        asks[i] = (struct ask){.world = &world, .index = i};
    for (int life = 0; life < LIFE_COUNT; life++)
        live(&world);
    open_and_judge(&world);
    sim_io_power_cut(world.sim);
    bury(&world);
    boot(&world);
    sim_liar_free(world.liar);
    sim_io_free(world.sim);
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
