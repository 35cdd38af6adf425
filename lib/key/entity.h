/* entity.h - wide-column entities: values that carry metadata (FORMAT.md section 15).
 *
 *     varint32 version = 1 | varint32 n | n x (lstr name, varint32 value size) | values in order
 *
 * Names are sorted bytewise and unique; the default column has the empty name and is what a
 * plain read returns.  A value with a deadline is an entity whose column "kvd.expire" holds
 *
 *     fixed64, little-endian: the last millisecond since 1970 (UTC) in which the value is there
 *
 * Of another size it means nothing and goes with the next change.  Columns that kvd does not know
 * stay as they are for as long as the value is changed and not replaced.
 *
 * An entity whose deadline has passed is dead: to reads and to merges it is as absent as a deleted
 * one.  Operands never become part of an entity with a deadline but by a read: whoever folds them
 * on disk leaves both as they are until it is dead, and then folds onto nothing, so that what a
 * read finds does not depend on when a job came by.  KV.MERGE writes the folded value at once.
 */
#ifndef KV_KEY_ENTITY_H
#define KV_KEY_ENTITY_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

/* Later than all times. */
#define DEADLINE_NONE UINT64_MAX

/* What kvd knows of an entity. */
struct entity {
    struct slice value;   /* of the default column, empty if there is none; borrowed */
    uint64_t deadline_ms; /* or DEADLINE_NONE */
    bool has_others;      /* columns that kvd does not know */
};

/* Borrows from `encoded`.  KV_CORRUPT: untrusted bytes that are not an entity; KV_UNSUPPORTED:
 * another version. */
MUST_CHECK enum kv_status entity_parse(struct slice encoded, struct entity *entity_out);
/* Its deadline, without a word of what is no entity: that has none. */
uint64_t entity_deadline(struct slice encoded);
/* entity_parse's value alone. */
MUST_CHECK enum kv_status entity_default_column(struct slice encoded, struct slice *value_out);

static inline bool
entity_is_dead(const struct entity *entity, uint64_t now_ms)
{
    return now_ms > entity->deadline_ms;
}

/* Replaces *target by an entity with the value and the deadline of `to` and the columns that kvd
 * does not know of `from`, which is encoded, or empty: there are none.  Neither may lie in the
 * target.  KV_CORRUPT, KV_UNSUPPORTED: as entity_parse, of `from`; KV_LIMIT: longer than
 * VALUE_BYTES_MAX. */
MUST_CHECK enum kv_status entity_rewrite(struct slice from, const struct entity *to,
                                         struct buffer *target);

#endif
