/* command_delex.c - deletions on a condition, and the digests that conditions can be on.
 *
 * The shapes are those of Redis 8.4 (DELEX, DIGEST) and Valkey 9.0 (DELIFEQ).
 */
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/value_condition.h"

static enum kv_status
delete_if(struct command_call *call, const struct value_condition *condition)
{
    struct slice value;
    bool exists, goes;
    enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st != KV_OK)
        return st;
    goes = exists && value_condition_holds(condition, exists, value);
    if (goes) {
        write_batch_delete(call->batch, call->cf_id, call->args[1]);
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_integer(&call->reply, goes);
    return st;
}

enum kv_status
command_delex(struct command_call *call)
{
    struct value_condition condition = {.kind = CONDITION_NONE};

    if (call->arg_count == 2)
        return delete_if(call, &condition);
    if (call->arg_count != 4) {
        resp_error(&call->reply, "ERR wrong number of arguments for 'delex' command");
        return KV_OK;
    }
    condition.kind = value_condition_kind_of(call->args[2]);
    condition.operand = call->args[3];
    if (condition.kind == CONDITION_NONE) {
        resp_error(&call->reply, "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
        return KV_OK;
    }
    if (!value_condition_is_valid(&condition)) {
        resp_error(&call->reply, DIGEST_ERROR);
        return KV_OK;
    }
    return delete_if(call, &condition);
}

enum kv_status
command_delifeq(struct command_call *call)
{
    const struct value_condition condition = {.kind = CONDITION_EQUAL, .operand = call->args[2]};

    return delete_if(call, &condition);
}

enum kv_status
command_digest(struct command_call *call)
{
    char text[DIGEST_TEXT_BYTES];
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st != KV_OK)
        return st;
    if (exists) {
        value_digest(value, text);
        resp_bulk(&call->reply, slice_of(text, sizeof(text)));
    } else {
        resp_null(&call->reply);
    }
    return KV_OK;
}
