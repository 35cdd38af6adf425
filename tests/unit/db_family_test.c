/* Goal: column families come, change and go while the engine runs, and stay so: what was reported
 * is there after a restart, what is read goes on, a dropped family's data and files go, and one
 * family never holds up the log of the others. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_family.h"
#include "db/db_internal.h"
#include "db/db_iter.h"
#include "io/file.h"
#include "support/db_world.h"
#include "support/db_world_family.h"
#include "support/unit.h"

/* --- helpers --- */

/* Keys of the family, one behind the other. */
static const char *
keys_of(struct db_world *world, uint32_t cf_id)
{
    static char text[1000];
    struct read_ctx ctx;
    struct db_iter *iter;
    size_t size = 0;

    read_ctx_init(&ctx, db_block_cache(world->db));
    iter = db_iter_new(world->db, &ctx,
                       &(struct db_iter_options){.cf_id = cf_id, .seq_max = SEQUENCE_MAX});
    while (db_world_step(world, iter, &ctx, true)) {
        const struct slice key = db_iter_key(iter);

        memcpy(text + size, key.data, key.size);
        size += key.size;
    }
    text[size] = '\0';
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
    return text;
}

static bool
file_is_there(struct db_world *world, const char *name)
{
    char path[400];
    bool exists = false;

    snprintf(path, sizeof(path), "%s/%s", world->dir, name);
    CU_ASSERT_EQUAL(file_exists(world->io, path, &exists), KV_OK);
    return exists;
}

/* --- making and dropping --- */

static void
a_family_is_there_when_it_is_reported(void)
{
    struct db_world world;
    uint32_t users;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "users", NULL), KV_OK);
    users = db_world_family(&world, "users");
    CU_ASSERT_NOT_EQUAL_FATAL(users, CF_NONE);
    CU_ASSERT_EQUAL(db_world_create(&world, "users", NULL), KV_INVALID);
    CU_ASSERT_EQUAL(db_world_create(&world, "default", NULL), KV_INVALID);
    CU_ASSERT_EQUAL(db_world_create(&world, "", NULL), KV_INVALID);
    db_world_put_in(&world, users, "a", "1");
    db_world_put_in(&world, CF_DEFAULT, "b", "2");
    CU_ASSERT_STRING_EQUAL(keys_of(&world, users), "a");
    CU_ASSERT_STRING_EQUAL(keys_of(&world, CF_DEFAULT), "b");
    db_world_reopen(&world);
    CU_ASSERT_EQUAL(db_world_family(&world, "users"), users);
    CU_ASSERT_STRING_EQUAL(keys_of(&world, users), "a");
    CU_ASSERT_FALSE(file_is_there(&world, FAMILY_SETTINGS_FILE)); /* it has nothing of its own */
    db_world_deinit(&world);
}

/* Method: the name comes back, the data does not, neither from memory nor from the log. */
static void
a_dropped_family_is_gone_with_its_data(void)
{
    struct db_world world;
    uint32_t first, second;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "x", NULL), KV_OK);
    first = db_world_family(&world, "x");
    db_world_put_in(&world, first, "old", "1");
    db_world_flush(&world);
    db_world_put_in(&world, first, "older", "1");
    db_world_put_in(&world, CF_DEFAULT, "stays", "1");
    CU_ASSERT_EQUAL(db_world_drop(&world, CF_DEFAULT), KV_INVALID);
    CU_ASSERT_EQUAL(db_world_drop(&world, first), KV_OK);
    CU_ASSERT_EQUAL(db_world_family(&world, "x"), CF_NONE);
    CU_ASSERT_EQUAL(db_world_drop(&world, first), KV_INVALID);
    CU_ASSERT_EQUAL(db_world_create(&world, "x", NULL), KV_OK);
    second = db_world_family(&world, "x");
    CU_ASSERT_TRUE(second > first);
    CU_ASSERT_STRING_EQUAL(keys_of(&world, second), "");
    db_world_reopen(&world);
    CU_ASSERT_STRING_EQUAL(keys_of(&world, db_world_family(&world, "x")), "");
    CU_ASSERT_STRING_EQUAL(keys_of(&world, CF_DEFAULT), "stays");
    CU_ASSERT_EQUAL(db_world_drop(&world, second), KV_OK);
    db_world_reopen(&world);
    CU_ASSERT_EQUAL(db_world_create(&world, "y", NULL), KV_OK);
    CU_ASSERT_TRUE(db_world_family(&world, "y") > second); /* also when the largest was dropped */
    db_world_deinit(&world);
}

/* Method: an iterator in the middle of tables and a memtable, while the family goes and its files
 * are deleted. */
