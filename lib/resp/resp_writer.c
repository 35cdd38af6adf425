/* resp_writer.c - each reply type is one header line and perhaps bytes.
 *
 * Room for a reply is reserved once, then written without further checks.
 */
#include "resp/resp_writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "resp/resp_number.h"

enum { HEADER_BYTES_MAX = 1 + INT64_TEXT_BYTES_MAX + 2, ERROR_TEXT_BYTES_MAX = 1024 };

static bool
is_resp3(const struct resp_writer *writer)
{
    KV_ASSERT(writer->protocol == 2 || writer->protocol == 3);
    return writer->protocol == 3;
}

/* "<type><value>\r\n" and room for `more` bytes behind it. */
static void
put_header(struct resp_writer *writer, char type, int64_t value, size_t more)
{
    uint8_t *target = buffer_reserve(writer->target, HEADER_BYTES_MAX + more);
    size_t size = 0;

    target[size++] = (uint8_t)type;
    size += resp_put_int64(target + size, value);
    target[size++] = '\r';
    target[size++] = '\n';
    writer->target->size += size;
}

static void
put_text(struct resp_writer *writer, const char *text)
{
    buffer_append(writer->target, text, strlen(text));
}

void
resp_simple(struct resp_writer *writer, const char *text)
{
    KV_ASSERT(strpbrk(text, "\r\n") == NULL);
    put_text(writer, "+");
    put_text(writer, text);
    put_text(writer, "\r\n");
}

void
resp_error(struct resp_writer *writer, const char *text)
{
    const size_t size = strlen(text);
    uint8_t *target = buffer_reserve(writer->target, size + 3);

    *target++ = '-';
    for (size_t i = 0; i < size; i++)
        *target++ = text[i] == '\r' || text[i] == '\n' ? ' ' : (uint8_t)text[i];
    *target++ = '\r';
    *target = '\n';
    writer->target->size += size + 3;
}

void
resp_error_format(struct resp_writer *writer, const char *format, ...)
{
    char text[ERROR_TEXT_BYTES_MAX];
    size_t size;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (size = strlen(text); size > 0 && (text[size - 1] == '\r' || text[size - 1] == '\n');)
        text[--size] = '\0';
    resp_error(writer, text);
}

void
resp_integer(struct resp_writer *writer, int64_t value)
{
    put_header(writer, ':', value, 0);
}

void
resp_bulk(struct resp_writer *writer, struct slice bytes)
{
    struct buffer *target = writer->target;

    put_header(writer, '$', (int64_t)bytes.size, bytes.size + 2);
    if (bytes.size > 0)
        memcpy(target->data + target->size, bytes.data, bytes.size);
    target->size += bytes.size;
    target->data[target->size++] = '\r';
    target->data[target->size++] = '\n';
    KV_ASSERT(target->size <= target->capacity);
}

void
resp_bulk_text(struct resp_writer *writer, const char *text)
{
    resp_bulk(writer, slice_from_text(text));
}

void
resp_null(struct resp_writer *writer)
{
    put_text(writer, is_resp3(writer) ? "_\r\n" : "$-1\r\n");
}

void
resp_null_array(struct resp_writer *writer)
{
    put_text(writer, is_resp3(writer) ? "_\r\n" : "*-1\r\n");
}

void
resp_array(struct resp_writer *writer, size_t count)
{
    put_header(writer, '*', (int64_t)count, 0);
}

void
resp_push(struct resp_writer *writer, size_t count)
{
    put_header(writer, is_resp3(writer) ? '>' : '*', (int64_t)count, 0);
}

void
resp_map(struct resp_writer *writer, size_t pair_count)
{
    if (is_resp3(writer))
        put_header(writer, '%', (int64_t)pair_count, 0);
    else
        put_header(writer, '*', (int64_t)pair_count * 2, 0);
}

void
resp_set(struct resp_writer *writer, size_t count)
{
    put_header(writer, is_resp3(writer) ? '~' : '*', (int64_t)count, 0);
}

void
resp_double(struct resp_writer *writer, double value)
{
    char text[40];

    if (isinf(value))
        (void)snprintf(text, sizeof(text), "%s", value > 0 ? "inf" : "-inf");
    else if (isnan(value))
        (void)snprintf(text, sizeof(text), "nan");
    else
        (void)snprintf(text, sizeof(text), "%.17g", value);
    if (!is_resp3(writer)) {
        resp_bulk_text(writer, text);
        return;
    }
    put_text(writer, ",");
    put_text(writer, text);
    put_text(writer, "\r\n");
}

void
resp_boolean(struct resp_writer *writer, bool value)
{
    if (is_resp3(writer))
        put_text(writer, value ? "#t\r\n" : "#f\r\n");
    else
        resp_integer(writer, value ? 1 : 0);
}

void
resp_verbatim(struct resp_writer *writer, const char *format3, struct slice text)
{
    KV_ASSERT(strlen(format3) == 3);
    if (!is_resp3(writer)) {
        resp_bulk(writer, text);
        return;
    }
    put_header(writer, '=', (int64_t)text.size + 4, text.size + 6);
    put_text(writer, format3);
    put_text(writer, ":");
    buffer_append_slice(writer->target, text);
    put_text(writer, "\r\n");
}
