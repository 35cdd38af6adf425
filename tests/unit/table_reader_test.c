/* Goal: lookups and walks in one table give what was put into it, warm, cold and while the cache
 * loses everything it may lose; and damaged tables are refused, not believed. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/log.h"
#include "base/random.h"
#include "sst/sst_format.h"
#include "support/quiet_log.h"
#include "support/test_table.h"
#include "support/unit.h"

enum { MODEL_COUNT_MAX = 600, CACHE_BYTES = 1 << 20 };

struct model_entry {
    char key[16];
    char value[48];
    uint64_t seq;
    enum value_type type;
};

struct model {
    struct model_entry entries[MODEL_COUNT_MAX];
    size_t count;
    struct {
        char begin[16], end[16];
        uint64_t seq;
    } tombstones[8];
    size_t tombstone_count;
};

static struct model model;

/* Keys of which many have several versions, so that some spread over several blocks. */
static void
fill_model(struct random *random)
{
    static const enum value_type types[] = {TYPE_VALUE, TYPE_VALUE, TYPE_DELETION, TYPE_MERGE,
                                            TYPE_SINGLE_DELETION};
    model.count = 0;
    model.tombstone_count = random_below(random, 9);
    for (unsigned key = 0; model.count + 40 < MODEL_COUNT_MAX; key++) {
        uint64_t seq = 1000;
        const uint64_t versions = random_below(random, 8) == 0 ? 1 + random_below(random, 30) : 1;

        for (uint64_t i = 0; i < versions; i++) {
            struct model_entry *entry = &model.entries[model.count++];

            seq -= 1 + random_below(random, 30);
            snprintf(entry->key, sizeof(entry->key), "key%05u", key * 2);
            entry->seq = seq;
            entry->type = types[random_below(random, 5)];
            snprintf(entry->value, sizeof(entry->value), "%.*s%u", (int)random_below(random, 30),
                     "..............................", key);
            if (entry->type == TYPE_DELETION || entry->type == TYPE_SINGLE_DELETION)
                entry->value[0] = '\0';
        }
    }
    for (size_t i = 0; i < model.tombstone_count; i++) {
        const unsigned begin = (unsigned)random_below(random, 300);

        snprintf(model.tombstones[i].begin, 16, "key%05u", begin);
        snprintf(model.tombstones[i].end, 16, "key%05u",
                 begin + 1 + (unsigned)random_below(random, 200));
        model.tombstones[i].seq = 1 + random_below(random, 1000);
    }
}

static void
build_model(struct test_table *table, struct random *random)
{
    static const enum compression compressions[] = {COMPRESSION_NONE, COMPRESSION_LZ4,
                                                    COMPRESSION_ZSTD};
    const enum compression compression = compressions[random_below(random, 3)];
    struct table_build_options options =
        test_table_options(9, compression, (uint32_t)(64 + random_below(random, 2000)));

    options.bloom_bits_per_key = random_below(random, 2) == 0 ? 0 : 10;
    test_table_begin(table, &options);
    for (size_t i = 0; i < model.tombstone_count; i++)
        table_builder_add_tombstone(table->builder, slice_from_text(model.tombstones[i].begin),
                                    slice_from_text(model.tombstones[i].end),
                                    model.tombstones[i].seq);
    for (size_t i = 0; i < model.count; i++)
        test_table_add(table, model.entries[i].key, model.entries[i].seq, model.entries[i].type,
                       model.entries[i].value);
    test_table_finish(table);
}

