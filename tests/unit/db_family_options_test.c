/* Goal: what a family has set for itself holds for its tables and its memory, is in OPTIONS for
 * RocksDB, and can be taken back; OPTIONS is written once behind many families that are made, and
 * never gives one the options of another. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "support/db_world_family.h"
#include "support/unit.h"

enum { VALUE_BYTES = 1000 };

static uint64_t
flush_count(struct db_world *world)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    return stats.flush_count + stats.frozen_count;
}

/* That compress well. */
static void
put_many(struct db_world *world, uint32_t cf_id, int count)
{
    char key[16], value[VALUE_BYTES + 1];

    memset(value, 'x', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "%06d", i);
        db_world_put_in(world, cf_id, key, value);
        if (i % 100 == 0)
            db_world_turn(world);
    }
}

/* What the newest OPTIONS file says of the family.  False: nothing. */
static bool
load_options(struct db_world *world, const char *name, struct family_options *options_out)
{
    struct options_file file;
    bool found = false;

    CU_ASSERT_EQUAL_FATAL(options_file_load(world->io, world->dir, &file), KV_OK);
    for (uint32_t i = 0; i < file.family_count; i++) {
        if (strcmp(file.families[i].name, name) == 0) {
            *options_out = file.families[i];
            found = true;
        }
    }
    options_file_deinit(&file);
    return found;
}

/* Method: a family with a size of a MiB in a memtable of eight, and one without. */
static void
a_family_with_a_memtable_size_is_flushed_sooner(void)
{
    struct family_settings settings = {0};
    struct family_options options;
    struct db_world world;
    uint32_t small, other;
    uint64_t before;

    db_world_init(&world);
    world.options.memtable_bytes = 8 << 20;
    world.options.wal_bytes_max = 64 << 20;
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_FALSE(family_settings_set(&settings, FAMILY_MEMTABLE_BYTES, 1000));
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_MEMTABLE_BYTES, MEMTABLE_BYTES_MIN));
    CU_ASSERT_EQUAL(db_world_create(&world, "small", &settings), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "other", NULL), KV_OK);
    small = db_world_family(&world, "small");
    other = db_world_family(&world, "other");
    for (int i = 0; i < 2; i++) {
        before = flush_count(&world);
        put_many(&world, small, 900);
        put_many(&world, other, 2000);
        CU_ASSERT_EQUAL(flush_count(&world), before);
        put_many(&world, small, 200);
        CU_ASSERT_EQUAL(flush_count(&world), before + 1);
        db_world_flush(&world);
        CU_ASSERT_EQUAL(db_family_effective(world.db, small).write_buffer_bytes,
                        MEMTABLE_BYTES_MIN);
        CU_ASSERT_EQUAL(db_family_effective(world.db, other).write_buffer_bytes, 8 << 20);
        db_world_reopen(&world);
    }
    CU_ASSERT_TRUE(load_options(&world, "small", &options));
    CU_ASSERT_EQUAL(options.write_buffer_bytes, MEMTABLE_BYTES_MIN);
    settings = (struct family_settings){0};
    CU_ASSERT_EQUAL(db_world_set(&world, small, &settings), KV_OK);
    before = flush_count(&world);
    put_many(&world, small, 2000);
    CU_ASSERT_EQUAL(flush_count(&world), before);
    db_world_deinit(&world);
}

static uint64_t
table_bytes_at(struct db_world *world, uint32_t cf_id, uint32_t level)
{
    struct db_family_stats stats;

    CU_ASSERT_TRUE(db_family_get_stats(world->db, cf_id, &stats));
    return stats.level_bytes[level];
}

