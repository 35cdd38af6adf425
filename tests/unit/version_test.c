/* Goal: reads in a version find the newest visible entry, whatever table it is in.
 * Method: real tables in a temporary directory, installed by edits: two in level 0, and in level 1
 * four, of which two share a user key at their border and one has only a range tombstone. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "io/file.h"
#include "io/io_blocking.h"
#include "support/scratch_dir.h"
#include "support/test_table.h"
#include "support/unit.h"
#include "version/file_name.h"
#include "version/version_set.h"

enum { ENTRY_COUNT = 14, CACHE_BYTES = 1 << 20 };

struct row {
    uint32_t table;
    const char *key;
    uint64_t seq;
    enum value_type type;
    const char *value;
};

/* In internal-key order within a table.  Tables 0 and 1 are in level 0, the newer one first. */
static const struct row rows[ENTRY_COUNT] = {
    {0, "b", 90, TYPE_VALUE, "b90"}, {0, "m", 95, TYPE_DELETION, ""},
    {1, "a", 70, TYPE_VALUE, "a70"}, {1, "m", 75, TYPE_VALUE, "m75"},
    {1, "t", 71, TYPE_MERGE, "t71"}, {2, "a", 10, TYPE_VALUE, "a10"},
    {2, "c", 11, TYPE_VALUE, "c11"}, {2, "g", 40, TYPE_VALUE, "g40"},
    {3, "g", 20, TYPE_VALUE, "g20"}, {3, "h", 21, TYPE_VALUE, "h21"},
    {3, "m", 22, TYPE_VALUE, "m22"}, {5, "t", 30, TYPE_VALUE, "t30"},
    {5, "u", 0, TYPE_VALUE, "u0"},   {5, "z", 31, TYPE_VALUE, "z31"},
};
static const uint32_t table_levels[] = {0, 0, 1, 1, 1, 1};

static char dir[SCRATCH_PATH_BYTES];
static struct io *io;
static struct version_set *set;
static struct version *version;
static struct block_cache *cache;

static void
write_table(uint64_t number, struct slice bytes)
{
    char path[PATH_BYTES_MAX];
    int fd;

    file_name_format(path, dir, FILE_TABLE, number);
    CU_ASSERT_EQUAL_FATAL(file_open(io, path, O_CREAT | O_WRONLY, &fd), KV_OK);
    CU_ASSERT_EQUAL(file_write(io, fd, 0, bytes.data, bytes.size), KV_OK);
    file_close(io, fd);
}

static void
make_table(uint32_t index, struct version_edit *edit)
{
    struct table_meta *meta = version_edit_add_table(edit, table_levels[index]);
    struct test_table table = {0};

    test_table_begin(&table, NULL);
    if (index == 1)
        table_builder_add_tombstone(table.builder, slice_from_text("c"), slice_from_text("d"), 72);
    if (index == 4)
        table_builder_add_tombstone(table.builder, slice_from_text("o"), slice_from_text("q"), 33);
    for (int i = 0; i < ENTRY_COUNT; i++) {
        if (rows[i].table == index)
            test_table_add(&table, rows[i].key, rows[i].seq, rows[i].type, rows[i].value);
    }
    test_table_finish(&table);
    meta->number = version_set_next_file_number(set);
    meta->bytes = table.bytes.size;
    meta->seq_smallest = table.summary.seq_smallest;
    meta->seq_largest = table.summary.seq_largest;
    buffer_append_slice(&meta->smallest, buffer_slice(&table.summary.smallest));
    buffer_append_slice(&meta->largest, buffer_slice(&table.summary.largest));
    write_table(meta->number, buffer_slice(&table.bytes));
    test_table_free(&table);
}

static void
setup(void)
{
    struct version_set_options options = {.dir = dir, .create_if_missing = true};
    struct version_edit edit = {0};

    scratch_dir_make(dir, NULL);
    options.io = io = io_blocking_new();
    CU_ASSERT_EQUAL_FATAL(version_set_open(&options, &set), KV_OK);
    for (uint32_t i = 0; i < sizeof(table_levels) / sizeof(table_levels[0]); i++)
        make_table(i, &edit);
    CU_ASSERT_EQUAL_FATAL(version_set_start(set, &edit, 1), KV_OK);
    version = version_set_family(set, 0)->current;
    cache = block_cache_new(CACHE_BYTES);
}

static void
teardown(void)
{
    version_set_close(set);
    block_cache_free(cache);
    io_blocking_free(io);
    scratch_dir_remove(dir);
}

static enum kv_status
get(struct read_ctx *ctx, const char *key, uint64_t seq_max, struct lookup *found)
{
    enum kv_status st;

    while ((st = version_get(version, ctx, slice_from_text(key), seq_max, found)) ==
           KV_WANT_BLOCK) {
        block_cache_drop_unpinned(cache);
        if (table_fetch_blocking(io, ctx) != KV_OK)
            return KV_IO;
        read_ctx_clear_wants(ctx);
    }
    return st;
}