static void
who_reads_a_dropped_family_reads_on(void)
{
    struct db_world world;
    struct read_ctx ctx;
    struct db_iter *iter;
    uint32_t cf_id;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "x", NULL), KV_OK);
    cf_id = db_world_family(&world, "x");
    db_world_put_in(&world, cf_id, "a", "1");
    db_world_put_in(&world, cf_id, "b", "1");
    db_world_put_in(&world, cf_id, "c", "1");
    read_ctx_init(&ctx, db_block_cache(world.db));
    iter = db_iter_new(world.db, &ctx,
                       &(struct db_iter_options){.cf_id = cf_id, .seq_max = SEQUENCE_MAX});
    CU_ASSERT_EQUAL(db_iter_seek_first(iter), KV_OK);
    CU_ASSERT_EQUAL(db_world_drop(&world, cf_id), KV_OK);
    db_world_flush(&world);
    CU_ASSERT_EQUAL(db_iter_next(iter), KV_OK);
    CU_ASSERT_EQUAL(db_iter_next(iter), KV_OK);
    CU_ASSERT_TRUE(slice_equal(db_iter_key(iter), slice_from_text("c")));
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
    db_world_deinit(&world);
}

/* Method: a flush and a compaction of the family run while it is dropped. */
static void
what_runs_for_a_dropped_family_ends(void)
{
    struct db_world world;
    struct db_stats stats;
    struct outcome flushed = {0};
    uint32_t cf_id;

    db_world_init(&world);
    world.options.compaction.level0_trigger = 2;
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "x", NULL), KV_OK);
    cf_id = db_world_family(&world, "x");
    world.port.hold_compact = true;
    for (int i = 0; i < 4; i++) {
        db_world_put_in(&world, cf_id, "a", "1");
        db_world_flush(&world);
    }
    db_world_put_in(&world, cf_id, "b", "1");
    world.port.hold = true;
    db_flush(world.db, outcome_note, &flushed);
    db_world_settle(&world);
    CU_ASSERT_FALSE(flushed.is_here);
    CU_ASSERT_EQUAL(db_world_drop(&world, cf_id), KV_OK);
    world.port.hold = world.port.hold_compact = false;
    inline_port_release(&world.port);
    CU_ASSERT_EQUAL(db_world_wait(&world, &flushed), KV_OK);
    db_world_settle(&world);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.table_count, 0);
    CU_ASSERT_EQUAL(stats.compaction_running_count + stats.compaction_parked_count, 0);
    CU_ASSERT_EQUAL(stats.frozen_count, 0);
    while (db_get_stats(world.db, &stats), stats.obsolete_count > 0)
        db_world_turn(&world);
    db_world_reopen(&world);
    db_world_deinit(&world);
}

/* --- settings --- */

static void
settings_of_a_family_hold_and_stay(void)
{
    struct family_settings settings = {.merge_operator = "uint64add"};
    struct family_options effective;
    struct db_world world;
    uint32_t cf_id;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_COMPACTION_STYLE, COMPACTION_UNIVERSAL));
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_COMPRESSION, COMPRESSION_ZSTD));
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_BLOOM_BITS, 20));
    CU_ASSERT_FALSE(family_settings_set(&settings, FAMILY_COMPRESSION, COMPRESSION_BZIP2));
    CU_ASSERT_EQUAL(db_world_create(&world, "a b%", &settings), KV_OK);
    for (int i = 0; i < 2; i++) {
        cf_id = db_world_family(&world, "a b%");
        effective = db_family_effective(world.db, cf_id);
        CU_ASSERT_EQUAL(effective.compaction.style, COMPACTION_UNIVERSAL);
        CU_ASSERT_EQUAL(effective.compression, COMPRESSION_ZSTD);
        CU_ASSERT_EQUAL(effective.bloom_bits_per_key, 20);
        CU_ASSERT_PTR_NOT_NULL(db_merge_operator(world.db, cf_id)->kind);
        CU_ASSERT_TRUE(family_settings_equal(db_family_own_settings(world.db, cf_id), &settings));
        effective = db_family_effective(world.db, CF_DEFAULT);
        CU_ASSERT_EQUAL(effective.compaction.style, COMPACTION_LEVELED);
        CU_ASSERT_EQUAL(effective.compression, COMPRESSION_LZ4);
        db_world_reopen(&world);
    }
    strcpy(settings.merge_operator, "max");
    CU_ASSERT_EQUAL(db_world_set(&world, cf_id, &settings),
                    KV_INVALID); /* operands would change meaning */
    strcpy(settings.merge_operator, "nonsense");
    CU_ASSERT_EQUAL(db_world_set(&world, cf_id, &settings), KV_INVALID);
    settings = (struct family_settings){.merge_operator = "uint64add"};
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_COMPACTION_TRIGGER, 9));
    CU_ASSERT_EQUAL(db_world_set(&world, cf_id, &settings), KV_OK);
    db_world_reopen(&world);
    effective = db_family_effective(world.db, cf_id);
    CU_ASSERT_EQUAL(effective.compaction.level0_file_num_compaction_trigger, 9);
    CU_ASSERT_EQUAL(effective.compression, COMPRESSION_LZ4);
    db_world_deinit(&world);
}

