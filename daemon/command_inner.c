#include "daemon/command_inner.h"

#include "daemon/client_internal.h"
#include "daemon/command_handlers.h"
#include "daemon/server.h"

bool
command_is_carrier(const struct command *command)
{
    return command->run == command_kv_at || command->run == command_kv_in ||
           command->run == command_kv_write;
}

const struct command *
command_find_inner(struct command_call *call, uint32_t at)
{
    const struct command *inner;
    int64_t count;

    KV_ASSERT(at > 0 && at < call->arg_count);
    inner = command_find(call->args[at]);
    count = (int64_t)call->arg_count - at;
    if (inner == NULL) {
        resp_error_format(&call->reply, "ERR unknown command '%.*s'",
                          (int)(call->args[at].size < 128 ? call->args[at].size : 128),
                          (const char *)call->args[at].data);
        return NULL;
    }
    if ((inner->arity > 0 && count != inner->arity) || count < -(int64_t)inner->arity) {
        resp_error_format(&call->reply, "ERR wrong number of arguments for '%s' command",
                          inner->name);
        return NULL;
    }
    if (call->is_in_transaction && (inner->flags & (COMMAND_NO_MULTI | COMMAND_WALKS)) != 0) {
        resp_error(&call->reply, "ERR Command not allowed inside a transaction");
        return NULL;
    }
    return inner;
}

enum kv_status
command_run_inner(struct command_call *call, const struct command *inner, uint32_t at)
{
    KV_ASSERT(at < call->arg_count);
    call->command = inner;
    if (!call->is_in_transaction && client_has_to_stand_in_line(call->client, inner))
        return KV_BUSY;
    call->args += at;
    call->arg_count -= at;
    return inner->run(call);
}
