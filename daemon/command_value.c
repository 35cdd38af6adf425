#include "daemon/command_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "daemon/server.h"
#include "daemon/value_deadline.h"
#include "resp/resp_number.h"

bool
argument_is(struct slice argument, const char *lower_case)
{
    size_t i;

    for (i = 0; i < argument.size && lower_case[i] != '\0'; i++) {
        if (tolower(argument.data[i]) != lower_case[i])
            return false;
    }
    return i == argument.size && lower_case[i] == '\0';
}

enum kv_status
value_find(struct command_call *call, struct slice key, struct lookup *found)
{
    if (key.size <= KEY_BYTES_MAX)
        return command_get(call, key, found);
    *found = (struct lookup){.kind = LOOKUP_ABSENT}; /* cannot have been written */
    return KV_OK;
}

enum kv_status
value_read(struct command_call *call, struct slice key, bool *exists, struct slice *value)
{
    struct lookup found;
    const enum kv_status st = value_find(call, key, &found);

    *exists = st == KV_OK && found.kind == LOOKUP_VALUE;
    *value = *exists ? found.value : slice_of(NULL, 0);
    return st;
}

bool
value_check_size(struct command_call *call, uint64_t size)
{
    if (size <= call->server->config.bulk_bytes_max && size <= VALUE_BYTES_MAX)
        return true;
    resp_error(&call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

bool
value_check_key(struct command_call *call, struct slice key)
{
    if (key.size <= KEY_BYTES_MAX)
        return true;
    resp_error_format(&call->reply, "ERR key is too long: %zu bytes, at most %d are possible",
                      key.size, KEY_BYTES_MAX);
    return false;
}

bool
value_put(struct command_call *call, struct slice key, struct slice value)
{
    if (!value_check_key(call, key) || !value_check_size(call, value.size))
        return false;
    write_batch_put(call->batch, call->cf_id, key, value);
    return true;
}

enum kv_status
value_write(struct command_call *call, struct slice key, struct slice value, int64_t reply)
{
    const struct lookup nothing = {.kind = LOOKUP_ABSENT};

    return value_write_over(call, key, &nothing, value, reply);
}

enum kv_status
value_write_over(struct command_call *call, struct slice key, const struct lookup *old,
                 struct slice value, int64_t reply)
{
    enum kv_status st;

    if (!value_put_over(call, key, old, value))
        return KV_OK;
    st = command_write(call);
    if (st == KV_OK)
        resp_integer(&call->reply, reply);
    return st;
}

bool
value_parse_int64(struct command_call *call, struct slice text, int64_t *number_out)
{
    if (resp_parse_int64(text, number_out))
        return true;
    resp_error(&call->reply, "ERR value is not an integer or out of range");
    return false;
}

bool
value_parse_float(struct command_call *call, struct slice text, long double *number_out)
{
    char copy[FLOAT_TEXT_BYTES_MAX];
    char *end = copy;
    long double number = 0;
    bool valid = text.size > 0 && text.size < sizeof(copy);

    if (valid) {
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        errno = 0;
        number = strtold(copy, &end);
        valid = !isspace((unsigned char)copy[0]) && end == copy + text.size && !isnan(number);
        if (errno == ERANGE && (isinf(number) || fpclassify(number) == FP_ZERO))
            valid = false;
    }
    if (!valid)
        resp_error(&call->reply, "ERR value is not a valid float");
    *number_out = number;
    return valid;
}

struct slice
value_format_float(char text[FLOAT_TEXT_BYTES_MAX], long double number)
{
    int size = snprintf(text, FLOAT_TEXT_BYTES_MAX, "%.17Lf", number);

    KV_ASSERT(size > 0 && size < FLOAT_TEXT_BYTES_MAX);
    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.')
        size--;
    if (size == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        size = 1;
    }
    return slice_of(text, (size_t)size);
}

static int
compare_key_positions(const void *a, const void *b, void *owner)
{
    const struct slice *keys = owner;
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const int order = slice_compare(keys[left], keys[right]);

    return order != 0 ? order : (left > right) - (left < right);
}

void
value_find_first_keys(const struct slice *keys, uint32_t count, bool *is_first)
{
    uint32_t *order = kv_alloc(sizeof(order[0]) * (count + 1));

    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof(order[0]), compare_key_positions,
            (void *)(uintptr_t)keys); /* qsort_r's argument lacks const */
    for (uint32_t i = 0; i < count; i++)
        is_first[order[i]] = i == 0 || !slice_equal(keys[order[i]], keys[order[i - 1]]);
    free(order);
}
