/* client_push.c - bytes into the queue of another client than the one whose command runs.
 *
 * Between its tries a client has no half of a reply in its queue, so a push can go to its end at
 * any time.  Only the client that runs has one: for it pushes are kept in server.own_pushes.
 */
#include "daemon/client_push.h"

#include "daemon/client_internal.h"
#include "daemon/server.h"

static void
commit_push(struct client *client, uint64_t seq)
{
    struct server *server = client->server;
    const struct reply_progress progress = server_reply_progress(server, REPLY_DURABLE);

    reply_queue_commit_push(&client->replies, seq, &progress);
    if (reply_queue_is_held(&client->replies)) {
        list_remove(&client->held_link);
        list_push_back(&server->held_clients, &client->held_link);
    }
    if (client->replies.free_bytes > 0)
        client_want_flush(client);
}

/* Whether so much waits, or has waited for so long, that the client has to go. */
static bool
is_over_limit(struct client *client)
{
    const struct config *config = &client->server->config;
    const uint64_t bytes = client_output_bytes(client), now_us = client->server->now_us;

    if (bytes > config->push_buffer_bytes_max)
        return true;
    if (bytes <= config->push_buffer_soft_bytes) {
        client->push_soft_since_us = 0;
        return false;
    }
    if (client->push_soft_since_us == 0)
        client->push_soft_since_us = now_us;
    return now_us - client->push_soft_since_us > config->push_buffer_soft_us;
}

void
client_push(struct client *client, struct slice bytes, uint64_t seq)
{
    struct server *server = client->server;

    if (client->is_closing || client->wait == CLIENT_WAITS_FOR_FLUSH)
        return;
    if (client == server->current_client) {
        buffer_append_slice(&server->own_pushes, bytes);
        if (seq > server->own_pushes_seq)
            server->own_pushes_seq = seq;
        server->gate |= GATE_OWN_PUSHES;
        return;
    }
    buffer_append_slice(&client->replies.bytes, bytes);
    commit_push(client, seq);
    if (is_over_limit(client)) {
        server->stats.output_limit_close_count++;
        client_close_with_reset(client, "over client-output-buffer-limit-pubsub");
    } else {
        client_account(client);
    }
}

size_t
client_place_pushes(struct client *client, size_t reply_start)
{
    struct server *server = client->server;
    struct buffer *bytes = &client->replies.bytes;
    struct buffer reply = {0};

    KV_ASSERT(client != server->current_client);
    server->gate &= ~(uint32_t)GATE_OWN_PUSHES;
    if (!client->is_closing) {
        KV_ASSERT(reply_start <= bytes->size);
        buffer_append(&reply, bytes->data + reply_start, bytes->size - reply_start);
        bytes->size = reply_start;
        buffer_append_slice(bytes, buffer_slice(&server->own_pushes));
        commit_push(client, server->own_pushes_seq);
        reply_start = bytes->size;
        buffer_append_slice(bytes, buffer_slice(&reply));
        buffer_deinit(&reply);
    }
    server->own_pushes_seq = 0;
    buffer_trim(&server->own_pushes, CLIENT_KEPT_BYTES);
    return reply_start;
}
