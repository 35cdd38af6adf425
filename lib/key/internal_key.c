/* The types that an entry of a table or memtable can have are a small fixed set; anything else in
 * a footer is damage.  Range deletions have blocks of their own but the same key form, and blob
 * indexes are parsed so that the reader above can name the feature that it refuses. */
#include "key/internal_key.h"

#include "base/assert.h"

static bool
type_is_stored(uint64_t type)
{
    switch (type) {
    case TYPE_DELETION:
    case TYPE_VALUE:
    case TYPE_MERGE:
    case TYPE_SINGLE_DELETION:
    case TYPE_RANGE_DELETION:
    case TYPE_BLOB_INDEX:
    case TYPE_ENTITY:
        return true;
    default:
        return false;
    }
}

bool
internal_key_parse(struct slice encoded, struct internal_key *key_out)
{
    uint64_t footer;

    if (encoded.size < KEY_FOOTER_BYTES)
        return false;
    footer = internal_key_footer(encoded);
    if (!type_is_stored(footer & 0xff))
        return false;
    key_out->user_key = internal_key_user(encoded);
    key_out->seq = footer >> 8;
    key_out->type = (enum value_type)(footer & 0xff);
    return true;
}

void
internal_key_append(struct buffer *target, struct slice user_key, uint64_t seq,
                    enum value_type type)
{
    uint8_t *end;

    KV_ASSERT(seq <= SEQUENCE_MAX);
    KV_ASSERT(type_is_stored((uint64_t)type));
    end = buffer_reserve(target, user_key.size + KEY_FOOTER_BYTES);
    if (user_key.size > 0)
        memcpy(end, user_key.data, user_key.size);
    put_fixed64(end + user_key.size, footer_pack(seq, type));
    target->size += user_key.size + KEY_FOOTER_BYTES;
}
