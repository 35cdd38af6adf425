/* value_sizes.h - how big the next value is. */
#ifndef KV_KVBENCH_VALUE_SIZES_H
#define KV_KVBENCH_VALUE_SIZES_H

#include <stdbool.h>

#include "base/random.h"

enum {
    VALUE_SIZES_PART_COUNT_MAX = 32,
    VALUE_SIZES_BYTES_MAX = 512 * 1024 * 1024 - 1,
    VALUE_SIZES_WEIGHT_MAX = 1000000,
};

struct value_sizes {
    struct value_sizes_part {
        uint32_t min_bytes;
        uint32_t max_bytes;
        uint32_t weight;
    } parts[VALUE_SIZES_PART_COUNT_MAX];
    uint32_t part_count;
    uint32_t weight_sum;
};

/* "100", "64-4096" (each size in between as likely), "64:80,1024:20" (with weights), "10-20:3,9:1".
 * False: malformed, or out of bounds. */
bool value_sizes_parse(struct value_sizes *sizes, const char *text);
uint32_t value_sizes_next(const struct value_sizes *sizes, struct random *random);
uint32_t value_sizes_min(const struct value_sizes *sizes);
uint32_t value_sizes_max(const struct value_sizes *sizes);

#endif
