#include "compact/dead_value.h"

#include "base/assert.h"
#include "key/entity.h"

bool
dead_value_is(struct slice key, struct slice value, uint64_t now_ms)
{
    return (internal_key_footer(key) & 0xff) == TYPE_ENTITY && now_ms > entity_deadline(value);
}

struct slice
dead_value_bury(struct slice key, struct buffer *target)
{
    const uint64_t seq = internal_key_footer(key) >> 8;

    KV_ASSERT(target->data == NULL || target->data != key.data);
    buffer_clear(target);
    internal_key_append(target, internal_key_user(key), seq, TYPE_DELETION);
    return buffer_slice(target);
}
