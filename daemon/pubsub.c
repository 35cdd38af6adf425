/* pubsub.c - two hash tables and the lists between them.
 *
 * Topics are found by kind and name, subscriptions by topic and client, so that nothing is
 * searched for in a list.  Names come from anybody, so their hash has a seed.
 *
 * Invariant: a topic has a member; subscriber.counts are the lengths of its lists.  While a
 * message is delivered no list changes: a client that is closed by it leaves afterwards.
 */
#include "daemon/pubsub.h"

#include <xxhash.h>

#include "base/alloc.h"
#include "daemon/client_push.h"
#include "daemon/glob.h"
#include "daemon/server.h"

struct subscription {
    struct chain_node node;
    struct topic *topic;   /* borrowed; lives as long */
    struct client *client; /* borrowed; leaves before it ends */
    struct list topic_link, client_link;
};

/* A message in pubsub.staged, before the bytes of both. */
struct staged_message {
    enum topic_kind kind;
    size_t channel_size, message_size;
};

struct staged_undo {
    struct staged_undo *older;
    enum topic_kind kind;
    bool was_added;
    size_t name_size;
    uint8_t name[];
};

void
pubsub_init(struct pubsub *pubsub, uint64_t seed)
{
    pubsub->seed = seed;
    for (int kind = 0; kind < TOPIC_KIND_COUNT; kind++)
        list_init(&pubsub->topics[kind]);
}

void
pubsub_deinit(struct pubsub *pubsub)
{
    KV_ASSERT(!pubsub->is_delivering && pubsub->undos == NULL);
    chain_table_deinit(&pubsub->topic_table);
    chain_table_deinit(&pubsub->subscription_table);
    buffer_deinit(&pubsub->frame);
    buffer_deinit(&pubsub->staged);
}

/* --- topics --- */

static uint64_t
hash_topic(const struct pubsub *pubsub, enum topic_kind kind, struct slice name)
{
    return XXH3_64bits_withSeed(name.size > 0 ? name.data : (const uint8_t *)"", name.size,
                                pubsub->seed + kind);
}

static struct topic *
find_topic(const struct pubsub *pubsub, enum topic_kind kind, struct slice name)
{
    struct chain_node *node =
        chain_table_find(&pubsub->topic_table, hash_topic(pubsub, kind, name));

    for (; node != NULL; node = chain_table_find_next(node)) {
        struct topic *topic = KV_CONTAINER_OF(node, struct topic, node);

        if (topic->kind == kind && slice_equal(topic_name(topic), name))
            return topic;
    }
    return NULL;
}

const struct topic *
pubsub_find(const struct pubsub *pubsub, enum topic_kind kind, struct slice name)
{
    return find_topic(pubsub, kind, name);
}

const struct topic *
pubsub_next(const struct pubsub *pubsub, enum topic_kind kind, const struct topic *after)
{
    const struct list *next = after == NULL ? pubsub->topics[kind].next : after->kind_link.next;

    return next == &pubsub->topics[kind] ? NULL : LIST_ENTRY(next, const struct topic, kind_link);
}

static struct topic *
make_topic(struct pubsub *pubsub, enum topic_kind kind, struct slice name)
{
    struct topic *topic = kv_alloc_zero(sizeof(*topic) + name.size);

    topic->kind = kind;
    topic->name_size = name.size;
    if (name.size > 0)
        memcpy(topic->name, name.data, name.size);
    list_init(&topic->members);
    list_push_back(&pubsub->topics[kind], &topic->kind_link);
    pubsub->topic_counts[kind]++;
    topic->node.hash = hash_topic(pubsub, kind, name);
    chain_table_insert(&pubsub->topic_table, &topic->node);
    return topic;
}

static void
free_topic(struct pubsub *pubsub, struct topic *topic)
{
    KV_ASSERT(topic->member_count == 0 && list_empty(&topic->members));
    list_remove(&topic->kind_link);
    pubsub->topic_counts[topic->kind]--;
    chain_table_remove(&pubsub->topic_table, &topic->node);
    free(topic);
}

/* --- subscriptions --- */

