/* resp_parser.c - the request side of RESP, as Redis reads it.
 *
 *     *3\r\n $3\r\n SET\r\n $1\r\n k\r\n $1\r\n v\r\n      or      SET k v\n
 *
 * Like Redis, it does not look at what stands where a "\n" or the line end behind an argument
 * belongs.  A request that is short and all there, as nearly all are, is read in one pass; any
 * other piece by piece.  Invariant: all before `position` is remembered in args_expected,
 * bulk_expected and the offsets, so an argument is not looked at twice however finely the input is
 * cut.  Memory grows with what has arrived, never with a length that was only announced.
 */
#include "resp/resp_parser.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "resp/resp_inline.h"
#include "resp/resp_number.h"
#include "resp/resp_short.h"

enum {
    ARG_CAPACITY_FIRST = 16,
    ARG_CAPACITY_KEPT = 1024,
    INLINE_BYTES_KEPT = 4096,
    SHORT_BULK_BYTES_MAX = 65535,
};

enum line { LINE_OK, LINE_MORE, LINE_TOO_LONG };

void
resp_parser_init(struct resp_parser *parser)
{
    KV_ASSERT(parser != NULL);
    memset(parser, 0, sizeof(*parser));
    parser->arg_count_max = RESP_ARG_COUNT_MAX;
    parser->bulk_bytes_max = VALUE_BYTES_MAX;
    resp_parser_restart(parser);
}

void
resp_parser_restart(struct resp_parser *parser)
{
    parser->args_expected = -1;
    parser->bulk_expected = -1;
    parser->position = 0;
    parser->args_read = 0;
}

void
resp_parser_deinit(struct resp_parser *parser)
{
    free(parser->args);
    free(parser->arg_offsets);
    free(parser->arg_sizes);
    buffer_deinit(&parser->inline_bytes);
    memset(parser, 0, sizeof(*parser));
}

static void
resize_args(struct resp_parser *parser, uint32_t capacity)
{
    KV_ASSERT(capacity >= parser->args_read);
    parser->args = kv_realloc(parser->args, capacity * sizeof(*parser->args));
    parser->arg_offsets = kv_realloc(parser->arg_offsets, capacity * sizeof(*parser->arg_offsets));
    parser->arg_sizes = kv_realloc(parser->arg_sizes, capacity * sizeof(*parser->arg_sizes));
    parser->arg_capacity = capacity;
    parser->offset_capacity = capacity;
}

static void
add_arg(struct resp_parser *parser, size_t offset, size_t size)
{
    if (parser->args_read == parser->arg_capacity)
        resize_args(parser,
                    parser->arg_capacity == 0 ? ARG_CAPACITY_FIRST : parser->arg_capacity * 2);
    parser->arg_offsets[parser->args_read] = offset;
    parser->arg_sizes[parser->args_read] = size;
    parser->args_read++;
}

static enum resp_parse
refuse(struct resp_parser *parser, const char *reason)
{
    (void)snprintf(parser->error, sizeof(parser->error), "Protocol error: %s", reason);
    resp_parser_restart(parser);
    return RESP_PARSE_ERROR;
}

/* All arguments are there: turns offsets into slices of `bytes`. */
static enum resp_parse
finish(struct resp_parser *parser, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < parser->args_read; i++)
        parser->args[i] = slice_of(bytes + parser->arg_offsets[i], parser->arg_sizes[i]);
    parser->arg_count = parser->args_read;
    resp_parser_restart(parser);
    return RESP_PARSE_COMMAND;
}

/* A whole short request, in one pass; nearly all are.  False: to be read piece by piece, from its
 * first byte. */
static bool
read_short(struct resp_parser *parser, struct slice input, size_t *consumed_out)
{
    struct slice rest = input;
    uint32_t count;

    KV_ASSERT(parser->position == 0 && parser->args_read == 0);
    if (parser->is_anonymous || parser->bulk_bytes_max < SHORT_BULK_BYTES_MAX ||
        parser->arg_count_max < ARG_CAPACITY_FIRST)
        return false;
    if (!resp_take_length(&rest, '*', ARG_CAPACITY_FIRST, &count) || count == 0)
        return false;
    if (parser->arg_capacity < ARG_CAPACITY_FIRST)
        resize_args(parser, ARG_CAPACITY_FIRST);
    for (uint32_t i = 0; i < count; i++) {
        if (!resp_take_bulk(&rest, SHORT_BULK_BYTES_MAX, &parser->args[i]))
            return false;
    }
    parser->arg_count = count;
    *consumed_out = input.size - rest.size;
    return true;
}

/* Nearly all lines are "$3": a few compares are quicker than a call. */
static const uint8_t *
find_line_end(const uint8_t *start, size_t size)
{
    const size_t near = size < 6 ? size : 6;

    for (size_t i = 0; i < near; i++) {
        if (start[i] == '\r')
            return start + i;
    }
    return near == size ? NULL : memchr(start + near, '\r', size - near);
}

/* The line from `position`, without its end; moves position behind it. */
static enum line
take_line(struct resp_parser *parser, struct slice input, struct slice *line_out)
{
    const size_t left = input.size - parser->position;
    const uint8_t *start = input.data + parser->position;
    const uint8_t *end;

    KV_ASSERT(parser->position <= input.size);
    if (left == 0)
        return LINE_MORE;
    end = find_line_end(start, left);
    if (end == NULL)
        return left > RESP_LINE_BYTES_MAX ? LINE_TOO_LONG : LINE_MORE;
    if ((size_t)(end - start) + 2 > left)
        return LINE_MORE;
    *line_out = slice_of(start, (size_t)(end - start));
    parser->position += line_out->size + 2;
    return LINE_OK;
}

