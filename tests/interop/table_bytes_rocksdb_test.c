/* Goal: the same entries make the same bytes in RocksDB 7.8.3 and in our builder.
 *
 * Method: RocksDB's SST writer and its flush write a table; ours must be equal from the first data
 * block to the properties, which differ (identities, times, external file version).
 */
#include <CUnit/Basic.h>
#include <rocksdb/c.h>
#include <stdio.h>

#include "sst/sst_format.h"
#include "support/scratch_dir.h"
#include "support/table_model.h"
#include "support/unit.h"

static void
rocksdb_writes(const struct table_model *model, const char *path)
{
    const int compression = (int)model->compression; /* RocksDB's enum has the stored numbers */
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer;
    char *error = NULL;

    rocksdb_options_set_compression(options, compression);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_block_based_options_set_block_restart_interval(table, RESTART_INTERVAL_DATA);
    rocksdb_options_set_block_based_table_factory(options, table);
    writer = rocksdb_sstfilewriter_create(env, options);
    rocksdb_sstfilewriter_open(writer, path, &error);
    for (size_t i = 0; i < model->count && error == NULL; i++) {
        const struct slice key = internal_key_user(table_model_key(model, i));
        const struct slice value = table_model_value(model, i);

        if ((internal_key_footer(table_model_key(model, i)) & 0xff) == TYPE_DELETION)
            rocksdb_sstfilewriter_delete(writer, (const char *)key.data, key.size, &error);
        else
            rocksdb_sstfilewriter_put(writer, (const char *)key.data, key.size,
                                      (const char *)value.data, value.size, &error);
    }
    if (error == NULL)
        rocksdb_sstfilewriter_finish(writer, &error);
    CU_ASSERT_PTR_NULL(error);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(env);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_destroy(options);
}

static void
read_whole(const char *path, struct buffer *bytes)
{
    FILE *file = fopen(path, "rb");
    size_t got;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    do {
        buffer_reserve(bytes, 65536);
        got = fread(bytes->data + bytes->size, 1, 65536, file);
        bytes->size += got;
    } while (got > 0);
    fclose(file);
}

static void
expect_same_bytes(const struct table_model *model, const char *path)
{
    static const uint8_t first_property[] = "\0\x24\x04" PROPERTY_INDEX_TYPE;
    const size_t first_size = sizeof(first_property) - 1;
    struct buffer ours = {0}, theirs = {0};
    struct table_summary summary;
    const uint8_t *end_ours, *end_theirs;

    table_model_build(model, &ours, &summary);
    read_whole(path, &theirs);
    end_ours = memmem(ours.data, ours.size, first_property, first_size);
    end_theirs = memmem(theirs.data, theirs.size, first_property, first_size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end_ours);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end_theirs);
    CU_ASSERT_EQUAL(end_ours - ours.data, end_theirs - theirs.data);
    CU_ASSERT_EQUAL(memcmp(ours.data, theirs.data, (size_t)(end_ours - ours.data)), 0);
    table_summary_deinit(&summary);
    buffer_deinit(&ours);
    buffer_deinit(&theirs);
}

/* RocksDB's writer gives every entry the sequence 0, and has no single deletions. */
static void
fill_random_model(struct table_model *model, size_t count, struct random *random)
{
    struct buffer key = {0}, value = {0};
    uint64_t prefix = 0;

    for (size_t i = 0; i < count; i++) {
        const bool deleted = random_below(random, 9) == 0;
        const size_t tail_size = random_below(random, 12);

        prefix += 1 + random_below(random, random_below(random, 8) == 0 ? 100000 : 3);
        buffer_clear(&key);
        for (int shift = 24; shift >= 0; shift -= 8)
            buffer_append_byte(&key, (uint8_t)(prefix >> shift));
        for (size_t j = 0; j < tail_size; j++)
            buffer_append_byte(&key, random_below(random, 3) == 0 ? 0xff : 'x');
        table_model_make_value(
            &value, deleted ? 0 : random_below(random, random_below(random, 50) == 0 ? 9000 : 200),
            random);
        table_model_add(model, buffer_slice(&key), 0, deleted ? TYPE_DELETION : TYPE_VALUE,
                        buffer_slice(&value));
    }
    buffer_deinit(&key);
    buffer_deinit(&value);
}

/* Method: random keys, some with 0xff tails that separators must climb over, values of mixed
 * sizes.  LZ4 is left out: RocksDB calls another of its functions, with another match table. */