/* Method: level 0 without compression and the next with it, seen by the bytes of tables. */
static void
levels_have_their_own_compressions(void)
{
    static const enum compression levels[] = {COMPRESSION_NONE, COMPRESSION_ZSTD};
    const struct db_compact_request all = {.cf_id = 1, .is_forced = true};
    struct family_settings settings = {0};
    struct outcome ending = {0};
    struct family_options options;
    struct db_world world;
    uint32_t cf_id;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_FALSE(family_settings_set(&settings, FAMILY_LEVEL_COMPRESSIONS, 7));
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_LEVEL_COMPRESSIONS,
                                       level_compressions_pack(levels, 2)));
    CU_ASSERT_EQUAL(db_world_create(&world, "levels", &settings), KV_OK);
    cf_id = db_world_family(&world, "levels");
    CU_ASSERT_EQUAL_FATAL(cf_id, all.cf_id);
    put_many(&world, cf_id, 100);
    db_world_reopen(&world); /* recovery makes the first table */
    CU_ASSERT_TRUE(table_bytes_at(&world, cf_id, 0) > 100 * VALUE_BYTES);
    put_many(&world, cf_id, 100);
    db_world_flush(&world);
    CU_ASSERT_TRUE(table_bytes_at(&world, cf_id, 0) > 200 * VALUE_BYTES);
    (void)db_compact(world.db, &all, outcome_note, &ending);
    CU_ASSERT_EQUAL(db_world_wait(&world, &ending), KV_OK);
    CU_ASSERT_EQUAL(table_bytes_at(&world, cf_id, 0), 0);
    CU_ASSERT_TRUE(table_bytes_at(&world, cf_id, LEVEL_COUNT - 1) < 20 * VALUE_BYTES);
    CU_ASSERT_TRUE_FATAL(load_options(&world, "levels", &options));
    CU_ASSERT_EQUAL(options.compaction.compression_per_level_count, 2);
    CU_ASSERT_EQUAL(options.compaction.compression_per_level[1], COMPRESSION_ZSTD);
    /* Its own compression is a word about all levels. */
    world.options.compaction.level_compressions = level_compressions_pack(levels, 1);
    db_world_reopen(&world);
    CU_ASSERT_EQUAL(db_family_effective(world.db, CF_DEFAULT).compaction.compression_per_level[0],
                    COMPRESSION_NONE);
    settings = (struct family_settings){0};
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_COMPRESSION, COMPRESSION_LZ4));
    CU_ASSERT_EQUAL(db_world_set(&world, cf_id, &settings), KV_OK);
    CU_ASSERT_EQUAL(db_family_effective(world.db, cf_id).compaction.compression_per_level_count, 0);
    db_world_deinit(&world);
}

/* Method: OPTIONS has the family's wish in between, by a restart. */
static void
what_is_taken_back_stays_so(void)
{
    struct family_settings settings = {0};
    struct db_world world;
    uint32_t cf_id;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_COMPACTION_STYLE, COMPACTION_FIFO));
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_TABLE_TTL_S, 60));
    CU_ASSERT_EQUAL(db_world_create(&world, "x", &settings), KV_OK);
    cf_id = db_world_family(&world, "x");
    db_world_reopen(&world);
    db_world_reopen(&world);
    settings = (struct family_settings){0};
    CU_ASSERT_EQUAL(db_world_set(&world, cf_id, &settings), KV_OK);
    for (int i = 0; i < 2; i++) {
        const struct compaction_options compaction =
            db_family_effective(world.db, cf_id).compaction;

        CU_ASSERT_EQUAL(compaction.style, COMPACTION_LEVELED);
        CU_ASSERT_EQUAL(compaction.ttl, COMPACTION_TTL_AUTO);
        db_world_reopen(&world);
    }
    db_world_deinit(&world);
}

/* Method: hundreds are made one after the other; files are numbered by one counter. */
static void
options_are_written_once_behind_many_families(void)
{
    enum { COUNT = 200 };
    struct options_file file;
    struct family_options options;
    struct db_world world;
    uint64_t number;
    char name[16];

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(options_file_load(world.io, world.dir, &file), KV_OK);
    number = file.number;
    options_file_deinit(&file);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        CU_ASSERT_EQUAL(db_world_create(&world, name, NULL), KV_OK);
    }
    db_world_settle(&world);
    db_world_close(&world);
    CU_ASSERT_EQUAL(options_file_load(world.io, world.dir, &file), KV_OK);
    CU_ASSERT_TRUE(file.number > number && file.number < number + COUNT);
    CU_ASSERT_EQUAL(file.family_count, COUNT + 1);
    options_file_deinit(&file);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "alone", NULL), KV_OK);
    while (!load_options(&world, "alone", &options)) /* by itself, in time */
        db_world_turn(&world);
    db_world_deinit(&world);
}

