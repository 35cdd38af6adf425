/* reply_reader.c - a reply is read as it is nested, by a function that calls itself.
 *
 * What a server says of sizes is believed no further than its bytes have come: strings and arrays
 * grow as they arrive.  Invariant: everything that a reply under way has is in its tree, so who
 * gives up frees the tree.
 */
#include "cli/reply_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "resp/resp_number.h"

enum { RECEIVE_BYTES = 64 * 1024, STRING_BYTES_MAX = 1 << 30 };

struct stream {
    struct reply_reader *reader;
    int fd;
    const char *error; /* NULL: none yet */
    int error_number;
};

static bool
fail(struct stream *stream, const char *error, int error_number)
{
    stream->error = error;
    stream->error_number = error_number;
    return false;
}

/* Some more bytes behind those that are there. */
static bool
receive(struct stream *stream)
{
    struct buffer *bytes = &stream->reader->bytes;
    ssize_t got;

    if (stream->reader->at > 0)
        buffer_consume(bytes, stream->reader->at);
    stream->reader->at = 0;
    do {
        got = read(stream->fd, buffer_reserve(bytes, RECEIVE_BYTES), RECEIVE_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got == 0)
        return fail(stream, "Server closed the connection", 0);
    if (got < 0)
        return fail(stream, strerror(errno), errno);
    bytes->size += (size_t)got;
    return true;
}

static struct slice
unread(const struct stream *stream)
{
    const struct reply_reader *reader = stream->reader;

    return slice_of(reader->bytes.data + reader->at, reader->bytes.size - reader->at);
}

/* Up to \r\n, which is taken; valid until more is read. */
static bool
read_line(struct stream *stream, struct slice *line)
{
    for (;;) {
        const struct slice rest = unread(stream);
        const uint8_t *end = rest.size > 0 ? memmem(rest.data, rest.size, "\r\n", 2) : NULL;

        if (end != NULL) {
            *line = slice_of(rest.data, (size_t)(end - rest.data));
            stream->reader->at += line->size + 2;
            return true;
        }
        if (rest.size > REPLY_LINE_BYTES_MAX)
            return fail(stream, "Protocol error, a line does not end", 0);
        if (!receive(stream))
            return false;
    }
}

static void
set_text(redisReply *reply, int type, const uint8_t *data, size_t size)
{
    reply->type = type;
    reply->str = kv_alloc(size + 1);
    reply->len = size;
    if (size > 0)
        memcpy(reply->str, data, size);
    reply->str[size] = '\0';
}

static bool
read_string(struct stream *stream, size_t size, redisReply *reply)
{
    struct buffer text = {0};
    bool is_fine = true;

    while (is_fine && text.size < size + 2) {
        const struct slice rest = unread(stream);
        const size_t wanted = size + 2 - text.size;
        const size_t taken = rest.size < wanted ? rest.size : wanted;

        buffer_append(&text, rest.data, taken);
        stream->reader->at += taken;
        is_fine = text.size == size + 2 || receive(stream);
    }
    if (is_fine && memcmp(text.data + size, "\r\n", 2) != 0)
        is_fine = fail(stream, "Protocol error, a string is longer than it says", 0);
    if (is_fine)
        set_text(reply, REDIS_REPLY_STRING, text.data, size);
    buffer_deinit(&text);
    return is_fine;
}

static bool read_reply(struct stream *stream, uint32_t depth, redisReply *reply);

static bool
read_array(struct stream *stream, size_t count, uint32_t depth, redisReply *reply)
{
    size_t capacity = 0;

    reply->type = REDIS_REPLY_ARRAY;
    while (reply->elements < count) {
        if (reply->elements == capacity) {
            capacity = 2 * capacity + 16;
            reply->element = kv_realloc(reply->element, capacity * sizeof(reply->element[0]));
        }
        reply->element[reply->elements] = kv_alloc_zero(sizeof(*reply));
        if (!read_reply(stream, depth + 1, reply->element[reply->elements++]))
            return false;
    }
    return true;
}

/* What has a size before it; -1 is null. */
static bool
read_sized(struct stream *stream, uint8_t kind, int64_t size, uint32_t depth, redisReply *reply)
{
    if (size == -1) {
        reply->type = REDIS_REPLY_NIL;
        return true;
    }
    if (size < 0 || size > STRING_BYTES_MAX)
        return fail(stream, "Protocol error, a size is out of range", 0);
    return kind == '$' ? read_string(stream, (size_t)size, reply)
                       : read_array(stream, (size_t)size, depth, reply);
}

static bool
read_reply(struct stream *stream, uint32_t depth, redisReply *reply)
{
    struct slice line, text;
    int64_t number = 0;

    if (depth > REPLY_DEPTH_MAX)
        return fail(stream, "Protocol error, arrays are nested too deep", 0);
    if (!read_line(stream, &line))
        return false;
    text = line.size > 0 ? slice_of(line.data + 1, line.size - 1) : line;
    if (line.size > 0 && strchr("$*:", line.data[0]) != NULL && !resp_parse_int64(text, &number))
        return fail(stream, "Protocol error, a number is none", 0);
    switch (line.size > 0 ? line.data[0] : 0) {
    case '+':
        set_text(reply, REDIS_REPLY_STATUS, text.data, text.size);
        return true;
    case '-':
        set_text(reply, REDIS_REPLY_ERROR, text.data, text.size);
        return true;
    case ':':
        reply->type = REDIS_REPLY_INTEGER;
        reply->integer = number;
        return true;
    case '$':
    case '*':
        return read_sized(stream, line.data[0], number, depth, reply);
    default:
        return fail(stream, "Protocol error, a reply begins with an unknown byte", 0);
    }
}

redisReply *
reply_reader_next(struct reply_reader *reader, int fd, const char **error_out, int *errno_out)
{
    struct stream stream = {.reader = reader, .fd = fd};
    redisReply *reply = kv_alloc_zero(sizeof(*reply));

    KV_ASSERT(fd >= 0);
    reply->type = REDIS_REPLY_NIL;
    if (read_reply(&stream, 1, reply))
        return reply;
    *error_out = stream.error;
    *errno_out = stream.error_number;
    freeReplyObject(reply);
    return NULL;
}

void
reply_reader_deinit(struct reply_reader *reader)
{
    buffer_deinit(&reader->bytes);
    *reader = (struct reply_reader){0};
}
