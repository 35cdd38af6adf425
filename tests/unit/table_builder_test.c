/* Goal: what the builder says about a table is true, and what it must refuse it refuses. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/random.h"
#include "key/internal_key.h"
#include "sst/range_del_builder.h"
#include "sst/sst_format.h"
#include "sst/table_builder.h"
#include "support/unit.h"

static const struct table_build_options plain_options = {.file_number = 7,
                                                         .cf_name = "default",
                                                         .db_identity = "",
                                                         .session_identity = "",
                                                         .merge_operator = "nullptr",
                                                         .bloom_bits_per_key = 10};

struct sink {
    struct buffer bytes;
    size_t call_count;
    size_t fail_at; /* 0: never */
};

static enum kv_status
take_bytes(void *owner, struct slice bytes)
{
    struct sink *sink = owner;

    if (++sink->call_count == sink->fail_at)
        return KV_NO_SPACE;
    buffer_append_slice(&sink->bytes, bytes);
    return KV_OK;
}

static void
count_lines(void *owner, enum log_level level, const char *line)
{
    (void)level;
    (void)line;
    ++*(unsigned *)owner;
}

static enum kv_status
add(struct table_builder *builder, const char *user_key, uint64_t seq, unsigned type,
    struct slice value)
{
    struct buffer key = {0};
    enum kv_status st;

    buffer_append_slice(&key, slice_from_text(user_key));
    buffer_put_fixed64(&key, seq << 8 | type);
    st = table_builder_add(builder, buffer_slice(&key), value);
    buffer_deinit(&key);
    return st;
}

static void
expect_key(const struct buffer *found, const char *user_key, uint64_t seq, enum value_type type)
{
    const struct slice encoded = buffer_slice(found);

    CU_ASSERT_TRUE(slice_equal(internal_key_user(encoded), slice_from_text(user_key)));
    CU_ASSERT_EQUAL(internal_key_footer(encoded), footer_pack(seq, type));
}

static void
the_summary_of_points_is_true(void)
{
    const struct slice value = slice_from_text("value");
    struct sink sink = {0};
    struct table_builder *builder = table_builder_new(&plain_options, take_bytes, &sink);
    struct table_summary summary;

    CU_ASSERT_EQUAL(add(builder, "a", 5, TYPE_VALUE, value), KV_OK);
    CU_ASSERT_EQUAL(add(builder, "a", 3, TYPE_DELETION, slice_of(NULL, 0)), KV_OK);
    CU_ASSERT_EQUAL(add(builder, "b", 9, TYPE_SINGLE_DELETION, slice_of(NULL, 0)), KV_OK);
    CU_ASSERT_EQUAL(add(builder, "c", 4, TYPE_ENTITY, value), KV_OK);
    CU_ASSERT_EQUAL(add(builder, "c", 0, TYPE_MERGE, value), KV_OK);
    CU_ASSERT_EQUAL(table_builder_finish(builder, &summary), KV_OK);
    CU_ASSERT_EQUAL(summary.file_number, 7);
    CU_ASSERT_EQUAL(summary.entry_count, 5);
    CU_ASSERT_EQUAL(summary.deletion_count, 2);
    CU_ASSERT_EQUAL(summary.superseded_count, 2);
    CU_ASSERT_EQUAL(summary.range_tombstone_count, 0);
    CU_ASSERT_EQUAL(summary.seq_smallest, 0);
    CU_ASSERT_EQUAL(summary.seq_largest, 9);
    expect_key(&summary.smallest, "a", 5, TYPE_VALUE);
    expect_key(&summary.largest, "c", 0, TYPE_MERGE);
    CU_ASSERT_EQUAL(summary.file_bytes, sink.bytes.size);
    CU_ASSERT_EQUAL(summary.checksum_crc32c, crc32c_extend(0, sink.bytes.data, sink.bytes.size));
    CU_ASSERT_EQUAL(load_fixed64(sink.bytes.data + sink.bytes.size - 8), TABLE_MAGIC);
    table_summary_deinit(&summary);
    table_builder_free(builder);
    buffer_deinit(&sink.bytes);
}