/* What a lookup should say, found by looking at everything. */
static void
expect(const char *key, uint64_t seq_max, struct lookup *expected)
{
    *expected = (struct lookup){.kind = LOOKUP_ABSENT};
    for (size_t i = 0; i < model.count; i++) {
        const struct model_entry *entry = &model.entries[i];

        if (strcmp(entry->key, key) != 0 || entry->seq > seq_max ||
            (expected->kind != LOOKUP_ABSENT && entry->seq < expected->seq))
            continue;
        expected->kind = entry->type == TYPE_VALUE   ? LOOKUP_VALUE
                         : entry->type == TYPE_MERGE ? LOOKUP_MERGE
                                                     : LOOKUP_TOMBSTONE;
        expected->type = entry->type;
        expected->seq = entry->seq;
        expected->value = slice_from_text(entry->value);
    }
    for (size_t i = 0; i < model.tombstone_count; i++) {
        if (strcmp(model.tombstones[i].begin, key) > 0 ||
            strcmp(model.tombstones[i].end, key) <= 0 || model.tombstones[i].seq > seq_max)
            continue;
        if (expected->kind == LOOKUP_ABSENT || model.tombstones[i].seq > expected->seq)
            *expected = (struct lookup){.kind = LOOKUP_TOMBSTONE,
                                        .type = TYPE_RANGE_DELETION,
                                        .seq = model.tombstones[i].seq};
    }
}

static bool
lookups_equal(const struct lookup *a, const struct lookup *b)
{
    return a->kind == b->kind &&
           (a->kind == LOOKUP_ABSENT ||
            (a->type == b->type && a->seq == b->seq && slice_equal(a->value, b->value)));
}

/* Method: random tables, random keys (half of them absent) and sequences, all temperatures. */
static void
a_lookup_finds_the_newest_visible_entry(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 24; round++) {
        struct block_cache *cache = block_cache_new(CACHE_BYTES);
        struct test_table table;
        size_t wrong = 0;

        fill_model(&random);
        build_model(&table, &random);
        for (int i = 0; i < 600; i++) {
            struct lookup expected, found;
            struct read_ctx ctx;
            char key[16];
            const uint64_t seq_max =
                random_below(&random, 3) == 0 ? SEQUENCE_MAX : random_below(&random, 1100);

            snprintf(key, sizeof(key), "key%05u", (unsigned)random_below(&random, 560));
            expect(key, seq_max, &expected);
            read_ctx_init(&ctx, cache);
            if (test_table_get(&table, &ctx, (enum test_temperature)(round % 3),
                               slice_from_text(key), seq_max, &found) != KV_OK ||
                !lookups_equal(&expected, &found))
                wrong++;
            read_ctx_deinit(&ctx);
        }
        CU_ASSERT_EQUAL(wrong, 0);
        test_table_free(&table);
        block_cache_free(cache);
    }
}

/* One step in as many passes as it takes; a pass that fails must not have changed what shows. */
static enum kv_status
run_step(struct test_table *table, struct iter *iter, struct read_ctx *ctx,
         enum test_temperature temperature, int what, struct slice target)
{
    const bool valid = iter->valid;
    struct buffer shown = {0};
    enum kv_status st;

    if (valid) {
        buffer_append_slice(&shown, iter->key);
        buffer_append_slice(&shown, iter->value);
    }
    for (;;) {
        if (temperature == TEST_EVICTED)
            block_cache_drop_unpinned(ctx->cache);
        st = what == 0   ? iter_seek_first(iter)
             : what == 1 ? iter_seek(iter, target)
                         : iter_next(iter);
        if (st != KV_WANT_BLOCK)
            break;
        CU_ASSERT_EQUAL(iter->valid, valid);
        if (valid) {
            CU_ASSERT_EQUAL(memcmp(shown.data, iter->key.data, iter->key.size), 0);
            CU_ASSERT_EQUAL(iter->key.size + iter->value.size, shown.size);
        }
        st = test_table_fetch(table, 1, ctx);
        if (st != KV_OK)
            break;
    }
    buffer_deinit(&shown);
    return st;
}

static bool
shows(const struct iter *iter, const struct model_entry *entry)
{
    return iter->valid && slice_equal(internal_key_user(iter->key), slice_from_text(entry->key)) &&
           internal_key_footer(iter->key) == footer_pack(entry->seq, entry->type) &&
           slice_equal(iter->value, slice_from_text(entry->value));
}

/* Method: seek to a random place of random tables, walk from there, compare with the model; the
 * iterator holds no more than a few pins all the way. */