/* Method: OPTIONS is put back to what it was before a family went and another came by its name:
 * what a crash would leave. */
static void
a_name_that_comes_back_has_no_options(void)
{
    struct family_settings settings = {.merge_operator = "max"};
    struct family_options options;
    struct options_file file;
    struct db_world world;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_COMPACTION_STYLE, COMPACTION_FIFO));
    CU_ASSERT_EQUAL(db_world_create(&world, "x", &settings), KV_OK);
    while (!load_options(&world, "x", &options))
        db_world_turn(&world);
    CU_ASSERT_EQUAL(options_file_load(world.io, world.dir, &file), KV_OK);
    CU_ASSERT_EQUAL(db_world_drop(&world, db_world_family(&world, "x")), KV_OK);
    CU_ASSERT_EQUAL(db_world_create(&world, "x", NULL), KV_OK);
    db_world_settle(&world);
    db_world_close(&world);
    CU_ASSERT_EQUAL(options_file_store(world.io, world.dir, 999998, 999999, &file), KV_OK);
    options_file_deinit(&file);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    options = db_family_effective(world.db, db_world_family(&world, "x"));
    CU_ASSERT_EQUAL(options.compaction.style, COMPACTION_LEVELED);
    CU_ASSERT_STRING_EQUAL(options.merge_operator, "");
    /* A wish of its own does not bring the other's back. */
    settings = (struct family_settings){0};
    CU_ASSERT_TRUE(family_settings_set(&settings, FAMILY_BLOOM_BITS, 5));
    CU_ASSERT_EQUAL(db_world_set(&world, db_world_family(&world, "x"), &settings), KV_OK);
    CU_ASSERT_TRUE(db_family_own_settings(world.db, db_world_family(&world, "x"))->ignores_options);
    CU_ASSERT_PTR_NULL(db_merge_operator(world.db, db_world_family(&world, "x"))->kind);
    db_world_deinit(&world);
}

static void
compressions_of_levels_are_text_and_a_number(void)
{
    static const char *const good[] = {"none", "none:none:lz4:zstd", "snappy:zlib:lz4hc",
                                       "lz4:lz4:lz4:lz4:lz4:lz4:zstd"};
    static const char *const bad[] = {
        "",      ":",         "none:", ":none",
        "bzip2", "none::lz4", "LZ4",   "none:none:none:none:none:none:none:none"};
    struct buffer text = {0};
    uint64_t packed;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_TRUE(level_compressions_parse(slice_from_text(good[i]), &packed));
        CU_ASSERT_TRUE(level_compressions_is_valid(packed));
        buffer_clear(&text);
        level_compressions_format(packed, &text);
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&text), slice_from_text(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(level_compressions_parse(slice_from_text(bad[i]), &packed));
    CU_ASSERT_FALSE(level_compressions_is_valid(0));
    CU_ASSERT_FALSE(level_compressions_is_valid(UINT64_MAX));
    CU_ASSERT_FALSE(level_compressions_is_valid(UINT64_C(1) << 56 | 0x400)); /* beyond the count */
    CU_ASSERT_FALSE(level_compressions_is_valid(UINT64_C(1) << 56 | COMPRESSION_BZIP2));
    buffer_deinit(&text);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_family_with_a_memtable_size_is_flushed_sooner),
        UNIT_TEST(levels_have_their_own_compressions),
        UNIT_TEST(what_is_taken_back_stays_so),
        UNIT_TEST(options_are_written_once_behind_many_families),
        UNIT_TEST(a_name_that_comes_back_has_no_options),
        UNIT_TEST(compressions_of_levels_are_text_and_a_number),
        UNIT_TEST_END,
    };

    return unit_main("db_family_options", tests, argc, argv);
}
