#include "compact/dead_value.h"

#include "base/assert.h"

struct slice
dead_value_bury(struct slice key, struct buffer *target)
{
    const uint64_t seq = internal_key_footer(key) >> 8;

    KV_ASSERT(target->data == NULL || target->data != key.data);
    buffer_clear(target);
    internal_key_append(target, internal_key_user(key), seq, TYPE_DELETION);
    return buffer_slice(target);
}
