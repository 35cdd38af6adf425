/* lookup.h - the answer to "what does this say about this key?" */
#ifndef KV_KEY_LOOKUP_H
#define KV_KEY_LOOKUP_H

#include "base/slice.h"
#include "key/internal_key.h"

enum lookup_kind {
    LOOKUP_ABSENT,    /* says nothing: look further down */
    LOOKUP_VALUE,     /* `value`, as stored by a TYPE_VALUE or TYPE_ENTITY entry (see type) */
    LOOKUP_TOMBSTONE, /* deleted, by whatever kind of deletion */
    LOOKUP_MERGE,     /* an operand: needs what lies below */
};

struct lookup {
    enum lookup_kind kind;
    enum value_type type; /* of the entry found */
    uint64_t seq;         /* of the entry found; for a covering range tombstone: its own */
    struct slice value;   /* borrowed from the memtable or from a pinned block */
    /* What `value` is the default column of, as stored, when a read has unpacked a TYPE_ENTITY. */
    struct slice entity;
};

/* Whether a read has found nothing because the value that it met is dead (entity.h). */
static inline bool
lookup_is_dead(const struct lookup *found)
{
    return found->kind == LOOKUP_ABSENT && found->type == TYPE_ENTITY;
}

#endif
