/* Goal: OPTIONS text goes out and comes back, RocksDB's spelling is understood, rubbish is not. */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "support/quiet_log.h"
#include "support/scratch_dir.h"
#include "support/unit.h"
#include "version/file_name.h"
#include "version/options_file.h"

static void
make_options(struct options_file *options)
{
    struct family_options *families = calloc(2, sizeof(*families));

    strcpy(families[0].name, "default");
    strcpy(families[0].comparator, "leveldb.BytewiseComparator");
    families[0].compression = COMPRESSION_LZ4;
    families[0].write_buffer_bytes = 1 << 20;
    families[0].block_bytes = 8192;
    families[0].bloom_bits_per_key = 10;
    strcpy(families[1].name, "we\\ird#:\r\n\"] name");
    strcpy(families[1].merge_operator, "{id=StringAppendOperator;delimiter=,;}");
    families[1].compression = COMPRESSION_ZSTD;
    families[1].write_buffer_bytes = 123;
    families[1].block_bytes = 4096;
    families[0].compaction = families[1].compaction = compaction_options_default();
    *options =
        (struct options_file){.wal_recovery_mode = 1, .families = families, .family_count = 2};
}

/* Method: two families, one with a name of everything that must be escaped. */
static void
options_come_back(void)
{
    struct options_file options, back;
    struct buffer text = {0}, again = {0};

    make_options(&options);
    options_file_format(&options, &text);
    CU_ASSERT_EQUAL(options_file_parse(buffer_slice(&text), &back), KV_OK);
    CU_ASSERT_EQUAL_FATAL(back.family_count, 2);
    CU_ASSERT_EQUAL(back.wal_recovery_mode, 1);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_STRING_EQUAL(back.families[i].name, options.families[i].name);
        CU_ASSERT_STRING_EQUAL(back.families[i].comparator, options.families[i].comparator);
        CU_ASSERT_STRING_EQUAL(back.families[i].merge_operator, options.families[i].merge_operator);
        CU_ASSERT_EQUAL(back.families[i].compression, options.families[i].compression);
        CU_ASSERT_EQUAL(back.families[i].bloom_bits_per_key,
                        options.families[i].bloom_bits_per_key);
        CU_ASSERT_EQUAL(back.families[i].block_bytes, options.families[i].block_bytes);
    }
    options_file_format(&back, &again);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&text), buffer_slice(&again)));
    options_file_deinit(&options);
    options_file_deinit(&back);
    buffer_deinit(&text);
    buffer_deinit(&again);
}

static enum kv_status
parse(const char *text, struct options_file *options)
{
    return options_file_parse(slice_from_text(text), options);
}

