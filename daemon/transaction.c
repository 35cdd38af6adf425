/* transaction.c - keeping commands and keys for EXEC. */
#include "daemon/transaction.h"

#include <stdio.h>

#include "base/alloc.h"
#include "daemon/client.h"
#include "daemon/command_handlers.h"

void
transaction_reset(struct transaction *transaction)
{
    buffer_deinit(&transaction->arguments);
    free(transaction->commands);
    buffer_deinit(&transaction->keys);
    free(transaction->watched);
    *transaction = (struct transaction){0};
}

size_t
transaction_bytes(const struct transaction *transaction)
{
    return transaction->arguments.capacity + transaction->keys.capacity +
           transaction->command_capacity * sizeof(transaction->commands[0]) +
           transaction->watched_capacity * sizeof(transaction->watched[0]);
}

bool
transaction_takes(const struct transaction *transaction, const struct command *command)
{
    static command_fn *const immediate[] = {command_discard, command_exec,  command_multi,
                                            command_quit,    command_reset, command_watch};

    if (!transaction->is_open)
        return false;
    for (size_t i = 0; i < sizeof(immediate) / sizeof(immediate[0]); i++) {
        if (command->run == immediate[i])
            return false;
    }
    return true;
}

bool
transaction_queue(struct command_call *call)
{
    struct transaction *transaction = &call->client->transaction;
    struct queued_command *queued;

    if (call->command->flags & COMMAND_NO_MULTI) {
        resp_error(&call->reply, "ERR Command not allowed inside a transaction");
        return false;
    }
    if (call->command->flags & COMMAND_WALKS) {
        resp_error_format(&call->reply,
                          "ERR '%s' walks over keys and does not see what a transaction has "
                          "written: call it before MULTI or after EXEC",
                          call->command->name);
        return false;
    }
    if (transaction->command_count == transaction->command_capacity) {
        transaction->command_capacity = 2 * transaction->command_capacity + 8;
        transaction->commands =
            kv_realloc(transaction->commands,
                       transaction->command_capacity * sizeof(transaction->commands[0]));
    }
    transaction->has_acts |= (call->command->flags & COMMAND_ACTS) != 0;
    queued = &transaction->commands[transaction->command_count++];
    *queued = (struct queued_command){.command = call->command,
                                      .arg_count = call->arg_count,
                                      .offset = transaction->arguments.size};
    for (uint32_t i = 0; i < call->arg_count; i++) {
        buffer_append(&transaction->arguments, &call->args[i].size, sizeof(call->args[i].size));
        buffer_append_slice(&transaction->arguments, call->args[i]);
    }
    if (call->arg_count > transaction->arg_count_max)
        transaction->arg_count_max = call->arg_count;
    resp_simple(&call->reply, "QUEUED");
    return true;
}

void
transaction_abort(struct command_call *call, size_t reply_start)
{
    struct buffer *bytes = &call->client->replies.bytes;
    char reason[128];
    /* "-ERR reason\r\n" */
    const size_t size = bytes->size - reply_start - 7;

    KV_ASSERT(bytes->size > reply_start + 7);
    (void)snprintf(reason, sizeof(reason), "%.*s", (int)(size < 127 ? size : 127),
                   (const char *)bytes->data + reply_start + 5);
    reply_queue_take_back(&call->client->replies, reply_start);
    resp_error_format(&call->reply, "EXECABORT Transaction discarded because of: %s", reason);
    transaction_reset(&call->client->transaction);
}
