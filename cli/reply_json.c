/* reply_json.c - one JSON value for each reply, valid whatever bytes it has. */
#include "cli/escape.h"
#include "cli/reply_format_internal.h"

static void
format_value(const redisReply *reply, struct buffer *target)
{
    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        buffer_append_byte(target, '[');
        for (size_t i = 0; i < reply->elements; i++) {
            if (i > 0)
                buffer_append_byte(target, ',');
            format_value(reply->element[i], target);
        }
        buffer_append_byte(target, ']');
        return;
    case REDIS_REPLY_INTEGER:
        buffer_append_format(target, "%lld", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        buffer_append_format(target, "null");
        return;
    case REDIS_REPLY_ERROR:
        buffer_append_format(target, "{\"error\":");
        escape_append_json(target, reply_bytes(reply));
        buffer_append_byte(target, '}');
        return;
    default:
        escape_append_json(target, reply_bytes(reply));
    }
}

/* A name of an object must be a string. */
static bool
names_are_utf8(const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i += 2) {
        if (!escape_is_utf8(reply_bytes(reply->element[i])))
            return false;
    }
    return true;
}

static void
format_pairs(const redisReply *reply, struct buffer *target)
{
    buffer_append_byte(target, '{');
    for (size_t i = 0; i < reply->elements; i += 2) {
        if (i > 0)
            buffer_append_byte(target, ',');
        escape_append_json(target, reply_bytes(reply->element[i]));
        buffer_append_byte(target, ':');
        format_value(reply->element[i + 1], target);
    }
    buffer_append_byte(target, '}');
}

static bool
records_are_utf8(const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++) {
        if (!names_are_utf8(reply->element[i]))
            return false;
    }
    return true;
}

static void
format_records(const redisReply *reply, struct buffer *target)
{
    buffer_append_byte(target, '[');
    for (size_t i = 0; i < reply->elements; i++) {
        if (i > 0)
            buffer_append_byte(target, ',');
        format_pairs(reply->element[i], target);
    }
    buffer_append_byte(target, ']');
}

/* {"Section":{"name":"value",...},...}; fields before the first section are in "". */
static void
format_info(const redisReply *reply, struct buffer *target)
{
    struct slice rest = reply_bytes(reply), line;
    bool in_section = false, has_field = false;

    buffer_append_byte(target, '{');
    while (reply_next_line(&rest, &line)) {
        const uint8_t *colon = line.size == 0 ? NULL : memchr(line.data, ':', line.size);
        const bool is_head = slice_starts_with(line, slice_from_text("# "));
        size_t name_size;

        if (!is_head && colon == NULL)
            continue;
        if (is_head || !in_section) {
            buffer_append_format(target, "%s", in_section ? "}," : "");
            escape_append_json(target, is_head ? slice_of(line.data + 2, line.size - 2)
                                               : slice_of(NULL, 0));
            buffer_append_format(target, ":{");
            in_section = true;
            has_field = false;
        }
        if (is_head)
            continue;
        name_size = (size_t)(colon - line.data);
        buffer_append_format(target, "%s", has_field ? "," : "");
        escape_append_json(target, slice_of(line.data, name_size));
        buffer_append_byte(target, ':');
        escape_append_json(target, slice_of(colon + 1, line.size - name_size - 1));
        has_field = true;
    }
    buffer_append_format(target, "%s}", in_section ? "}" : "");
}

void
reply_format_json(const struct reply_format *format, const redisReply *reply, struct buffer *target)
{
    if (format->shape == SHAPE_INFO && reply->type == REDIS_REPLY_STRING &&
        escape_is_utf8(reply_bytes(reply)))
        format_info(reply, target);
    else if (format->shape == SHAPE_PAIRS && reply_is_pairs(reply) && names_are_utf8(reply))
        format_pairs(reply, target);
    else if (format->shape == SHAPE_RECORDS && reply_is_records(reply) && records_are_utf8(reply))
        format_records(reply, target);
    else
        format_value(reply, target);
    buffer_append_byte(target, '\n');
}