/* Method: unknown names and sections, comments, escapes, CRLF; then lines that cannot be meant. */
static void
text_is_read_leniently_but_not_blindly(void)
{
    struct options_file options;

    quiet_log();
    CU_ASSERT_EQUAL(parse("# hello\r\n[Version]\n x=1\n[DBOptions] # c\n max_open_files=-1\n"
                          "[CFOptions \"default\"]\r\n merge_operator=nullptr\n"
                          "  merge_operator={id=StringAppendOperator;delimiter=\\#;} # yes\n"
                          "[Strange]\nanything=goes\n"
                          "[TableOptions/BlockBasedTable \"default\"]\n"
                          "filter_policy=bloomfilter:12.5:false",
                          &options),
                    KV_OK);
    CU_ASSERT_STRING_EQUAL(options.families[0].merge_operator,
                           "{id=StringAppendOperator;delimiter=\\#;}");
    CU_ASSERT_EQUAL(options.families[0].bloom_bits_per_key, 12);
    CU_ASSERT_EQUAL(options.wal_recovery_mode, 2);
    CU_ASSERT_EQUAL(options.families[0].write_buffer_bytes, 64 << 20);
    options_file_deinit(&options);
    CU_ASSERT_EQUAL(parse("", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[CFOptions \"default\"\n", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[CFOptions \"default]\n", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[CFOptions \"a\"]\nwrite_buffer_size=x\n", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[CFOptions \"a\"]\nwhat\n", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[CFOptions \"a\"]\n[CFOptions \"a\"]\n", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[DBOptions]\nwal_recovery_mode=7\n", &options), KV_CORRUPT);
    CU_ASSERT_EQUAL(parse("[TableOptions/BlockBasedTable \"a\"]\n", &options), KV_CORRUPT);
    log_set_sink(NULL, NULL);
}

/* Method: 5,000 copies of a good text with bytes changed and cut; ASan is quiet. */
static void
damaged_text_does_no_harm(void)
{
    struct options_file options, back;
    struct buffer text = {0};
    struct random random;

    quiet_log();
    random_init(&random, unit_seed());
    make_options(&options);
    options_file_format(&options, &text);
    for (int i = 0; i < 5000; i++) {
        const size_t size = 1 + random_below(&random, text.size);
        char *copy = malloc(size);

        memcpy(copy, text.data, size);
        for (uint64_t n = random_below(&random, 6); n > 0; n--)
            copy[random_below(&random, size)] = (char)random_next(&random);
        if (options_file_parse(slice_of(copy, size), &back) == KV_OK)
            options_file_deinit(&back);
        free(copy);
    }
    options_file_deinit(&options);
    buffer_deinit(&text);
    log_set_sink(NULL, NULL);
}

/* Method: five files are stored; the two newest stay and the newest is loaded. */
static void
the_two_newest_files_are_kept(void)
{
    char dir[SCRATCH_PATH_BYTES], path[PATH_BYTES_MAX];
    struct io *io = io_blocking_new();
    struct options_file options, back;

    scratch_dir_make(dir, NULL);
    CU_ASSERT_EQUAL(options_file_load(io, dir, &back), KV_NO_FILE);
    make_options(&options);
    for (uint32_t i = 1; i <= 5; i++) {
        options.families[0].block_bytes = i * 1000;
        CU_ASSERT_EQUAL(options_file_store(io, dir, i * 2, i * 2 + 1, &options), KV_OK);
    }
    CU_ASSERT_EQUAL(options_file_load(io, dir, &back), KV_OK);
    CU_ASSERT_EQUAL(back.families[0].block_bytes, 5000);
    options_file_deinit(&back);
    for (uint32_t i = 1; i <= 5; i++) {
        file_name_format(path, dir, FILE_OPTIONS, i * 2 + 1);
        CU_ASSERT_EQUAL(access(path, F_OK) == 0, i >= 4);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(dir), 0);
    options_file_deinit(&options);
    io_blocking_free(io);
}

static bool
set(struct compaction_options *options, const char *name, const char *value)
{
    return compaction_options_set(options, slice_from_text(name), slice_from_text(value));
}

/* Method: values that would be divided by, or drop data, and values of no kind. */
static void
compaction_settings_are_brought_into_bounds(void)
{
    struct compaction_options options = compaction_options_default();

    CU_ASSERT_TRUE(set(&options, "max_bytes_for_level_multiplier", "0.0"));
    CU_ASSERT(options.max_bytes_for_level_multiplier > 1);
    CU_ASSERT_TRUE(set(&options, "max_bytes_for_level_base", "0"));
    CU_ASSERT(options.max_bytes_for_level_base > 0);
    CU_ASSERT_TRUE(set(&options, "target_file_size_base", "18446744073709551615"));
    CU_ASSERT(options.target_file_size_base < UINT64_C(1) << 60);
    CU_ASSERT_TRUE(set(&options, "level0_file_num_compaction_trigger", "0"));
    CU_ASSERT_EQUAL(options.level0_file_num_compaction_trigger, 1);
    CU_ASSERT_TRUE(set(&options, "compaction_options_fifo", "{max_table_files_size=0;x=y;}"));
    CU_ASSERT_EQUAL(options.fifo.max_table_files_size, UINT64_MAX);
    CU_ASSERT_TRUE(set(&options, "compaction_options_universal", "{}"));
    CU_ASSERT_TRUE(set(&options, "compression_per_level", "kLZ4Compression:kSomething"));
    CU_ASSERT_EQUAL(options.compression_per_level_count, 0);
    CU_ASSERT_TRUE(set(&options, "not_of_compaction", "?"));
    CU_ASSERT_FALSE(set(&options, "ttl", "-1"));
    CU_ASSERT_FALSE(set(&options, "ttl", "18446744073709551616"));
    CU_ASSERT_FALSE(set(&options, "compaction_style", "kCompactionStyleOther"));
    CU_ASSERT_FALSE(set(&options, "max_bytes_for_level_multiplier", "nan"));
    CU_ASSERT_FALSE(set(&options, "disable_auto_compactions", "maybe"));
    CU_ASSERT_FALSE(set(&options, "compaction_options_universal", "{size_ratio=;}"));
}

/* Method: the default "decide by the style" must not make FIFO drop tables by age. */
static void
ttl_is_decided_by_the_style(void)
{
    struct compaction_options options = compaction_options_default();

    CU_ASSERT_EQUAL(compaction_options_ttl_s(&options), 30 * 24 * 3600);
    options.style = COMPACTION_FIFO;
    CU_ASSERT_EQUAL(compaction_options_ttl_s(&options), 0);
    CU_ASSERT_EQUAL(options.fifo.max_table_files_size, UINT64_MAX);
    CU_ASSERT_TRUE(set(&options, "ttl", "60"));
    CU_ASSERT_EQUAL(compaction_options_ttl_s(&options), 60);
    CU_ASSERT_TRUE(set(&options, "ttl", "18446744073709551614"));
    CU_ASSERT_EQUAL(compaction_options_ttl_s(&options), 0);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(options_come_back),
        UNIT_TEST(text_is_read_leniently_but_not_blindly),
        UNIT_TEST(damaged_text_does_no_harm),
        UNIT_TEST(the_two_newest_files_are_kept),
        UNIT_TEST(compaction_settings_are_brought_into_bounds),
        UNIT_TEST(ttl_is_decided_by_the_style),
        UNIT_TEST_END,
    };

    return unit_main("options_file", tests, argc, argv);
}
