#include "daemon/bit_field.h"

#include "base/assert.h"
#include "daemon/bit_string.h"
#include "resp/resp_number.h"

bool
bit_field_parse_type(struct slice text, struct bit_field_type *type)
{
    int64_t count;
    const size_t size = strnlen((const char *)text.data, text.size); /* as Redis sees it */

    if (size < 2 || (text.data[0] != 'i' && text.data[0] != 'u') ||
        !resp_parse_int64(slice_of(text.data + 1, size - 1), &count))
        return false;
    type->is_signed = text.data[0] == 'i';
    if (count < 1 || count > (type->is_signed ? 64 : 63))
        return false;
    type->bit_count = (uint8_t)count;
    return true;
}

static uint64_t
mask_of(struct bit_field_type type)
{
    KV_ASSERT(type.bit_count >= 1 && type.bit_count <= 64);
    return UINT64_MAX >> (64 - type.bit_count);
}

/* The lowest bits of a word as a number of the type. */
static int64_t
number_of(struct bit_field_type type, uint64_t word)
{
    const uint64_t mask = mask_of(type);

    word &= mask;
    if (type.is_signed && (word >> (type.bit_count - 1)) != 0)
        word |= ~mask;
    return (int64_t)word;
}

int64_t
bit_field_get(struct slice bytes, struct bit_field_type type, uint64_t bit)
{
    uint64_t word = 0;

    for (uint32_t i = 0; i < type.bit_count; i++)
        word = word << 1 | bit_string_get(bytes, bit + i);
    return number_of(type, word);
}

void
bit_field_set(uint8_t *bytes, struct bit_field_type type, uint64_t bit, int64_t value)
{
    KV_ASSERT(number_of(type, (uint64_t)value) == value);
    for (uint32_t i = 0; i < type.bit_count; i++, bit++) {
        const uint8_t place = (uint8_t)(0x80 >> bit % 8);

        if ((uint64_t)value >> (type.bit_count - 1 - i) & 1)
            bytes[bit / 8] |= place;
        else
            bytes[bit / 8] &= (uint8_t)~place;
    }
}

/* Too large for the type before anything is added.  As in Redis, whose differences have 64 bits, so
 * is a number that is below the type's largest one by more than they hold. */
static bool
is_above_type(struct bit_field_type type, int64_t value, int64_t max)
{
    if (!type.is_signed)
        return value < 0;
    return type.bit_count < 64 && value < max - INT64_MAX;
}

bool
bit_field_add(struct bit_field_type type, int64_t value, int64_t increment,
              enum bit_field_overflow overflow, int64_t *result)
{
    const int64_t max = (int64_t)(mask_of(type) >> (type.is_signed ? 1 : 0));
    const int64_t min = type.is_signed ? -max - 1 : 0;
    int64_t sum;
    const bool has_no_number = __builtin_add_overflow(value, increment, &sum);
    const bool is_above =
        is_above_type(type, value, max) || (has_no_number ? increment > 0 : sum > max);
    const bool is_below = !is_above && (has_no_number || sum < min);

    KV_ASSERT(type.is_signed || type.bit_count <= 63);
    if (!is_above && !is_below) {
        *result = sum;
        return true;
    }
    if (overflow == BIT_FIELD_FAIL)
        return false;
    if (overflow == BIT_FIELD_SATURATE)
        *result = is_above ? max : min;
    else
        *result = number_of(type, (uint64_t)value + (uint64_t)increment);
    return true;
}
