/* command_bit.c - values as rows of bits.
 *
 * Bit 0 is the highest of the first byte, as in Redis.  A value is as long as it has been written;
 * what lies behind its end is zeros.  Where Redis looks at its arguments only after the key, so do
 * we: the errors' order is part of the answer.
 */
#include "base/limits.h"
#include "daemon/bit_string.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_list.h"
#include "resp/resp_number.h"

/* False: the error reply has been written. */
static bool
parse_offset(struct command_call *call, struct slice text, uint64_t *bit_out)
{
    int64_t bit;

    if (!resp_parse_int64(text, &bit) || bit < 0 ||
        (uint64_t)bit / 8 >= call->server->config.bulk_bytes_max || bit / 8 >= VALUE_BYTES_MAX) {
        resp_error(&call->reply, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *bit_out = (uint64_t)bit;
    return true;
}

static enum kv_status
write_bit(struct command_call *call, const struct lookup *old, uint64_t bit, bool is_set)
{
    const size_t size = bit / 8 < old->value.size ? old->value.size : (size_t)(bit / 8) + 1;
    const bool before = bit_string_get(old->value, bit);
    struct buffer value = {0};
    enum kv_status st;

    memset(buffer_reserve(&value, size), 0, size);
    buffer_append_slice(&value, old->value);
    value.size = size;
    if (is_set)
        value.data[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    else
        value.data[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    st = value_write_over(call, call->args[1], old, buffer_slice(&value), before);
    buffer_deinit(&value);
    return st;
}

enum kv_status
command_setbit(struct command_call *call)
{
    struct lookup old;
    uint64_t bit;
    int64_t on;
    enum kv_status st;

    if (!parse_offset(call, call->args[2], &bit))
        return KV_OK;
    if (!resp_parse_int64(call->args[3], &on) || on < 0 || on > 1) {
        resp_error(&call->reply, "ERR bit is not an integer or out of range");
        return KV_OK;
    }
    st = value_find(call, call->args[1], &old);
    if (st != KV_OK)
        return st;
    if (bit / 8 < old.value.size && bit_string_get(old.value, bit) == (on == 1)) {
        resp_integer(&call->reply, on); /* nothing changes */
        return KV_OK;
    }
    return write_bit(call, &old, bit, on == 1);
}

enum kv_status
command_getbit(struct command_call *call)
{
    struct slice value;
    uint64_t bit;
    bool exists;
    enum kv_status st;

    if (!parse_offset(call, call->args[2], &bit))
        return KV_OK;
    st = value_read(call, call->args[1], &exists, &value);
    if (st == KV_OK)
        resp_integer(&call->reply, bit_string_get(value, bit));
    return st;
}

/* --- BITCOUNT and BITPOS: a range of bytes or bits --- */

/* The word BIT or BYTE; false: the error reply has been written. */
static bool
parse_unit(struct command_call *call, struct slice word, bool *counts_bits)
{
    *counts_bits = argument_is(word, "bit");
    if (*counts_bits || argument_is(word, "byte"))
        return true;
    resp_error(&call->reply, "ERR syntax error");
    return false;
}

/* A range whose ends are counted from the end if they are negative, as bits of `value`. */
static struct bit_range
resolve(struct slice value, int64_t start, int64_t end, bool counts_bits)
{
    const int64_t size = (int64_t)value.size * (counts_bits ? 8 : 1);
    const int64_t bits_each = counts_bits ? 1 : 8;

    if (start < 0)
        start = start + size < 0 ? 0 : start + size;
    if (end < 0)
        end = end + size < 0 ? 0 : end + size;
    if (end >= size)
        end = size - 1;
    if (start > end)
        return (struct bit_range){0};
    return (struct bit_range){(uint64_t)(start * bits_each), (uint64_t)((end + 1) * bits_each)};
}

enum kv_status
command_bitcount(struct command_call *call)
{
    int64_t start = 0, end = -1;
    bool exists, counts_bits = false;
    struct slice value;
    const enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st != KV_OK)
        return st;
    if (!exists) {
        resp_integer(&call->reply, 0);
        return KV_OK;
    }
    if (call->arg_count == 3 || call->arg_count > 5) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    if (call->arg_count > 2 && (!value_parse_int64(call, call->args[2], &start) ||
                                !value_parse_int64(call, call->args[3], &end)))
        return KV_OK;
    if (start < 0 && end < 0 && start > end) {
        resp_integer(&call->reply, 0);
        return KV_OK;
    }
    if (call->arg_count == 5 && !parse_unit(call, call->args[4], &counts_bits))
        return KV_OK;
    resp_integer(&call->reply,
                 (int64_t)bit_string_count(value, resolve(value, start, end, counts_bits)));
    return KV_OK;
}

struct bitpos {
    int64_t start, end;
    bool has_end, counts_bits;
};

/* False: the error reply has been written. */
static bool
parse_bitpos(struct command_call *call, struct bitpos *options)
{
    *options = (struct bitpos){.end = -1, .has_end = call->arg_count >= 5};
    if (call->arg_count > 6) {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    return (call->arg_count < 4 || value_parse_int64(call, call->args[3], &options->start)) &&
           (call->arg_count < 6 || parse_unit(call, call->args[5], &options->counts_bits)) &&
           (call->arg_count < 5 || value_parse_int64(call, call->args[4], &options->end));
}

enum kv_status
command_bitpos(struct command_call *call)
{
    struct bitpos options;
    struct bit_range range;
    struct slice value;
    int64_t bit, found;
    bool exists;
    enum kv_status st;

    if (!value_parse_int64(call, call->args[2], &bit))
        return KV_OK;
    if (bit != 0 && bit != 1) {
        resp_error(&call->reply, "ERR The bit argument must be 1 or 0.");
        return KV_OK;
    }
    st = value_read(call, call->args[1], &exists, &value);
    if (st != KV_OK)
        return st;
    if (!exists) { /* zeros without end */
        resp_integer(&call->reply, bit == 1 ? -1 : 0);
        return KV_OK;
    }
    if (!parse_bitpos(call, &options))
        return KV_OK;
    range = resolve(value, options.start, options.end, options.counts_bits);
    found = bit_string_find(value, range, bit == 1);
    /* Behind the value there are zeros, unless the user said where to stop. */
    if (found < 0 && bit == 0 && !options.has_end && range.behind > range.first)
        found = (int64_t)value.size * 8;
    resp_integer(&call->reply, found);
    return KV_OK;
}

/* --- BITOP --- */

static bool
parse_operation(struct command_call *call, enum bit_operation *operation)
{
    static const char *const names[] = {"and", "or", "xor", "not"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!argument_is(call->args[1], names[i]))
            continue;
        *operation = (enum bit_operation)i;
        if (*operation != BIT_NOT || call->arg_count == 4)
            return true;
        resp_error(&call->reply, "ERR BITOP NOT must be called with a single source key.");
        return false;
    }
    resp_error(&call->reply, "ERR syntax error");
    return false;
}

/* The result becomes the value of args[2], or the key goes if the result is empty. */
static enum kv_status
write_result(struct command_call *call, struct slice result)
{
    struct slice old;
    bool existed;
    enum kv_status st;

    if (result.size > 0)
        return value_write(call, call->args[2], result, (int64_t)result.size);
    st = value_read(call, call->args[2], &existed, &old);
    if (st == KV_OK && existed) {
        write_batch_delete(call->batch, call->cf_id, call->args[2]);
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_integer(&call->reply, 0);
    return st;
}

enum kv_status
command_bitop(struct command_call *call)
{
    struct buffer result = {0};
    enum bit_operation operation;
    struct value_list list;
    enum kv_status st;

    if (!parse_operation(call, &operation))
        return KV_OK;
    st = value_list_read(call, 3, 1, &list);
    if (st == KV_OK) {
        size_t size = 0;

        for (uint32_t i = 0; i < list.count; i++)
            size = list.items[i].value.size > size ? list.items[i].value.size : size;
        (void)buffer_reserve(&result, size + 1); /* never NULL */
        result.size = size;
        for (uint32_t i = 0; i < list.count; i++)
            bit_string_apply(operation, i == 0, result.data, size, list.items[i].value);
        st = write_result(call, buffer_slice(&result));
    }
    buffer_deinit(&result);
    value_list_deinit(&list);
    return st;
}
