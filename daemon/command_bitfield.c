/* command_bitfield.c - BITFIELD: integers inside of a value, several operations as one.
 *
 * All arguments are looked at before the value is; the value is then read once, changed in a copy
 * and written once.  As in Redis, a key exists afterwards, and is as long as the farthest bit that
 * was to be written, also when all of its operations have failed.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "daemon/bit_field.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_deadline.h"
#include "resp/resp_number.h"

enum operation_kind {
    OPERATION_GET,
    OPERATION_SET,
    OPERATION_INCREMENT,
};

struct operation {
    enum operation_kind kind;
    enum bit_field_overflow overflow;
    struct bit_field_type type;
    uint64_t bit;
    int64_t operand;
};

struct bitfield {
    struct operation *operations; /* owned */
    uint32_t count;
    bool is_writing;
    uint64_t size; /* of the value at least, when it is written */
};

/* Each parse_ function: false: the error reply has been written. */
static bool
parse_overflow(struct command_call *call, struct slice word, enum bit_field_overflow *overflow)
{
    static const char *const names[] = {"wrap", "sat", "fail"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (argument_is(word, names[i])) {
            *overflow = (enum bit_field_overflow)i;
            return true;
        }
    }
    resp_error(&call->reply, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* "#3" is the third field of that many bits. */
static bool
parse_bit(struct command_call *call, struct slice text, uint32_t bit_count, uint64_t *bit_out)
{
    const bool is_index = text.size > 0 && text.data[0] == '#';
    int64_t bit;

    if (is_index)
        text = slice_of(text.data + 1, text.size - 1);
    if (!resp_parse_int64(text, &bit) || bit < 0 ||
        (is_index && __builtin_mul_overflow(bit, (int64_t)bit_count, &bit)) ||
        (uint64_t)bit / 8 >= call->server->config.bulk_bytes_max || bit / 8 >= VALUE_BYTES_MAX) {
        resp_error(&call->reply, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *bit_out = (uint64_t)bit;
    return true;
}

static bool
parse_operands(struct command_call *call, uint32_t at, struct operation *operation)
{
    if (!bit_field_parse_type(call->args[at], &operation->type)) {
        resp_error(&call->reply, "ERR Invalid bitfield type. Use something like i16 u8. Note that "
                                 "u64 is not supported but i64 is.");
        return false;
    }
    if (!parse_bit(call, call->args[at + 1], operation->type.bit_count, &operation->bit))
        return false;
    return operation->kind == OPERATION_GET ||
           value_parse_int64(call, call->args[at + 2], &operation->operand);
}

/* The operation at `at`, and how many words it has. */
static bool
parse_operation(struct command_call *call, uint32_t at, struct operation *operation,
                uint32_t *word_count)
{
    const uint32_t more = call->arg_count - at - 1;

    if (argument_is(call->args[at], "get") && more >= 2) {
        operation->kind = OPERATION_GET;
        *word_count = 3;
    } else if (argument_is(call->args[at], "set") && more >= 3) {
        operation->kind = OPERATION_SET;
        *word_count = 4;
    } else if (argument_is(call->args[at], "incrby") && more >= 3) {
        operation->kind = OPERATION_INCREMENT;
        *word_count = 4;
    } else {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    return parse_operands(call, at + 1, operation);
}

static void
add_operation(struct bitfield *field, const struct operation *operation)
{
    const uint64_t last = operation->bit + operation->type.bit_count - 1;

    field->operations[field->count++] = *operation;
    if (operation->kind == OPERATION_GET)
        return;
    field->is_writing = true;
    if (last / 8 + 1 > field->size)
        field->size = last / 8 + 1;
}

static bool
parse_all(struct command_call *call, struct bitfield *field)
{
    struct operation operation = {.overflow = BIT_FIELD_WRAP};
    uint32_t word_count;

    for (uint32_t i = 2; i < call->arg_count; i += word_count) {
        if (argument_is(call->args[i], "overflow") && i + 1 < call->arg_count) {
            if (!parse_overflow(call, call->args[i + 1], &operation.overflow))
                return false;
            word_count = 2;
            continue;
        }
        if (!parse_operation(call, i, &operation, &word_count))
            return false;
        add_operation(field, &operation);
    }
    return true;
}

/* --- running them --- */

/* On the copy that will be written, or with a NULL copy on what was read. */
static bool
apply(struct command_call *call, const struct operation *operation, struct slice bytes,
      uint8_t *copy)
{
    const int64_t old = bit_field_get(bytes, operation->type, operation->bit);
    const bool adds = operation->kind == OPERATION_INCREMENT;
    int64_t result;

    if (operation->kind == OPERATION_GET) {
        resp_integer(&call->reply, old);
        return false;
    }
    KV_ASSERT(copy != NULL);
    if (!bit_field_add(operation->type, adds ? old : operation->operand,
                       adds ? operation->operand : 0, operation->overflow, &result)) {
        resp_null(&call->reply);
        return false;
    }
    bit_field_set(copy, operation->type, operation->bit, result);
    resp_integer(&call->reply, adds ? result : old);
    return result != old;
}

/* The replies; `copy` as for apply.  Returns whether the copy has been changed. */
static bool
apply_all(struct command_call *call, const struct bitfield *field, struct slice bytes,
          uint8_t *copy)
{
    bool has_changed = false;

    resp_array(&call->reply, field->count);
    for (uint32_t i = 0; i < field->count; i++)
        has_changed |= apply(call, &field->operations[i], bytes, copy);
    return has_changed;
}

static enum kv_status
write_all(struct command_call *call, const struct bitfield *field, const struct lookup *found)
{
    const bool exists = found->kind == LOOKUP_VALUE;
    const struct slice old = found->value;
    const size_t size = old.size > field->size ? old.size : (size_t)field->size;
    const size_t reply_start = call->reply.target->size;
    struct buffer copy = {0};
    bool has_changed;
    enum kv_status st = KV_OK;

    if (!value_check_size(call, size) || !value_check_key(call, call->args[1]))
        return KV_OK;
    memset(buffer_reserve(&copy, size), 0, size);
    buffer_append_slice(&copy, old);
    copy.size = size;
    has_changed = apply_all(call, field, buffer_slice(&copy), copy.data);
    KV_ASSERT(call->reply.target->size > reply_start);
    if (has_changed || !exists || old.size < size) {
        const bool fits = value_put_over(call, call->args[1], found, buffer_slice(&copy));

        st = fits ? command_write(call) : KV_LIMIT; /* only with others' columns, and the largest */
    }
    buffer_deinit(&copy);
    return st;
}

static enum kv_status
run(struct command_call *call, const struct bitfield *field)
{
    struct lookup found;
    const enum kv_status st = value_find(call, call->args[1], &found);

    if (st != KV_OK)
        return st;
    if (field->is_writing)
        return write_all(call, field, &found);
    (void)apply_all(call, field, found.value, NULL);
    return KV_OK;
}

static enum kv_status
bitfield(struct command_call *call, bool may_write)
{
    struct bitfield field = {.operations =
                                 kv_alloc(sizeof(field.operations[0]) * (call->arg_count / 3 + 1))};
    enum kv_status st = KV_OK;

    if (parse_all(call, &field)) {
        if (field.is_writing && !may_write)
            resp_error(&call->reply, "ERR BITFIELD_RO only supports the GET subcommand");
        else
            st = run(call, &field);
    }
    free(field.operations);
    return st;
}

enum kv_status
command_bitfield(struct command_call *call)
{
    return bitfield(call, true);
}

enum kv_status
command_bitfield_ro(struct command_call *call)
{
    return bitfield(call, false);
}
