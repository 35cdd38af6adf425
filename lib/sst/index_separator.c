#include "sst/index_separator.h"

#include "base/assert.h"

static bool
append_incremented(struct buffer *target, struct slice key, size_t index)
{
    KV_ASSERT(index < key.size && key.data[index] < 0xff);
    buffer_append(target, key.data, index);
    buffer_append_byte(target, (uint8_t)(key.data[index] + 1));
    return true;
}

bool
index_separator_append(struct buffer *target, struct slice last, struct slice next)
{
    const size_t limit = last.size < next.size ? last.size : next.size;
    size_t i = 0;

    KV_DCHECK(slice_compare(last, next) <= 0);
    while (i < limit && last.data[i] == next.data[i])
        i++;
    if (i < limit) {
        if (i + 1 < next.size || last.data[i] + 1 < next.data[i])
            return append_incremented(target, last, i);
        /* Byte i + 1 of `last` upwards may grow without reaching `next`, which ends at i. */
        for (i++; i < last.size; i++) {
            if (last.data[i] < 0xff)
                return append_incremented(target, last, i);
        }
    }
    buffer_append_slice(target, last);
    return false;
}
