/* resp_number.h - integers as Redis reads and writes them in text. */
#ifndef KV_RESP_RESP_NUMBER_H
#define KV_RESP_RESP_NUMBER_H

#include "base/slice.h"

enum { INT64_TEXT_BYTES_MAX = 20 }; /* "-9223372036854775808" */

/* Strict, as Redis's string2ll: "0" or an optional '-' and digits without a leading zero, and
 * nothing else.  False: not that, or out of range. */
bool resp_parse_int64(struct slice text, int64_t *value_out);
/* Returns the number of bytes written, no NUL. */
size_t resp_put_int64(uint8_t target[INT64_TEXT_BYTES_MAX], int64_t value);

#endif
