/* bit_field.h - integers of 1 to 64 bits at any bit of a string, as BITFIELD has them: the highest
 * bit first, across bytes. */
#ifndef KV_DAEMON_BIT_FIELD_H
#define KV_DAEMON_BIT_FIELD_H

#include <stdbool.h>

#include "base/slice.h"

struct bit_field_type {
    bool is_signed;
    uint8_t bit_count; /* 1 to 64, unsigned to 63 */
};

enum bit_field_overflow {
    BIT_FIELD_WRAP,
    BIT_FIELD_SATURATE,
    BIT_FIELD_FAIL,
};

/* "i16", "u8", ...; false: none. */
bool bit_field_parse_type(struct slice text, struct bit_field_type *type);
/* Behind the end there are zeros. */
int64_t bit_field_get(struct slice bytes, struct bit_field_type type, uint64_t bit);
/* The field lies inside of `bytes`; `value` fits. */
void bit_field_set(uint8_t *bytes, struct bit_field_type type, uint64_t bit, int64_t value);
/* value + increment, brought into the type as `overflow` says; false: BIT_FIELD_FAIL does not let
 * it.  Of an unsigned type, a negative value stands for one that is far too large. */
bool bit_field_add(struct bit_field_type type, int64_t value, int64_t increment,
                   enum bit_field_overflow overflow, int64_t *result);

#endif