/* Method: FORMAT's section 6.1, with tombstones that begin and end outside and inside the points.
 */
static void
the_bounds_cover_range_tombstones(void)
{
    static const struct {
        const char *begin, *end;
        uint64_t seq;
        const char *smallest, *largest; /* NULL: the point's */
    } cases[] = {{"a", "b", 3, "a", NULL}, {"a", "x", 3, "a", "x"},   {"m", "n", 12, "m", "n"},
                 {"m", "n", 8, NULL, "n"}, {"mm", "n", 3, NULL, "n"}, {"a", "m", 3, "a", "m"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sink sink = {0};
        struct table_builder *builder = table_builder_new(&plain_options, take_bytes, &sink);
        struct table_summary summary;

        table_builder_add_tombstone(builder, slice_from_text(cases[i].begin),
                                    slice_from_text(cases[i].end), cases[i].seq);
        CU_ASSERT_EQUAL(add(builder, "m", 10, TYPE_VALUE, slice_from_text("v")), KV_OK);
        CU_ASSERT_EQUAL(table_builder_finish(builder, &summary), KV_OK);
        if (cases[i].smallest != NULL)
            expect_key(&summary.smallest, cases[i].smallest, cases[i].seq, TYPE_RANGE_DELETION);
        else
            expect_key(&summary.smallest, "m", 10, TYPE_VALUE);
        /* (m, max) is the end of a range that stops before m: every version of m is behind it. */
        if (cases[i].largest != NULL && strcmp(cases[i].largest, "m") != 0)
            expect_key(&summary.largest, cases[i].largest, SEQUENCE_MAX, TYPE_RANGE_DELETION);
        else
            expect_key(&summary.largest, "m", 10, TYPE_VALUE);
        CU_ASSERT_EQUAL(summary.entry_count, 2);
        CU_ASSERT_EQUAL(summary.deletion_count, 1);
        CU_ASSERT_EQUAL(summary.seq_smallest, cases[i].seq < 10 ? cases[i].seq : 10);
        table_summary_deinit(&summary);
        table_builder_free(builder);
        buffer_deinit(&sink.bytes);
    }
}

/* Method: keys that are equal, in the wrong order, of a type that no table holds, or too large; the
 * failure stays, and is logged once. */
static void
bad_entries_are_refused_for_good(void)
{
    static const struct {
        const char *key;
        uint64_t seq;
        unsigned type;
        size_t value_bytes;
        enum kv_status status;
    } cases[] = {{"k", 5, TYPE_VALUE, 0, KV_CORRUPT},
                 {"k", 6, TYPE_VALUE, 0, KV_CORRUPT},
                 {"j", 4, TYPE_VALUE, 0, KV_CORRUPT},
                 {"", 4, TYPE_VALUE, 0, KV_CORRUPT},
                 {"z", 4, TYPE_RANGE_DELETION, 0, KV_CORRUPT},
                 {"z", 4, TYPE_BLOB_INDEX, 0, KV_CORRUPT},
                 {"z", 4, 0xff, 0, KV_CORRUPT},
                 {"z", 4, TYPE_VALUE, BLOCK_BYTES_MAX, KV_LIMIT}};
    unsigned line_count = 0;

    log_set_sink(count_lines, &line_count);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sink sink = {0};
        struct table_builder *builder = table_builder_new(&plain_options, take_bytes, &sink);
        const struct slice value = slice_of(builder, cases[i].value_bytes); /* never read */
        struct table_summary summary;

        CU_ASSERT_EQUAL(add(builder, "k", 5, TYPE_VALUE, slice_from_text("v")), KV_OK);
        CU_ASSERT_EQUAL(add(builder, cases[i].key, cases[i].seq, cases[i].type, value),
                        cases[i].status);
        CU_ASSERT_EQUAL(add(builder, "zz", 1, TYPE_VALUE, slice_from_text("v")), cases[i].status);
        CU_ASSERT_EQUAL(table_builder_finish(builder, &summary), cases[i].status);
        CU_ASSERT_EQUAL(summary.file_bytes, 0);
        CU_ASSERT_EQUAL(line_count, i + 1);
        table_builder_free(builder);
        buffer_deinit(&sink.bytes);
    }
    log_set_sink(NULL, NULL);
}

