/* resp_short.h - the pieces of a request as nearly all clients send it: a short array of bulk
 * strings, all of it there, every length in canonical form.
 *
 * Included in lib/resp only.  What is not of this kind is left to the parser proper, which also
 * knows what is wrong with it.
 */
#ifndef KV_RESP_RESP_SHORT_H
#define KV_RESP_RESP_SHORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* `mark`, a number without leading zeros that is at most `max`, and an end of line. */
static inline bool
resp_take_length(struct slice *rest, char mark, uint32_t max, uint32_t *value_out)
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

/* The string's end of line is passed unseen, as Redis does. */
static inline bool
resp_take_bulk(struct slice *rest, uint32_t size_max, struct slice *bulk_out)
{
    uint32_t size;

    if (!resp_take_length(rest, '$', size_max, &size) || rest->size < size + 2u)
        return false;
    *bulk_out = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size + 2, rest->size - size - 2);
    return true;
}

#endif