static void
a_walk_shows_every_entry_in_order(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 60; round++) {
        const enum test_temperature temperature = (enum test_temperature)(round % 3);
        struct block_cache *cache = block_cache_new(CACHE_BYTES);
        struct buffer target = {0};
        struct test_table table;
        struct read_ctx ctx;
        struct iter *iter;
        size_t at = 0;

        fill_model(&random);
        build_model(&table, &random);
        read_ctx_init(&ctx, cache);
        iter = table_iter_new(table.reader, &ctx);
        for (int seek = 0; seek < 5; seek++) {
            at = seek == 0 ? 0 : random_below(&random, model.count);
            buffer_clear(&target);
            buffer_append_slice(&target, slice_from_text(model.entries[at].key));
            buffer_put_fixed64(&target, footer_pack(model.entries[at].seq, TYPE_SEEK));
            CU_ASSERT_EQUAL(
                run_step(&table, iter, &ctx, temperature, seek == 0 ? 0 : 1, buffer_slice(&target)),
                KV_OK);
            for (; at < model.count && random_below(&random, 200) > 0; at++) {
                if (!shows(iter, &model.entries[at])) {
                    CU_FAIL("another entry");
                    break;
                }
                if (run_step(&table, iter, &ctx, temperature, 2, slice_of(NULL, 0)) != KV_OK)
                    CU_FAIL("a step failed");
                CU_ASSERT(ctx.pin_count <= 3);
            }
            CU_ASSERT_EQUAL(iter->valid, at < model.count);
        }
        iter_free(iter);
        CU_ASSERT_EQUAL(ctx.pin_count, 0);
        read_ctx_deinit(&ctx);
        test_table_free(&table);
        block_cache_free(cache);
        buffer_deinit(&target);
    }
}

enum { NESTED_COUNT = 20000 };

/* Brings the table's tombstones into `count`. */
static void
open_tombstones(struct test_table *table, struct read_ctx *ctx,
                const struct range_tombstone **tombstones, size_t *count)
{
    enum kv_status st;

    while ((st = table_reader_tombstones(table->reader, ctx, tombstones, count)) == KV_WANT_BLOCK)
        CU_ASSERT_EQUAL(test_table_fetch(table, 1, ctx), KV_OK);
    CU_ASSERT_EQUAL(st, KV_OK);
}

/* Method: tombstone i deletes [a, i) at sequence i, each one longer and newer than the one
 * before, and all are kept: n * n / 2 fragments if they were cut.  Of those over key k the newest
 * at s is s itself if s > k, and none otherwise. */
static void
deeply_nested_tombstones_are_read(void)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    const struct range_tombstone *tombstones;
    struct test_table table;
    struct random random;
    struct read_ctx ctx;
    char text[16];
    size_t count;

    random_init(&random, unit_seed());
    test_table_begin(&table, NULL);
    for (unsigned i = 1; i <= NESTED_COUNT; i++) {
        snprintf(text, sizeof(text), "key%06u", i);
        table_builder_add_tombstone(table.builder, slice_from_text("a"), slice_from_text(text), i);
    }
    test_table_finish(&table);
    read_ctx_init(&ctx, cache);
    open_tombstones(&table, &ctx, &tombstones, &count);
    CU_ASSERT_EQUAL_FATAL(count, NESTED_COUNT);
    CU_ASSERT(tombstones[0].seq == NESTED_COUNT && tombstones[count - 1].seq == 1);
    CU_ASSERT(table_reader_bytes_used(table.reader) < NESTED_COUNT * 512u);
    for (unsigned i = 0; i < 10000; i++) {
        const uint64_t key = random_below(&random, NESTED_COUNT + 2);
        const uint64_t seq_max = random_below(&random, NESTED_COUNT + 2);
        const uint64_t newest = seq_max < NESTED_COUNT ? seq_max : NESTED_COUNT;
        uint64_t seq;

        snprintf(text, sizeof(text), "key%06u", (unsigned)key);
        CU_ASSERT_EQUAL(table_reader_covering_tombstone(table.reader, &ctx, slice_from_text(text),
                                                        seq_max, &seq),
                        KV_OK);
        CU_ASSERT_EQUAL(seq, newest > key ? newest : 0);
    }
    read_ctx_deinit(&ctx);
    test_table_free(&table);
    block_cache_free(cache);
}

/* Method: the same table as part of a cut range: the MANIFEST's bounds are narrower, once with a
 * tombstone's end as largest, once with a key. */
