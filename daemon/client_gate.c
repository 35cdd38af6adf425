/* client_gate.c - two kinds of clients that get bytes which are no replies.
 *
 * In RESP2 a message looks like a reply, so whoever has subscribed may say only what is answered in
 * the shape of a message.  A monitor is to look on, and Redis treats it as a replica.
 */
#include "daemon/client_gate.h"

#include <ctype.h>
#include <stdio.h>

#include "daemon/client.h"
#include "daemon/command_handlers.h"

static bool
is_one_of(command_fn *run, command_fn *const *handlers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (handlers[i] == run)
            return true;
    }
    return false;
}

static bool
is_for_subscribers(const struct command *command)
{
    static command_fn *const handlers[] = {
        command_ping,        command_quit,         command_reset,
        command_subscribe,   command_psubscribe,   command_ssubscribe,
        command_unsubscribe, command_punsubscribe, command_sunsubscribe,
    };

    return is_one_of(command->run, handlers, sizeof(handlers) / sizeof(handlers[0]));
}

void
command_format_full_name(const struct command_call *call, char name[COMMAND_FULL_NAME_BYTES])
{
    const bool has_second = call->command->subcommands != NULL && call->arg_count > 1;
    const struct slice second = has_second ? call->args[1] : slice_of(NULL, 0);
    int size;

    size = snprintf(name, COMMAND_FULL_NAME_BYTES, "%s%s%.*s", call->command->name,
                    has_second ? "|" : "", (int)(second.size < 40 ? second.size : 40),
                    (const char *)second.data);
    KV_ASSERT(size > 0 && size < COMMAND_FULL_NAME_BYTES);
    for (char *at = name; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
}

/* Where KV.IN and its like have the command that they run; 0: it is none of these. */
static uint32_t
inner_position(const struct command *command)
{
    if (command->run == command_kv_in || command->run == command_kv_at)
        return 2;
    return command->run == command_kv_write ? 3 : 0;
}

/* With those of what it runs; in a transaction, where words are not at hand, that may be any. */
static uint32_t
flags_of(const struct command *command, const struct slice *args, uint32_t arg_count)
{
    uint32_t flags = command->flags, position = 0, step = inner_position(command);

    if (step > 0 && args == NULL)
        return flags | COMMAND_WRITE | COMMAND_READONLY;
    for (; step > 0 && position + step < arg_count; step = inner_position(command)) {
        position += step;
        command = command_find(args[position]);
        if (command == NULL)
            break;
        flags |= command->flags;
    }
    return flags;
}

bool
command_has_flags(const struct command_call *call, uint32_t flags)
{
    const struct transaction *transaction = &call->client->transaction;

    if (flags_of(call->command, call->args, call->arg_count) & flags)
        return true;
    for (uint32_t i = 0; call->command->run == command_exec && i < transaction->command_count;
         i++) {
        if (flags_of(transaction->commands[i].command, NULL, 0) & flags)
            return true;
    }
    return false;
}

bool
command_publishes(const struct command_call *call)
{
    static command_fn *const handlers[] = {command_publish, command_spublish};
    const struct transaction *transaction = &call->client->transaction;

    if (is_one_of(call->command->run, handlers, 2))
        return true;
    for (uint32_t i = 0; call->command->run == command_exec && i < transaction->command_count;
         i++) {
        if (is_one_of(transaction->commands[i].command->run, handlers, 2))
            return true;
    }
    return false;
}

bool
client_gate_admits(struct command_call *call)
{
    const struct client *client = call->client;
    char name[COMMAND_FULL_NAME_BYTES];

    KV_ASSERT(client->gate != 0 && call->command != NULL);
    if (client->gate & CLIENT_GATE_MONITOR &&
        (command_has_flags(call, COMMAND_WRITE | COMMAND_READONLY) || command_publishes(call))) {
        resp_error(&call->reply, "ERR Replica can't interact with the keyspace");
        return false;
    }
    if (!(client->gate & CLIENT_GATE_SUBSCRIBED) || client->protocol != 2 ||
        is_for_subscribers(call->command))
        return true;
    command_format_full_name(call, name);
    resp_error_format(&call->reply,
                      "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                      "QUIT / RESET are allowed in this context",
                      name);
    return false;
}
