/* daemon_bit_string_test.c - counting, finding and combining bits. */
#include "daemon/bit_string.h"

#include <CUnit/Basic.h>
#include <string.h>

#include "base/random.h"
#include "support/unit.h"

enum { BYTES_MAX = 60, ROUNDS = 20000 };

/* Mostly zeros, mostly ones, or anything: what is searched for must be rare at times. */
static size_t
make_bits(struct random *rng, uint8_t bytes[BYTES_MAX])
{
    const size_t size = random_below(rng, BYTES_MAX + 1);
    const uint64_t kind = random_below(rng, 3);

    memset(bytes, kind == 0 ? 0 : 0xff, BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        if (kind == 2 || random_below(rng, 20) == 0)
            bytes[i] = (uint8_t)random_next(rng);
    }
    return size;
}

static bool
plain_get(const uint8_t *bytes, uint64_t bit)
{
    return (bytes[bit / 8] & (128 >> bit % 8)) != 0;
}

/* Goal: ranges that begin and end anywhere are counted and searched as bit by bit.
 * Method: random bytes and ranges beside a loop over the bits. */
static void
ranges_are_counted_and_searched(void)
{
    struct random rng;

    random_init(&rng, unit_seed());
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t bytes[BYTES_MAX];
        const size_t size = make_bits(&rng, bytes);
        const uint64_t first = random_below(&rng, size * 8 + 1);
        const struct bit_range range = {first, first + random_below(&rng, size * 8 - first + 1)};
        const struct slice bits = slice_of(bytes, size);
        int64_t found[2] = {-1, -1};
        uint64_t ones = 0;

        for (uint64_t bit = range.behind; bit-- > range.first;) {
            CU_ASSERT_FATAL(bit_string_get(bits, bit) == plain_get(bytes, bit));
            ones += plain_get(bytes, bit);
            found[plain_get(bytes, bit)] = (int64_t)bit;
        }
        CU_ASSERT_FATAL(bit_string_count(bits, range) == ones);
        CU_ASSERT_FATAL(bit_string_find(bits, range, true) == found[1]);
        CU_ASSERT_FATAL(bit_string_find(bits, range, false) == found[0]);
    }
}

static void
bits_behind_the_end_are_zero(void)
{
    const uint8_t ones[2] = {0xff, 0xff};

    CU_ASSERT(bit_string_get(slice_of(ones, 2), 15));
    CU_ASSERT(!bit_string_get(slice_of(ones, 2), 16));
    CU_ASSERT(!bit_string_get(slice_of(NULL, 0), 0));
    CU_ASSERT(!bit_string_get(slice_of(ones, 2), UINT64_MAX));
}

/* Goal: operands shorter than the result count as if zeros followed.
 * Method: random operands beside a loop over padded copies. */
static void
operands_are_combined(void)
{
    struct random rng;

    random_init(&rng, unit_seed());
    for (int round = 0; round < ROUNDS; round++) {
        const enum bit_operation operation = (enum bit_operation)random_below(&rng, 4);
        uint8_t one[BYTES_MAX], other[BYTES_MAX], result[BYTES_MAX];
        const size_t one_size = make_bits(&rng, one), other_size = make_bits(&rng, other);
        const size_t size = one_size > other_size ? one_size : other_size;

        memset(result, 0x5a, sizeof(result));
        memset(one + one_size, 0, BYTES_MAX - one_size);
        memset(other + other_size, 0, BYTES_MAX - other_size);
        bit_string_apply(operation, true, result, size, slice_of(one, one_size));
        if (operation != BIT_NOT)
            bit_string_apply(operation, false, result, size, slice_of(other, other_size));
        for (size_t i = 0; i < size; i++) {
            const uint8_t expected = operation == BIT_AND   ? one[i] & other[i]
                                     : operation == BIT_OR  ? one[i] | other[i]
                                     : operation == BIT_XOR ? one[i] ^ other[i]
                                                            : (uint8_t)~one[i];

            CU_ASSERT_FATAL(result[i] == expected);
        }
        CU_ASSERT_FATAL(size == BYTES_MAX || result[size] == 0x5a);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(ranges_are_counted_and_searched),
        UNIT_TEST(bits_behind_the_end_are_zero),
        UNIT_TEST(operands_are_combined),
        UNIT_TEST_END,
    };

    return unit_main("daemon_bit_string", tests, argc, argv);
}
