#include "merge/merge_entity.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"
#include "key/entity.h"

/* entity_default_column has accepted the bytes, so what is read here is there. */
static void
take_column(struct slice *header, struct slice *name_out, uint32_t *size_out)
{
    const bool has_name = get_lstr(header, name_out);
    const bool has_size = get_varint32(header, size_out);

    KV_ASSERT(has_name && has_size);
}

enum kv_status
merge_entity_set_value(struct slice entity, struct slice value, struct buffer *target)
{
    struct slice header = entity, old, name = {0};
    uint32_t version = 0, column_count = 0, size = 0, kept = 0;
    enum kv_status st = entity_default_column(entity, &old);

    if (st != KV_OK)
        return st;
    if ((uint64_t)entity.size - old.size + value.size > VALUE_BYTES_MAX)
        return KV_LIMIT;
    if (!get_varint32(&header, &version) || !get_varint32(&header, &column_count))
        return KV_CORRUPT;
    buffer_clear(target);
    buffer_put_varint32(target, version);
    if (column_count > 0) {
        struct slice rest = header;

        take_column(&rest, &name, &size);
        if (name.size == 0)
            header = rest;
        kept = column_count - (name.size == 0 ? 1 : 0);
    }
    buffer_put_varint32(target, kept + 1);
    buffer_put_lstr(target, slice_of(NULL, 0));
    buffer_put_varint32(target, (uint32_t)value.size);
    for (uint32_t i = 0; i < kept; i++) {
        take_column(&header, &name, &size);
        buffer_put_lstr(target, name);
        buffer_put_varint32(target, size);
    }
    buffer_append_slice(target, value);
    buffer_append(target, header.data + old.size, header.size - old.size);
    return KV_OK;
}
