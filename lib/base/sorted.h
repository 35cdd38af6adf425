/* sorted.h - ascending arrays of numbers. */
#ifndef KV_BASE_SORTED_H
#define KV_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>

/* Where the number is, or belongs: the first index whose number is not below it. */
static inline size_t
sorted_position(const uint64_t *numbers, size_t count, uint64_t number)
{
    size_t low = 0, high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
