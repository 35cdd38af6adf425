/* client_memory.c - all clients' buffers together stay inside a quarter of memory-limit.
 *
 * Every client has limits of its own, but ten thousand harmless ones can be too much together.
 * So the more there are, the smaller is the share above which one has to wait for its replies to
 * be taken.  When that is not enough, idle ones first give back what they keep for their next
 * command, then the largest client is closed, and the next one, until the sum is small enough:
 * whoever caused it goes, and nobody waits for it.
 *
 * What counts is what is touched: the bytes in a large buffer, all of a small one (an idle client
 * keeps those).  Invariant: server.client_buffer_bytes is the sum of accounted_bytes of the
 * connected clients.  Those under CLIENT NO-EVICT count nothing, as in Redis: what they need must
 * not be taken from the others.
 */
#include "base/log.h"
#include "daemon/client_internal.h"
#include "daemon/server.h"

enum { BUDGET_DIVISOR = 4 };

size_t
client_memory_bytes(const struct client *client)
{
    return sizeof(*client) + client->query.capacity + client->sending.capacity +
           client->replies.bytes.capacity +
           client->replies.held_capacity * sizeof(*client->replies.held) +
           client->parser.arg_capacity * (sizeof(struct slice) + 2 * sizeof(size_t)) +
           client->parser.inline_bytes.capacity + transaction_bytes(&client->transaction) +
           pubsub_client_bytes(client);
}

static size_t
touched_bytes(const struct buffer *buffer)
{
    return buffer->capacity <= CLIENT_KEPT_BYTES ? buffer->capacity : buffer->size;
}

static uint64_t
buffer_bytes(const struct client *client)
{
    return touched_bytes(&client->query) + touched_bytes(&client->sending) +
           touched_bytes(&client->replies.bytes) +
           client->replies.held_capacity * sizeof(*client->replies.held) +
           client->parser.arg_capacity * (sizeof(struct slice) + 2 * sizeof(size_t)) +
           touched_bytes(&client->parser.inline_bytes) + transaction_bytes(&client->transaction) +
           pubsub_client_bytes(client);
}

static void
update(struct client *client)
{
    struct server *server = client->server;
    const bool counts = !client->is_closing && !client->is_no_evict;
    const uint64_t bytes = counts ? buffer_bytes(client) : 0;

    KV_ASSERT(server->client_buffer_bytes >= client->accounted_bytes);
    server->client_buffer_bytes += bytes - client->accounted_bytes;
    client->accounted_bytes = bytes;
}

static bool
is_over_budget(const struct server *server)
{
    return server->client_buffer_bytes > server->config.memory_limit_bytes / BUDGET_DIVISOR;
}

/* All shares together are half of the budget, so that single large commands find room too. */
void
server_share_client_memory(struct server *server)
{
    const uint64_t budget = server->config.memory_limit_bytes / BUDGET_DIVISOR;
    const uint64_t share = budget / 2 / (server->client_count > 0 ? server->client_count : 1);

    server->client_soft_bytes = share < CLIENT_SOFT_BYTES_MIN   ? CLIENT_SOFT_BYTES_MIN
                                : share > CLIENT_SOFT_BYTES_MAX ? CLIENT_SOFT_BYTES_MAX
                                                                : (size_t)share;
}

/* Of empty buffers only, which nothing points into. */
static void
trim(struct client *client)
{
    if (client->query.size == 0)
        buffer_deinit(&client->query);
    if (client->sending.size == 0 && !client->send_armed)
        buffer_deinit(&client->sending);
    if (client->replies.bytes.size == 0 && client != client->server->current_client)
        reply_queue_deinit(&client->replies);
    update(client);
}

static struct client *
find_largest(const struct server *server)
{
    struct client *largest = NULL;

    for (struct list *node = server->clients.next; node != &server->clients; node = node->next) {
        struct client *client = LIST_ENTRY(node, struct client, all_link);

        if (client->accounted_bytes > (largest == NULL ? 0 : largest->accounted_bytes))
            largest = client;
    }
    return largest;
}

static void
close_largest(struct server *server, struct client *client)
{
    kv_log(LOG_LEVEL_WARNING,
           "client %llu %s is closed: with %llu bytes it is the largest of %u clients, whose "
           "buffers need %llu bytes, more than a quarter of memory-limit",
           (unsigned long long)client->id, client->address,
           (unsigned long long)client->accounted_bytes, server->client_count,
           (unsigned long long)server->client_buffer_bytes);
    server->stats.memory_close_count++;
    client_close_with_reset(client, NULL);
}

void
client_account(struct client *client)
{
    struct server *server = client->server;
    const uint64_t before = client->accounted_bytes;

    update(client);
    /* Half is used: in this turn nobody gets more than the least, whatever the share was. */
    if (server->client_buffer_bytes > server->config.memory_limit_bytes / BUDGET_DIVISOR / 2)
        server->client_soft_bytes = CLIENT_SOFT_BYTES_MIN;
    if (client->accounted_bytes <= before || !is_over_budget(server))
        return;
    for (struct list *node = server->clients.next; node != &server->clients; node = node->next)
        trim(LIST_ENTRY(node, struct client, all_link));
    while (is_over_budget(server)) {
        struct client *largest = find_largest(server);

        KV_ASSERT(largest != NULL); /* the sum is not zero */
        close_largest(server, largest);
    }
}
