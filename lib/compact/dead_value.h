/* dead_value.h - a value whose deadline has passed becomes a deletion, for flushes and compactions.
 *
 * It is absent to every read from now on, as a deletion with its sequence makes the key; and a
 * deletion is what all rules about versions know how to let go of.  That holds for whoever reads
 * the latest state, so a version that a live snapshot sees stays what it is.
 */
#ifndef KV_COMPACT_DEAD_VALUE_H
#define KV_COMPACT_DEAD_VALUE_H

#include "base/buffer.h"
#include "key/entity.h"
#include "key/internal_key.h"

/* Whether the entry, which no snapshot sees, is a value that is dead at `now_ms`. */
static inline bool
dead_value_is(struct slice key, struct slice value, uint64_t now_ms)
{
    return (internal_key_footer(key) & 0xff) == TYPE_ENTITY && now_ms > entity_deadline(value);
}

/* The internal key of the deletion that it becomes, in *target, which is not the key's. */
struct slice dead_value_bury(struct slice key, struct buffer *target);

#endif
