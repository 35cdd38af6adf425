/* Goal: filters never say no to a key that was added, and odd bytes mean "maybe". */
#include <CUnit/Basic.h>
#include <string.h>

#include "sst/filter_reader.h"
#include "support/unit.h"

static bool
says_maybe(const uint8_t *content, size_t size)
{
    struct filter_reader filter;

    filter_reader_init(&filter, slice_of(content, size));
    return filter_reader_may_contain(&filter, slice_from_text("hello"));
}

static void
set_bits(uint8_t *line, const unsigned *bits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        line[bits[i] / 8] |= (uint8_t)(1u << (bits[i] % 8));
}

/* Method: the bits that FORMAT.md section 13.1 gives for "hello", then with each one missing. */
static void
the_known_bits_are_tested(void)
{
    static const unsigned fast[] = {321, 97, 331, 137, 40, 24};
    static const unsigned legacy[] = {78, 24, 482, 428, 374, 320};
    uint8_t content[13 * 64 + 5] = {0};

    set_bits(content + 9 * 64, fast, 6);
    memcpy(content + 12 * 64, "\xff\x00\x06\x00\x00", 5);
    CU_ASSERT_TRUE(says_maybe(content, 12 * 64 + 5));
    for (size_t i = 0; i < 6; i++) {
        content[9 * 64 + fast[i] / 8] ^= (uint8_t)(1u << (fast[i] % 8));
        CU_ASSERT_FALSE(says_maybe(content, 12 * 64 + 5));
        content[9 * 64 + fast[i] / 8] ^= (uint8_t)(1u << (fast[i] % 8));
    }
    memset(content, 0, sizeof(content));
    set_bits(content + 3 * 64, legacy, 6);
    memcpy(content + 13 * 64, "\x06\x0d\x00\x00\x00", 5);
    CU_ASSERT_TRUE(says_maybe(content, sizeof(content)));
    for (size_t i = 0; i < 6; i++) {
        content[3 * 64 + legacy[i] / 8] ^= (uint8_t)(1u << (legacy[i] % 8));
        CU_ASSERT_FALSE(says_maybe(content, sizeof(content)));
        content[3 * 64 + legacy[i] / 8] ^= (uint8_t)(1u << (legacy[i] % 8));
    }
}

static void
unknown_filters_say_maybe(void)
{
    static const char *const metadata[] = {
        "\xfe\x01\x02\x03\x00",                         /* Ribbon */
        "\xff\x01\x06\x00\x00",                         /* another sub-implementation */
        "\xff\x00\x26\x00\x00",                         /* larger lines */
        "\xff\x00\x00\x00\x00",                         /* no probes */
        "\xff\x00\x1f\x00\x00",                         /* too many */
        "\xff\x00\x06\x01\x00",                         /* reserved bytes */
        "\x80\x01\x00\x00\x00",                         /* nothing known */
        "\x00\x01\x00\x00\x00", "\x06\x00\x00\x00\x00", /* no lines */
        "\x06\x03\x00\x00\x00",                         /* lines that do not divide */
        "\x06\xff\xff\xff\xff",
    };
    uint8_t content[64 + 5] = {0};

    for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++) {
        memcpy(content + 64, metadata[i], 5);
        CU_ASSERT_TRUE(says_maybe(content, sizeof(content)));
    }
    CU_ASSERT_FALSE(says_maybe(content, 5)); /* nothing was added */
    CU_ASSERT_FALSE(says_maybe(content, 0));
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_known_bits_are_tested),
        UNIT_TEST(unknown_filters_say_maybe),
        UNIT_TEST_END,
    };

    return unit_main("filter_reader", tests, argc, argv);
}
