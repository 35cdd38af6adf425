/* Goal: librocksdb 7.8.3 and kvd open each other's MANIFEST and OPTIONS.
 * Method: directories made by one are opened by the other, in a temporary place; `ldb` has the
 * last word on ours. */
#include <CUnit/Basic.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io_blocking.h"
#include "support/scratch_dir.h"
#include "support/unit.h"
#include "version/options_file.h"
#include "version/version_set.h"

enum { FAMILY_COUNT = 4, ROUND_COUNT = 12, ATOMIC_WRITE_BUFFER_BYTES = 64 << 10 };

static char root[SCRATCH_PATH_BYTES], db_path[SCRATCH_PATH_BYTES + 16];
static struct io *io;

static void
setup(void)
{
    scratch_dir_make(root, NULL);
    snprintf(db_path, sizeof(db_path), "%s/db", root);
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
    CU_ASSERT_PTR_NULL(error);
    free(error);
}

static enum kv_status
open_set(bool read_only, struct version_set **set_out)
{
    const struct version_set_options options = {
        .io = io, .dir = db_path, .create_if_missing = true, .read_only = read_only};

    return version_set_open(&options, set_out);
}

static void
ldb(const char *arguments)
{
    char command[512];

    snprintf(command, sizeof(command), "ldb --db=%s %s >%s/out 2>&1", db_path, arguments, root);
    if (system(command) != 0) {
        printf("failed: %s\n", command);
        snprintf(command, sizeof(command), "cat %s/out", root);
        CU_ASSERT_EQUAL(system(command), 0);
        CU_FAIL("ldb");
    }
}

/* The text is somewhere in what ldb printed. */
static bool
ldb_said(const char *text)
{
    char command[512];

    snprintf(command, sizeof(command), "grep -qF '%s' %s/out", text, root);
    return system(command) == 0;
}

static rocksdb_t *
open_rocks(int count, const char *const *names, rocksdb_column_family_handle_t **handles,
           rocksdb_options_t *options)
{
    const rocksdb_options_t *all[FAMILY_COUNT];
    char *error = NULL;
    rocksdb_t *db;

    for (int i = 0; i < count; i++)
        all[i] = options;
    db = rocksdb_open_column_families(options, db_path, count, names, all, handles, &error);
    check_error(error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(db);
    return db;
}

static void
close_rocks(rocksdb_t *db, int count, rocksdb_column_family_handle_t **handles)
{
    for (int i = 0; i < count; i++)
        rocksdb_column_family_handle_destroy(handles[i]);
    rocksdb_close(db);
}

static void
on_applied(void *owner, enum kv_status st)
{
    CU_ASSERT_EQUAL(st, KV_OK);
    ++*(int *)owner;
}

static void
apply(struct version_set *set, struct version_edit *edits, uint32_t count)
{
    int applied = 0;

    version_set_apply(set, edits, count, on_applied, &applied);
    while (applied == 0)
        io_blocking_turn(io);
}

static void
store_options(struct version_set *set, uint32_t family_count)
{
    struct options_file options = {.wal_recovery_mode = 2, .family_count = family_count};
    const uint64_t number_tmp = version_set_next_file_number(set);

    options.families = calloc(family_count, sizeof(*options.families));
    for (uint32_t i = 0; i < family_count; i++) {
        strcpy(options.families[i].name, version_set_family_at(set, i)->name);
        strcpy(options.families[i].comparator, "leveldb.BytewiseComparator");
        strcpy(options.families[i].merge_operator, "{id=StringAppendOperator;delimiter=,;}");
        options.families[i].compression = COMPRESSION_LZ4;
        options.families[i].write_buffer_bytes = 1 << 22;
        options.families[i].block_bytes = 4096;
        options.families[i].bloom_bits_per_key = 10;
    }
    CU_ASSERT_EQUAL(
        options_file_store(io, db_path, number_tmp, version_set_next_file_number(set), &options),
        KV_OK);
    options_file_deinit(&options);
}

/* Method: an empty database, then one with two more families, are made by us; ldb and librocksdb
 * open them, write, and we open the result. */
static void
rocksdb_opens_what_we_made(void)
{
    static const char *const names[] = {"default", "one", "we ird:#"};
    rocksdb_column_family_handle_t *handles[3];
    struct version_edit edits[2] = {{0}, {0}};
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    struct version_set *set;
    char *error = NULL;
    rocksdb_t *db;

    setup();
    CU_ASSERT_EQUAL_FATAL(open_set(false, &set), KV_OK);
    version_set_close(set);
    ldb("checkconsistency");
    CU_ASSERT_EQUAL_FATAL(open_set(false, &set), KV_OK);
    CU_ASSERT_EQUAL_FATAL(version_set_start(set, NULL, 0), KV_OK);
    for (uint32_t i = 1; i <= 2; i++) { /* both in one atomic group */
        edits[i - 1].cf_id = i;
        edits[i - 1].is_cf_add = edits[i - 1].has_log_number = true;
        buffer_append(&edits[i - 1].cf_name, names[i], strlen(names[i]));
    }
    apply(set, edits, 2);
    for (uint32_t i = 0; i < 2; i++) {
        edits[i].cf_id = i;
        edits[i].has_log_number = true;
        edits[i].log_number = 3;
    }
    apply(set, edits, 2); /* an atomic group */
    version_set_raise_last_seq(set, 77);
    store_options(set, 3);
    version_set_close(set);
    ldb("manifest_dump");
    CU_ASSERT_TRUE(ldb_said("we ird:#"));
    CU_ASSERT_TRUE(ldb_said("leveldb.BytewiseComparator"));
    ldb("list_column_families");
    ldb("checkconsistency");
    ldb("--try_load_options --column_family=one put k v");
    ldb("--try_load_options --column_family=one get k");
    CU_ASSERT_TRUE(ldb_said("v"));
    db = open_rocks(3, names, handles, options);
    rocksdb_put_cf(db, write, handles[2], "a", 1, "b", 1, &error);
    check_error(error);
    close_rocks(db, 3, handles);
    CU_ASSERT_EQUAL_FATAL(open_set(false, &set), KV_OK);
    CU_ASSERT_PTR_NOT_NULL(version_set_family_by_name(set, slice_from_text("one")));
    CU_ASSERT_EQUAL(version_set_family(set, 1)->current->levels[0].count, 1);
    version_set_close(set);
    rocksdb_writeoptions_destroy(write);
    rocksdb_options_destroy(options);
    teardown();
}

static void
fill(rocksdb_t *db, rocksdb_column_family_handle_t **handles, int round)
{
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    char *error = NULL, key[32], value[200];

    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 400; i++) {
        const size_t size =
            (size_t)snprintf(key, sizeof(key), "key%06d", (i * 7919 + round) % 5000);

        rocksdb_put_cf(db, write, handles[i % FAMILY_COUNT], key, size, value, sizeof(value),
                       &error);
        check_error(error);
    }
    rocksdb_delete_range_cf(db, write, handles[1], "key000100", 9, "key000200", 9, &error);
    check_error(error);
    rocksdb_writeoptions_destroy(write);
}