static void
blocks_filter_and_index_are_the_same_bytes(void)
{
    const enum compression kinds[] = {COMPRESSION_NONE, COMPRESSION_SNAPPY, COMPRESSION_ZLIB,
                                      COMPRESSION_ZSTD};
    char dir[SCRATCH_PATH_BYTES], path[SCRATCH_PATH_BYTES + 16];
    struct random random;

    scratch_dir_make(dir, NULL);
    snprintf(path, sizeof(path), "%s/rocks.sst", dir);
    random_init(&random, unit_seed());
    for (size_t round = 0; round < 12; round++) {
        struct table_model model = {.compression = kinds[round % 4]};

        fill_random_model(&model, 1 + random_below(&random, 4000), &random);
        rocksdb_writes(&model, path);
        expect_same_bytes(&model, path);
        table_model_deinit(&model);
    }
    scratch_dir_remove(dir);
}

static bool
has_snapshot(const struct table_model *model, uint64_t seq)
{
    for (size_t i = 0; i < model->snapshot_count; i++) {
        if (model->snapshots[i] == seq)
            return true;
    }
    return false;
}

/* A real flush, with the model's snapshots held. */
static void
rocksdb_flushes(const struct table_model *model, const char *dir, char path[2 * SCRATCH_PATH_BYTES])
{
    const rocksdb_snapshot_t *snapshots[16] = {NULL};
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    const rocksdb_livefiles_t *files;
    char *error = NULL;
    rocksdb_t *db;

    CU_ASSERT_FATAL(model->tombstone_count <= 16);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_block_based_options_set_block_restart_interval(table, RESTART_INTERVAL_DATA);
    rocksdb_options_set_block_based_table_factory(options, table);
    db = rocksdb_open(options, dir, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(db);
    for (size_t i = 0; i < model->tombstone_count; i++) {
        const struct model_tombstone *t = &model->tombstones[i];

        CU_ASSERT_EQUAL(t->seq, i + 1);
        rocksdb_writebatch_clear(batch);
        rocksdb_writebatch_delete_range(batch, t->begin, strlen(t->begin), t->end, strlen(t->end));
        rocksdb_write(db, write, batch, &error);
        CU_ASSERT_PTR_NULL(error);
        if (has_snapshot(model, t->seq))
            snapshots[i] = rocksdb_create_snapshot(db);
    }
    for (size_t i = 0; i < model->count; i++) {
        const struct slice key = internal_key_user(table_model_key(model, i));
        const struct slice value = table_model_value(model, i);

        rocksdb_put(db, write, (const char *)key.data, key.size, (const char *)value.data,
                    value.size, &error);
        CU_ASSERT_PTR_NULL(error);
    }
    rocksdb_flush(db, flush, &error);
    CU_ASSERT_PTR_NULL(error);
    files = rocksdb_livefiles(db);
    CU_ASSERT_EQUAL_FATAL(rocksdb_livefiles_count(files), 1);
    snprintf(path, 2 * SCRATCH_PATH_BYTES, "%s%s", dir, rocksdb_livefiles_name(files, 0));
    rocksdb_livefiles_destroy(files);
    for (size_t i = 0; i < model->tombstone_count; i++) {
        if (snapshots[i] != NULL)
            rocksdb_release_snapshot(db, snapshots[i]);
    }
    rocksdb_close(db);
    rocksdb_writebatch_destroy(batch);
    rocksdb_flushoptions_destroy(flush);
    rocksdb_writeoptions_destroy(write);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_destroy(options);
}

/* Method: a real flush of overlapping, nested, adjacent and equal ranges, with and without a
 * point, with a snapshot between any two, between some, and none at all. */
static void
fragments_are_the_same_bytes(void)
{
    static const struct model_tombstone tombstones[] = {
        {"b", "m", 1}, {"a", "c", 2}, {"x", "z", 3}, {"bb", "k", 4}, {"m", "n", 5}, {"b", "m", 6}};
    static const uint64_t snapshots[] = {1, 2, 3, 4, 5, 6, 2, 4};
    static const struct {
        size_t first, count, points;
    } cases[] = {{0, 6, 0}, {0, 6, 1}, {6, 2, 0}, {6, 2, 1}, {0, 0, 0}, {0, 0, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table_model model = {.tombstones = tombstones,
                                    .tombstone_count = 6,
                                    .snapshots = snapshots + cases[i].first,
                                    .snapshot_count = cases[i].count};
        char dir[SCRATCH_PATH_BYTES], path[2 * SCRATCH_PATH_BYTES];

        if (cases[i].points > 0)
            table_model_add(&model, slice_from_text("f"), 7, TYPE_VALUE, slice_from_text("value"));
        scratch_dir_make(dir, NULL);
        rocksdb_flushes(&model, dir, path);
        expect_same_bytes(&model, path);
        scratch_dir_remove(dir);
        table_model_deinit(&model);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(blocks_filter_and_index_are_the_same_bytes),
        UNIT_TEST(fragments_are_the_same_bytes),
        UNIT_TEST_END,
    };

    return unit_main("table_bytes_rocksdb", tests, argc, argv);
}
