/* bit_string.h - bytes as rows of bits, the highest of each byte first. */
#ifndef KV_DAEMON_BIT_STRING_H
#define KV_DAEMON_BIT_STRING_H

#include <stdbool.h>

#include "base/slice.h"

/* Bits from `first` up to, not including, `behind`. */
struct bit_range {
    uint64_t first, behind;
};

enum bit_operation {
    BIT_AND,
    BIT_OR,
    BIT_XOR,
    BIT_NOT,
};

/* Bits behind the end are zero. */
bool bit_string_get(struct slice bits, uint64_t bit);
/* Ones in the range, which lies inside `bits`. */
uint64_t bit_string_count(struct slice bits, struct bit_range range);
/* The first bit of the range, which lies inside `bits`, that is as asked; -1: there is none. */
int64_t bit_string_find(struct slice bits, struct bit_range range, bool is_one);
/* result = operand, or result = result OP operand; `operand`, at most `size` bytes, is zero from
 * its end to `size`.  BIT_NOT only as the first. */
void bit_string_apply(enum bit_operation operation, bool is_first, uint8_t *result, size_t size,
                      struct slice operand);

#endif
