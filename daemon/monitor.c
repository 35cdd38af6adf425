/* monitor.c - one line for all monitors, made once a command. */
#include "daemon/monitor.h"

#include <inttypes.h>

#include "daemon/client_gate.h"
#include "daemon/client_push.h"
#include "daemon/command_family.h"
#include "daemon/command_handlers.h"
#include "daemon/command_metadata.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

void
monitor_begin(struct client *client)
{
    if (client->gate & CLIENT_GATE_MONITOR)
        return;
    client->gate |= CLIENT_GATE_MONITOR;
    list_push_back(&client->server->monitors, &client->monitor_link);
    client->server->gate |= GATE_MONITORS;
}

void
monitor_end(struct client *client)
{
    if (!(client->gate & CLIENT_GATE_MONITOR))
        return;
    client->gate &= (uint8_t)~CLIENT_GATE_MONITOR;
    list_remove(&client->monitor_link);
    if (list_empty(&client->server->monitors))
        client->server->gate &= ~(uint32_t)GATE_MONITORS;
}

static bool
is_admin(const struct command_call *call)
{
    char name[COMMAND_FULL_NAME_BYTES];

    command_format_full_name(call, name);
    return (call->command->flags | command_metadata_find(name)->flags) & COMMAND_ADMIN;
}

/* Which arguments are passwords or names that go with them. */
static bool
is_secret(const struct command_call *call, uint32_t index)
{
    if (call->command->run == command_auth)
        return index > 0;
    if (call->command->run != command_hello)
        return false;
    return (index > 2 && argument_is(call->args[index - 1], "auth")) ||
           (index > 3 && argument_is(call->args[index - 2], "auth"));
}

static void
append_quoted(struct buffer *target, struct slice text)
{
    static const char plain[] = "\n\r\t\a\b\\\"", letters[] = "nrtab\\\"";

    buffer_append_byte(target, '"');
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = text.data[i];
        const char *found = byte == '\0' ? NULL : strchr(plain, byte);

        if (found != NULL) {
            buffer_append_byte(target, '\\');
            buffer_append_byte(target, (uint8_t)letters[found - plain]);
        } else if (byte >= ' ' && byte <= '~') {
            buffer_append_byte(target, byte);
        } else {
            buffer_append_format(target, "\\x%02x", byte);
        }
    }
    buffer_append_byte(target, '"');
}

static void
append_argument(struct buffer *target, const struct command_call *call, uint32_t index, bool is_cut)
{
    struct slice text = call->args[index];
    const bool is_long = is_cut && text.size > MONITOR_CUT_BYTES;

    if (is_secret(call, index))
        text = slice_from_text("(redacted)");
    else if (is_long)
        text.size = MONITOR_CUT_BYTES;
    append_quoted(target, text);
    if (is_long)
        buffer_append_format(target, "... (%zu more bytes)", call->args[index].size - text.size);
}

void
monitor_format(const struct command_call *call, uint64_t wall_us, struct buffer *target)
{
    const struct client *client = call->client;
    size_t size = 0;

    buffer_append_format(target, "+%" PRIu64 ".%06" PRIu64 " [", wall_us / 1000000,
                         wall_us % 1000000);
    if (client->choice.database >= 0)
        buffer_append_format(target, "%d ", client->choice.database);
    else
        buffer_append_format(target, "%s ", client_family_name(client));
    if (client->is_unix)
        buffer_append_format(target, "unix:%s]", client->server->config.unixsocket);
    else
        buffer_append_format(target, "%s]", client->address);
    for (uint32_t i = 0; i < call->arg_count; i++)
        size += call->args[i].size;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        buffer_append_byte(target, ' ');
        append_argument(target, call, i, size > MONITOR_WHOLE_BYTES_MAX);
    }
}

void
monitor_show_parsed(struct client *client)
{
    const struct command_call call = {
        .server = client->server,
        .client = client,
        .command = client->last_command,
        .args = client->parser.args,
        .arg_count = client->parser.arg_count,
    };

    monitor_show(&call);
}

void
monitor_show(const struct command_call *call)
{
    struct server *server = call->server;
    struct buffer line = {0};

    if (is_admin(call))
        return;
    monitor_format(call, io_wall_us(server->io), &line);
    buffer_append(&line, "\r\n", 2);
    /* A push may close its client or any other, which leaves the list then: the first is shown the
     * line and goes to the end, as often as there were monitors. */
    for (uint32_t count = list_length(&server->monitors); count > 0; count--) {
        struct client *client;

        if (list_empty(&server->monitors))
            break;
        client = LIST_ENTRY(server->monitors.next, struct client, monitor_link);
        list_remove(&client->monitor_link);
        list_push_back(&server->monitors, &client->monitor_link);
        client_push(client, buffer_slice(&line), 0);
    }
    buffer_deinit(&line);
}
