/* Goal: after a power cut at any point the set is as it was before or after each change, in
 * order, and contains every change that was reported applied.
 * Method: the simulated machine, one seed a run.  Changes number 1, 2, 3, ... add one table each
 * (and every fifth one to a second family in the same change); the power fails in the middle of a
 * random operation; then the set is opened and what it holds must be a prefix of the changes. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "io/file.h"
#include "key/internal_key.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"
#include "support/unit.h"
#include "version/file_name.h"
#include "version/version_set.h"

#include <fcntl.h>

enum { SEED_COUNT = 700, CUT_COUNT = 4, CHANGE_COUNT_MAX = 40 };

static const char dir[] = "/db";

struct world {
    struct sim_io *sim;
    struct io *io;
    struct random random;
    struct version_set *set;
    uint64_t submitted; /* changes so far, of all lives */
    uint64_t applied;   /* reported */
    bool has_second;
};

static void
on_applied(void *owner, enum kv_status st)
{
    struct world *world = owner;

    CU_ASSERT_EQUAL(st, KV_OK);
    world->applied++;
}

static enum kv_status
open_set(struct world *world)
{
    const struct version_set_options options = {
        .io = world->io, .dir = dir, .create_if_missing = true, .manifest_bytes_max = 1000};
    enum kv_status st = version_set_open(&options, &world->set);

    if (st == KV_OK)
        st = version_set_start(world->set, NULL, 0);
    if (st == KV_OK)
        version_set_purge(world->set);
    return st;
}

/* A table is a durable file of the right size; the change's number is its sequence. */
static enum kv_status
make_table(struct world *world, struct version_edit *edit, uint64_t seq)
{
    struct table_meta *meta = version_edit_add_table(edit, 0);
    static const uint8_t content[100];
    char path[PATH_BYTES_MAX];
    enum kv_status st;
    int fd;

    meta->number = version_set_next_file_number(world->set);
    meta->bytes = sizeof(content);
    meta->seq_smallest = meta->seq_largest = seq;
    internal_key_append(&meta->smallest, slice_from_text("a"), seq, TYPE_VALUE);
    internal_key_append(&meta->largest, slice_from_text("b"), seq, TYPE_VALUE);
    file_name_format(path, dir, FILE_TABLE, meta->number);
    st = file_open(world->io, path, O_CREAT | O_WRONLY, &fd);
    if (st == KV_OK)
        st = file_write(world->io, fd, 0, content, sizeof(content));
    if (st == KV_OK)
        st = file_sync(world->io, fd);
    file_close(world->io, fd);
    return st == KV_OK ? file_sync_dir(world->io, dir) : st;
}

/* False: the machine is down. */
static bool
submit_change(struct world *world)
{
    struct version_edit edits[2] = {{0}, {0}};
    const uint64_t seq = world->submitted + 1;
    const bool in_both = seq % 5 == 0;
    enum kv_status st;

    if (seq == 1) {
        edits[0].cf_id = 1;
        edits[0].is_cf_add = edits[0].has_log_number = true;
        buffer_append(&edits[0].cf_name, "second", 6);
        st = KV_OK;
    } else {
        st = make_table(world, &edits[0], seq);
    }
    if (st == KV_OK && in_both) {
        edits[1].cf_id = 1;
        st = make_table(world, &edits[1], seq);
    }
    if (st == KV_OK) {
        world->submitted++;
        version_set_apply(world->set, edits, in_both ? 2 : 1, on_applied, world);
    }
    version_edit_deinit(&edits[0]);
    version_edit_deinit(&edits[1]);
    return st == KV_OK;
}

static void
live(struct world *world)
{
    for (uint64_t i = random_below(&world->random, CHANGE_COUNT_MAX); i > 0; i--) {
        if (sim_io_is_down(world->sim) || !submit_change(world))
            return;
        for (uint64_t turns = random_below(&world->random, 4); turns > 0; turns--)
            sim_io_turn(world->sim);
    }
    for (int i = 0; i < 300 && world->applied < world->submitted; i++)
        sim_io_turn(world->sim);
}

/* The largest sequence in the default family; tables must be 2, 3, 4, ... without a gap, and the
 * second family must have each fifth of them. */
static uint64_t
check_contents(struct world *world)
{
    const struct version_level *first = &version_set_family(world->set, 0)->current->levels[0];
    struct column_family *second = version_set_family(world->set, 1);
    const uint64_t changes = second == NULL ? 0 : first->count + 1;

    for (uint32_t i = 0; i < first->count; i++)
        CU_ASSERT_EQUAL(first->files[i]->meta.seq_smallest, changes - i);
    if (second == NULL) {
        CU_ASSERT_EQUAL(first->count, 0);
        return 0;
    }
    CU_ASSERT_EQUAL(second->current->levels[0].count, changes / 5);
    CU_ASSERT_EQUAL(version_set_last_seq(world->set), first->count > 0 ? changes : 0);
    return changes;
}

static void
choose_faults(struct world *world)
{
    struct sim_options *options = sim_io_options(world->sim);
    const bool is_bad = random_below(&world->random, 3) == 0;

    options->write_error_permille = is_bad ? (uint32_t)random_below(&world->random, 100) : 0;
    options->sync_error_permille = is_bad ? (uint32_t)random_below(&world->random, 100) : 0;
    options->short_permille = (uint32_t)random_below(&world->random, 100);
}

static void
clear_faults(struct world *world)
{
    struct sim_options *options = sim_io_options(world->sim);

    options->write_error_permille = options->sync_error_permille = options->short_permille = 0;
}

