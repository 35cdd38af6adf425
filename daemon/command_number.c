/* command_number.c - counters: values that are decimal numbers, changed in place. */
#include <math.h>

#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/value_deadline.h"
#include "resp/resp_number.h"

static enum kv_status
increment(struct command_call *call, int64_t delta)
{
    uint8_t text[INT64_TEXT_BYTES_MAX];
    struct lookup old;
    int64_t number = 0;
    enum kv_status st = value_find(call, call->args[1], &old);

    if (st != KV_OK)
        return st;
    if (old.kind == LOOKUP_VALUE && !value_parse_int64(call, old.value, &number))
        return KV_OK;
    if (__builtin_add_overflow(number, delta, &number)) {
        resp_error(&call->reply, "ERR increment or decrement would overflow");
        return KV_OK;
    }
    return value_write_over(call, call->args[1], &old, slice_of(text, resp_put_int64(text, number)),
                            number);
}

enum kv_status
command_incr(struct command_call *call)
{
    return increment(call, 1);
}

enum kv_status
command_decr(struct command_call *call)
{
    return increment(call, -1);
}

enum kv_status
command_incrby(struct command_call *call)
{
    int64_t delta;

    if (!value_parse_int64(call, call->args[2], &delta))
        return KV_OK;
    return increment(call, delta);
}

enum kv_status
command_decrby(struct command_call *call)
{
    int64_t delta;

    if (!value_parse_int64(call, call->args[2], &delta))
        return KV_OK;
    if (delta == INT64_MIN) {
        resp_error(&call->reply, "ERR decrement would overflow");
        return KV_OK;
    }
    return increment(call, -delta);
}

enum kv_status
command_incrbyfloat(struct command_call *call)
{
    char text[FLOAT_TEXT_BYTES_MAX];
    long double number = 0, delta;
    struct lookup old;
    struct slice result;
    enum kv_status st = value_find(call, call->args[1], &old);

    if (st != KV_OK)
        return st;
    if (old.kind == LOOKUP_VALUE && !value_parse_float(call, old.value, &number))
        return KV_OK;
    if (!value_parse_float(call, call->args[2], &delta))
        return KV_OK;
    number += delta;
    if (isnan(number) || isinf(number)) {
        resp_error(&call->reply, "ERR increment would produce NaN or Infinity");
        return KV_OK;
    }
    result = value_format_float(text, number);
    if (!value_put_over(call, call->args[1], &old, result))
        return KV_OK;
    st = command_write(call);
    if (st == KV_OK)
        resp_bulk(&call->reply, result);
    return st;
}
