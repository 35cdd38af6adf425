/* Goal: fields of any width at any bit are what they were set to, touch nothing else, and overflow
 * as BITFIELD's three ways say. */
#include <CUnit/Basic.h>

#include "base/random.h"
#include "daemon/bit_field.h"
#include "daemon/bit_string.h"
#include "support/unit.h"

enum { BYTES = 40 };

static bool
is_type(const char *text, bool is_signed, uint8_t bit_count)
{
    struct bit_field_type type = {0};

    return bit_field_parse_type(slice_from_text(text), &type) && type.is_signed == is_signed &&
           type.bit_count == bit_count;
}

/* Method: the limits of both kinds, and what is none. */
static void
types_are_parsed(void)
{
    static const char *const none[] = {"",   "i", "u",   "i0",  "u64", "i65",
                                       "I8", "8", "i08", "i-1", "u8x"};
    struct bit_field_type type;

    CU_ASSERT_TRUE(is_type("i1", true, 1) && is_type("i64", true, 64));
    CU_ASSERT_TRUE(is_type("u1", false, 1) && is_type("u63", false, 63));
    CU_ASSERT_TRUE(bit_field_parse_type(slice_of("u8\0x", 4), &type)); /* as Redis has it */
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        CU_ASSERT_FALSE(bit_field_parse_type(slice_from_text(none[i]), &type));
}

static int64_t
random_of(struct random *random, struct bit_field_type type)
{
    const uint64_t raw = random_next(random) >> (64 - type.bit_count);
    const bool is_negative = type.is_signed && raw >> (type.bit_count - 1) != 0;

    return (int64_t)(is_negative && type.bit_count < 64 ? raw | UINT64_MAX << type.bit_count : raw);
}

/* Method: random fields in random bytes; all bits outside of the field are as before. */
static void
a_field_is_what_it_was_set_to(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < 20000; i++) {
        const bool is_signed = random_below(&random, 2) != 0;
        const struct bit_field_type type = {
            is_signed, (uint8_t)(1 + random_below(&random, is_signed ? 64 : 63))};
        const uint64_t bit = random_below(&random, BYTES * 8 - type.bit_count + 1);
        const int64_t value = random_of(&random, type);
        uint8_t bytes[BYTES], before[BYTES];

        for (int k = 0; k < BYTES; k++)
            bytes[k] = before[k] = (uint8_t)random_next(&random);
        bit_field_set(bytes, type, bit, value);
        CU_ASSERT_FATAL(bit_field_get(slice_of(bytes, BYTES), type, bit) == value);
        for (uint64_t k = 0; k < BYTES * 8; k++)
            CU_ASSERT_FATAL((k >= bit && k < bit + type.bit_count) ||
                            bit_string_get(slice_of(bytes, BYTES), k) ==
                                bit_string_get(slice_of(before, BYTES), k));
    }
    CU_ASSERT_EQUAL(bit_field_get(slice_of("\xff", 1), (struct bit_field_type){false, 8}, 4), 0xf0);
    CU_ASSERT_EQUAL(bit_field_get(slice_of(NULL, 0), (struct bit_field_type){true, 64}, 9), 0);
}

static int64_t
add(bool is_signed, uint8_t bits, int64_t value, int64_t increment,
    enum bit_field_overflow overflow)
{
    int64_t result = 4242;

    return bit_field_add((struct bit_field_type){is_signed, bits}, value, increment, overflow,
                         &result)
               ? result
               : 4242;
}

/* Method: both ends of several types, each way; 4242 is a refusal. */
static void
overflow_is_as_asked_for(void)
{
    CU_ASSERT_EQUAL(add(false, 8, 250, 10, BIT_FIELD_WRAP), 4);
    CU_ASSERT_EQUAL(add(false, 8, 250, 10, BIT_FIELD_SATURATE), 255);
    CU_ASSERT_EQUAL(add(false, 8, 250, 10, BIT_FIELD_FAIL), 4242);
    CU_ASSERT_EQUAL(add(false, 8, 250, 5, BIT_FIELD_FAIL), 255);
    CU_ASSERT_EQUAL(add(false, 8, 5, -6, BIT_FIELD_WRAP), 255);
    CU_ASSERT_EQUAL(add(false, 8, 5, -6, BIT_FIELD_SATURATE), 0);
    CU_ASSERT_EQUAL(add(false, 8, -1, 0, BIT_FIELD_SATURATE), 255);
    CU_ASSERT_EQUAL(add(false, 8, -1, 0, BIT_FIELD_WRAP), 255);
    CU_ASSERT_EQUAL(add(false, 63, INT64_MAX, 1, BIT_FIELD_WRAP), 0);
    CU_ASSERT_EQUAL(add(false, 63, INT64_MAX, 1, BIT_FIELD_SATURATE), INT64_MAX);
    CU_ASSERT_EQUAL(add(true, 8, 127, 1, BIT_FIELD_WRAP), -128);
    CU_ASSERT_EQUAL(add(true, 8, 127, 1, BIT_FIELD_SATURATE), 127);
    CU_ASSERT_EQUAL(add(true, 8, -128, -1, BIT_FIELD_WRAP), 127);
    CU_ASSERT_EQUAL(add(true, 8, -128, -1, BIT_FIELD_SATURATE), -128);
    CU_ASSERT_EQUAL(add(true, 8, -128, -1, BIT_FIELD_FAIL), 4242);
    CU_ASSERT_EQUAL(add(true, 8, INT64_MIN + 128, 0, BIT_FIELD_SATURATE), -128);
    CU_ASSERT_EQUAL(add(true, 8, INT64_MIN + 127, 0, BIT_FIELD_SATURATE), 127); /* as Redis */
    CU_ASSERT_EQUAL(add(true, 8, INT64_MIN, 0, BIT_FIELD_SATURATE), 127);
    CU_ASSERT_EQUAL(add(true, 8, INT64_MIN, 0, BIT_FIELD_WRAP), 0);
    CU_ASSERT_EQUAL(add(true, 1, 0, 1, BIT_FIELD_WRAP), -1);
    CU_ASSERT_EQUAL(add(true, 64, INT64_MAX, 1, BIT_FIELD_WRAP), INT64_MIN);
    CU_ASSERT_EQUAL(add(true, 64, INT64_MAX, 1, BIT_FIELD_SATURATE), INT64_MAX);
    CU_ASSERT_EQUAL(add(true, 64, INT64_MIN, -1, BIT_FIELD_SATURATE), INT64_MIN);
    CU_ASSERT_EQUAL(add(true, 64, INT64_MIN, -1, BIT_FIELD_WRAP), INT64_MAX);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(types_are_parsed),
        UNIT_TEST(a_field_is_what_it_was_set_to),
        UNIT_TEST(overflow_is_as_asked_for),
        UNIT_TEST_END,
    };

    return unit_main("daemon_bit_field", tests, argc, argv);
}