/* Opens after a cut; what is there must be a prefix of what was submitted, and all of what was
 * reported. */
static bool
reopen(struct world *world, uint64_t seed)
{
    const enum kv_status st = open_set(world);
    uint64_t found;

    CU_ASSERT_EQUAL(st, KV_OK);
    if (st != KV_OK) {
        printf("seed %llu: cannot open: %s\n", (unsigned long long)seed, kv_status_text(st));
        return false;
    }
    found = check_contents(world);
    if (found < world->applied || found > world->submitted) {
        printf("seed %llu: %llu found, %llu applied, %llu submitted\n", (unsigned long long)seed,
               (unsigned long long)found, (unsigned long long)world->applied,
               (unsigned long long)world->submitted);
        CU_FAIL("a change was lost or made up");
        return false;
    }
    world->applied = world->submitted = found;
    return true;
}

static void
run_seed(uint64_t seed)
{
    struct world world = {0};

    random_init(&world.random, seed);
    world.sim =
        sim_io_new(&(struct sim_options){.seed = seed, .harsh_directories = (seed & 1) != 0});
    world.io = sim_io_base(world.sim);
    for (int cut = 0; cut < CUT_COUNT; cut++) {
        bool is_open;

        if (!reopen(&world, seed))
            break;
        choose_faults(&world);
        sim_io_cut_at(world.sim, 1 + random_below(&world.random, 300));
        live(&world);
        clear_faults(&world);
        if (!sim_io_is_down(world.sim))
            sim_io_power_cut(world.sim);
        sim_io_boot(world.sim);
        version_set_close(world.set);
        world.set = NULL;
        /* Now and then the power fails again while the set is opened. */
        if (random_below(&world.random, 2) == 0) {
            sim_io_cut_at(world.sim, 1 + random_below(&world.random, 60));
            is_open = open_set(&world) == KV_OK;
            CU_ASSERT_TRUE(is_open || sim_io_is_down(world.sim));
            if (!sim_io_is_down(world.sim))
                sim_io_power_cut(world.sim);
            sim_io_boot(world.sim);
            version_set_close(world.set);
            world.set = NULL;
        }
    }
    version_set_close(world.set);
    sim_io_free(world.sim);
}

static void
changes_survive_power_cuts(void)
{
    quiet_log();
    for (uint64_t i = 0; i < SEED_COUNT; i++)
        run_seed(unit_seed() + i);
    log_set_sink(NULL, NULL);
}

/* Goal: the change that gives space back can be written on a disk without a free byte. */
static void
a_change_has_space_of_its_own(void)
{
    struct world world = {.submitted = 0};

    world.sim = sim_io_new(&(struct sim_options){.seed = unit_seed()});
    world.io = sim_io_base(world.sim);
    CU_ASSERT_EQUAL_FATAL(open_set(&world), KV_OK);
    for (uint32_t i = 1; i <= 20; i++) {
        sim_io_options(world.sim)->capacity_bytes = 0; /* for the table of the change */
        CU_ASSERT_TRUE(submit_change(&world));
        sim_io_options(world.sim)->capacity_bytes = sim_io_used_bytes(world.sim);
        sim_io_advance(world.sim, 100 * 1000);
        CU_ASSERT_EQUAL(world.applied, i);
    }
    CU_ASSERT_FALSE(version_set_is_failing(world.set));
    sim_io_drain(world.sim);
    version_set_close(world.set);
    sim_io_free(world.sim);
}

/* Method: the disk is full while a change is written, for three seconds; then it is not.  Nothing
 * could be reserved. */
static void
a_change_waits_for_space(void)
{
    struct world world = {.submitted = 0};
    struct sim_options *options;
    uint64_t used_bytes;

    quiet_log();
    world.sim = sim_io_new(&(struct sim_options){.seed = unit_seed()});
    world.io = sim_io_base(world.sim);
    options = sim_io_options(world.sim);
    sim_io_add_fault(world.sim, &(struct sim_fault){.op = IO_ALLOCATE, .error = ENOSPC});
    CU_ASSERT_EQUAL_FATAL(open_set(&world), KV_OK);
    sim_io_clear_faults(world.sim);
    used_bytes = sim_io_used_bytes(world.sim);
    options->capacity_bytes = used_bytes;
    CU_ASSERT_TRUE(submit_change(&world));
    sim_io_advance(world.sim, 3000 * 1000);
    CU_ASSERT_EQUAL(world.applied, 0);
    CU_ASSERT_TRUE(version_set_is_failing(world.set));
    /* What was tried in vain was taken away again, so it does not fill the disk further. */
    CU_ASSERT_TRUE(sim_io_used_bytes(world.sim) <= used_bytes);
    options->capacity_bytes = 0;
    sim_io_advance(world.sim, 6000 * 1000);
    CU_ASSERT_EQUAL(world.applied, 1);
    CU_ASSERT_FALSE(version_set_is_failing(world.set));
    sim_io_drain(world.sim);
    version_set_close(world.set);
    CU_ASSERT_EQUAL_FATAL(open_set(&world), KV_OK);
    CU_ASSERT_EQUAL(check_contents(&world), 1);
    version_set_close(world.set);
    sim_io_free(world.sim);
    log_set_sink(NULL, NULL);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(changes_survive_power_cuts),
        UNIT_TEST(a_change_has_space_of_its_own),
        UNIT_TEST(a_change_waits_for_space),
        UNIT_TEST_END,
    };

    return unit_main("version_set_power", tests, argc, argv);
}
