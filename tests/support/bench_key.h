/* bench_key.h - "key:%012u"; snprintf would cost more than what is measured. */
#ifndef KV_TESTS_SUPPORT_BENCH_KEY_H
#define KV_TESTS_SUPPORT_BENCH_KEY_H

#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum { BENCH_KEY_BYTES = 16 };

/* Borrowed from `target`. */
static inline struct slice
bench_key(uint8_t target[BENCH_KEY_BYTES], uint64_t number)
{
    memcpy(target, "key:", 4);
    for (unsigned i = BENCH_KEY_BYTES - 1; i >= 4; i--) {
        target[i] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    return slice_of(target, BENCH_KEY_BYTES);
}

#endif
