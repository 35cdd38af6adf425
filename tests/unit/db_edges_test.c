/* Goal: the engine keeps its promises where configurations and directories are unusual: settings
 * changed while running, the largest ones, and what other software left in the directory. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "db/db_survey.h"
#include "support/db_world.h"
#include "support/unit.h"
#include "wal/log_writer.h"

enum { FOREIGN_LOG_NUMBER = 900000 };

static void
write_file(const struct db_world *world, const char *name, const void *data, size_t size)
{
    char path[400];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", world->dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static void
write_value(struct db_world *world, const char *key, size_t size)
{
    struct write_batch batch;
    uint8_t *value = kv_alloc_zero(size);

    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_of(value, size));
    db_world_write(world, &batch);
    free(value);
}

/* A RocksDB log: a record of a family that has been dropped, then a batch above memtable-size. */
static void
write_foreign_log(const struct db_world *world)
{
    enum { VALUE_BYTES = 3 << 20 };
    struct log_writer writer;
    struct write_batch batch;
    struct buffer log = {0};
    char *value = kv_alloc(VALUE_BYTES);
    char name[32];

    memset(value, 'v', VALUE_BYTES);
    log_writer_init(&writer, false, FOREIGN_LOG_NUMBER);
    write_batch_init(&batch);
    write_batch_put(&batch, 77, slice_from_text("a"), slice_from_text("1"));
    write_batch_set_sequence(&batch, 1);
    log_writer_append(&writer, &log, buffer_slice(&batch.bytes));
    write_batch_clear(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("huge"), slice_of(value, VALUE_BYTES));
    write_batch_set_sequence(&batch, 2);
    log_writer_append(&writer, &log, buffer_slice(&batch.bytes));
    snprintf(name, sizeof(name), "%d.log", FOREIGN_LOG_NUMBER);
    write_file(world, name, log.data, log.size);
    write_batch_deinit(&batch);
    buffer_deinit(&log);
    free(value);
}

static void
a_dropped_familys_record_leaves_room_for_a_huge_batch(void)
{
    struct db_world world;
    struct db_stats stats;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_close(&world);
    write_foreign_log(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_last_seq(world.db), 2);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.table_count, 1);
    CU_ASSERT_EQUAL(stats.recovered_batch_count, 2);
    CU_ASSERT_PTR_NULL(db_world_get(&world, "a"));
    db_world_deinit(&world);
}

static void
run_in_dir(const struct db_world *world, const char *script)
{
    char command[600];

    snprintf(command, sizeof(command), "cd '%s' && %s", world->dir, script);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* Method: the logs go where OPTIONS says that they are.  To open the directory without them would
 * lose what they hold, so it is refused; with the logs back it opens. */
static void
logs_in_another_directory_are_not_forgotten(void)
{
    static const char options[] =
        "[DBOptions]\n  wal_dir=/somewhere/else\n[CFOptions \"default\"]\n";
    struct db_world world;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "a", "1");
    db_world_settle(&world);
    db_world_close(&world);
    write_file(&world, "OPTIONS-900000", options, sizeof(options) - 1);
    run_in_dir(&world, "mkdir wal && mv *.log wal/");
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_UNSUPPORTED);
    run_in_dir(&world, "mv wal/*.log .");
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "1");
    db_world_deinit(&world);
}

/* Method: 4 GiB is the largest memtable-size that kvd.conf takes; the mapping is sparse. */
static void
the_largest_memtable_size_opens(void)
{
    struct db_world world;

    db_world_init(&world);
    world.options.memtable_bytes = UINT64_C(4) << 30;
    world.options.memory_limit_bytes = UINT64_C(8) << 30;
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "a", "1");
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "1");
    db_world_deinit(&world);
}

/* Method: after the change six megabytes fit in one memtable, where one did before; and the way
 * back. */
static void
memtable_size_can_grow_and_shrink_while_running(void)
{
    struct db_world world;
    struct db_stats stats;
    char key[32];

    db_world_init(&world);
    world.options.wal_bytes_max = 64 << 20;
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_set_memtable_bytes(world.db, 8 << 20);
    db_world_put(&world, "a", "1");
    db_world_flush(&world);
    for (int i = 0; i < 96; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        write_value(&world, key, 64 << 10);
        db_world_turn(&world);
    }
    db_world_settle(&world);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.flush_count + stats.frozen_count, 1);
    db_set_memtable_bytes(world.db, 1 << 20);
    write_value(&world, "b", 64 << 10);
    db_world_settle(&world);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.flush_count + stats.frozen_count, 2);
    db_world_deinit(&world);
}

