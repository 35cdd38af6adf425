#include "base/coding.h"

static void
skip(struct slice *input, size_t size)
{
    input->data += size;
    input->size -= size;
}

bool
get_varint64(struct slice *input, uint64_t *value_out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < VARINT64_BYTES_MAX && i < input->size; i++) {
        const uint64_t byte = input->data[i];

        if (i == VARINT64_BYTES_MAX - 1 && byte > 1)
            return false;
        value |= (byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            skip(input, i + 1);
            *value_out = value;
            return true;
        }
    }
    return false;
}

bool
get_varint32(struct slice *input, uint32_t *value_out)
{
    struct slice rest = *input;
    uint64_t value;

    if (!get_varint64(&rest, &value) || value > UINT32_MAX)
        return false;
    if (input->size - rest.size > VARINT32_BYTES_MAX)
        return false;
    *input = rest;
    *value_out = (uint32_t)value;
    return true;
}

bool
get_fixed16(struct slice *input, uint16_t *value_out)
{
    if (input->size < 2)
        return false;
    *value_out = load_fixed16(input->data);
    skip(input, 2);
    return true;
}

bool
get_fixed32(struct slice *input, uint32_t *value_out)
{
    if (input->size < 4)
        return false;
    *value_out = load_fixed32(input->data);
    skip(input, 4);
    return true;
}

bool
get_fixed64(struct slice *input, uint64_t *value_out)
{
    if (input->size < 8)
        return false;
    *value_out = load_fixed64(input->data);
    skip(input, 8);
    return true;
}

bool
get_bytes(struct slice *input, size_t size, struct slice *bytes_out)
{
    if (input->size < size)
        return false;
    *bytes_out = slice_of(input->data, size);
    skip(input, size);
    return true;
}

bool
get_lstr(struct slice *input, struct slice *bytes_out)
{
    struct slice rest = *input;
    uint32_t size;

    if (!get_varint32(&rest, &size) || !get_bytes(&rest, size, bytes_out))
        return false;
    *input = rest;
    return true;
}
