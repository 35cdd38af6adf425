/* reply_parser.c - counting is enough: an aggregate adds its elements to what is left, whatever
 * their nesting, and a reply is complete when nothing is left.
 *
 * A line is looked at where it lies; only one that the input cuts is put together in `line`.  The
 * bytes of a bulk string are not looked at at all.
 */
#include "cli/kvbench/reply_parser.h"

#include "base/assert.h"

enum { LENGTH_DIGITS_MAX = 19 };

void
reply_parser_init(struct reply_parser *parser, bool keeps_bulk)
{
    *parser = (struct reply_parser){.keeps_bulk = keeps_bulk};
}

void
reply_parser_deinit(struct reply_parser *parser)
{
    buffer_deinit(&parser->kept);
}

static enum reply_parse
broken(struct reply_parser *parser, const char *why)
{
    KV_ASSERT(why != NULL);
    parser->broken = why;
    return REPLY_BROKEN;
}

/* The number behind the type; -1 is a null's. */
static bool
parse_length(struct slice line, int64_t max, int64_t *length_out)
{
    int64_t length = 0;

    if (line.size == 3 && line.data[1] == '-' && line.data[2] == '1') {
        *length_out = -1;
        return true;
    }
    if (line.size < 2 || line.size > 1 + LENGTH_DIGITS_MAX)
        return false;
    for (size_t i = 1; i < line.size; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return false;
        length = length * 10 + (line.data[i] - '0');
        if (length > max)
            return false;
    }
    *length_out = length;
    return true;
}

/* A whole element has passed. */
static enum reply_parse
count_element(struct reply_parser *parser)
{
    if (parser->aside_count > 0) {
        parser->aside_count--;
        return REPLY_MORE;
    }
    KV_ASSERT(parser->left_count > 0);
    return --parser->left_count == 0 ? REPLY_DONE : REPLY_MORE;
}

static enum reply_parse
start_bulk(struct reply_parser *parser, struct slice line, bool is_top)
{
    int64_t length;

    if (!parse_length(line, REPLY_BULK_BYTES_MAX, &length))
        return broken(parser, "the length of a bulk string is malformed");
    if (length < 0) {
        parser->is_null |= is_top;
        return count_element(parser);
    }
    parser->is_in_bulk = true;
    parser->bulk_left = (uint64_t)length + 2;
    parser->bulk_bytes = (uint32_t)length;
    parser->is_bulk_error = is_top && line.data[0] == '!';
    parser->is_bulk_kept = is_top && (parser->keeps_bulk || parser->is_bulk_error);
    parser->is_error |= parser->is_bulk_error;
    buffer_clear(&parser->kept);
    return REPLY_MORE;
}

static enum reply_parse
start_aggregate(struct reply_parser *parser, struct slice line, bool is_top)
{
    const uint8_t type = line.data[0];
    uint64_t *counter = parser->aside_count > 0 ? &parser->aside_count : &parser->left_count;
    int64_t length;

    if (!parse_length(line, REPLY_ELEMENT_COUNT_MAX, &length))
        return broken(parser, "the length of an array is malformed");
    if (type == '%' || type == '|')
        length *= 2;
    if (length > 0) {
        if (*counter > REPLY_ELEMENT_COUNT_MAX)
            return broken(parser, "a reply has too many elements");
        *counter += (uint64_t)length;
    }
    if (type == '|')
        return REPLY_MORE; /* the element itself follows */
    parser->is_null |= is_top && length <= 0;
    return count_element(parser);
}

/* What comes at the top and is no reply: only its elements are counted. */
static enum reply_parse
start_aside(struct reply_parser *parser, struct slice line)
{
    int64_t length;

    if (!parse_length(line, REPLY_ELEMENT_COUNT_MAX, &length) || length < 0)
        return broken(parser, "the length of a push or of attributes is malformed");
    parser->aside_count = (uint64_t)length * (line.data[0] == '|' ? 2 : 1);
    return REPLY_MORE;
}

/* `line` is without its CR LF and may be cut, if it is not one of a length. */
static enum reply_parse
take_line(struct reply_parser *parser, struct slice line)
{
    const bool is_top = parser->left_count == 0 && parser->aside_count == 0;

    if (line.size == 0)
        return broken(parser, "an empty line stands where a reply should");
    if (is_top) {
        if (line.data[0] == '>' || line.data[0] == '|')
            return start_aside(parser, line);
        parser->left_count = 1;
        parser->is_error = line.data[0] == '-';
        parser->is_null = line.data[0] == '_';
        parser->error = slice_of(NULL, 0);
        parser->bulk = slice_of(NULL, 0);
        if (parser->is_error)
            parser->error = slice_of(line.data + 1, line.size - 1);
    }
    switch (line.data[0]) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '#':
    case '(':
    case '_':
        return count_element(parser);
    case '$':
    case '=':
    case '!':
        return start_bulk(parser, line, is_top);
    case '*':
    case '~':
    case '%':
    case '>':
    case '|':
        return start_aggregate(parser, line, is_top);
    default:
        return broken(parser, "a byte that starts no reply");
    }
}

static enum reply_parse
pass_bulk(struct reply_parser *parser, struct slice *input)
{
    const uint64_t here = input->size < parser->bulk_left ? input->size : parser->bulk_left;
    const bool is_whole = here == (uint64_t)parser->bulk_bytes + 2;
    struct slice bytes = slice_of(input->data, parser->bulk_bytes);

    if (parser->is_bulk_kept && !is_whole) {
        buffer_append(&parser->kept, input->data, here);
        bytes = slice_of(parser->kept.data, parser->bulk_bytes);
    }
    *input = slice_of(input->data + here, input->size - here);
    parser->bulk_left -= here;
    if (parser->bulk_left > 0)
        return REPLY_MORE;
    parser->is_in_bulk = false;
    if (parser->is_bulk_error)
        parser->error = slice_of(
            bytes.data, bytes.size < REPLY_LINE_BYTES_KEPT ? bytes.size : REPLY_LINE_BYTES_KEPT);
    else if (parser->is_bulk_kept)
        parser->bulk = bytes;
    return count_element(parser);
}

static void
keep_line(struct reply_parser *parser, const uint8_t *bytes, size_t size)
{
    const size_t room = sizeof(parser->line) - parser->line_bytes;

    if (size > room)
        size = room;
    memcpy(parser->line + parser->line_bytes, bytes, size);
    parser->line_bytes += (uint32_t)size;
}

static enum reply_parse
pass_line(struct reply_parser *parser, struct slice *input)
{
    const uint8_t *end = memchr(input->data, '\n', input->size);
    const size_t here = end == NULL ? input->size : (size_t)(end - input->data);
    struct slice line = slice_of(input->data, here);

    if (end == NULL || parser->line_bytes > 0) {
        keep_line(parser, input->data, here);
        line = slice_of(parser->line, parser->line_bytes);
    }
    *input =
        end == NULL ? slice_of(input->data + here, 0) : slice_of(end + 1, input->size - here - 1);
    if (end == NULL)
        return REPLY_MORE;
    parser->line_bytes = 0;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return take_line(parser, line);
}

enum reply_parse
reply_parser_next(struct reply_parser *parser, struct slice *input)
{
    enum reply_parse result = REPLY_MORE;

    while (input->size > 0 && result == REPLY_MORE)
        result = parser->is_in_bulk ? pass_bulk(parser, input) : pass_line(parser, input);
    return result;
}
