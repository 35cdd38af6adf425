/* coding.h - integers as bytes: little-endian fixed and varint (FORMAT.md section 0).
 *
 * put_* write to memory that the caller has checked.  get_* take bytes from the front of a
 * slice of untrusted input and say false, changing nothing, if it is too short or malformed.
 */
#ifndef KV_BASE_CODING_H
#define KV_BASE_CODING_H

#include "base/slice.h"

enum { VARINT32_BYTES_MAX = 5, VARINT64_BYTES_MAX = 10 };

static inline void
put_fixed16(uint8_t *target, uint16_t value)
{
    memcpy(target, &value, sizeof(value));
}

static inline void
put_fixed32(uint8_t *target, uint32_t value)
{
    memcpy(target, &value, sizeof(value));
}

static inline void
put_fixed64(uint8_t *target, uint64_t value)
{
    memcpy(target, &value, sizeof(value));
}

static inline uint16_t
load_fixed16(const uint8_t *source)
{
    uint16_t value;

    memcpy(&value, source, sizeof(value));
    return value;
}

static inline uint32_t
load_fixed32(const uint8_t *source)
{
    uint32_t value;

    memcpy(&value, source, sizeof(value));
    return value;
}

static inline uint64_t
load_fixed64(const uint8_t *source)
{
    uint64_t value;

    memcpy(&value, source, sizeof(value));
    return value;
}

/* Returns the number of bytes written, 1 to 10. */
static inline size_t
put_varint64(uint8_t *target, uint64_t value)
{
    size_t size = 0;

    while (value >= 0x80) {
        target[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    target[size++] = (uint8_t)value;
    return size;
}

static inline size_t
varint64_size(uint64_t value)
{
    size_t size = 1;

    while (value >= 0x80) {
        size++;
        value >>= 7;
    }
    return size;
}

bool get_varint64(struct slice *input, uint64_t *value_out);
bool get_varint32(struct slice *input, uint32_t *value_out);
bool get_fixed16(struct slice *input, uint16_t *value_out);
bool get_fixed32(struct slice *input, uint32_t *value_out);
bool get_fixed64(struct slice *input, uint64_t *value_out);
/* varint32 length and that many bytes; `bytes_out` borrows from the input. */
bool get_lstr(struct slice *input, struct slice *bytes_out);
/* `size` bytes; borrows from the input. */
bool get_bytes(struct slice *input, size_t size, struct slice *bytes_out);

static inline uint64_t
zigzag_encode(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t
zigzag_decode(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
