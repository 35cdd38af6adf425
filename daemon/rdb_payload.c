/* rdb_payload.c - see the header.
 *
 * A payload comes from a user: the checksum says that it arrived as it was sent, not that it is
 * well meant.  So each length is compared with what is there before anything is read or made.
 */
#include "daemon/rdb_payload.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc64.h"
#include "daemon/lzf.h"
#include "resp/resp_number.h"

enum {
    RDB_VERSION = 10, /* Redis 7.0's */
    FOOTER_BYTES = 2 + 8,
    TYPE_STRING = 0,
    TYPE_MAX = 21, /* of the types of RDB_VERSION */
    /* The first byte of a string. */
    LENGTH_6 = 0x00,
    LENGTH_14 = 0x40,
    LENGTH_32 = 0x80,
    LENGTH_64 = 0x81,
    ENCODED_INT8 = 0xc0,
    ENCODED_INT16 = 0xc1,
    ENCODED_INT32 = 0xc2,
    ENCODED_LZF = 0xc3,
    NUMBER_TEXT_BYTES_MAX = 11, /* "-2147483648" */
};

/* --- writing --- */

static void
append_big_endian(struct buffer *target, uint64_t value, unsigned size)
{
    while (size-- > 0)
        buffer_append_byte(target, (uint8_t)(value >> 8 * size));
}

static void
append_length(struct buffer *target, uint64_t length)
{
    if (length < 1 << 6) {
        buffer_append_byte(target, (uint8_t)length);
    } else if (length < 1 << 14) {
        append_big_endian(target, (uint64_t)LENGTH_14 << 8 | length, 2);
    } else if (length <= UINT32_MAX) {
        buffer_append_byte(target, LENGTH_32);
        append_big_endian(target, length, 4);
    } else {
        buffer_append_byte(target, LENGTH_64);
        append_big_endian(target, length, 8);
    }
}

/* False: the value is no number, or not one of 32 bits. */
static bool
append_number(struct buffer *target, struct slice value)
{
    int64_t number;

    if (value.size > NUMBER_TEXT_BYTES_MAX || !resp_parse_int64(value, &number) ||
        number < INT32_MIN || number > INT32_MAX)
        return false;
    if (number >= INT8_MIN && number <= INT8_MAX) {
        buffer_append_byte(target, ENCODED_INT8);
        buffer_append_byte(target, (uint8_t)number);
    } else if (number >= INT16_MIN && number <= INT16_MAX) {
        buffer_append_byte(target, ENCODED_INT16);
        buffer_put_fixed16(target, (uint16_t)number);
    } else {
        buffer_append_byte(target, ENCODED_INT32);
        buffer_put_fixed32(target, (uint32_t)number);
    }
    return true;
}

void
rdb_payload_append(struct buffer *target, struct slice value)
{
    const size_t start = target->size;

    (void)buffer_reserve(target, value.size + 32);
    buffer_append_byte(target, TYPE_STRING);
    if (!append_number(target, value)) {
        append_length(target, value.size);
        buffer_append_slice(target, value);
    }
    buffer_put_fixed16(target, RDB_VERSION);
    buffer_put_fixed64(target, crc64_extend(0, target->data + start, target->size - start));
}

/* --- reading --- */

/* Takes `size` bytes from the front of *input; false: there are not that many. */
static bool
take(struct slice *input, uint64_t size, struct slice *taken)
{
    if (size > input->size)
        return false;
    *taken = slice_of(input->data, (size_t)size);
    *input = slice_of(input->data + size, input->size - (size_t)size);
    return true;
}

static bool
take_number(struct slice *input, unsigned size, bool is_big_endian, uint64_t *number)
{
    struct slice bytes;

    if (!take(input, size, &bytes))
        return false;
    *number = 0;
    for (unsigned i = 0; i < size; i++)
        *number = *number << 8 | bytes.data[is_big_endian ? i : size - 1 - i];
    return true;
}

/* What follows the first byte of a length. */
static bool
take_length(struct slice *input, uint8_t first, uint64_t *length)
{
    uint64_t rest;

    if (first < LENGTH_14) {
        *length = first;
        return true;
    }
    if (first < LENGTH_32) {
        if (!take_number(input, 1, true, &rest))
            return false;
        *length = (uint64_t)(first & 0x3f) << 8 | rest;
        return true;
    }
    if (first != LENGTH_32 && first != LENGTH_64)
        return false;
    return take_number(input, first == LENGTH_32 ? 4 : 8, true, length);
}

static bool
read_number(struct slice *input, uint8_t first, struct buffer *scratch, struct slice *value)
{
    const unsigned size = 1u << (first - ENCODED_INT8);
    uint64_t raw;
    int64_t number;

    KV_ASSERT(size == 1 || size == 2 || size == 4);
    if (!take_number(input, size, false, &raw))
        return false;
    number = size == 1 ? (int8_t)raw : size == 2 ? (int16_t)raw : (int32_t)raw;
    scratch->size = 0;
    (void)buffer_reserve(scratch, INT64_TEXT_BYTES_MAX);
    scratch->size = resp_put_int64(scratch->data, number);
    *value = buffer_slice(scratch);
    return true;
}

static bool
read_packed(struct slice *input, size_t value_bytes_max, struct buffer *scratch,
            struct slice *value)
{
    uint64_t first, packed_size, size;
    struct slice packed;

    if (!take_number(input, 1, true, &first) || !take_length(input, (uint8_t)first, &packed_size) ||
        !take_number(input, 1, true, &first) || !take_length(input, (uint8_t)first, &size) ||
        !take(input, packed_size, &packed) || size > value_bytes_max ||
        !lzf_unpack(packed, (size_t)size, scratch))
        return false;
    *value = buffer_slice(scratch);
    return true;
}

static bool
read_string(struct slice input, size_t value_bytes_max, struct buffer *scratch, struct slice *value)
{
    uint64_t first, length;

    if (!take_number(&input, 1, true, &first))
        return false;
    if (first >= ENCODED_INT8 && first <= ENCODED_INT32)
        return read_number(&input, (uint8_t)first, scratch, value);
    if (first == ENCODED_LZF)
        return read_packed(&input, value_bytes_max, scratch, value);
    return take_length(&input, (uint8_t)first, &length) && length <= value_bytes_max &&
           take(&input, length, value);
}

enum rdb_payload_verdict
rdb_payload_read(struct slice payload, size_t value_bytes_max, struct buffer *scratch,
                 struct slice *value)
{
    size_t size;

    if (payload.size < FOOTER_BYTES)
        return RDB_PAYLOAD_DAMAGED;
    size = payload.size - FOOTER_BYTES;
    if (load_fixed16(payload.data + size) > RDB_VERSION ||
        load_fixed64(payload.data + size + 2) != crc64_extend(0, payload.data, size + 2))
        return RDB_PAYLOAD_DAMAGED;
    if (size == 0 || payload.data[0] > TYPE_MAX)
        return RDB_PAYLOAD_MALFORMED;
    if (payload.data[0] != TYPE_STRING)
        return RDB_PAYLOAD_OTHER_TYPE;
    if (!read_string(slice_of(payload.data + 1, size - 1), value_bytes_max, scratch, value))
        return RDB_PAYLOAD_MALFORMED;
    return RDB_PAYLOAD_GOOD;
}
