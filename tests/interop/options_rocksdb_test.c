/* Goal: librocksdb 7.8.3 and kvd read each other's compaction settings.
 * Method: what kvd writes into OPTIONS is loaded by librocksdb with unknown names forbidden, and
 * asked for; what librocksdb writes for a database is parsed by kvd. */
#include <CUnit/Basic.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>

#include "io/io_blocking.h"
#include "support/scratch_dir.h"
#include "support/unit.h"
#include "version/options_file.h"

static char root[SCRATCH_PATH_BYTES];
static struct io *io;

static void
setup(void)
{
    scratch_dir_make(root, NULL);
    io = io_blocking_new();
}

static void
teardown(void)
{
    scratch_dir_remove(root);
    io_blocking_free(io);
}

static void
check_error(char *error)
{
    if (error != NULL)
        printf("rocksdb: %s\n", error);
    CU_ASSERT_PTR_NULL_FATAL(error);
}

static void
store(const struct compaction_options *compaction)
{
    struct family_options family = {.name = "default",
                                    .compression = COMPRESSION_LZ4,
                                    .write_buffer_bytes = 64 << 20,
                                    .block_bytes = 4096,
                                    .compaction = *compaction};
    const struct options_file file = {
        .wal_recovery_mode = 2, .families = &family, .family_count = 1};

    CU_ASSERT_EQUAL_FATAL(options_file_store(io, root, 4, 5, &file), KV_OK);
}

static void
check_loaded(rocksdb_options_t *options)
{
    CU_ASSERT_EQUAL(rocksdb_options_get_compaction_style(options), rocksdb_universal_compaction);
    CU_ASSERT_EQUAL(rocksdb_options_get_level0_file_num_compaction_trigger(options), 7);
    CU_ASSERT_EQUAL(rocksdb_options_get_target_file_size_base(options), 12345678);
    CU_ASSERT_EQUAL(rocksdb_options_get_target_file_size_multiplier(options), 2);
    CU_ASSERT_EQUAL(rocksdb_options_get_max_bytes_for_level_base(options), 87654321);
    CU_ASSERT_DOUBLE_EQUAL(rocksdb_options_get_max_bytes_for_level_multiplier(options), 8.5, 1e-6);
    CU_ASSERT_EQUAL(rocksdb_options_get_level_compaction_dynamic_level_bytes(options), 1);
    CU_ASSERT_EQUAL(rocksdb_options_get_bottommost_compression(options), rocksdb_zstd_compression);
}

/* Method: each setting away from its default. */
static void
rocksdb_reads_what_kvd_wrote(void)
{
    struct compaction_options compaction = compaction_options_default();
    rocksdb_env_t *env = rocksdb_create_default_env();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(1 << 20);
    rocksdb_options_t *db_options = NULL, **family_options = NULL;
    char **family_names = NULL, *error = NULL;
    size_t family_count = 0;

    setup();
    compaction.style = COMPACTION_UNIVERSAL;
    compaction.level0_file_num_compaction_trigger = 7;
    compaction.target_file_size_base = 12345678;
    compaction.target_file_size_multiplier = 2;
    compaction.max_bytes_for_level_base = 87654321;
    compaction.max_bytes_for_level_multiplier = 8.5;
    compaction.ttl = 1000;
    compaction.has_bottommost_compression = true;
    compaction.bottommost_compression = COMPRESSION_ZSTD;
    compaction.compression_per_level_count = 2;
    compaction.compression_per_level[1] = COMPRESSION_LZ4;
    store(&compaction);
    rocksdb_load_latest_options(root, env, false, cache, &db_options, &family_count, &family_names,
                                &family_options, &error);
    check_error(error);
    CU_ASSERT_EQUAL_FATAL(family_count, 1);
    check_loaded(family_options[0]);
    rocksdb_load_latest_options_destroy(db_options, family_names, family_options, family_count);
    rocksdb_cache_destroy(cache);
    rocksdb_env_destroy(env);
    teardown();
}

/* Method: a database is made with settings away from their defaults, and one with the defaults;
 * what kvd assumes of a file that says nothing is what librocksdb says it does. */
static void
kvd_reads_what_rocksdb_wrote(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_universal_compaction_options_t *universal =
        rocksdb_universal_compaction_options_create();
    const int levels[] = {rocksdb_no_compression, rocksdb_lz4_compression};
    struct compaction_options expected = compaction_options_rocksdb();
    struct buffer text = {0}, expected_text = {0};
    struct options_file file;
    char *error = NULL;
    rocksdb_t *db;

    setup();
    rocksdb_options_set_create_if_missing(options, 1);
    db = rocksdb_open(options, root, &error);
    check_error(error);
    rocksdb_close(db);
    CU_ASSERT_EQUAL_FATAL(options_file_load(io, root, &file), KV_OK);
    /* The sanitized form of COMPACTION_TTL_AUTO, and of 25 outputs. */
    expected.ttl = 2592000;
    expected.max_compaction_bytes = 25 * expected.target_file_size_base;
    compaction_options_format(&expected, &expected_text);
    compaction_options_format(&file.families[0].compaction, &text);
    CU_ASSERT(slice_equal(buffer_slice(&text), buffer_slice(&expected_text)));
    buffer_deinit(&text);
    buffer_deinit(&expected_text);
    options_file_deinit(&file);

    rocksdb_options_set_compaction_style(options, rocksdb_universal_compaction);
    rocksdb_universal_compaction_options_set_size_ratio(universal, 33);
    rocksdb_universal_compaction_options_set_min_merge_width(universal, 3);
    rocksdb_options_set_universal_compaction_options(options, universal);
    rocksdb_options_set_level0_file_num_compaction_trigger(options, 9);
    rocksdb_options_set_bottommost_compression(options, rocksdb_zstd_compression);
    rocksdb_options_set_compression_per_level(options, levels, 2);
    db = rocksdb_open(options, root, &error);
    check_error(error);
    rocksdb_close(db);
    CU_ASSERT_EQUAL_FATAL(options_file_load(io, root, &file), KV_OK);
    CU_ASSERT_EQUAL(file.families[0].compaction.style, COMPACTION_UNIVERSAL);
    CU_ASSERT_EQUAL(file.families[0].compaction.universal.size_ratio, 33);
    CU_ASSERT_EQUAL(file.families[0].compaction.universal.min_merge_width, 3);
    CU_ASSERT_EQUAL(file.families[0].compaction.level0_file_num_compaction_trigger, 9);
    CU_ASSERT_TRUE(file.families[0].compaction.has_bottommost_compression);
    CU_ASSERT_EQUAL(file.families[0].compaction.bottommost_compression, COMPRESSION_ZSTD);
    CU_ASSERT_EQUAL(file.families[0].compaction.compression_per_level_count, 2);
    CU_ASSERT_EQUAL(file.families[0].compaction.compression_per_level[1], COMPRESSION_LZ4);
    options_file_deinit(&file);
    rocksdb_universal_compaction_options_destroy(universal);
    rocksdb_options_destroy(options);
    teardown();
}

static const struct unit_test tests[] = {
    UNIT_TEST(rocksdb_reads_what_kvd_wrote),
    UNIT_TEST(kvd_reads_what_rocksdb_wrote),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("options_rocksdb", tests, argc, argv);
}