static void
damaged_settings_are_named(void)
{
    static const char *const bad[] = {
        "compression 1\n",
        "family x users\n",
        "family 1 \n",
        "family 1 a%0\n",
        "family 1 a%00\n",
        "family 1 a\nfamily 1 b\n",
        "family 1 a\nbloom-bits\n",
        "family 1 a\nbloom-bits 65\n",
        "family 1 a\nmerge-operator \n",
        "family 1 a\noptions\n",
        "family 1 a\ncompression-per-level 7\n",
    };
    struct family_entry *entries;
    uint32_t count;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(family_file_parse(slice_from_text(bad[i]), &entries, &count), KV_CORRUPT);
        free(entries);
    }
    CU_ASSERT_EQUAL(
        family_file_parse(slice_from_text("# x\n\nfamily 7 a%20b\nnew-thing 5"), &entries, &count),
        KV_OK);
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_EQUAL(entries[0].id, 7);
    CU_ASSERT_STRING_EQUAL(entries[0].name, "a b");
    free(entries);
    CU_ASSERT_EQUAL(family_file_parse(slice_from_text("family 7 a\noptions ignored\n"
                                                      "bloom-bits 3\nbloom-bits auto\n"),
                                      &entries, &count),
                    KV_OK);
    CU_ASSERT_TRUE(entries[0].settings.ignores_options);
    CU_ASSERT_TRUE(entries[0].settings.taken_back[FAMILY_BLOOM_BITS]);
    CU_ASSERT_FALSE(entries[0].settings.has[FAMILY_BLOOM_BITS]);
    free(entries);
}

/* --- many of them --- */

/* Method: one key in a family that is never written again, then much in another: logs go. */
static void
a_lagging_family_does_not_hold_the_log(void)
{
    struct db_world world;
    struct db_stats stats;
    uint64_t log_first;
    char key[20];
    uint32_t idle;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "idle", NULL), KV_OK);
    idle = db_world_family(&world, "idle");
    db_world_put_in(&world, idle, "once", "1");
    db_get_stats(world.db, &stats);
    log_first = stats.wal_number;
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        db_world_put_in(&world, CF_DEFAULT, key, "some value that fills the log, again and again");
        if (i % 100 == 0)
            db_world_turn(&world);
    }
    db_world_flush(&world);
    CU_ASSERT_TRUE(version_set_min_log(world.db->versions) > log_first);
    CU_ASSERT_STRING_EQUAL(keys_of(&world, idle), "once");
    db_world_deinit(&world);
}

static void
hundreds_of_families_work(void)
{
    enum { COUNT = 300 };
    struct outcome endings[COUNT] = {{0}};
    struct db_world world;
    struct db_stats stats;
    char name[20];

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "db%d", i);
        CU_ASSERT_EQUAL(
            db_family_create(world.db, slice_from_text(name), NULL, outcome_note, &endings[i]),
            KV_OK);
    }
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(db_world_wait(&world, &endings[i]), KV_OK);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "db%d", i);
        db_world_put_in(&world, db_world_family(&world, name), name, "1");
    }
    db_world_flush(&world);
    db_world_reopen(&world);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "db%d", i);
        CU_ASSERT_STRING_EQUAL(keys_of(&world, db_world_family(&world, name)), name);
    }
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.family_count, COUNT + 1);
    db_world_deinit(&world);
}

/* Method: everything that reads, of CF_NONE. */
static void
no_family_reads_as_an_empty_one(void)
{
    struct version_probe probe;
    const struct slice key = slice_from_text("a");
    struct db_world world;
    struct lookup found;
    struct read_ctx ctx;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "a", "1");
    read_ctx_init(&ctx, db_block_cache(world.db));
    CU_ASSERT_EQUAL(db_get(world.db, &ctx, CF_NONE, key, SEQUENCE_MAX, &found), KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    db_prefetch(world.db, CF_NONE, SEQUENCE_MAX, &key, 1, &probe);
    CU_ASSERT_EQUAL(db_get_probed(world.db, &ctx, CF_NONE, &probe, &found), KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    read_ctx_deinit(&ctx);
    CU_ASSERT_STRING_EQUAL(keys_of(&world, CF_NONE), "");
    CU_ASSERT_EQUAL(db_key_count_estimate(world.db, CF_NONE), 0);
    CU_ASSERT_PTR_NULL(db_merge_operator(world.db, CF_NONE)->kind);
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_family_is_there_when_it_is_reported),
        UNIT_TEST(a_dropped_family_is_gone_with_its_data),
        UNIT_TEST(who_reads_a_dropped_family_reads_on),
        UNIT_TEST(what_runs_for_a_dropped_family_ends),
        UNIT_TEST(settings_of_a_family_hold_and_stay),
        UNIT_TEST(damaged_settings_are_named),
        UNIT_TEST(a_lagging_family_does_not_hold_the_log),
        UNIT_TEST(hundreds_of_families_work),
        UNIT_TEST(no_family_reads_as_an_empty_one),
        UNIT_TEST_END,
    };

    return unit_main("db_family", tests, argc, argv);
}
