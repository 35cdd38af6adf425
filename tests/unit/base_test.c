/* Goal: the small types of lib/base keep their headers' promises. */
#include <CUnit/Basic.h>

#include "base/buffer.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/list.h"
#include "base/random.h"
#include "support/unit.h"

/* Method: the check value of FORMAT's section 0.1, whole and in two pieces, and its mask. */
static void
crc32c_matches_the_known_vector(void)
{
    const char *text = "123456789";

    CU_ASSERT_EQUAL(crc32c_extend(0, text, 9), 0xe3069283u);
    CU_ASSERT_EQUAL(crc32c_extend(crc32c_extend(0, text, 4), text + 4, 5), 0xe3069283u);
    CU_ASSERT_EQUAL(crc32c_mask(0xe3069283u), 0xc78ab0e5u);
    CU_ASSERT_EQUAL(crc32c_unmask(0xc78ab0e5u), 0xe3069283u);
}

/* Method: every width from one bit to 64 goes out and comes back, and no prefix is accepted. */
static void
varints_come_back_and_prefixes_are_refused(void)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        const uint64_t value = UINT64_C(1) << bits;
        uint8_t bytes[VARINT64_BYTES_MAX];
        const size_t size = put_varint64(bytes, value);
        struct slice input = slice_of(bytes, size);
        uint64_t found = 0;

        CU_ASSERT_EQUAL(size, varint64_size(value));
        for (size_t cut = 0; cut < size; cut++) {
            struct slice prefix = slice_of(bytes, cut);
            CU_ASSERT_FALSE(get_varint64(&prefix, &found));
            CU_ASSERT_EQUAL(prefix.size, cut);
        }
        CU_ASSERT_TRUE(get_varint64(&input, &found));
        CU_ASSERT_EQUAL(found, value);
        CU_ASSERT_EQUAL(input.size, 0);
    }
}

static void
overlong_integers_are_refused(void)
{
    const uint8_t eleven[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1};
    const uint8_t too_big[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    const uint8_t over_32[5] = {0xff, 0xff, 0xff, 0xff, 0x1f};
    struct slice input;
    uint64_t value;
    uint32_t value32;

    input = slice_of(eleven, sizeof(eleven));
    CU_ASSERT_FALSE(get_varint64(&input, &value));
    input = slice_of(too_big, sizeof(too_big));
    CU_ASSERT_FALSE(get_varint64(&input, &value));
    input = slice_of(over_32, sizeof(over_32));
    CU_ASSERT_FALSE(get_varint32(&input, &value32));
    CU_ASSERT_EQUAL(input.size, sizeof(over_32));
}

static void
a_buffer_keeps_what_is_appended(void)
{
    struct buffer buffer = {0};
    struct slice input, bytes;
    uint32_t number;

    for (uint32_t i = 0; i < 1000; i++) {
        buffer_put_lstr(&buffer, slice_from_text("hello"));
        buffer_put_fixed32(&buffer, i);
    }
    buffer_append_format(&buffer, "%d-%s", 42, "end");
    input = buffer_slice(&buffer);
    for (uint32_t i = 0; i < 1000; i++) {
        CU_ASSERT_TRUE(get_lstr(&input, &bytes));
        CU_ASSERT_TRUE(slice_equal(bytes, slice_from_text("hello")));
        CU_ASSERT_TRUE(get_fixed32(&input, &number));
        CU_ASSERT_EQUAL(number, i);
    }
    CU_ASSERT_TRUE(slice_equal(input, slice_from_text("42-end")));
    buffer_consume(&buffer, buffer.size - 3);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&buffer), slice_from_text("end")));
    buffer_deinit(&buffer);
}

static void
slices_compare_bytewise_and_shorter_first(void)
{
    CU_ASSERT_TRUE(slice_compare(slice_from_text("a"), slice_from_text("b")) < 0);
    CU_ASSERT_TRUE(slice_compare(slice_from_text("a"), slice_from_text("ab")) < 0);
    CU_ASSERT_TRUE(slice_compare(slice_of("\xff", 1), slice_of("\x01\x02", 2)) > 0);
    CU_ASSERT_TRUE(slice_compare(slice_of(NULL, 0), slice_of(NULL, 0)) == 0);
    CU_ASSERT_TRUE(slice_starts_with(slice_from_text("abc"), slice_from_text("ab")));
    CU_ASSERT_FALSE(slice_starts_with(slice_from_text("a"), slice_from_text("ab")));
}

static void
a_seed_gives_the_same_numbers_again(void)
{
    struct random one, two;

    random_init(&one, 7);
    random_init(&two, 7);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(random_next(&one), random_next(&two));
        CU_ASSERT_TRUE(random_below(&one, 10) < 10);
        random_next(&two);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(crc32c_matches_the_known_vector),
        UNIT_TEST(varints_come_back_and_prefixes_are_refused),
        UNIT_TEST(overlong_integers_are_refused),
        UNIT_TEST(a_buffer_keeps_what_is_appended),
        UNIT_TEST(slices_compare_bytewise_and_shorter_first),
        UNIT_TEST(a_seed_gives_the_same_numbers_again),
        UNIT_TEST_END,
    };

    return unit_main("base", tests, argc, argv);
}