static uint64_t
sync_count(const struct db_world *world)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    return stats.wal.sync_count;
}

/* Method: under "never" nothing is synced; from the change on each reply means a sync. */
static void
wal_sync_always_holds_from_the_next_write_on(void)
{
    for (int with_writes_before = 0; with_writes_before < 2; with_writes_before++) {
        struct db_world world;
        uint64_t before;

        db_world_init(&world);
        world.options.wal_sync = WAL_SYNC_NEVER;
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        if (with_writes_before)
            db_world_put(&world, "a", "1");
        db_world_settle(&world);
        before = sync_count(&world);
        CU_ASSERT_EQUAL(before, 0);
        db_set_wal_sync(world.db, WAL_SYNC_ALWAYS, 0);
        db_world_put(&world, "b", "2");
        db_world_settle(&world);
        CU_ASSERT_TRUE(sync_count(&world) > before);
        before = sync_count(&world);
        db_set_wal_sync(world.db, WAL_SYNC_NEVER, 0);
        db_world_put(&world, "c", "3");
        db_world_settle(&world);
        CU_ASSERT_EQUAL(sync_count(&world), before);
        db_world_close(&world);
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        CU_ASSERT_STRING_EQUAL(db_world_get(&world, "b"), "2");
        CU_ASSERT_STRING_EQUAL(db_world_get(&world, "c"), "3");
        db_world_deinit(&world);
    }
}

static void
delete_up_to(struct db_world *world, struct slice begin, struct slice end)
{
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_delete_range(&batch, CF_DEFAULT, begin, end);
    db_world_write(world, &batch);
    db_world_settle(world);
}

static uint64_t
key_count(struct db_world *world)
{
    struct db_key_counts counts;
    struct read_ctx ctx;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(world->db));
    while ((st = db_count_keys(world->db, &ctx, CF_DEFAULT, &counts)) == KV_WANT_BLOCK)
        CU_ASSERT_EQUAL_FATAL(db_world_fetch(world, &ctx), KV_OK);
    CU_ASSERT_EQUAL(st, KV_OK);
    read_ctx_deinit(&ctx);
    return counts.key_count;
}

/* Method: the last table ends where a tombstone does, so all is deleted up to there; asked in
 * memory, of a table, and of one that nobody has opened. */
static void
what_is_emptied_counts_as_empty(void)
{
    struct db_world world;
    struct buffer end = {0};
    bool found;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    for (char key[2] = "a"; key[0] <= 'm'; key[0]++)
        db_world_put(&world, key, "value");
    delete_up_to(&world, slice_from_text("f"), slice_from_text("z"));
    db_world_flush(&world);
    CU_ASSERT_TRUE(key_count(&world) > 0);
    CU_ASSERT_EQUAL_FATAL(db_key_bound(world.db, CF_DEFAULT, &end, &found), KV_OK);
    CU_ASSERT_TRUE_FATAL(found);
    delete_up_to(&world, slice_of(NULL, 0), buffer_slice(&end));
    CU_ASSERT_EQUAL(key_count(&world), 0);
    db_world_flush(&world);
    CU_ASSERT_EQUAL(key_count(&world), 0);
    db_world_close(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(key_count(&world), 0);
    buffer_deinit(&end);
    db_world_deinit(&world);
}

/* Method: after a restart no table is open, so only the MANIFEST can know. */
static void
the_number_of_keys_survives_a_restart(void)
{
    struct db_world world;
    char key[32];

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        db_world_put(&world, key, "value");
    }
    db_world_flush(&world);
    db_world_put(&world, "key3", NULL);
    db_world_put(&world, "key7", NULL);
    db_world_flush(&world);
    CU_ASSERT_EQUAL(db_key_count_estimate(world.db, CF_DEFAULT), 8);
    for (int round = 0; round < 2; round++) {
        db_world_settle(&world);
        db_world_close(&world);
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        CU_ASSERT_EQUAL(db_key_count_estimate(world.db, CF_DEFAULT), 8);
    }
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_dropped_familys_record_leaves_room_for_a_huge_batch),
        UNIT_TEST(logs_in_another_directory_are_not_forgotten),
        UNIT_TEST(the_largest_memtable_size_opens),
        UNIT_TEST(memtable_size_can_grow_and_shrink_while_running),
        UNIT_TEST(wal_sync_always_holds_from_the_next_write_on),
        UNIT_TEST(what_is_emptied_counts_as_empty),
        UNIT_TEST(the_number_of_keys_survives_a_restart),
        UNIT_TEST_END,
    };

    return unit_main("db_edges", tests, argc, argv);
}
