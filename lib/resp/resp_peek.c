/* resp_peek.c - "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" and the like, in one pass. */
#include "resp/resp_peek.h"

/* `mark`, a number without leading zeros in as few digits as fit `max`, and an end of line. */
static bool
take_length(struct slice *rest, char mark, uint32_t max, uint32_t *value_out)
{
    uint32_t value = 0;
    size_t at = 1;

    if (rest->size < 4 || rest->data[0] != (uint8_t)mark)
        return false;
    for (; at < rest->size && rest->data[at] >= '0' && rest->data[at] <= '9'; at++) {
        value = 10 * value + (uint32_t)(rest->data[at] - '0');
        if (value > max)
            return false;
    }
    if (at == 1 || (at > 2 && rest->data[1] == '0'))
        return false;
    if (rest->size - at < 2 || rest->data[at] != '\r' || rest->data[at + 1] != '\n')
        return false;
    *rest = slice_of(rest->data + at + 2, rest->size - at - 2);
    *value_out = value;
    return true;
}

static bool
take_bulk(struct slice *rest, struct slice *bulk_out)
{
    uint32_t size;

    if (!take_length(rest, '$', RESP_PEEK_ARG_BYTES_MAX, &size) || rest->size < size + 2u)
        return false;
    *bulk_out = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size + 2, rest->size - size - 2);
    return true;
}

bool
resp_peek(struct slice input, struct slice *name_out, struct slice *argument_out, size_t *size_out)
{
    struct slice rest = input, ignored;
    uint32_t count;

    if (!take_length(&rest, '*', RESP_PEEK_ARG_COUNT_MAX, &count) || count == 0)
        return false;
    *argument_out = slice_of(NULL, 0);
    if (!take_bulk(&rest, name_out) || (count > 1 && !take_bulk(&rest, argument_out)))
        return false;
    for (uint32_t i = 2; i < count; i++) {
        if (!take_bulk(&rest, &ignored))
            return false;
    }
    *size_out = input.size - rest.size;
    return true;
}
