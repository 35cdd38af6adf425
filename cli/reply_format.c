/* reply_format.c - raw, hex and pretty; the others are in reply_json.c and reply_table.c.
 *
 * Replies come from a server that may be anything.  hiredis bounds how deep arrays nest, so
 * recursion is fine; a reply that has not the shape that its command promises is shown plain.
 */
#include "cli/reply_format_internal.h"

#include "base/assert.h"
#include "cli/escape.h"

struct slice
reply_bytes(const redisReply *reply)
{
    return slice_of(reply->str, reply->len);
}

bool
reply_is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
           reply->type == REDIS_REPLY_ERROR;
}

bool
reply_is_pairs(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        return false;
    for (size_t i = 0; i < reply->elements; i += 2) {
        if (!reply_is_text(reply->element[i]))
            return false;
    }
    return true;
}

bool
reply_is_records(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (!reply_is_pairs(reply->element[i]) ||
            reply->element[i]->elements != reply->element[0]->elements)
            return false;
    }
    return true;
}

bool
reply_next_line(struct slice *rest, struct slice *line_out)
{
    const uint8_t *end;

    if (rest->size == 0)
        return false;
    end = memchr(rest->data, '\n', rest->size);
    *line_out = slice_of(rest->data, end == NULL ? rest->size : (size_t)(end - rest->data));
    *rest = end == NULL ? slice_of(NULL, 0) : slice_of(end + 1, rest->size - line_out->size - 1);
    if (line_out->size > 0 && line_out->data[line_out->size - 1] == '\r')
        line_out->size--;
    return true;
}

/* Lines end in a plain newline, whatever they came with. */
static void
format_info(const redisReply *reply, struct buffer *target)
{
    struct slice rest = reply_bytes(reply), line;

    while (reply_next_line(&rest, &line)) {
        buffer_append_slice(target, line);
        buffer_append_byte(target, '\n');
    }
}

static void
format_raw(const redisReply *reply, bool end_line, struct buffer *target)
{
    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++)
            format_raw(reply->element[i], true, target);
        return;
    case REDIS_REPLY_INTEGER:
        buffer_append_format(target, "%lld\n", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        break;
    default:
        buffer_append_slice(target, reply_bytes(reply));
        end_line |= reply->type != REDIS_REPLY_STRING;
    }
    if (end_line)
        buffer_append_byte(target, '\n');
}

/* "name=value name=value", a line for each record. */
static void
format_records(const redisReply *reply, struct buffer *target)
{
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *record = reply->element[i];

        for (size_t j = 0; j < record->elements; j += 2) {
            const redisReply *value = record->element[j + 1];

            buffer_append_format(target, "%s", j == 0 ? "" : " ");
            escape_append(target, reply_bytes(record->element[j]));
            buffer_append_byte(target, '=');
            if (value->type == REDIS_REPLY_INTEGER)
                buffer_append_format(target, "%lld", value->integer);
            else if (reply_is_text(value))
                escape_append(target, reply_bytes(value));
        }
        buffer_append_byte(target, '\n');
    }
}

static void
format_hex(const redisReply *reply, struct buffer *target)
{
    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++)
            format_hex(reply->element[i], target);
        return;
    case REDIS_REPLY_STRING:
        escape_append_hex(target, reply_bytes(reply));
        buffer_append_byte(target, '\n');
        return;
    case REDIS_REPLY_NIL:
        buffer_append_format(target, "(nil)\n");
        return;
    default:
        format_raw(reply, true, target);
    }
}

/* `indent` columns stand before the first line already. */
static void
format_pretty(const redisReply *reply, int indent, struct buffer *target)
{
    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        if (reply->elements == 0)
            buffer_append_format(target, "(empty array)\n");
        for (size_t i = 0; i < reply->elements; i++) {
            const int width = reply->elements < 10 ? 1 : reply->elements < 100 ? 2 : 5;

            buffer_append_format(target, "%*s%*zu) ", i == 0 ? 0 : indent, "", width, i + 1);
            format_pretty(reply->element[i], indent + width + 2, target);
        }
        return;
    case REDIS_REPLY_INTEGER:
        buffer_append_format(target, "(integer) %lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        buffer_append_format(target, "(nil)");
        break;
    case REDIS_REPLY_STRING:
        escape_append_quoted(target, reply_bytes(reply));
        break;
    default:
        buffer_append_format(target, "%s", reply->type == REDIS_REPLY_ERROR ? "(error) " : "");
        escape_append(target, reply_bytes(reply));
    }
    buffer_append_byte(target, '\n');
}

void
reply_format(const struct reply_format *format, const redisReply *reply, struct buffer *target)
{
    const bool is_info = format->shape == SHAPE_INFO && reply->type == REDIS_REPLY_STRING;

    KV_ASSERT(format->output != OUTPUT_AUTO);
    KV_ASSERT(format->request != NULL);
    switch (format->output) {
    case OUTPUT_JSON:
        reply_format_json(format, reply, target);
        return;
    case OUTPUT_TABLE:
        reply_format_table(format, reply, target);
        return;
    case OUTPUT_HEX:
        format_hex(reply, target);
        return;
    case OUTPUT_PRETTY:
        if (format->shape == SHAPE_PAIRS || format->shape == SHAPE_RECORDS)
            reply_format_table(format, reply, target);
        else if (is_info)
            format_info(reply, target);
        else
            format_pretty(reply, 0, target);
        return;
    default:
        if (is_info)
            format_info(reply, target);
        else if (format->shape == SHAPE_RECORDS && reply_is_records(reply))
            format_records(reply, target);
        else if (reply->type != REDIS_REPLY_NIL)
            format_raw(reply, format->end_line, target);
    }
}