static uint64_t
hash_subscription(const struct topic *topic, const struct client *client)
{
    return (topic->node.hash ^ client->id) * UINT64_C(0x9e3779b97f4a7c15) >> 8;
}

static struct subscription *
find_subscription(const struct pubsub *pubsub, const struct topic *topic,
                  const struct client *client)
{
    struct chain_node *node =
        chain_table_find(&pubsub->subscription_table, hash_subscription(topic, client));

    for (; node != NULL; node = chain_table_find_next(node)) {
        struct subscription *subscription = KV_CONTAINER_OF(node, struct subscription, node);

        if (subscription->topic == topic && subscription->client == client)
            return subscription;
    }
    return NULL;
}

/* Each pays for the topic, whoever came first. */
static size_t
subscription_bytes(const struct topic *topic)
{
    return sizeof(struct subscription) + sizeof(*topic) + topic->name_size +
           2 * sizeof(struct chain_node *);
}

static struct subscriber *
need_subscriber(struct client *client)
{
    if (client->subscriber == NULL) {
        client->subscriber = kv_alloc_zero(sizeof(*client->subscriber));
        for (int kind = 0; kind < TOPIC_KIND_COUNT; kind++)
            list_init(&client->subscriber->subscriptions[kind]);
    }
    return client->subscriber;
}

bool
pubsub_subscribe(struct client *client, enum topic_kind kind, struct slice name)
{
    struct pubsub *pubsub = &client->server->pubsub;
    struct topic *topic = find_topic(pubsub, kind, name);
    struct subscriber *subscriber = need_subscriber(client);
    struct subscription *subscription;

    KV_ASSERT(!pubsub->is_delivering && !client->is_closing);
    if (topic != NULL && find_subscription(pubsub, topic, client) != NULL)
        return false;
    if (topic == NULL)
        topic = make_topic(pubsub, kind, name);
    subscription = kv_alloc_zero(sizeof(*subscription));
    subscription->topic = topic;
    subscription->client = client;
    subscription->node.hash = hash_subscription(topic, client);
    chain_table_insert(&pubsub->subscription_table, &subscription->node);
    list_push_back(&topic->members, &subscription->topic_link);
    list_push_back(&subscriber->subscriptions[kind], &subscription->client_link);
    topic->member_count++;
    subscriber->counts[kind]++;
    subscriber->bytes += subscription_bytes(topic);
    client->gate |= CLIENT_GATE_SUBSCRIBED;
    return true;
}

static bool
has_any(const struct subscriber *subscriber)
{
    for (int kind = 0; kind < TOPIC_KIND_COUNT; kind++) {
        if (subscriber->counts[kind] > 0)
            return true;
    }
    return false;
}

static void
end_subscription(struct pubsub *pubsub, struct subscription *subscription)
{
    struct topic *topic = subscription->topic;
    struct subscriber *subscriber = subscription->client->subscriber;

    KV_ASSERT(topic->member_count > 0 && subscriber->counts[topic->kind] > 0);
    subscriber->bytes -= subscription_bytes(topic);
    subscriber->counts[topic->kind]--;
    topic->member_count--;
    list_remove(&subscription->topic_link);
    list_remove(&subscription->client_link);
    chain_table_remove(&pubsub->subscription_table, &subscription->node);
    free(subscription);
    if (topic->member_count == 0)
        free_topic(pubsub, topic);
}

/* Without subscriptions the client is one like others. */
static void
end_subscriber(struct client *client)
{
    if (has_any(client->subscriber))
        return;
    free(client->subscriber);
    client->subscriber = NULL;
    client->gate &= (uint8_t)~CLIENT_GATE_SUBSCRIBED;
}

bool
pubsub_unsubscribe(struct client *client, enum topic_kind kind, struct slice name)
{
    struct pubsub *pubsub = &client->server->pubsub;
    struct topic *topic = client->subscriber == NULL ? NULL : find_topic(pubsub, kind, name);
    struct subscription *subscription =
        topic == NULL ? NULL : find_subscription(pubsub, topic, client);

    KV_ASSERT(!pubsub->is_delivering);
    if (subscription == NULL)
        return false;
    end_subscription(pubsub, subscription);
    end_subscriber(client);
    return true;
}

