/* Goal: RocksDB 7.8.3 takes our tables for its own.
 *
 * Method: a table made by our builder is put into a directory of which only the MANIFEST and
 * CURRENT are written here by hand, and then
 *   - sst_dump verifies it, prints the entries that were put in, and the properties as counted;
 *   - librocksdb opens the directory, iterates over it with checksums verified, gets each key,
 *     and its bloom filter turns nearly all absent keys away.
 */
#include <CUnit/Basic.h>
#include <rocksdb/c.h>
#include <stdio.h>

#include "base/crc32c.h"
#include "sst/sst_format.h"
#include "support/scratch_dir.h"
#include "support/table_model.h"
#include "support/unit.h"

enum { NEXT_NUMBER = 100, LAST_SEQ = 10000000 };

/* `versions` of each of `count` keys; every seventh newest version is a deletion. */
static void
fill_model(struct table_model *model, size_t count, size_t versions, size_t value_size)
{
    struct random random;
    struct buffer value = {0};
    char key[32];

    random_init(&random, unit_seed());
    for (size_t i = 0; i < count; i++) {
        const int length = snprintf(key, sizeof(key), "key%09zu", i * 3);

        for (size_t v = versions; v > 0; v--) {
            const bool deleted = i % 7 == 3 && v == versions;

            table_model_make_value(&value, deleted ? 0 : random_below(&random, 2 * value_size + 1),
                                   &random);
            table_model_add(model, slice_of(key, (size_t)length), i % 1000 * 100 + v,
                            deleted ? (i % 2 == 0 ? TYPE_DELETION : TYPE_SINGLE_DELETION)
                                    : TYPE_VALUE,
                            buffer_slice(&value));
        }
    }
    buffer_deinit(&value);
}

static void
write_file(const char *dir, const char *name, struct slice bytes)
{
    char path[SCRATCH_PATH_BYTES + 16];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
}

static void
put_tagged(struct buffer *edit, uint32_t tag, uint64_t value)
{
    buffer_put_varint32(edit, tag);
    buffer_put_varint64(edit, value);
}

/* FORMAT.md's section 10, last lines: one edit with one table. */
static void
write_directory(const char *dir, const struct buffer *table, const struct table_summary *summary)
{
    struct buffer edit = {0}, log = {0};

    buffer_put_varint32(&edit, 1);
    buffer_put_lstr(&edit, slice_from_text(COMPARATOR_BYTEWISE_NAME));
    put_tagged(&edit, 2, 6);
    put_tagged(&edit, 3, NEXT_NUMBER);
    put_tagged(&edit, 4, LAST_SEQ);
    buffer_put_varint32(&edit, 103);
    buffer_put_varint32(&edit, 0);
    buffer_put_varint64(&edit, MODEL_TABLE_NUMBER);
    buffer_put_varint64(&edit, summary->file_bytes);
    buffer_put_lstr(&edit, buffer_slice(&summary->smallest));
    buffer_put_lstr(&edit, buffer_slice(&summary->largest));
    buffer_put_varint64(&edit, summary->seq_smallest);
    buffer_put_varint64(&edit, summary->seq_largest);
    buffer_put_varint32(&edit, 1);
    CU_ASSERT_FATAL(edit.size < 32000);
    buffer_put_fixed32(&log,
                       crc32c_mask(crc32c_extend(crc32c_extend(0, "\1", 1), edit.data, edit.size)));
    buffer_put_fixed16(&log, (uint16_t)edit.size);
    buffer_append_byte(&log, 1);
    buffer_append_slice(&log, buffer_slice(&edit));

    write_file(dir, "000004.sst", buffer_slice(table));
    write_file(dir, "MANIFEST-000005", buffer_slice(&log));
    write_file(dir, "CURRENT", slice_from_text("MANIFEST-000005\n"));
    write_file(dir, "IDENTITY", slice_from_text("3e7f4cf0-6a5b-4a8e-9f3a-0123456789ab"));
    buffer_deinit(&edit);
    buffer_deinit(&log);
}

static void
run_sst_dump(const char *dir, const char *arguments, struct buffer *output)
{
    char command[2 * SCRATCH_PATH_BYTES];
    size_t got;
    FILE *pipe;

    snprintf(command, sizeof(command), "sst_dump --file=%s/000004.sst %s 2>&1", dir, arguments);
    pipe = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
    do {
        buffer_reserve(output, 65536);
        got = fread(output->data + output->size, 1, 65536, pipe);
        output->size += got;
    } while (got > 0);
    CU_ASSERT_EQUAL(pclose(pipe), 0);
    buffer_append_byte(output, 0);
}

static void
put_hex(struct buffer *text, struct slice bytes)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < bytes.size; i++) {
        buffer_append_byte(text, (uint8_t)digits[bytes.data[i] >> 4]);
        buffer_append_byte(text, (uint8_t)digits[bytes.data[i] & 15]);
    }
}

