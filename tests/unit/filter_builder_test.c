/* Goal: filters have RocksDB's size and bits, know every key, and turn most others away. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/hash.h"
#include "sst/filter_builder.h"
#include "sst/sst_format.h"
#include "support/unit.h"

/* A reader of its own, from FORMAT's section 5.9. */
static bool
may_contain(const struct buffer *filter, struct slice key)
{
    const uint64_t lines_bytes = filter->size - FILTER_METADATA_BYTES;
    const uint64_t hash = hash_xxph3(key.data, key.size);
    const uint64_t line = (lines_bytes / 64 * (uint32_t)hash) >> 32;
    uint32_t probe = (uint32_t)(hash >> 32);

    for (unsigned i = 0; i < filter->data[lines_bytes + 2]; i++, probe *= 0x9e3779b9u) {
        const uint32_t bit = probe >> 23;

        if ((filter->data[64 * line + bit / 8] >> bit % 8 & 1) == 0)
            return false;
    }
    return true;
}

/* Method: FORMAT's section 13.1: with 12 lines `hello` sets these bits of line 9 and no others. */
static void
hello_sets_its_six_bits(void)
{
    static const unsigned bits[] = {321, 97, 331, 137, 40, 24};
    struct filter_builder builder;
    struct buffer filter = {0};
    unsigned set_count = 0;

    filter_builder_init(&builder, 10);
    /* 12 lines are 6,144 bits: 614 keys.  Only the hash of one of them is wanted. */
    for (unsigned i = 0; i < 614; i++) {
        filter_builder_add(&builder, slice_of(&i, sizeof(i)));
        builder.hashes[i] = hash_xxph3("hello", 5);
    }
    filter_builder_finish(&builder, &filter);
    CU_ASSERT_EQUAL_FATAL(filter.size, 12 * 64 + 5);
    for (size_t i = 0; i < 6; i++)
        CU_ASSERT_TRUE(filter.data[9 * 64 + bits[i] / 8] >> bits[i] % 8 & 1);
    for (size_t i = 0; i < 12 * 64; i++)
        set_count += (unsigned)__builtin_popcount(filter.data[i]);
    CU_ASSERT_EQUAL(set_count, 6);
    CU_ASSERT_EQUAL(memcmp(filter.data + 12 * 64, "\xff\0\6\0\0", 5), 0);
    filter_builder_deinit(&builder);
    buffer_deinit(&filter);
}

static void
probes_depend_on_the_bits_per_key(void)
{
    static const struct {
        uint32_t bits;
        uint8_t probes;
    } cases[] = {{1, 1},  {2, 1},   {3, 2},   {5, 3},   {8, 5},   {10, 6},  {11, 7},  {14, 8},
                 {15, 9}, {18, 10}, {22, 11}, {25, 12}, {26, 11}, {50, 23}, {51, 24}, {100, 24}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filter_builder builder;
        struct buffer filter = {0};

        filter_builder_init(&builder, cases[i].bits);
        filter_builder_add(&builder, slice_from_text("a"));
        filter_builder_add(&builder, slice_from_text("a"));
        CU_ASSERT_EQUAL(builder.hash_count, 1);
        filter_builder_finish(&builder, &filter);
        CU_ASSERT_EQUAL(filter.size, 64 + 5);
        CU_ASSERT_EQUAL(filter.data[64 + 2], cases[i].probes);
        filter_builder_deinit(&builder);
        buffer_deinit(&filter);
    }
}

static void
no_bits_keep_no_keys(void)
{
    struct filter_builder builder;

    filter_builder_init(&builder, 0);
    filter_builder_add(&builder, slice_from_text("a"));
    CU_ASSERT_EQUAL(builder.hash_count, 0);
    filter_builder_deinit(&builder);
}

/* Method: 50,000 keys in, all found; 50,000 others, of which about one in a hundred is found. */
static void
all_keys_are_found_and_few_others(void)
{
    struct filter_builder builder;
    struct buffer filter = {0};
    unsigned missing = 0, false_count = 0;
    char key[32];

    filter_builder_init(&builder, 10);
    for (unsigned i = 0; i < 50000; i++)
        filter_builder_add(&builder, slice_of(key, (size_t)snprintf(key, sizeof(key), "key%u", i)));
    CU_ASSERT_EQUAL(filter_builder_size(&builder), 62528 + 5);
    filter_builder_finish(&builder, &filter);
    CU_ASSERT_EQUAL(filter.size, filter_builder_size(&builder));
    for (unsigned i = 0; i < 100000; i++) {
        const bool found =
            may_contain(&filter, slice_of(key, (size_t)snprintf(key, sizeof(key), "key%u", i)));

        missing += i < 50000 && !found;
        false_count += i >= 50000 && found;
    }
    CU_ASSERT_EQUAL(missing, 0);
    CU_ASSERT_TRUE(false_count > 100 && false_count < 750);
    filter_builder_deinit(&builder);
    buffer_deinit(&filter);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(hello_sets_its_six_bits),
        UNIT_TEST(probes_depend_on_the_bits_per_key),
        UNIT_TEST(no_bits_keep_no_keys),
        UNIT_TEST(all_keys_are_found_and_few_others),
        UNIT_TEST_END,
    };

    return unit_main("filter_builder", tests, argc, argv);
}