bool
pubsub_has(const struct client *client, enum topic_kind kind, struct slice name)
{
    const struct pubsub *pubsub = &client->server->pubsub;
    const struct topic *topic = find_topic(pubsub, kind, name);

    return topic != NULL && find_subscription(pubsub, topic, client) != NULL;
}

void
pubsub_leave(struct client *client)
{
    struct pubsub *pubsub = &client->server->pubsub;

    if (client->subscriber == NULL)
        return;
    if (pubsub->is_delivering) {
        KV_ASSERT(client->is_closing);
        pubsub->has_left = true;
        return;
    }
    for (int kind = 0; kind < TOPIC_KIND_COUNT; kind++) {
        struct list *mine = &client->subscriber->subscriptions[kind];

        while (!list_empty(mine))
            end_subscription(pubsub, LIST_ENTRY(mine->next, struct subscription, client_link));
    }
    end_subscriber(client);
}

uint32_t
pubsub_count(const struct client *client, enum topic_kind kind)
{
    return client->subscriber == NULL ? 0 : client->subscriber->counts[kind];
}

const struct topic *
pubsub_oldest(const struct client *client, enum topic_kind kind)
{
    if (pubsub_count(client, kind) == 0)
        return NULL;
    return LIST_ENTRY(client->subscriber->subscriptions[kind].next, struct subscription,
                      client_link)
        ->topic;
}

size_t
pubsub_client_bytes(const struct client *client)
{
    return client->subscriber == NULL ? 0 : sizeof(*client->subscriber) + client->subscriber->bytes;
}

/* --- messages --- */

/* "message", channel, message; or "pmessage", pattern, channel, message. */
static void
make_frame(struct pubsub *pubsub, const struct topic *topic, struct slice channel,
           struct slice message)
{
    static const char *const names[] = {"message", "pmessage", "smessage"};
    struct resp_writer writer = {.target = &pubsub->frame, .protocol = 2};

    buffer_clear(&pubsub->frame);
    resp_push(&writer, topic->kind == TOPIC_PATTERN ? 4 : 3);
    resp_bulk_text(&writer, names[topic->kind]);
    if (topic->kind == TOPIC_PATTERN)
        resp_bulk(&writer, topic_name(topic));
    resp_bulk(&writer, channel);
    resp_bulk(&writer, message);
}

static void
send_to_members(struct pubsub *pubsub, const struct topic *topic, struct slice channel,
                struct slice message, uint64_t seq)
{
    make_frame(pubsub, topic, channel, message);
    for (struct list *node = topic->members.next; node != &topic->members; node = node->next) {
        struct client *client = LIST_ENTRY(node, struct subscription, topic_link)->client;

        pubsub->frame.data[0] = client->protocol == 3 ? '>' : '*';
        client_push(client, buffer_slice(&pubsub->frame), seq);
    }
}

/* Those who were closed while lists were walked. */
static void
let_leave(struct server *server)
{
    server->pubsub.is_delivering = false;
    if (!server->pubsub.has_left)
        return;
    server->pubsub.has_left = false;
    for (struct list *node = server->closing_clients.next; node != &server->closing_clients;
         node = node->next)
        pubsub_leave(LIST_ENTRY(node, struct client, all_link));
}

/* Returns how many receivers there are; sends the message to them if `sends`. */
static int64_t
for_receivers(struct server *server, enum topic_kind kind, struct slice channel,
              struct slice message, uint64_t seq, bool sends)
{
    struct pubsub *pubsub = &server->pubsub;
    const struct topic *topic;
    int64_t count = 0;

    KV_ASSERT(kind != TOPIC_PATTERN && !pubsub->is_delivering);
    pubsub->is_delivering = true;
    topic = pubsub->topic_counts[kind] > 0 ? find_topic(pubsub, kind, channel) : NULL;
    if (topic != NULL) {
        count += topic->member_count;
        if (sends)
            send_to_members(pubsub, topic, channel, message, seq);
    }
    for (topic = kind == TOPIC_SHARD ? NULL : pubsub_next(pubsub, TOPIC_PATTERN, NULL);
         topic != NULL; topic = pubsub_next(pubsub, TOPIC_PATTERN, topic)) {
        if (!glob_match(topic_name(topic), channel, false))
            continue;
        count += topic->member_count;
        if (sends)
            send_to_members(pubsub, topic, channel, message, seq);
    }
    let_leave(server);
    buffer_trim(&pubsub->frame, CLIENT_KEPT_BYTES);
    return count;
}