static void
tombstones_are_cut_to_the_bounds(void)
{
    static const struct {
        uint64_t largest_footer;
        bool last_covered;
    } cases[] = {{((UINT64_C(1) << 56) - 1) << 8 | TYPE_RANGE_DELETION, false},
                 {(UINT64_C(3) << 8) | TYPE_VALUE, true}};

    for (size_t i = 0; i < 2; i++) {
        struct block_cache *cache = block_cache_new(CACHE_BYTES);
        struct buffer smallest = {0}, largest = {0};
        struct table_reader_options options = {.path = "in memory", .file_number = 1};
        struct test_table table;
        struct lookup found;
        struct read_ctx ctx;

        test_table_begin(&table, NULL);
        table_builder_add_tombstone(table.builder, slice_from_text("a"), slice_from_text("z"), 9);
        test_table_finish(&table);
        table_reader_unref(table.reader);
        buffer_append(&smallest, "f", 1);
        buffer_put_fixed64(&smallest, footer_pack(9, TYPE_RANGE_DELETION));
        buffer_append(&largest, "m", 1);
        buffer_put_fixed64(&largest, cases[i].largest_footer);
        options.smallest = buffer_slice(&smallest);
        options.largest = buffer_slice(&largest);
        options.file_bytes = table.bytes.size;
        options.seq_largest = 9;
        table.reader = table_reader_new(&options);
        read_ctx_init(&ctx, cache);
        for (const char *key = "efglmno"; *key != '\0'; key++) {
            const bool covered =
                *key >= 'f' && (*key < 'm' || (*key == 'm' && cases[i].last_covered));

            CU_ASSERT_EQUAL(test_table_get(&table, &ctx, TEST_WARM, slice_of(key, 1), 100, &found),
                            KV_OK);
            CU_ASSERT_EQUAL(found.kind == LOOKUP_TOMBSTONE, covered);
        }
        read_ctx_deinit(&ctx);
        buffer_deinit(&smallest);
        buffer_deinit(&largest);
        test_table_free(&table);
        block_cache_free(cache);
    }
}

/* Walks all; whatever comes is fine but a crash, a leak or nonsense among the entries. */
static enum kv_status
walk(struct test_table *table)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    struct read_ctx ctx;
    struct iter *iter;
    enum kv_status st;

    read_ctx_init(&ctx, cache);
    iter = table_iter_new(table->reader, &ctx);
    st = run_step(table, iter, &ctx, TEST_WARM, 0, slice_of(NULL, 0));
    while (st == KV_OK && iter->valid)
        st = run_step(table, iter, &ctx, TEST_WARM, 2, slice_of(NULL, 0));
    iter_free(iter);
    read_ctx_deinit(&ctx);
    block_cache_free(cache);
    return st;
}

/* Method: a table of checksummed blocks with each byte flipped in turn, and cut at each length:
 * never a walk to the end without an error, but for the footer's padding, which nothing covers. */
static void
no_damage_goes_unnoticed(void)
{
    struct test_table whole, damaged;
    size_t unnoticed = 0;

    quiet_log();
    test_table_begin(&whole, NULL);
    for (unsigned i = 0; i < 30; i++) {
        char key[16];

        snprintf(key, sizeof(key), "key%03u", i);
        test_table_add(&whole, key, 100, TYPE_VALUE, "value");
    }
    table_builder_add_tombstone(whole.builder, slice_from_text("a"), slice_from_text("b"), 5);
    test_table_finish(&whole);
    CU_ASSERT_EQUAL(walk(&whole), KV_OK);
    for (size_t i = 0; i < whole.bytes.size; i++) {
        whole.bytes.data[i] ^= 0x41;
        test_table_from_bytes(&damaged, 1, buffer_slice(&whole.bytes));
        whole.bytes.data[i] ^= 0x41;
        if (walk(&damaged) == KV_OK)
            unnoticed++;
        test_table_free(&damaged);
    }
    CU_ASSERT(unnoticed <= FOOTER_HANDLES_BYTES);
    for (size_t size = 0; size < whole.bytes.size; size++) {
        test_table_from_bytes(&damaged, 1, slice_of(whole.bytes.data, size));
        CU_ASSERT_NOT_EQUAL(walk(&damaged), KV_OK);
        test_table_free(&damaged);
    }
    log_set_sink(NULL, NULL);
    test_table_free(&whole);
}

