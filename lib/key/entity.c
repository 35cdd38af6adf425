#include "key/entity.h"

#include "base/coding.h"

enum { ENTITY_VERSION = 1 };

enum kv_status
entity_default_column(struct slice entity, struct slice *value_out)
{
    struct slice header = entity;
    uint32_t version, column_count;
    uint64_t values_size = 0;
    uint32_t default_size = 0;

    *value_out = slice_of(NULL, 0);
    if (!get_varint32(&header, &version) || !get_varint32(&header, &column_count))
        return KV_FAIL(KV_CORRUPT, "entity of %zu bytes: no header", entity.size);
    if (version != ENTITY_VERSION)
        return KV_FAIL(KV_UNSUPPORTED, "entity of version %u", version);

    for (uint32_t i = 0; i < column_count; i++) {
        struct slice name;
        uint32_t size;

        if (!get_lstr(&header, &name) || !get_varint32(&header, &size))
            return KV_FAIL(KV_CORRUPT, "entity of %zu bytes: column %u is cut off", entity.size, i);
        /* The empty name sorts first, so its value is the first of the values. */
        if (i == 0 && name.size == 0)
            default_size = size;
        values_size += size;
    }
    if (values_size != header.size)
        return KV_FAIL(KV_CORRUPT, "entity of %zu bytes: values take %zu of %llu bytes",
                       entity.size, header.size, (unsigned long long)values_size);
    *value_out = slice_of(header.data, default_size);
    return KV_OK;
}