int64_t
pubsub_publish(struct server *server, enum topic_kind kind, struct slice channel,
               struct slice message)
{
    return for_receivers(server, kind, channel, message, 0, true);
}

int64_t
pubsub_receiver_count(struct server *server, enum topic_kind kind, struct slice channel)
{
    return for_receivers(server, kind, channel, slice_of(NULL, 0), 0, false);
}

bool
pubsub_has_listeners(const struct pubsub *pubsub)
{
    return pubsub->topic_counts[TOPIC_CHANNEL] > 0 || pubsub->topic_counts[TOPIC_PATTERN] > 0;
}

void
pubsub_stage(struct server *server, enum topic_kind kind, struct slice channel,
             struct slice message)
{
    struct buffer *staged = &server->pubsub.staged;
    const struct staged_message header = {
        .kind = kind, .channel_size = channel.size, .message_size = message.size};

    buffer_append(staged, &header, sizeof(header));
    buffer_append_slice(staged, channel);
    buffer_append_slice(staged, message);
    server->gate |= GATE_STAGED;
}

size_t
pubsub_staged_bytes(const struct pubsub *pubsub)
{
    return pubsub->staged.size;
}

void
pubsub_unstage(struct pubsub *pubsub, size_t staged_bytes)
{
    KV_ASSERT(staged_bytes <= pubsub->staged.size);
    pubsub->staged.size = staged_bytes;
}

void
pubsub_stage_undo(struct client *client, enum topic_kind kind, struct slice name, bool was_added)
{
    struct pubsub *pubsub = &client->server->pubsub;
    struct staged_undo *undo = kv_alloc_zero(sizeof(*undo) + name.size);

    KV_ASSERT(client == client->server->current_client);
    undo->older = pubsub->undos;
    undo->kind = kind;
    undo->was_added = was_added;
    undo->name_size = name.size;
    if (name.size > 0)
        memcpy(undo->name, name.data, name.size);
    pubsub->undos = undo;
    client->server->gate |= GATE_STAGED;
}

/* Nothing is staged any more.  Undone for `client`, the newest first; NULL: it stays. */
static void
end_undos(struct pubsub *pubsub, struct client *client)
{
    while (pubsub->undos != NULL) {
        struct staged_undo *undo = pubsub->undos;
        const struct slice name = slice_of(undo->name, undo->name_size);

        pubsub->undos = undo->older;
        if (client != NULL && !client->is_closing && undo->was_added)
            (void)pubsub_unsubscribe(client, undo->kind, name);
        else if (client != NULL && !client->is_closing)
            (void)pubsub_subscribe(client, undo->kind, name);
        free(undo);
    }
}

void
pubsub_send_staged(struct server *server, uint64_t seq)
{
    struct buffer staged = server->pubsub.staged;
    const uint8_t *at = staged.data, *end = at + staged.size;

    server->gate &= ~(uint32_t)GATE_STAGED;
    end_undos(&server->pubsub, NULL);
    while (at < end) {
        struct staged_message header;
        struct slice channel, message;

        memcpy(&header, at, sizeof(header));
        channel = slice_of(at + sizeof(header), header.channel_size);
        message = slice_of(channel.data + channel.size, header.message_size);
        at = message.data + message.size;
        KV_ASSERT(at <= end);
        (void)for_receivers(server, header.kind, channel, message, seq, true);
    }
    KV_ASSERT(server->pubsub.staged.data == staged.data);
    buffer_trim(&server->pubsub.staged, CLIENT_KEPT_BYTES);
}

void
pubsub_drop_staged(struct client *client)
{
    struct server *server = client->server;

    server->gate &= ~(uint32_t)GATE_STAGED;
    end_undos(&server->pubsub, client);
    buffer_trim(&server->pubsub.staged, CLIENT_KEPT_BYTES);
}
