/* internal_key.h - user key, sequence number and type as one ordered key (FORMAT.md section 4).
 *
 *     user_key | fixed64 (sequence << 8 | type)
 *
 * Order: user key ascending (bytewise), then the footer descending, so newer comes first.
 */
#ifndef KV_KEY_INTERNAL_KEY_H
#define KV_KEY_INTERNAL_KEY_H

#include "base/buffer.h"
#include "base/coding.h"
#include "base/limits.h"
#include "base/slice.h"

enum value_type {
    TYPE_DELETION = 0,
    TYPE_VALUE = 1,
    TYPE_MERGE = 2,
    TYPE_SINGLE_DELETION = 7,
    TYPE_RANGE_DELETION = 0x0f, /* range-del block only */
    TYPE_BLOB_INDEX = 0x11,     /* refused */
    TYPE_ENTITY = 0x16,         /* wide-column entity, FORMAT.md section 15 */
    TYPE_SEEK = 0x16,           /* the highest point type: sorts before all of its sequence */
};

enum { KEY_FOOTER_BYTES = 8 };

struct internal_key {
    struct slice user_key;
    uint64_t seq;
    enum value_type type;
};

static inline uint64_t
footer_pack(uint64_t seq, enum value_type type)
{
    return (seq << 8) | (uint64_t)type;
}

/* False: shorter than a footer, or a type that is never stored in a table or memtable. */
bool internal_key_parse(struct slice encoded, struct internal_key *key_out);
void internal_key_append(struct buffer *target, struct slice user_key, uint64_t seq,
                         enum value_type type);

static inline struct slice
internal_key_user(struct slice encoded)
{
    return slice_of(encoded.data, encoded.size - KEY_FOOTER_BYTES);
}

static inline uint64_t
internal_key_footer(struct slice encoded)
{
    return load_fixed64(encoded.data + encoded.size - KEY_FOOTER_BYTES);
}

/* A largest key that is only the end of a range tombstone: no version of that user key is meant. */
static inline bool
internal_key_is_tombstone_end(struct slice encoded)
{
    return internal_key_footer(encoded) == footer_pack(SEQUENCE_MAX, TYPE_RANGE_DELETION);
}

/* Both at least KEY_FOOTER_BYTES long. */
static inline int
internal_key_compare(struct slice a, struct slice b)
{
    const int order = slice_compare(internal_key_user(a), internal_key_user(b));
    uint64_t footer_a, footer_b;

    if (order != 0)
        return order;
    footer_a = internal_key_footer(a);
    footer_b = internal_key_footer(b);
    return (footer_a < footer_b) - (footer_a > footer_b);
}

#endif
