/* merge_operator.c - from what OPTIONS says to an operator, and its calls.
 *
 * RocksDB writes {id=StringAppendOperator;delimiter=X;} with X as it is, so that it cannot read
 * back a delimiter with a semicolon, unless a person has put it into braces.  Its own form is
 * therefore taken by its frame: whatever stands between is the delimiter.
 */
#include "merge/merge_operator.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "merge/merge_operator_kind.h"

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slice
trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0]))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

static bool
is_text(struct slice bytes, const char *text)
{
    return slice_equal(bytes, slice_from_text(text));
}

static bool
is_in_braces(struct slice text)
{
    return text.size >= 2 && text.data[0] == '{' && text.data[text.size - 1] == '}';
}

static struct slice
inside(struct slice text)
{
    return slice_of(text.data + 1, text.size - 2);
}

static bool
kind_is_named(const struct merge_operator_kind *kind, struct slice name)
{
    if (is_text(name, kind->class_name))
        return true;
    for (size_t i = 0; i < MERGE_SHORT_NAME_COUNT_MAX && kind->short_names[i] != NULL; i++) {
        if (is_text(name, kind->short_names[i]))
            return true;
    }
    return false;
}

static const struct merge_operator_kind *
find_kind(struct slice name)
{
    const struct merge_operator_kind *kind;

    for (size_t i = 0; (kind = merge_kind_at(i)) != NULL; i++) {
        if (kind_is_named(kind, name))
            return kind;
    }
    for (size_t i = 0; (kind = merge_library_kind_at(i)) != NULL; i++) {
        if (kind_is_named(kind, name))
            return kind;
    }
    return NULL;
}

/* \\ \# \: \r \n stand for what they look like, as everywhere in OPTIONS. */
static enum kv_status
set_delimiter(struct merge_operator *op, struct slice text)
{
    op->delimiter_bytes = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte == '\\' && i + 1 < text.size) {
            byte = text.data[++i];
            byte = byte == 'r' ? '\r' : byte == 'n' ? '\n' : byte;
        }
        if (op->delimiter_bytes == MERGE_DELIMITER_BYTES_MAX)
            return KV_INVALID;
        op->delimiter[op->delimiter_bytes++] = byte;
    }
    return KV_OK;
}

/* Takes NAME=VALUE from the front of the options, and the semicolon behind it. */
static bool
take_option(struct slice *rest, struct slice *name_out, struct slice *value_out)
{
    const uint8_t *equals = rest->size > 0 ? memchr(rest->data, '=', rest->size) : NULL;
    size_t at, depth = 0;
    bool in_braces;

    if (equals == NULL)
        return false;
    *name_out = trim(slice_of(rest->data, (size_t)(equals - rest->data)));
    *rest = trim(slice_of(equals + 1, rest->size - (size_t)(equals - rest->data) - 1));
    in_braces = rest->size > 0 && rest->data[0] == '{';
    for (at = 0; at < rest->size && (rest->data[at] != ';' || depth > 0); at++) {
        depth += in_braces && rest->data[at] == '{' ? 1 : 0;
        depth -= rest->data[at] == '}' && depth > 0 ? 1 : 0;
    }
    *value_out = trim(slice_of(rest->data, at));
    if (is_in_braces(*value_out))
        *value_out = trim(inside(*value_out));
    at += at < rest->size ? 1 : 0;
    *rest = trim(slice_of(rest->data + at, rest->size - at));
    return true;
}

static enum kv_status
parse_options(struct slice rest, struct merge_operator *op)
{
    struct slice id = {0}, delimiter = {0};
    bool has_delimiter = false;

    while (rest.size > 0) {
        struct slice name, value;

        if (!take_option(&rest, &name, &value))
            return KV_INVALID;
        if (is_text(name, "id")) {
            id = value;
        } else if (is_text(name, "delimiter")) {
            has_delimiter = true;
            delimiter = value;
        } else {
            return KV_INVALID;
        }
    }
    op->kind = find_kind(id);
    if (op->kind == NULL)
        return KV_UNSUPPORTED;
    if (!has_delimiter)
        return KV_OK;
    return op->kind->has_delimiter ? set_delimiter(op, delimiter) : KV_INVALID;
}

/* The form that RocksDB writes, with a delimiter that it could not read itself. */
static bool
delimiter_as_written(struct slice spec, struct slice *delimiter_out)
{
    const struct slice head = slice_from_text("{id=StringAppendOperator;delimiter=");
    const struct slice tail = slice_from_text(";}");

    if (!slice_starts_with(spec, head) || spec.size < head.size + tail.size ||
        memcmp(spec.data + spec.size - tail.size, tail.data, tail.size) != 0)
        return false;
    *delimiter_out = slice_of(spec.data + head.size, spec.size - head.size - tail.size);
    return delimiter_out->size > 0 && delimiter_out->data[0] != '{' &&
           memchr(delimiter_out->data, ';', delimiter_out->size) != NULL;
}

