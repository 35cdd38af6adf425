/* client_describe.c - a client as CLIENT LIST shows it, and the texts that clients set. */
#include <stdio.h>

#include "daemon/command_family.h"
#include "daemon/monitor.h"
#include "daemon/server.h"

bool
client_check_name(struct slice name, const char *what, struct resp_writer *reply)
{
    if (name.size > CLIENT_NAME_BYTES_MAX) {
        resp_error_format(reply, "ERR %s cannot be longer than %d bytes", what,
                          CLIENT_NAME_BYTES_MAX);
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') {
            resp_error_format(
                reply, "ERR %s cannot contain spaces, newlines or special characters.", what);
            return false;
        }
    }
    return true;
}

void
client_set_text(char *target, struct slice text)
{
    KV_ASSERT(text.size <= CLIENT_NAME_BYTES_MAX);
    if (text.size > 0)
        memcpy(target, text.data, text.size);
    target[text.size] = '\0';
}

void
client_reset(struct client *client)
{
    client->is_authenticated = client->server->config.requirepass[0] == '\0';
    client->is_no_evict = client->is_no_touch = false;
    client->replies_off = client->skips_reply = client->skips_next_reply = false;
    client->protocol = 2;
    client->choice = (struct family_choice){0};
    client->cf_id = CF_DEFAULT;
    client->name[0] = '\0';
    transaction_reset(&client->transaction);
    monitor_end(client);
    pubsub_leave(client);
}

static void
append_flags(const struct client *client, struct buffer *target)
{
    const size_t before = target->size;

    if (client->gate & CLIENT_GATE_MONITOR)
        buffer_append_byte(target, 'O');
    if (client->gate & CLIENT_GATE_SUBSCRIBED)
        buffer_append_byte(target, 'P');
    if (client->transaction.is_open)
        buffer_append_byte(target, 'x');
    if (client->wait == CLIENT_WAITS_FOR_BLOCK || client->wait == CLIENT_WAITS_FOR_WRITABLE ||
        client->wait == CLIENT_WAITS_FOR_TABLES || client->wait == CLIENT_WAITS_FOR_UNPAUSE)
        buffer_append_byte(target, 'b');
    if (client->wait == CLIENT_WAITS_FOR_FLUSH)
        buffer_append_byte(target, 'c');
    if (client->is_unix)
        buffer_append_byte(target, 'U');
    if (client->is_no_evict)
        buffer_append_byte(target, 'e');
    if (client->is_no_touch)
        buffer_append_byte(target, 'T');
    if (target->size == before)
        buffer_append_byte(target, 'N');
}

/* One word, whatever its name is. */
static void
append_family(const struct client *client, struct buffer *target)
{
    for (const char *at = client_family_name(client); *at != '\0'; at++)
        buffer_append_byte(target, *at >= '!' && *at <= '~' ? (uint8_t)*at : '?');
}

void
client_describe(const struct client *client, struct buffer *target)
{
    const uint64_t now_us = client->server->now_us;
    const size_t unparsed = client->query.size - client->query_offset;

    buffer_append_format(target, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu flags=",
                         (unsigned long long)client->id, client->address, client->local_address,
                         client->fd, client->name,
                         (unsigned long long)((now_us - client->created_us) / 1000000),
                         (unsigned long long)((now_us - client->active_us) / 1000000));
    append_flags(client, target);
    buffer_append_format(
        target,
        " db=%d sub=%u psub=%u ssub=%u multi=%d qbuf=%zu qbuf-free=%zu argv-mem=0 multi-mem=%zu "
        "rbs=%zu rbp=%zu obl=%zu oll=%u omem=%zu tot-mem=%zu events=r cmd=%s user=default "
        "redir=-1 resp=%u lib-name=%s lib-ver=%s tot-net-in=%llu tot-net-out=%llu tot-cmds=%llu "
        "cf=",
        client->choice.database, pubsub_count(client, TOPIC_CHANNEL),
        pubsub_count(client, TOPIC_PATTERN), pubsub_count(client, TOPIC_SHARD),
        client->transaction.is_open ? (int)client->transaction.command_count : -1, unparsed,
        client->query.capacity - client->query.size, transaction_bytes(&client->transaction),
        client->replies.bytes.capacity, client->replies.bytes.capacity, client_output_bytes(client),
        client->replies.held_count, client->sending.capacity, client_memory_bytes(client),
        client->last_command == NULL ? "NULL" : client->last_command->name, client->protocol,
        client->library_name, client->library_version, (unsigned long long)client->net_in_bytes,
        (unsigned long long)client->net_out_bytes, (unsigned long long)client->command_count);
    append_family(client, target);
}