static void
make_rocks_database(bool atomic_flush)
{
    static const char *const names[FAMILY_COUNT] = {"default", "one", "two", "three"};
    rocksdb_column_family_handle_t *handles[FAMILY_COUNT];
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    char *error = NULL;
    rocksdb_t *db;

    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_atomic_flush(options, atomic_flush ? 1 : 0);
    if (atomic_flush) /* which only a full memtable does for several families */
        rocksdb_options_set_write_buffer_size(options, ATOMIC_WRITE_BUFFER_BYTES);
    rocksdb_options_set_target_file_size_base(options, 8192);
    db = open_rocks(FAMILY_COUNT, names, handles, options);
    for (int round = 0; round < ROUND_COUNT; round++) {
        fill(db, handles, round);
        for (int i = 0; i < FAMILY_COUNT; i++) {
            rocksdb_flush_cf(db, flush, handles[i], &error);
            check_error(error);
        }
        if (round % 5 == 4)
            rocksdb_compact_range_cf(db, handles[round % FAMILY_COUNT], NULL, 0, NULL, 0);
    }
    rocksdb_drop_column_family(db, handles[2], &error);
    check_error(error);
    close_rocks(db, FAMILY_COUNT, handles);
    rocksdb_flushoptions_destroy(flush);
    rocksdb_options_destroy(options);
}

/* Method: librocksdb flushes, compacts and drops; we open, start (our MANIFEST), purge; then
 * librocksdb's own consistency check passes and every key is counted again. */
static void
open_rocks_database(bool atomic_flush)
{
    struct options_file options;
    struct version_set *set;
    uint32_t tables = 0;

    setup();
    make_rocks_database(atomic_flush);
    ldb("--column_family=one dump --count_only");
    CU_ASSERT_TRUE(ldb_said("Keys in range"));
    CU_ASSERT_EQUAL(options_file_load(io, db_path, &options), KV_OK);
    CU_ASSERT_EQUAL(options.family_count, FAMILY_COUNT - 1);
    CU_ASSERT_STRING_EQUAL(options.families[0].comparator, "leveldb.BytewiseComparator");
    CU_ASSERT_EQUAL(options.families[0].write_buffer_bytes,
                    atomic_flush ? ATOMIC_WRITE_BUFFER_BYTES : 64 << 20);
    options_file_deinit(&options);
    CU_ASSERT_EQUAL_FATAL(open_set(true, &set), KV_OK);
    CU_ASSERT_PTR_NULL(version_set_family_by_name(set, slice_from_text("two")));
    version_set_close(set);
    CU_ASSERT_EQUAL_FATAL(open_set(false, &set), KV_OK);
    for (uint32_t i = 0; version_set_family_at(set, i) != NULL; i++) {
        for (uint32_t level = 0; level < LEVEL_COUNT; level++)
            tables += version_set_family_at(set, i)->current->levels[level].count;
    }
    CU_ASSERT_TRUE(tables > 5);
    CU_ASSERT_EQUAL_FATAL(version_set_start(set, NULL, 0), KV_OK);
    version_set_purge(set);
    version_set_close(set);
    ldb("checkconsistency");
    ldb("manifest_dump");
    CU_ASSERT_TRUE(ldb_said("three"));
    teardown();
}

static void
we_open_what_rocksdb_made(void)
{
    open_rocks_database(false);
}

static void
we_open_what_rocksdb_flushed_atomically(void)
{
    open_rocks_database(true);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(rocksdb_opens_what_we_made),
        UNIT_TEST(we_open_what_rocksdb_made),
        UNIT_TEST(we_open_what_rocksdb_flushed_atomically),
        UNIT_TEST_END,
    };

    return unit_main("manifest_rocksdb", tests, argc, argv);
}
