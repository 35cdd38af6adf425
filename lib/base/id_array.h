/* id_array.h - ascending arrays of pointers to structs whose first member is a uint32_t id.
 *
 * The array is its owner's; nothing is kept.
 */
#ifndef KV_BASE_ID_ARRAY_H
#define KV_BASE_ID_ARRAY_H

#include <stdint.h>

#include "base/assert.h"

/* Where the item of this id is, or belongs: the first index whose id is not below it. */
static inline uint32_t
id_array_position(const void *items, uint32_t count, uint32_t id)
{
    const uint32_t *const *ids = items;
    uint32_t low = 0, high = count;

    KV_ASSERT(items != NULL || count == 0);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (*ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
