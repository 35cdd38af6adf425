/* Goal: internal keys keep FORMAT.md's layout and order. */
#include <CUnit/Basic.h>

#include "key/internal_key.h"
#include "support/unit.h"

/* Method: bytes written down by hand. */
static void
a_key_is_the_user_key_and_a_footer(void)
{
    static const uint8_t expected[] = {'k', 1, 5, 0, 0, 0, 0, 0, 0};
    struct buffer encoded = {0};
    struct internal_key key;

    internal_key_append(&encoded, slice_from_text("k"), 5, TYPE_VALUE);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&encoded), slice_of(expected, sizeof(expected))));
    CU_ASSERT_TRUE(internal_key_parse(buffer_slice(&encoded), &key));
    CU_ASSERT_TRUE(slice_equal(key.user_key, slice_from_text("k")));
    CU_ASSERT_EQUAL(key.seq, 5);
    CU_ASSERT_EQUAL(key.type, TYPE_VALUE);
    buffer_deinit(&encoded);
}

/* Method: every type byte and every length below a footer. */
static void
what_no_table_holds_is_refused(void)
{
    uint8_t bytes[9] = {'k'};
    struct internal_key key;
    int accepted_count = 0;

    for (unsigned type = 0; type < 256; type++) {
        bytes[1] = (uint8_t)type;
        if (internal_key_parse(slice_of(bytes, sizeof(bytes)), &key)) {
            CU_ASSERT_EQUAL((unsigned)key.type, type);
            accepted_count++;
        }
    }
    CU_ASSERT_EQUAL(accepted_count, 7);
    for (size_t size = 0; size < KEY_FOOTER_BYTES; size++)
        CU_ASSERT_FALSE(internal_key_parse(slice_of(bytes, size), &key));
    CU_ASSERT_TRUE(internal_key_parse(slice_of(bytes + 1, KEY_FOOTER_BYTES), &key) == false);
    bytes[1] = TYPE_DELETION;
    CU_ASSERT_TRUE(internal_key_parse(slice_of(bytes + 1, KEY_FOOTER_BYTES), &key));
    CU_ASSERT_EQUAL(key.user_key.size, 0);
}

struct sample {
    const char *user_key;
    uint64_t seq;
    enum value_type type;
};

/* Method: a list in the order that FORMAT.md demands; each pair compares accordingly. */
static void
newer_comes_first_within_a_user_key(void)
{
    static const struct sample ordered[] = {
        {"", 1, TYPE_VALUE},
        {"a", (UINT64_C(1) << 56) - 1, TYPE_SEEK},
        {"a", 9, TYPE_SEEK},
        {"a", 9, TYPE_MERGE},
        {"a", 9, TYPE_VALUE},
        {"a", 9, TYPE_DELETION},
        {"a", 8, TYPE_SINGLE_DELETION},
        {"a", 0, TYPE_VALUE},
        {"aa", 100, TYPE_VALUE},
        {"b", 1, TYPE_VALUE},
        {"\xff", 1, TYPE_VALUE},
    };
    enum { COUNT = sizeof(ordered) / sizeof(ordered[0]) };
    struct buffer encoded[COUNT] = {{0}};

    for (int i = 0; i < COUNT; i++)
        internal_key_append(&encoded[i], slice_from_text(ordered[i].user_key), ordered[i].seq,
                            ordered[i].type);
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            const int order =
                internal_key_compare(buffer_slice(&encoded[i]), buffer_slice(&encoded[j]));

            CU_ASSERT_EQUAL((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    for (int i = 0; i < COUNT; i++)
        buffer_deinit(&encoded[i]);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_key_is_the_user_key_and_a_footer),
        UNIT_TEST(what_no_table_holds_is_refused),
        UNIT_TEST(newer_comes_first_within_a_user_key),
        UNIT_TEST_END,
    };

    return unit_main("internal_key", tests, argc, argv);
}
