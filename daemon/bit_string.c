/* bit_string.c - bits of bytes, eight bytes at a time wherever that is possible. */
#include "daemon/bit_string.h"

#include <string.h>

#include "base/assert.h"

enum { WORD_BYTES = 8 };

bool
bit_string_get(struct slice bits, uint64_t bit)
{
    return bit / 8 < bits.size && (bits.data[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

/* The byte at `index`, without the bits that are outside of the range. */
static uint8_t
byte_in_range(struct slice bits, struct bit_range range, uint64_t index)
{
    uint8_t byte = bits.data[index];

    if (range.first > index * 8)
        byte &= (uint8_t)(0xff >> (range.first - index * 8));
    if (range.behind < (index + 1) * 8)
        byte &= (uint8_t)(0xff << ((index + 1) * 8 - range.behind));
    return byte;
}

static uint64_t
word_at(struct slice bits, uint64_t index)
{
    uint64_t word;

    memcpy(&word, bits.data + index, sizeof(word));
    return word;
}

uint64_t
bit_string_count(struct slice bits, struct bit_range range)
{
    uint64_t count = 0;
    uint64_t index = range.first / 8;

    KV_ASSERT(range.first <= range.behind && range.behind <= bits.size * 8);
    while (index * 8 < range.behind) {
        if (index * 8 >= range.first && (index + WORD_BYTES) * 8 <= range.behind) {
            count += (uint64_t)__builtin_popcountll(word_at(bits, index));
            index += WORD_BYTES;
        } else {
            count += (uint64_t)__builtin_popcount(byte_in_range(bits, range, index));
            index++;
        }
    }
    return count;
}

int64_t
bit_string_find(struct slice bits, struct bit_range range, bool is_one)
{
    const uint64_t dull = is_one ? 0 : UINT64_MAX; /* a word without what is searched */
    uint64_t bit = range.first;

    KV_ASSERT(range.first <= range.behind && range.behind <= bits.size * 8);
    while (bit < range.behind) {
        if (bit % 8 == 0 && bit / 8 + WORD_BYTES <= bits.size && word_at(bits, bit / 8) == dull)
            bit += (uint64_t)WORD_BYTES * 8;
        else if (bit_string_get(bits, bit) == is_one)
            return (int64_t)bit;
        else
            bit++;
    }
    return -1;
}

static void
apply_first(enum bit_operation operation, uint8_t *result, size_t size, struct slice operand)
{
    if (operand.size > 0)
        memcpy(result, operand.data, operand.size);
    if (operand.size < size)
        memset(result + operand.size, 0, size - operand.size);
    for (size_t i = 0; operation == BIT_NOT && i < size; i++)
        result[i] = (uint8_t)~result[i];
}

void
bit_string_apply(enum bit_operation operation, bool is_first, uint8_t *result, size_t size,
                 struct slice operand)
{
    KV_ASSERT(operand.size <= size && (is_first || operation != BIT_NOT));
    if (is_first) {
        apply_first(operation, result, size, operand);
        return;
    }
    switch (operation) {
    case BIT_AND:
        for (size_t i = 0; i < operand.size; i++)
            result[i] &= operand.data[i];
        if (operand.size < size)
            memset(result + operand.size, 0, size - operand.size);
        break;
    case BIT_OR:
        for (size_t i = 0; i < operand.size; i++)
            result[i] |= operand.data[i];
        break;
    case BIT_XOR:
        for (size_t i = 0; i < operand.size; i++)
            result[i] ^= operand.data[i];
        break;
    case BIT_NOT:
        break; /* has one operand, the first */
    }
}
