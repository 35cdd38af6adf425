/* resp_number.c - decimal text without the C library's locale, spaces and leading zeros.
 *
 * A value that is read and written again gives the same bytes: that is why "01" and "+1" are
 * refused.
 */
#include "resp/resp_number.h"

#include "base/assert.h"

bool
resp_parse_int64(struct slice text, int64_t *value_out)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const size_t first = negative ? 1 : 0;
    const uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;

    KV_ASSERT(value_out != NULL);
    if (text.size == first || text.size > INT64_TEXT_BYTES_MAX)
        return false;
    if (text.data[first] == '0' && (negative || text.size > 1))
        return false;
    for (size_t i = first; i < text.size; i++) {
        const uint64_t digit = (uint64_t)text.data[i] - '0';

        /* Eighteen digits cannot overflow; the division is slow. */
        if (digit > 9 || (i >= 18 && value > (limit - digit) / 10))
            return false;
        value = value * 10 + digit;
    }
    *value_out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

size_t
resp_put_int64(uint8_t target[INT64_TEXT_BYTES_MAX], int64_t value)
{
    uint8_t digits[INT64_TEXT_BYTES_MAX];
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t count = 0, size = 0;

    do {
        digits[count++] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        target[size++] = '-';
    while (count > 0)
        target[size++] = digits[--count];
    KV_ASSERT(size <= INT64_TEXT_BYTES_MAX);
    return size;
}