/* Method: footers of what is not read, on an otherwise good table. */
static void
other_formats_are_refused_by_name(void)
{
    struct test_table whole, other;
    uint8_t *footer;

    quiet_log();
    test_table_begin(&whole, NULL);
    test_table_add(&whole, "a", 1, TYPE_VALUE, "1");
    test_table_finish(&whole);
    footer = whole.bytes.data + whole.bytes.size - FOOTER_BYTES;
    for (uint32_t version = 0; version < 9; version++) {
        put_fixed32(footer + FOOTER_VERSION_OFFSET, version);
        test_table_from_bytes(&other, 1, buffer_slice(&whole.bytes));
        CU_ASSERT_EQUAL(walk(&other), version >= 2 && version <= 5 ? KV_OK : KV_UNSUPPORTED);
        test_table_free(&other);
    }
    put_fixed32(footer + FOOTER_VERSION_OFFSET, 5);
    put_fixed64(footer + FOOTER_MAGIC_OFFSET, TABLE_MAGIC_LEGACY);
    test_table_from_bytes(&other, 1, buffer_slice(&whole.bytes));
    CU_ASSERT_EQUAL(walk(&other), KV_UNSUPPORTED);
    test_table_free(&other);
    log_set_sink(NULL, NULL);
    test_table_free(&whole);
}

/* Method: the worked example of FORMAT.md section 13.5, byte for byte. */
static void
the_worked_example_is_read(void)
{
    static const char hex[] =
        "000d036170706c650101000000000000726564020d007269636f74000200000000000000000000"
        "01000000008a610580000761707269636f74002b000000000100000000d5150f51002404"
        "726f636b7364622e626c6f636b2e62617365642e7461626c652e696e6465782e747970650000"
        "0000081501696e6465782e6b65792e69732e757365722e6b6579010e160176616c75652e6973"
        "2e64656c74612e656e636f646564010000000001000000"
        "0094c494b3001202726f636b7364622e70726f70657274696573486600000000"
        "01000000009d5b2f2b01b3011f3013";
    struct buffer bytes = {0};
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    struct test_table table;
    struct lookup found;
    struct read_ctx ctx;

    for (size_t i = 0; i + 1 < sizeof(hex); i += 2) {
        unsigned byte;

        CU_ASSERT_EQUAL(sscanf(hex + i, "%2x", &byte), 1);
        buffer_append_byte(&bytes, (uint8_t)byte);
    }
    while (bytes.size < 268 - 12)
        buffer_append_byte(&bytes, 0);
    buffer_put_fixed32(&bytes, 5);
    buffer_put_fixed64(&bytes, TABLE_MAGIC);
    test_table_from_bytes(&table, 1, buffer_slice(&bytes));
    read_ctx_init(&ctx, cache);
    CU_ASSERT_EQUAL(test_table_get(&table, &ctx, TEST_COLD, slice_from_text("apple"), 5, &found),
                    KV_OK);
    CU_ASSERT(found.kind == LOOKUP_VALUE && slice_equal(found.value, slice_from_text("red")));
    CU_ASSERT_EQUAL(test_table_get(&table, &ctx, TEST_COLD, slice_from_text("apricot"), 5, &found),
                    KV_OK);
    CU_ASSERT(found.kind == LOOKUP_TOMBSTONE && found.seq == 2);
    read_ctx_deinit(&ctx);
    test_table_free(&table);
    block_cache_free(cache);
    buffer_deinit(&bytes);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_lookup_finds_the_newest_visible_entry),
        UNIT_TEST(a_walk_shows_every_entry_in_order),
        UNIT_TEST(deeply_nested_tombstones_are_read),
        UNIT_TEST(tombstones_are_cut_to_the_bounds),
        UNIT_TEST(no_damage_goes_unnoticed),
        UNIT_TEST(other_formats_are_refused_by_name),
        UNIT_TEST(the_worked_example_is_read),
        UNIT_TEST_END,
    };

    return unit_main("table_reader", tests, argc, argv);
}
