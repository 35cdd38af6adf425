/* Goal: blocks have RocksDB's bytes, and separators are the ones that RocksDB makes. */
#include <CUnit/Basic.h>

#include "base/random.h"
#include "key/internal_key.h"
#include "sst/block_builder.h"
#include "sst/index_builder.h"
#include "sst/index_separator.h"
#include "support/unit.h"

static void
add(struct block_builder *builder, struct slice key, const char *value)
{
    block_builder_add(builder, key, block_builder_shared(builder, key), slice_from_text(value));
}

static void
expect_bytes(const struct buffer *found, const char *bytes, size_t size)
{
    CU_ASSERT_EQUAL(found->size, size);
    CU_ASSERT_TRUE(found->size == size && memcmp(found->data, bytes, size) == 0);
}

/* Method: the data block of FORMAT's section 13.5. */
static void
a_data_block_has_the_bytes_of_the_example(void)
{
    static const char expected[] = "\x00\x0d\x03"
                                   "apple\x01\x01\0\0\0\0\0\0red"
                                   "\x02\x0d\x00"
                                   "ricot\0\x02\0\0\0\0\0\0"
                                   "\0\0\0\0\1\0\0\0";
    struct block_builder builder;

    block_builder_init(&builder, 16);
    add(&builder, slice_of("apple\x01\x01\0\0\0\0\0\0", 13), "red");
    add(&builder, slice_of("apricot\0\x02\0\0\0\0\0\0", 15), "");
    CU_ASSERT_EQUAL(block_builder_size(&builder), sizeof(expected) - 1);
    block_builder_finish(&builder);
    expect_bytes(&builder.bytes, expected, sizeof(expected) - 1);
    block_builder_deinit(&builder);
}

static void
an_empty_block_has_one_restart(void)
{
    struct block_builder builder;

    block_builder_init(&builder, 1);
    CU_ASSERT_TRUE(block_builder_empty(&builder));
    block_builder_finish(&builder);
    expect_bytes(&builder.bytes, "\0\0\0\0\1\0\0\0", 8);
    block_builder_deinit(&builder);
}

/* Method: interval 2; the prefix is dropped at restarts and at the start of the next block, though
 * the last key is remembered. */
static void
restart_points_have_whole_keys(void)
{
    static const char expected[] = "\0\2\1ab1"
                                   "\2\1\1c2"
                                   "\0\4\1abcd3"
                                   "\0\0\0\0\x0b\0\0\0\2\0\0\0";
    struct block_builder builder;

    block_builder_init(&builder, 2);
    add(&builder, slice_from_text("ab"), "1");
    add(&builder, slice_from_text("abc"), "2");
    add(&builder, slice_from_text("abcd"), "3");
    block_builder_finish(&builder);
    expect_bytes(&builder.bytes, expected, sizeof(expected) - 1);
    block_builder_reset(&builder);
    CU_ASSERT_EQUAL(block_builder_shared(&builder, slice_from_text("abcx")), 3);
    add(&builder, slice_from_text("abcx"), "4");
    block_builder_finish(&builder);
    expect_bytes(&builder.bytes, "\0\4\1abcx4\0\0\0\0\1\0\0\0", 16);
    block_builder_deinit(&builder);
}

/* Method: all lengths around the words that are compared at once, against a plain loop. */
static void
shared_prefixes_are_found_by_words(void)
{
    struct block_builder builder;
    uint8_t key[40];

    block_builder_init(&builder, 16);
    for (size_t size = 0; size <= sizeof(key); size++) {
        for (size_t differs = 0; differs <= size; differs++) {
            memset(key, 0x80, sizeof(key));
            buffer_clear(&builder.last_key);
            buffer_append(&builder.last_key, key, size);
            if (differs < size)
                key[differs] = 0x81;
            CU_ASSERT_EQUAL(block_builder_shared(&builder, slice_of(key, size)), differs);
            CU_ASSERT_EQUAL(block_builder_shared(&builder, slice_of(key, sizeof(key))), differs);
        }
    }
    block_builder_deinit(&builder);
}

static void
expect_separator(struct slice last, struct slice next, struct slice expected)
{
    struct buffer found = {0};
    const bool changed = index_separator_append(&found, last, next);

    CU_ASSERT_TRUE(slice_equal(buffer_slice(&found), expected));
    CU_ASSERT_EQUAL(changed, !slice_equal(last, expected));
    buffer_deinit(&found);
}

