/* Goal: no checkpoint is ever found under its name that lacks a file.
 *
 * Method: a folder with two saves, of which one is kept, on a disk that keeps any part of what was
 * not synced; the power fails at each operation of the tidying in turn, under many seeds.  The
 * engine has another disk, which is sound. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/server.h"
#include "io/file.h"
#include "support/inline_port.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"
#include "support/unit.h"

#define DIR_NAME "/kvd-keeper-test"
#define FOLDER   DIR_NAME "/checkpoints"

enum { SEED_COUNT = 40, OP_COUNT = 12, FILE_COUNT = 4 };

static struct server server;
static struct inline_port port;

static void
call(struct io *io, enum io_op op, const char *path)
{
    struct io_request request = {.op = op, .path = path};

    CU_ASSERT_TRUE_FATAL(io_call(io, &request) >= 0);
}

static void
make_save(struct io *io, const char *dir)
{
    char path[64];

    call(io, IO_MKDIR, dir);
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        int fd;

        (void)snprintf(path, sizeof(path), "%s/%06u.sst", dir, i);
        CU_ASSERT_EQUAL_FATAL(file_open(io, path, O_WRONLY | O_CREAT, &fd), KV_OK);
        file_close(io, fd);
    }
    call(io, IO_SYNC_DIR, dir);
}

static struct sim_io *
make_disk(uint64_t seed)
{
    struct sim_io *sim = sim_io_new(&(struct sim_options){.seed = seed, .harsh_directories = true});
    struct io *io = sim_io_base(sim);

    call(io, IO_MKDIR, DIR_NAME);
    call(io, IO_MKDIR, FOLDER);
    make_save(io, FOLDER "/save-1");
    make_save(io, FOLDER "/save-2");
    call(io, IO_SYNC_DIR, FOLDER);
    call(io, IO_SYNC_DIR, DIR_NAME);
    call(io, IO_SYNC_DIR, "/");
    return sim;
}

static uint32_t
count_files(struct io *io, const char *dir)
{
    char path[64];
    uint32_t count = 0;

    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        bool exists = false;

        (void)snprintf(path, sizeof(path), "%s/%06u.sst", dir, i);
        CU_ASSERT_EQUAL(file_exists(io, path, &exists), KV_OK);
        count += exists;
    }
    return count;
}

/* Whether the old save went. */
static bool
tidy_with_cut(uint64_t seed, uint64_t op_number)
{
    struct sim_io *sim = make_disk(seed);
    bool has_old = true;

    server.io = sim_io_base(sim);
    sim_io_cut_at(sim, op_number);
    checkpoint_keeper_init(&server.keeper, &server);
    sim_io_drain(sim);
    sim_io_cut_at(sim, 0);
    if (!sim_io_is_down(sim))
        sim_io_power_cut(sim);
    checkpoint_keeper_stop(&server.keeper);
    sim_io_drain(sim);
    sim_io_boot(sim);
    CU_ASSERT_EQUAL(file_exists(server.io, FOLDER "/save-1", &has_old), KV_OK);
    if (has_old)
        CU_ASSERT_EQUAL(count_files(server.io, FOLDER "/save-1"), FILE_COUNT);
    CU_ASSERT_EQUAL(count_files(server.io, FOLDER "/save-2"), FILE_COUNT);
    checkpoint_keeper_deinit(&server.keeper);
    sim_io_free(sim);
    return !has_old;
}

static struct sim_io *
open_engine(void)
{
    struct sim_io *sim = sim_io_new(NULL);
    struct db_options options;

    quiet_log();
    config_init(&server.config);
    free(server.config.dir);
    server.config.dir = strdup(DIR_NAME);
    options = server_db_options(&server.config);
    options.io = sim_io_base(sim);
    options.port = &port.port;
    inline_port_init(&port, options.io);
    CU_ASSERT_EQUAL_FATAL(db_open(&options, &server.db), KV_OK);
    return sim;
}

static void
close_engine(struct sim_io *sim)
{
    sim_io_drain(sim);
    inline_port_deinit(&port);
    CU_ASSERT_EQUAL(db_close(server.db), KV_OK);
    sim_io_free(sim);
    config_deinit(&server.config);
    log_set_sink(NULL, NULL);
}

static void
an_old_save_goes_as_a_whole(void)
{
    struct sim_io *sound = open_engine();
    uint32_t gone_count = 0;

    for (uint64_t i = 0; i < SEED_COUNT; i++) {
        for (uint64_t op = 0; op < OP_COUNT; op++)
            gone_count += tidy_with_cut(unit_seed() + i, op);
    }
    CU_ASSERT_TRUE(gone_count >= SEED_COUNT);
    close_engine(sound);
}

static void
on_made(void *owner, enum kv_status st, const struct db_checkpoint_info *info)
{
    (void)info;
    CU_ASSERT_EQUAL(st, KV_OK);
    *(bool *)owner = true;
}

/* Method: a crash has left much of a checkpoint, and whoever made it tries again at once: until all
 * of that is gone the keeper would take the new one's files for the old one's. */
static void
a_checkpoint_waits_for_its_remnant(void)
{
    struct sim_io *sim = open_engine();
    bool is_there = true, is_made = false;

    server.io = sim_io_base(sim);
    call(server.io, IO_MKDIR, FOLDER);
    make_save(server.io, FOLDER "/monday.tmp");
    checkpoint_keeper_init(&server.keeper, &server);
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        CU_ASSERT_EQUAL(checkpoint_keeper_make(&server.keeper, "monday", on_made, &is_made),
                        KV_BUSY);
        CU_ASSERT_TRUE(sim_io_turn(sim));
    }
    sim_io_drain(sim);
    CU_ASSERT_EQUAL(file_exists(server.io, FOLDER "/monday.tmp", &is_there), KV_OK);
    CU_ASSERT_FALSE(is_there);
    CU_ASSERT_EQUAL_FATAL(checkpoint_keeper_make(&server.keeper, "monday", on_made, &is_made),
                          KV_OK);
    while (!is_made) {
        db_turn(server.db);
        CU_ASSERT_FATAL(sim_io_turn(sim) || is_made);
    }
    CU_ASSERT_EQUAL(file_exists(server.io, FOLDER "/monday/CURRENT", &is_there), KV_OK);
    CU_ASSERT_TRUE(is_there);
    checkpoint_keeper_stop(&server.keeper);
    checkpoint_keeper_deinit(&server.keeper);
    close_engine(sim);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(an_old_save_goes_as_a_whole),
        UNIT_TEST(a_checkpoint_waits_for_its_remnant),
        UNIT_TEST_END,
    };

    return unit_main("daemon_checkpoint_keeper", tests, argc, argv);
}