static void
expect_scan(const char *dir, const struct table_model *model)
{
    struct buffer expected = {0}, output = {0};
    const char *found;

    for (size_t i = 0; i < model->count; i++) {
        const uint64_t footer = internal_key_footer(table_model_key(model, i));

        buffer_append(&expected, "'", 1);
        put_hex(&expected, internal_key_user(table_model_key(model, i)));
        buffer_append_format(&expected, "' seq:%llu, type:%u => ",
                             (unsigned long long)(footer >> 8), (unsigned)(footer & 0xff));
        put_hex(&expected, table_model_value(model, i));
        buffer_append(&expected, "\n", 1);
    }
    buffer_append_byte(&expected, 0);
    run_sst_dump(dir, "--command=scan --output_hex", &output);
    found = model->count == 0 ? (char *)output.data : strstr((char *)output.data, "\n'");
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    if (model->count > 0)
        CU_ASSERT_EQUAL(strncmp(found + 1, (char *)expected.data, expected.size - 1), 0);
    buffer_deinit(&expected);
    buffer_deinit(&output);
}

static void
expect_property(const struct buffer *output, const char *name, uint64_t value)
{
    char line[200];

    snprintf(line, sizeof(line), "%s: %llu\n", name, (unsigned long long)value);
    if (strstr((char *)output->data, line) == NULL) {
        printf("missing: %s in\n%s\n", line, (char *)output->data);
        CU_FAIL("a property is not as counted");
    }
}

static void
expect_properties(const char *dir, const struct table_model *model,
                  const struct table_summary *summary)
{
    struct buffer output = {0};
    uint64_t key_bytes = 0, value_bytes = 0, operands = 0;

    for (size_t i = 0; i < model->count; i++) {
        key_bytes += table_model_key(model, i).size;
        value_bytes += table_model_value(model, i).size;
        operands += (internal_key_footer(table_model_key(model, i)) & 0xff) == TYPE_MERGE;
    }
    run_sst_dump(dir, "--command=none --show_properties", &output);
    expect_property(&output, "# entries", summary->entry_count);
    expect_property(&output, "# deletions", summary->deletion_count);
    expect_property(&output, "# range deletions", summary->range_tombstone_count);
    expect_property(&output, "# merge operands", operands);
    if (model->tombstone_count == 0) {
        CU_ASSERT_EQUAL(summary->entry_count, model->count);
        expect_property(&output, "raw key size", key_bytes);
        expect_property(&output, "raw value size", value_bytes);
    }
    expect_property(&output, "original file number", MODEL_TABLE_NUMBER);
    expect_property(&output, "creation time", MODEL_CREATION_TIME_S);
    CU_ASSERT_PTR_NOT_NULL(
        strstr((char *)output.data, compression_property_name(model->compression)));
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)output.data, model->has_internal_index
                                                           ? "(user-key? 0, delta-value? 1)"
                                                           : "(user-key? 1, delta-value? 1)"));
    buffer_deinit(&output);
}

static bool
is_covered(const struct table_model *model, struct slice user_key, uint64_t seq)
{
    for (size_t i = 0; i < model->tombstone_count; i++) {
        const struct model_tombstone *t = &model->tombstones[i];

        if (slice_compare(slice_from_text(t->begin), user_key) <= 0 &&
            slice_compare(user_key, slice_from_text(t->end)) < 0 && seq < t->seq)
            return true;
    }
    return false;
}

/* Whether entry i is the newest of its key; the model's order makes that the first. */
static bool
is_newest(const struct table_model *model, size_t i)
{
    return i == 0 || !slice_equal(internal_key_user(table_model_key(model, i - 1)),
                                  internal_key_user(table_model_key(model, i)));
}

static bool
is_visible(const struct table_model *model, size_t i)
{
    const uint64_t footer = internal_key_footer(table_model_key(model, i));

    return is_newest(model, i) && (footer & 0xff) == TYPE_VALUE &&
           !is_covered(model, internal_key_user(table_model_key(model, i)), footer >> 8);
}

