/* entity.c - see the header.
 *
 * Bytes are believed once entity_parse has walked all of them: every column is there, and the
 * values behind them have the sizes that they say.
 */
#include "key/entity.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"

enum { ENTITY_VERSION = 1, DEADLINE_BYTES = 8, COLUMN_BYTES_MAX = 16 };

static const char expire_name[] = "kvd.expire";

struct column {
    struct slice name;
    uint32_t size;
    uint64_t offset; /* among the values */
};

static bool
take_header(struct slice *rest, uint32_t *version_out, uint32_t *column_count_out)
{
    return get_varint32(rest, version_out) && get_varint32(rest, column_count_out);
}

/* The next column; *offset goes on behind its value. */
static bool
take_column(struct slice *rest, uint64_t *offset, struct column *column_out)
{
    if (!get_lstr(rest, &column_out->name) || !get_varint32(rest, &column_out->size))
        return false;
    column_out->offset = *offset;
    *offset += column_out->size;
    return true;
}

static struct slice
expire_column(void)
{
    return slice_of(expire_name, sizeof(expire_name) - 1);
}

/* False: it is malformed. */
static bool
take_columns(struct slice rest, uint32_t column_count, struct entity *entity_out)
{
    struct column column, value = {0}, expire = {0};
    struct slice deadline;
    uint64_t values_size = 0;

    for (uint32_t i = 0; i < column_count; i++) {
        if (!take_column(&rest, &values_size, &column))
            return false;
        /* The empty name sorts first. */
        if (i == 0 && column.name.size == 0)
            value = column;
        else if (slice_equal(column.name, expire_column()))
            expire = column;
        else
            entity_out->has_others = true;
    }
    if (values_size != rest.size)
        return false;
    entity_out->value = slice_of(rest.data, value.size);
    deadline = slice_of(rest.data + expire.offset, expire.size);
    return expire.size != DEADLINE_BYTES || get_fixed64(&deadline, &entity_out->deadline_ms);
}

enum kv_status
entity_parse(struct slice encoded, struct entity *entity_out)
{
    struct slice rest = encoded;
    uint32_t version, column_count;

    *entity_out = (struct entity){.deadline_ms = DEADLINE_NONE};
    if (!take_header(&rest, &version, &column_count))
        return KV_FAIL(KV_CORRUPT, "entity of %zu bytes: no header", encoded.size);
    if (version != ENTITY_VERSION)
        return KV_FAIL(KV_UNSUPPORTED, "entity of version %u", version);
    if (!take_columns(rest, column_count, entity_out))
        return KV_FAIL(KV_CORRUPT, "entity of %zu bytes: %u columns do not fit", encoded.size,
                       column_count);
    return KV_OK;
}

uint64_t
entity_deadline(struct slice encoded)
{
    struct entity entity = {.deadline_ms = DEADLINE_NONE};
    uint32_t version, column_count;

    if (!take_header(&encoded, &version, &column_count) || version != ENTITY_VERSION ||
        !take_columns(encoded, column_count, &entity))
        return DEADLINE_NONE;
    return entity.deadline_ms;
}

enum kv_status
entity_default_column(struct slice encoded, struct slice *value_out)
{
    struct entity entity;
    const enum kv_status st = entity_parse(encoded, &entity);

    *value_out = entity.value;
    return st;
}

/* --- writing --- */

/* Those of an entity that kvd does not know, in their order. */
struct others {
    struct slice columns, values; /* as encoded */
    uint32_t column_count;
};

static void
find_others(struct slice from, struct others *others)
{
    struct slice rest = from;
    uint32_t version;
    bool has_header;

    *others = (struct others){0};
    if (from.size == 0)
        return;
    has_header = take_header(&rest, &version, &others->column_count);
    KV_ASSERT(has_header);
    others->columns = rest;
    others->values = rest;
    for (uint32_t i = 0; i < others->column_count; i++) {
        struct column column;
        uint64_t offset = 0;
        const bool is_there = take_column(&others->values, &offset, &column);

        KV_ASSERT(is_there);
    }
}

static void
put_column(struct buffer *target, struct slice name, uint64_t size)
{
    buffer_put_lstr(target, name);
    buffer_put_varint32(target, (uint32_t)size);
}

/* Whether the deadline's column stands before this one. */
static bool
is_behind_expire(struct slice name)
{
    return slice_compare(name, expire_column()) > 0;
}

/* The columns of the others with the deadline in between, or their values. */
static void
put_others(struct buffer *target, const struct others *others, uint64_t deadline_ms, bool as_values)
{
    const struct slice name = expire_column();
    bool owes_deadline = deadline_ms != DEADLINE_NONE;
    struct slice rest = others->columns;
    uint64_t offset = 0;

    for (uint32_t i = 0; i <= others->column_count; i++) {
        struct column column;
        const bool is_there = i < others->column_count && take_column(&rest, &offset, &column);

        if (owes_deadline && (!is_there || is_behind_expire(column.name))) {
            if (as_values)
                buffer_put_fixed64(target, deadline_ms);
            else
                put_column(target, name, DEADLINE_BYTES);
            owes_deadline = false;
        }
        if (!is_there || (i == 0 && column.name.size == 0) || slice_equal(column.name, name))
            continue;
        if (as_values)
            buffer_append(target, others->values.data + column.offset, column.size);
        else
            put_column(target, column.name, column.size);
    }
}

/* How many of the others stay: a deadline replaces what has its name, whatever that was. */
static uint32_t
count_others(const struct others *others)
{
    const struct slice name = expire_column();
    struct slice rest = others->columns;
    uint64_t offset = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < others->column_count; i++) {
        struct column column;
        const bool is_there = take_column(&rest, &offset, &column);

        KV_ASSERT(is_there);
        count += !(i == 0 && column.name.size == 0) && !slice_equal(column.name, name);
    }
    return count;
}

enum kv_status
entity_rewrite(struct slice from, const struct entity *to, struct buffer *target)
{
    const bool has_deadline = to->deadline_ms != DEADLINE_NONE;
    struct entity before = {0};
    struct others others;
    enum kv_status st = from.size == 0 ? KV_OK : entity_parse(from, &before);

    if (st != KV_OK)
        return st;
    if ((uint64_t)from.size - before.value.size + to->value.size + 3 * COLUMN_BYTES_MAX >
        VALUE_BYTES_MAX)
        return KV_LIMIT;
    find_others(from, &others);
    buffer_clear(target);
    buffer_put_varint32(target, ENTITY_VERSION);
    buffer_put_varint32(target, 1 + has_deadline + count_others(&others));
    put_column(target, slice_of(NULL, 0), to->value.size);
    put_others(target, &others, to->deadline_ms, false);
    buffer_append_slice(target, to->value);
    put_others(target, &others, to->deadline_ms, true);
    return KV_OK;
}
