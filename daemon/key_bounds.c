#include "daemon/key_bounds.h"

#include "base/limits.h"

void
key_bounds_deinit(struct key_bounds *bounds)
{
    buffer_deinit(&bounds->lower);
    buffer_deinit(&bounds->upper);
}

enum bound_kind { BOUND_LEAST, BOUND_GREATEST, BOUND_CLOSED, BOUND_OPEN };

static bool
parse_bound(struct command_call *call, struct slice text, enum bound_kind *kind, struct slice *key)
{
    const uint8_t mark = text.size > 0 ? text.data[0] : 0;

    *key = slice_of(NULL, 0);
    if (text.size == 1 && (mark == '-' || mark == '+')) {
        *kind = mark == '-' ? BOUND_LEAST : BOUND_GREATEST;
        return true;
    }
    if (mark != '[' && mark != '(') {
        resp_error(&call->reply, "ERR min or max not valid string range item");
        return false;
    }
    *kind = mark == '[' ? BOUND_CLOSED : BOUND_OPEN;
    *key = slice_of(text.data + 1, text.size - 1);
    if (key->size <= KEY_BYTES_MAX)
        return true;
    resp_error_format(&call->reply, "ERR key is too long: %zu bytes, at most %d are possible",
                      key->size, KEY_BYTES_MAX);
    return false;
}

bool
key_bounds_parse_lower(struct command_call *call, struct slice from, struct key_bounds *bounds)
{
    enum bound_kind kind;
    struct slice key;

    if (!parse_bound(call, from, &kind, &key))
        return false;
    buffer_clear(&bounds->lower);
    if (kind == BOUND_GREATEST) { /* nothing is above it */
        bounds->has_upper = true;
        buffer_clear(&bounds->upper);
    }
    buffer_append_slice(&bounds->lower, key);
    if (kind == BOUND_OPEN)
        buffer_append_byte(&bounds->lower, 0); /* the next possible key */
    return true;
}

bool
key_bounds_parse_upper(struct command_call *call, struct slice to, struct key_bounds *bounds)
{
    enum bound_kind kind;
    struct slice key;

    if (!parse_bound(call, to, &kind, &key))
        return false;
    buffer_clear(&bounds->upper);
    bounds->has_upper = kind != BOUND_GREATEST;
    buffer_append_slice(&bounds->upper, key);
    if (kind == BOUND_CLOSED)
        buffer_append_byte(&bounds->upper, 0);
    return true;
}

bool
key_bounds_parse(struct command_call *call, struct slice from, struct slice to,
                 struct key_bounds *bounds)
{
    return key_bounds_parse_upper(call, to, bounds) && key_bounds_parse_lower(call, from, bounds);
}

void
key_bounds_of_prefix(struct slice prefix, struct key_bounds *bounds)
{
    size_t size = prefix.size;

    buffer_clear(&bounds->lower);
    buffer_append_slice(&bounds->lower, prefix);
    while (size > 0 && prefix.data[size - 1] == 0xff)
        size--;
    buffer_clear(&bounds->upper);
    bounds->has_upper = size > 0;
    if (size == 0)
        return;
    buffer_append(&bounds->upper, prefix.data, size);
    bounds->upper.data[size - 1]++;
}

bool
key_bounds_are_empty(const struct key_bounds *bounds)
{
    return bounds->has_upper &&
           slice_compare(buffer_slice(&bounds->lower), buffer_slice(&bounds->upper)) >= 0;
}

struct key_stretch
key_bounds_stretch(const struct key_bounds *bounds)
{
    return (struct key_stretch){.begin = buffer_slice(&bounds->lower),
                                .has_begin = true,
                                .end = buffer_slice(&bounds->upper),
                                .has_end = bounds->has_upper};
}