static void
a_get_finds_the_newest_answer(void)
{
    static const struct {
        const char *key;
        uint64_t seq_max;
        enum lookup_kind kind;
        uint64_t seq;
    } cases[] = {
        {"a", 100, LOOKUP_VALUE, 70},     {"a", 69, LOOKUP_VALUE, 10},
        {"a", 9, LOOKUP_ABSENT, 0},       {"b", 100, LOOKUP_VALUE, 90},
        {"b", 89, LOOKUP_ABSENT, 0},      {"c", 100, LOOKUP_TOMBSTONE, 72},
        {"c", 71, LOOKUP_VALUE, 11},      {"g", 100, LOOKUP_VALUE, 40},
        {"g", 39, LOOKUP_VALUE, 20},      {"m", 100, LOOKUP_TOMBSTONE, 95},
        {"m", 94, LOOKUP_VALUE, 75},      {"m", 74, LOOKUP_VALUE, 22},
        {"p", 100, LOOKUP_TOMBSTONE, 33}, {"q", 100, LOOKUP_ABSENT, 0},
        {"t", 100, LOOKUP_MERGE, 71},     {"t", 70, LOOKUP_VALUE, 30},
        {"u", 100, LOOKUP_VALUE, 0},      {"u", 0, LOOKUP_VALUE, 0},
        {"zz", 100, LOOKUP_ABSENT, 0},    {"", 100, LOOKUP_ABSENT, 0},
    };

    setup();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct read_ctx ctx;
        struct lookup found;

        read_ctx_init(&ctx, cache);
        CU_ASSERT_EQUAL(get(&ctx, cases[i].key, cases[i].seq_max, &found), KV_OK);
        CU_ASSERT_EQUAL(found.kind, cases[i].kind);
        CU_ASSERT_TRUE(found.kind == LOOKUP_ABSENT || found.seq == cases[i].seq);
        read_ctx_deinit(&ctx);
    }
    teardown();
}

static enum kv_status
covering(struct read_ctx *ctx, const char *key, uint64_t seq_max, uint64_t *seq)
{
    enum kv_status st;

    while ((st = version_covering_tombstone(version, ctx, slice_from_text(key), seq_max, seq)) ==
           KV_WANT_BLOCK) {
        if (table_fetch_blocking(io, ctx) != KV_OK)
            return KV_IO;
        read_ctx_clear_wants(ctx);
    }
    return st;
}

static void
covering_tombstones_are_found(void)
{
    struct read_ctx ctx;
    uint64_t seq;

    setup();
    read_ctx_init(&ctx, cache);
    CU_ASSERT_EQUAL(covering(&ctx, "c", 100, &seq), KV_OK);
    CU_ASSERT_EQUAL(seq, 72);
    CU_ASSERT_EQUAL(covering(&ctx, "c", 71, &seq), KV_OK);
    CU_ASSERT_EQUAL(seq, 0);
    CU_ASSERT_EQUAL(covering(&ctx, "o", 100, &seq), KV_OK);
    CU_ASSERT_EQUAL(seq, 33);
    CU_ASSERT_EQUAL(covering(&ctx, "q", 100, &seq), KV_OK);
    CU_ASSERT_EQUAL(seq, 0);
    CU_ASSERT_EQUAL(covering(&ctx, "m", 100, &seq), KV_OK);
    CU_ASSERT_EQUAL(seq, 0);
    read_ctx_deinit(&ctx);
    teardown();
}

/* A step that wants a block leaves the iterator where it was. */
static void
fetch_after(enum kv_status st, struct read_ctx *ctx)
{
    CU_ASSERT_EQUAL_FATAL(st, KV_WANT_BLOCK);
    CU_ASSERT_EQUAL(table_fetch_blocking(io, ctx), KV_OK);
    read_ctx_clear_wants(ctx);
}

static int
walk_level_1(struct iter *iter, struct read_ctx *ctx, int row)
{
    enum kv_status st;

    while (iter->valid) {
        struct buffer expected = {0};

        internal_key_append(&expected, slice_from_text(rows[row].key), rows[row].seq,
                            rows[row].type);
        CU_ASSERT_TRUE(slice_equal(iter->key, buffer_slice(&expected)));
        CU_ASSERT_TRUE(slice_equal(iter->value, slice_from_text(rows[row].value)));
        while ((st = iter_next(iter)) != KV_OK) {
            CU_ASSERT_TRUE(iter->valid && slice_equal(iter->key, buffer_slice(&expected)));
            fetch_after(st, ctx);
        }
        row++;
        buffer_deinit(&expected);
    }
    return row;
}

static void
a_level_is_walked_table_by_table(void)
{
    struct iter *iters[8];
    struct read_ctx ctx;
    enum kv_status st;

    setup();
    read_ctx_init(&ctx, cache);
    CU_ASSERT_EQUAL_FATAL(version_iter_count(version), 3);
    version_iters(version, &ctx, iters);
    while ((st = iter_seek_first(iters[2])) != KV_OK)
        fetch_after(st, &ctx);
    CU_ASSERT_EQUAL(walk_level_1(iters[2], &ctx, 5), ENTRY_COUNT);
    for (int row = 5; row < ENTRY_COUNT; row++) {
        struct buffer target = {0};

        internal_key_append(&target, slice_from_text(rows[row].key), rows[row].seq, TYPE_SEEK);
        while ((st = iter_seek(iters[2], buffer_slice(&target))) != KV_OK)
            fetch_after(st, &ctx);
        CU_ASSERT_TRUE(iters[2]->valid);
        CU_ASSERT_EQUAL(walk_level_1(iters[2], &ctx, row), ENTRY_COUNT);
        buffer_deinit(&target);
    }
    for (int i = 0; i < 3; i++)
        iter_free(iters[i]);
    read_ctx_deinit(&ctx);
    teardown();
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_get_finds_the_newest_answer),
        UNIT_TEST(covering_tombstones_are_found),
        UNIT_TEST(a_level_is_walked_table_by_table),
        UNIT_TEST_END,
    };

    return unit_main("version", tests, argc, argv);
}