/* Method: each rule of FORMAT's section 5.7. */
static void
separators_are_rocksdbs(void)
{
#define S(text) slice_of(text, sizeof(text) - 1)
    expect_separator(S("abc"), S("abcd"), S("abc")); /* a prefix stays */
    expect_separator(S("abc"), S("abc"), S("abc"));  /* so does the same key */
    expect_separator(S(""), S("a"), S(""));
    expect_separator(S("abcz"), S("abxz"), S("abd")); /* room between the bytes */
    expect_separator(S("ab1z"), S("ab2z"), S("ab2")); /* none, but next goes on */
    expect_separator(S("ab1z"), S("ab2"), S("ab1{")); /* none, and next ends there */
    expect_separator(S("ab1\xff\xffz9"), S("ab2"), S("ab1\xff\xff{"));
    expect_separator(S("ab1\xff"), S("ab2"), S("ab1\xff")); /* nothing to grow */
    expect_separator(S("ab1"), S("ab2"), S("ab1"));
    expect_separator(S("a\xfez"), S("a\xffz"), S("a\xff"));
#undef S
}

/* Method: random neighbours of few letters: last <= separator < next, always. */
static void
separators_separate(void)
{
    static const uint8_t letters[] = {0x00, 0x01, 0x02, 0xfe, 0xff};
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[2][8];
        struct slice keys[2];
        struct buffer found = {0};

        for (unsigned k = 0; k < 2; k++) {
            keys[k] = slice_of(bytes[k], random_below(&random, 7));
            for (size_t i = 0; i < keys[k].size; i++)
                bytes[k][i] = letters[random_below(&random, sizeof(letters))];
        }
        if (slice_compare(keys[0], keys[1]) >= 0)
            continue;
        index_separator_append(&found, keys[0], keys[1]);
        CU_ASSERT_TRUE(slice_compare(keys[0], buffer_slice(&found)) <= 0);
        CU_ASSERT_TRUE(slice_compare(buffer_slice(&found), keys[1]) < 0);
        CU_ASSERT_TRUE(found.size <= keys[0].size);
        buffer_deinit(&found);
    }
}

#define KEY(text) slice_of(text "\1\5\0\0\0\0\0\0", sizeof(text) - 1 + KEY_FOOTER_BYTES)

/* Method: two blocks, with a border between user keys and then with one inside a user key. */
static void
the_index_has_user_keys_only_if_it_can(void)
{
    static const char user_form[] = "\0\2ac\0\x64"
                                    "\0\2az\x69\x64"
                                    "\0\0\0\0\6\0\0\0\2\0\0\0";
    static const char internal_form[] = "\0\x0a"
                                        "ac\x16\xff\xff\xff\xff\xff\xff\xff\0\x64"
                                        "\0\x0a"
                                        "az\1\5\0\0\0\0\0\0\x69\x64"
                                        "\0\x0a"
                                        "az\1\5\0\0\0\0\0\0\xd2\x01\x64"
                                        "\0\0\0\0\x0e\0\0\0\x1c\0\0\0\3\0\0\0";
    struct index_builder index;
    struct block_builder block;

    index_builder_init(&index);
    block_builder_init(&block, 1);
    index_builder_add(&index, KEY("abx"), KEY("ae"), 0, 100);
    index_builder_add(&index, KEY("az"), slice_of(NULL, 0), 105, 100);
    CU_ASSERT_FALSE(index.has_internal_keys);
    index_builder_finish(&index, &block);
    expect_bytes(&block.bytes, user_form, sizeof(user_form) - 1);
    index_builder_deinit(&index);
    index_builder_init(&index);
    block_builder_reset(&block);
    index_builder_add(&index, KEY("abx"), KEY("ae"), 0, 100);
    index_builder_add(&index, KEY("az"), KEY("az"), 105, 100);
    index_builder_add(&index, KEY("az"), slice_of(NULL, 0), 210, 100);
    CU_ASSERT_TRUE(index.has_internal_keys);
    index_builder_finish(&index, &block);
    expect_bytes(&block.bytes, internal_form, sizeof(internal_form) - 1);
    index_builder_deinit(&index);
    block_builder_deinit(&block);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_data_block_has_the_bytes_of_the_example),
        UNIT_TEST(an_empty_block_has_one_restart),
        UNIT_TEST(restart_points_have_whole_keys),
        UNIT_TEST(shared_prefixes_are_found_by_words),
        UNIT_TEST(separators_are_rocksdbs),
        UNIT_TEST(separators_separate),
        UNIT_TEST(the_index_has_user_keys_only_if_it_can),
        UNIT_TEST_END,
    };

    return unit_main("block_builder", tests, argc, argv);
}