/* A table of everything; returns how the build ended. */
static enum kv_status
build_with_sink(struct sink *sink, uint64_t *estimate_out)
{
    struct table_builder *builder = table_builder_new(&plain_options, take_bytes, sink);
    enum kv_status st = KV_OK;
    struct table_summary summary;
    char key[16];

    table_builder_add_tombstone(builder, slice_from_text("a"), slice_from_text("b"), 1);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "key%06u", i);
        st = add(builder, key, i, TYPE_VALUE, slice_from_text("a value of no great length"));
    }
    *estimate_out = table_builder_bytes_estimate(builder);
    if (st == KV_OK) {
        st = table_builder_finish(builder, &summary);
        CU_ASSERT_EQUAL(summary.file_bytes, st == KV_OK ? sink->bytes.size : 0);
        table_summary_deinit(&summary);
    }
    table_builder_free(builder);
    return st;
}

/* Method: a build fails at every write in turn; nothing leaks (ASan), nothing follows the failure.
 */
static void
every_failure_of_the_sink_ends_the_build(void)
{
    struct sink whole = {0};
    uint64_t estimate;

    CU_ASSERT_EQUAL(build_with_sink(&whole, &estimate), KV_OK);
    CU_ASSERT_TRUE(estimate <= whole.bytes.size && estimate + 2000 > whole.bytes.size);
    CU_ASSERT_TRUE(whole.call_count >= 8);
    for (size_t fail_at = 1; fail_at <= whole.call_count; fail_at++) {
        struct sink sink = {.fail_at = fail_at};

        CU_ASSERT_EQUAL(build_with_sink(&sink, &estimate), KV_NO_SPACE);
        CU_ASSERT_EQUAL(sink.call_count, fail_at);
        CU_ASSERT_TRUE(slice_starts_with(buffer_slice(&whole.bytes), buffer_slice(&sink.bytes)));
        buffer_deinit(&sink.bytes);
    }
    buffer_deinit(&whole.bytes);
}

enum { GRID = 40 };

struct coverage {
    bool seqs[GRID][GRID]; /* key, sequence: deleted by a tombstone of that sequence */
    size_t fragment_count;
    struct range_tombstone last;
    bool ordered;
};

static void
cover(void *owner, const struct range_tombstone *fragment)
{
    struct coverage *coverage = owner;

    for (unsigned key = fragment->begin.data[0]; key < fragment->end.data[0]; key++) {
        coverage->ordered &= !coverage->seqs[key][fragment->seq];
        coverage->seqs[key][fragment->seq] = true;
    }
    if (coverage->fragment_count++ > 0) {
        const struct range_tombstone *last = &coverage->last;
        const int order = slice_compare(last->begin, fragment->begin);

        coverage->ordered &=
            order == 0 ? slice_equal(last->end, fragment->end) && last->seq > fragment->seq
                       : slice_compare(last->end, fragment->begin) <= 0;
    }
    coverage->last = *fragment;
}

/* Each key at each sequence, also where nothing covers it. */
static void
expect_newest(const struct range_tombstones *tombstones, const struct coverage *expected,
              const uint8_t *keys)
{
    for (unsigned key = 0; key < GRID; key++) {
        uint64_t newest = UINT64_MAX, seq;

        for (uint64_t seq_max = 0; seq_max < GRID; seq_max++) {
            if (expected->seqs[key][seq_max])
                newest = seq_max;
            CU_ASSERT_EQUAL(
                range_tombstones_cover(tombstones, slice_of(&keys[key], 1), seq_max, &seq),
                newest != UINT64_MAX);
            if (newest != UINT64_MAX)
                CU_ASSERT_EQUAL(seq, newest);
        }
    }
}

