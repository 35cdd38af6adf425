/* resp_peek.c - "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" and the like, in one pass. */
#include "resp/resp_peek.h"

#include "resp/resp_short.h"

bool
resp_peek(struct slice input, struct slice *name_out, struct slice *argument_out, size_t *size_out)
{
    struct slice rest = input, ignored;
    uint32_t count;

    if (!resp_take_length(&rest, '*', RESP_PEEK_ARG_COUNT_MAX, &count) || count == 0)
        return false;
    *argument_out = slice_of(NULL, 0);
    if (!resp_take_bulk(&rest, RESP_PEEK_ARG_BYTES_MAX, name_out) ||
        (count > 1 && !resp_take_bulk(&rest, RESP_PEEK_ARG_BYTES_MAX, argument_out)))
        return false;
    for (uint32_t i = 2; i < count; i++) {
        if (!resp_take_bulk(&rest, RESP_PEEK_ARG_BYTES_MAX, &ignored))
            return false;
    }
    *size_out = input.size - rest.size;
    return true;
}