static enum kv_status
parse(struct slice spec, struct merge_operator *op)
{
    struct slice delimiter;

    if (spec.size > MERGE_SPEC_BYTES_MAX)
        return KV_UNSUPPORTED;
    if (delimiter_as_written(spec, &delimiter)) {
        op->kind = find_kind(slice_from_text("StringAppendOperator"));
        return set_delimiter(op, delimiter);
    }
    if (is_in_braces(spec))
        return parse_options(trim(inside(spec)), op);
    if (memchr(spec.data, '=', spec.size) != NULL)
        return parse_options(spec, op);
    op->kind = find_kind(spec);
    return op->kind != NULL ? KV_OK : KV_UNSUPPORTED;
}

/* Braces that don't match cannot be written so that they are read again. */
static bool
can_be_written(const struct merge_operator *op)
{
    struct buffer spec = {0};
    struct merge_operator again = {0};
    enum kv_status st;

    if (!op->kind->has_delimiter)
        return true;
    merge_operator_format(op, &spec);
    st = parse(buffer_slice(&spec), &again);
    buffer_deinit(&spec);
    return st == KV_OK && again.kind == op->kind &&
           slice_equal(slice_of(op->delimiter, op->delimiter_bytes),
                       slice_of(again.delimiter, again.delimiter_bytes));
}

enum kv_status
merge_operator_parse(struct slice spec, struct merge_operator *operator_out)
{
    enum kv_status st;

    *operator_out = (struct merge_operator){.delimiter = ",", .delimiter_bytes = 1};
    spec = trim(spec);
    if (spec.size == 0 || is_text(spec, "nullptr"))
        return KV_OK;
    st = parse(spec, operator_out);
    if (st == KV_OK && !can_be_written(operator_out))
        st = KV_INVALID;
    if (st != KV_OK)
        operator_out->kind = NULL;
    return st;
}

static void
put_escaped(struct buffer *target, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = text.data[i];

        if (byte == '\\' || byte == '#' || byte == ':' || byte == '\r' || byte == '\n')
            buffer_append_byte(target, '\\');
        buffer_append_byte(target, byte == '\r' ? 'r' : byte == '\n' ? 'n' : byte);
    }
}

void
merge_operator_format(const struct merge_operator *op, struct buffer *target)
{
    const struct slice delimiter = slice_of(op->delimiter, op->delimiter_bytes);
    const size_t start = target->size;
    const bool needs_braces =
        delimiter.size > 0 &&
        (delimiter.data[0] == '{' || memchr(delimiter.data, ';', delimiter.size) != NULL);

    if (op->kind == NULL || !op->kind->has_delimiter) {
        buffer_append_format(target, "%s", merge_operator_class(op));
        return;
    }
    buffer_append_format(target, "{id=%s;delimiter=%s", merge_operator_class(op),
                         needs_braces ? "{" : "");
    put_escaped(target, delimiter);
    buffer_append_format(target, "%s;}", needs_braces ? "}" : "");
    KV_ASSERT(target->size - start <= MERGE_SPEC_BYTES_MAX);
}

const char *
merge_operator_class(const struct merge_operator *op)
{
    return op->kind != NULL ? op->kind->class_name : "nullptr";
}

bool
merge_operator_is_named(const struct merge_operator *op, struct slice name)
{
    return op->kind != NULL && kind_is_named(op->kind, name);
}

bool
merge_operator_accepts(const struct merge_operator *op, struct slice operand)
{
    KV_ASSERT(op->kind != NULL);
    return op->kind->accepts == NULL || op->kind->accepts(op, operand);
}

enum kv_status
merge_operator_full(const struct merge_operator *op, const struct merge_input *input,
                    struct buffer *value)
{
    enum kv_status st;

    KV_ASSERT(input->operand_count > 0);
    if (op->kind == NULL)
        return KV_UNSUPPORTED;
    st = op->kind->full(op, input, value);
    if (st == KV_OK && value->size > VALUE_BYTES_MAX)
        return KV_LIMIT;
    return st;
}

bool
merge_operator_partial(const struct merge_operator *op, const struct merge_input *input,
                       struct buffer *operand)
{
    KV_ASSERT(input->operand_count > 0 && input->base == NULL);
    if (op->kind == NULL || op->kind->partial == NULL)
        return false;
    return op->kind->partial(op, input, operand) && operand->size <= VALUE_BYTES_MAX;
}