static void
expect_iteration(rocksdb_t *db, const rocksdb_readoptions_t *read, const struct table_model *model)
{
    rocksdb_iterator_t *iter = rocksdb_create_iterator(db, read);
    char *error = NULL;
    size_t wrong = 0;

    rocksdb_iter_seek_to_first(iter);
    for (size_t i = 0; i < model->count; i++) {
        struct slice key, value;

        if (!is_visible(model, i))
            continue;
        if (!rocksdb_iter_valid(iter)) {
            wrong++;
            break;
        }
        key.data = (const uint8_t *)rocksdb_iter_key(iter, &key.size);
        value.data = (const uint8_t *)rocksdb_iter_value(iter, &value.size);
        wrong += !slice_equal(key, internal_key_user(table_model_key(model, i)));
        wrong += !slice_equal(value, table_model_value(model, i));
        rocksdb_iter_next(iter);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_FALSE(rocksdb_iter_valid(iter));
    rocksdb_iter_get_error(iter, &error);
    CU_ASSERT_PTR_NULL(error);
    rocksdb_iter_destroy(iter);
}

static void
expect_gets(rocksdb_t *db, const rocksdb_readoptions_t *read, const struct table_model *model)
{
    size_t wrong = 0;

    for (size_t i = 0; i < model->count; i++) {
        const struct slice key = internal_key_user(table_model_key(model, i));
        char *error = NULL;
        size_t size = 0;
        char *value;

        if (!is_newest(model, i))
            continue;
        value = rocksdb_get(db, read, (const char *)key.data, key.size, &size, &error);
        wrong += error != NULL;
        if (is_visible(model, i))
            wrong +=
                value == NULL || !slice_equal(slice_of(value, size), table_model_value(model, i));
        else
            wrong += value != NULL;
        rocksdb_free(value);
        rocksdb_free(error);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Absent keys between the table's bounds; the model's keys end in digits. */
static void
expect_absent_filtered(rocksdb_t *db, const rocksdb_readoptions_t *read, rocksdb_options_t *options,
                       const struct table_model *model)
{
    size_t asked = 0;
    unsigned long long useful = 0;
    const char *found;
    char *text;

    for (size_t i = 0; i + 1 < model->count && asked < 5000; i++) {
        const struct slice key = internal_key_user(table_model_key(model, i));
        char absent[64];
        char *error = NULL;
        size_t size;

        if (key.size >= sizeof(absent) || !is_newest(model, i))
            continue;
        memcpy(absent, key.data, key.size);
        absent[key.size] = '!';
        asked++;
        CU_ASSERT_PTR_NULL(rocksdb_get(db, read, absent, key.size + 1, &size, &error));
        CU_ASSERT_PTR_NULL(error);
    }
    text = rocksdb_options_statistics_get_string(options);
    found = strstr(text, "rocksdb.bloom.filter.useful COUNT : ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    sscanf(found, "rocksdb.bloom.filter.useful COUNT : %llu", &useful);
    CU_ASSERT_TRUE(useful + asked / 20 + 3 >= asked);
    rocksdb_free(text);
}

static void
expect_opens(const char *dir, const struct table_model *model)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    char *error = NULL;
    rocksdb_t *db;

    rocksdb_options_enable_statistics(options);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_readoptions_set_verify_checksums(read, 1);
    db = rocksdb_open(options, dir, &error);
    if (error != NULL)
        printf("open: %s\n", error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(db);
    expect_iteration(db, read, model);
    expect_gets(db, read, model);
    if (model->tombstone_count == 0)
        expect_absent_filtered(db, read, options, model);
    rocksdb_compact_range(db, NULL, 0, NULL, 0);
    expect_iteration(db, read, model);
    rocksdb_close(db);
    rocksdb_readoptions_destroy(read);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_destroy(options);
}

static void
expect_rocksdb_takes(const struct table_model *model)
{
    struct buffer file = {0}, output = {0};
    struct table_summary summary;
    char dir[SCRATCH_PATH_BYTES];

    scratch_dir_make(dir, NULL);
    table_model_build(model, &file, &summary);
    write_directory(dir, &file, &summary);
    run_sst_dump(dir, "--command=verify", &output);
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)output.data, "The file is ok"));
    expect_scan(dir, model);
    expect_properties(dir, model, &summary);
    if (!model->scan_only)
        expect_opens(dir, model);
    scratch_dir_remove(dir);
    table_summary_deinit(&summary);
    buffer_deinit(&file);
    buffer_deinit(&output);
}

static const enum compression all_compressions[] = {COMPRESSION_NONE,  COMPRESSION_SNAPPY,
                                                    COMPRESSION_ZLIB,  COMPRESSION_LZ4,
                                                    COMPRESSION_LZ4HC, COMPRESSION_ZSTD};

static void
tables_of_every_compression_are_taken(void)
{
    for (size_t i = 0; i < sizeof(all_compressions) / sizeof(all_compressions[0]); i++) {
        struct table_model model = {.compression = all_compressions[i]};

        fill_model(&model, 3000, 1, 60);
        expect_rocksdb_takes(&model);
        table_model_deinit(&model);
    }
}

static void
tables_of_every_size_are_taken(void)
{
    const size_t counts[] = {1, 2, 15, 16, 17, 33, 500};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct table_model model = {.compression = COMPRESSION_LZ4};

        fill_model(&model, counts[i], 1, 30);
        expect_rocksdb_takes(&model);
        table_model_deinit(&model);
    }
}

