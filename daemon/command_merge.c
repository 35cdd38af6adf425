/* command_merge.c - KV.MERGE: a blind write, folded by whoever reads.
 *
 * It costs what a SET costs, whatever is stored, but for two cases, in which the command reads the
 * value and puts the result: when many operands of the key stand on each other in memory, so that
 * no read ever has to walk a long row of them; and when the key may have a deadline, on which an
 * operand must not be stored (key/entity.h).  Then it also sees, and says, that an operand cannot
 * be applied.
 */
#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_deadline.h"
#include "merge/merge_operator.h"

enum { ARG_KEY = 1, ARG_OPERAND, ARG_OPTION, ARG_NAME, ARG_COUNT };

/* False: the error reply has been written. */
static bool
check(struct command_call *call, const struct merge_operator *op)
{
    const bool has_option = call->arg_count > ARG_OPTION;

    if (has_option &&
        (call->arg_count != ARG_COUNT || !argument_is(call->args[ARG_OPTION], "operator"))) {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    if (op->kind == NULL) {
        resp_error(&call->reply, "ERR this database has no merge operator that kvd knows; see the "
                                 "setting merge-operator");
        return false;
    }
    if (has_option && !merge_operator_is_named(op, call->args[ARG_NAME])) {
        resp_error_format(&call->reply, "ERR the merge operator of this database is %s",
                          merge_operator_class(op));
        return false;
    }
    if (!merge_operator_accepts(op, call->args[ARG_OPERAND])) {
        resp_error(&call->reply, "ERR the merge operator does not take this operand");
        return false;
    }
    return true;
}

/* Puts into `value` what the merge makes of the value that is there.  False: the error reply has
 * been written. */
static bool
apply(struct command_call *call, const struct merge_operator *op, const struct lookup *found,
      struct buffer *value)
{
    const struct merge_input input = {
        .key = call->args[ARG_KEY],
        .base = found->kind == LOOKUP_VALUE ? &found->value : NULL,
        .operands = &call->args[ARG_OPERAND],
        .operand_count = 1,
    };

    switch (merge_operator_full(op, &input, value)) {
    case KV_OK:
        return true;
    case KV_LIMIT:
        return value_check_size(call, UINT64_MAX);
    default:
        resp_error(&call->reply, "ERR the operand cannot be applied to the value");
        return false;
    }
}

/* The value instead of one more operand.  *is_done false: the operand has to be written, since
 * those below it cannot be folded either. */
static enum kv_status
put_folded(struct command_call *call, const struct merge_operator *op, bool *is_done)
{
    struct buffer value = {0};
    struct lookup found;
    enum kv_status st = command_get(call, call->args[ARG_KEY], &found);

    *is_done = st == KV_OK;
    if (!*is_done)
        return st == KV_INVALID || st == KV_LIMIT ? KV_OK : st;
    if (apply(call, op, &found, &value) &&
        value_put_over(call, call->args[ARG_KEY], &found, buffer_slice(&value))) {
        st = command_write(call);
        if (st == KV_OK)
            resp_simple(&call->reply, "OK");
    }
    buffer_deinit(&value);
    return st;
}

enum kv_status
command_kv_merge(struct command_call *call)
{
    struct db *db = call->server->db;
    const struct merge_operator op = *db_merge_operator(db, call->cf_id);
    enum kv_status st;

    if (!check(call, &op) || !value_check_key(call, call->args[ARG_KEY]) ||
        !value_check_size(call, call->args[ARG_OPERAND].size))
        return KV_OK;
    if (db_merge_is_long(db, call->cf_id, call->args[ARG_KEY]) ||
        db_may_have_deadline(db, call->cf_id, call->args[ARG_KEY])) {
        bool is_done;

        st = put_folded(call, &op, &is_done);
        if (st != KV_OK || is_done)
            return st;
    }
    write_batch_merge(call->batch, call->cf_id, call->args[ARG_KEY], call->args[ARG_OPERAND]);
    st = command_write(call);
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}