/* "*<count>": RESP_PARSE_MORE with args_expected set means to go on. */
static enum resp_parse
read_count(struct resp_parser *parser, struct slice input, size_t *consumed_out)
{
    struct slice line;
    int64_t count;

    switch (take_line(parser, input, &line)) {
    case LINE_MORE:
        return RESP_PARSE_MORE;
    case LINE_TOO_LONG:
        return refuse(parser, "too big mbulk count string");
    case LINE_OK:
        break;
    }
    if (!resp_parse_int64(slice_of(line.data + 1, line.size - 1), &count) ||
        count > (int64_t)parser->arg_count_max)
        return refuse(parser, "invalid multibulk length");
    if (parser->is_anonymous && count > RESP_ARG_COUNT_ANONYMOUS_MAX)
        return refuse(parser, "unauthenticated multibulk length");
    if (count <= 0) {
        *consumed_out = parser->position;
        resp_parser_restart(parser);
        return RESP_PARSE_EMPTY;
    }
    parser->args_expected = count;
    return RESP_PARSE_MORE;
}

/* "$<size>": RESP_PARSE_MORE with bulk_expected set means to go on. */
static enum resp_parse
read_bulk_size(struct resp_parser *parser, struct slice input)
{
    struct slice line;
    int64_t size;

    switch (take_line(parser, input, &line)) {
    case LINE_MORE:
        return RESP_PARSE_MORE;
    case LINE_TOO_LONG:
        return refuse(parser, "too big bulk count string");
    case LINE_OK:
        break;
    }
    if (line.size == 0 || line.data[0] != '$') {
        char reason[32];

        /* The byte there, which for an empty line is the line end itself. */
        (void)snprintf(reason, sizeof(reason), "expected '$', got '%c'", line.data[0]);
        return refuse(parser, reason);
    }
    if (!resp_parse_int64(slice_of(line.data + 1, line.size - 1), &size) || size < 0 ||
        (uint64_t)size > parser->bulk_bytes_max)
        return refuse(parser, "invalid bulk length");
    if (parser->is_anonymous && size > RESP_BULK_BYTES_ANONYMOUS_MAX)
        return refuse(parser, "unauthenticated bulk length");
    parser->bulk_expected = size;
    return RESP_PARSE_MORE;
}

static enum resp_parse
read_multibulk(struct resp_parser *parser, struct slice input, size_t *consumed_out)
{
    if (parser->args_expected < 0) {
        const enum resp_parse parse = read_count(parser, input, consumed_out);

        if (parser->args_expected < 0)
            return parse;
    }
    while ((int64_t)parser->args_read < parser->args_expected) {
        if (parser->bulk_expected < 0) {
            const enum resp_parse parse = read_bulk_size(parser, input);

            if (parser->bulk_expected < 0)
                return parse;
        }
        if (input.size - parser->position < (size_t)parser->bulk_expected + 2)
            return RESP_PARSE_MORE;
        add_arg(parser, parser->position, (size_t)parser->bulk_expected);
        parser->position += (size_t)parser->bulk_expected + 2;
        parser->bulk_expected = -1;
    }
    *consumed_out = parser->position;
    return finish(parser, input.data);
}

static enum resp_parse
read_inline(struct resp_parser *parser, struct slice input, size_t *consumed_out)
{
    const uint8_t *end = memchr(input.data + parser->position, '\n', input.size - parser->position);
    struct slice rest;
    enum resp_inline word;

    if (end == NULL || (size_t)(end - input.data) > RESP_LINE_BYTES_MAX) {
        parser->position = input.size;
        return input.size > RESP_LINE_BYTES_MAX ? refuse(parser, "too big inline request")
                                                : RESP_PARSE_MORE;
    }
    rest = slice_of(input.data, (size_t)(end - input.data));
    *consumed_out = rest.size + 1;
    buffer_clear(&parser->inline_bytes);
    for (;;) {
        const size_t offset = parser->inline_bytes.size;

        word = resp_inline_next(&rest, &parser->inline_bytes);
        if (word != RESP_INLINE_WORD)
            break;
        add_arg(parser, offset, parser->inline_bytes.size - offset);
    }
    if (word == RESP_INLINE_UNBALANCED)
        return refuse(parser, "unbalanced quotes in request");
    if (parser->args_read == 0) {
        resp_parser_restart(parser);
        return RESP_PARSE_EMPTY;
    }
    if (parser->inline_bytes.data == NULL)
        (void)buffer_reserve(&parser->inline_bytes, 1);
    return finish(parser, parser->inline_bytes.data);
}

enum resp_parse
resp_parser_next(struct resp_parser *parser, struct slice input, size_t *consumed_out)
{
    KV_ASSERT(parser->arg_count_max > 0);
    KV_ASSERT(parser->position <= input.size);
    *consumed_out = 0;
    if (input.size == 0)
        return RESP_PARSE_MORE;
    if (parser->position == 0 && parser->arg_capacity > ARG_CAPACITY_KEPT)
        resize_args(parser, ARG_CAPACITY_KEPT);
    if (parser->position == 0 && parser->inline_bytes.capacity > INLINE_BYTES_KEPT)
        buffer_deinit(&parser->inline_bytes);
    if (parser->position == 0 && read_short(parser, input, consumed_out))
        return RESP_PARSE_COMMAND;
    if (input.data[0] == '*')
        return read_multibulk(parser, input, consumed_out);
    return read_inline(parser, input, consumed_out);
}

size_t
resp_parser_bytes_missing(const struct resp_parser *parser, size_t input_size)
{
    const uint64_t end = (uint64_t)parser->position + (uint64_t)parser->bulk_expected + 2;

    if (parser->bulk_expected < 0)
        return 0;
    KV_ASSERT(parser->position <= input_size);
    return end > input_size ? (size_t)(end - input_size) : 0;
}