static void
a_table_of_200000_entries_is_taken(void)
{
    struct table_model model = {.compression = COMPRESSION_LZ4};

    fill_model(&model, 200000, 1, 8);
    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
}

/* Method: 40 versions of 100 bytes each always cross the border of a block. */
static void
versions_across_blocks_are_taken(void)
{
    struct table_model model = {.compression = COMPRESSION_LZ4, .has_internal_index = true};

    fill_model(&model, 200, 40, 100);
    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
}

static void
merge_operands_and_entities_are_taken(void)
{
    struct table_model model = {.compression = COMPRESSION_NONE, .scan_only = true};

    table_model_add(&model, slice_from_text("a"), 9, TYPE_MERGE, slice_from_text("2"));
    table_model_add(&model, slice_from_text("a"), 8, TYPE_MERGE, slice_from_text("1"));
    table_model_add(&model, slice_from_text("a"), 0, TYPE_VALUE, slice_from_text("0"));
    table_model_add(&model, slice_from_text("b"), 7, TYPE_MERGE, slice_from_text(""));
    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
}

/* Method: 1 MB, 20 MB in one block between small ones, and an empty key. */
static void
huge_values_are_taken(void)
{
    const size_t sizes[] = {0, 1000000, 10, 20000000, 70000, 65536, 1};
    struct table_model model = {.compression = COMPRESSION_SNAPPY};
    struct buffer value = {0}, key = {0};
    struct random random;

    random_init(&random, unit_seed());
    table_model_add(&model, slice_of("", 0), 5, TYPE_VALUE, slice_from_text("of the empty key"));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        buffer_clear(&key);
        buffer_append_format(&key, "key%zu", i);
        table_model_make_value(&value, sizes[i], &random);
        table_model_add(&model, buffer_slice(&key), 10 + i, TYPE_VALUE, buffer_slice(&value));
    }
    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
    buffer_deinit(&value);
    buffer_deinit(&key);
}

static void
long_keys_between_short_ones_are_taken(void)
{
    struct table_model model = {.compression = COMPRESSION_ZSTD};
    struct buffer key = {0};

    table_model_add(&model, slice_from_text("a"), 1, TYPE_VALUE, slice_from_text("first"));
    for (unsigned i = 0; i < 20; i++) {
        buffer_clear(&key);
        buffer_append(&key, "k", 1);
        while (key.size < KEY_BYTES_MAX - 1)
            buffer_append_byte(&key, (uint8_t)(0xf0 + (key.size < 1000 ? 0 : i / 4)));
        buffer_append_byte(&key, (uint8_t)i);
        table_model_add(&model, buffer_slice(&key), 2 + i, TYPE_VALUE, slice_from_text("long"));
    }
    table_model_add(&model, slice_from_text("z"), 100, TYPE_VALUE, slice_from_text("last"));
    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
    buffer_deinit(&key);
}

/* Method: overlapping, nested, adjacent, equal; some above and some below the points' sequences. */
static void
range_tombstones_are_taken(void)
{
    static const struct model_tombstone tombstones[] = {
        {"key000000100", "key000000400", 2000000},
        {"key000000200", "key000000300", 50},
        {"key000000350", "key000000500", 3000000},
        {"key000000500", "key000000501", 3000001},
        {"a", "key000000005", 4000000},
        {"key000002000", "zzz", 1500},
        {"key000002000", "key0000021", 2000},
        {"key000001000", "key000001100", 20000},
    };
    struct table_model model = {.compression = COMPRESSION_LZ4,
                                .tombstones = tombstones,
                                .tombstone_count = sizeof(tombstones) / sizeof(tombstones[0])};

    fill_model(&model, 1000, 1, 50);
    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
}

static void
a_table_of_tombstones_only_is_taken(void)
{
    static const struct model_tombstone tombstones[] = {{"b", "d", 7}, {"c", "e", 9}};
    struct table_model model = {.tombstones = tombstones, .tombstone_count = 2};

    expect_rocksdb_takes(&model);
    table_model_deinit(&model);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(tables_of_every_compression_are_taken),
        UNIT_TEST(tables_of_every_size_are_taken),
        UNIT_TEST(a_table_of_200000_entries_is_taken),
        UNIT_TEST(versions_across_blocks_are_taken),
        UNIT_TEST(merge_operands_and_entities_are_taken),
        UNIT_TEST(huge_values_are_taken),
        UNIT_TEST(long_keys_between_short_ones_are_taken),
        UNIT_TEST(range_tombstones_are_taken),
        UNIT_TEST(a_table_of_tombstones_only_is_taken),
        UNIT_TEST_END,
    };

    return unit_main("table_builder_rocksdb", tests, argc, argv);
}