/* Method: random ranges on a small line of keys; key by key and sequence by sequence, fragments
 * cover what the ranges cover, once, in order and without overlap, and the newest is found. */
static void
fragments_cover_what_the_tombstones_cover(void)
{
    static uint8_t keys[GRID];
    struct random random;

    for (unsigned i = 0; i < GRID; i++)
        keys[i] = (uint8_t)i;
    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 500; round++) {
        static struct coverage expected, found;
        const struct tombstone_views views = {.all = true};
        const size_t count = 1 + random_below(&random, 30);
        struct range_tombstones tombstones = {0};

        memset(&expected, 0, sizeof(expected));
        memset(&found, 0, sizeof(found));
        found.ordered = true;
        for (size_t i = 0; i < count; i++) {
            const size_t begin = random_below(&random, GRID - 1);
            const size_t end = begin + 1 + random_below(&random, GRID - 1 - begin);
            const uint64_t seq = random_below(&random, round % 2 ? GRID : 5);

            range_tombstones_add(&tombstones, slice_of(&keys[begin], 1), slice_of(&keys[end], 1),
                                 seq);
            for (size_t key = begin; key < end; key++)
                expected.seqs[key][seq] = true;
        }
        range_tombstones_index(&tombstones);
        CU_ASSERT_TRUE(range_tombstones_fragment(&tombstones, &views, GRID * GRID, cover, &found));
        CU_ASSERT_TRUE(found.ordered);
        CU_ASSERT_EQUAL(memcmp(found.seqs, expected.seqs, sizeof(found.seqs)), 0);
        expect_newest(&tombstones, &expected, keys);
        range_tombstones_deinit(&tombstones);
    }
}

static uint64_t
count_nested(size_t count, const uint64_t *snapshots, size_t snapshot_count, bool thin)
{
    struct range_del_builder builder;
    struct range_del_totals totals;
    struct block_builder block;
    char end[16];

    range_del_builder_init(&builder);
    block_builder_init(&block, 1);
    for (size_t i = 1; i <= count; i++) {
        snprintf(end, sizeof(end), "key%06zu", i);
        range_del_builder_add(&builder, slice_from_text("key"), slice_from_text(end), i);
    }
    if (thin)
        range_del_builder_thin(&builder, snapshots, snapshot_count);
    range_del_builder_finish(&builder, &block, &totals);
    block_builder_deinit(&block);
    range_del_builder_deinit(&builder);
    return totals.entry_count;
}

/* Method: a queue that is trimmed again and again: [0, 1), [0, 2), [0, 3) and so on. */
static void
nested_tombstones_do_not_explode(void)
{
    static const uint64_t snapshots[] = {5, 7};

    CU_ASSERT_EQUAL(count_nested(10, NULL, 0, false), 55);
    CU_ASSERT_EQUAL(count_nested(10, NULL, 0, true), 10);
    CU_ASSERT_EQUAL(count_nested(10, snapshots, 2, true), 10 + 7 + 5);
    CU_ASSERT_EQUAL(count_nested(2000, NULL, 0, false), 2000);
    CU_ASSERT_EQUAL(count_nested(2000, NULL, 0, true), 2000);
    CU_ASSERT_EQUAL(count_nested(20000, snapshots, 2, true), 20000 + 7 + 5);
    CU_ASSERT_EQUAL(count_nested(20000, NULL, 0, false), 20000);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_summary_of_points_is_true),
        UNIT_TEST(the_bounds_cover_range_tombstones),
        UNIT_TEST(bad_entries_are_refused_for_good),
        UNIT_TEST(every_failure_of_the_sink_ends_the_build),
        UNIT_TEST(fragments_cover_what_the_tombstones_cover),
        UNIT_TEST(nested_tombstones_do_not_explode),
        UNIT_TEST_END,
    };

    return unit_main("table_builder", tests, argc, argv);
}
