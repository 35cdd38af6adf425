/* pubsub.h - who has subscribed to what, and messages on their way to them.
 *
 *     topic (a channel, a pattern or a shard channel) <- subscription -> client
 *
 * A topic is there while anybody has subscribed to it.  What a client asks for, and what is done
 * when it goes, takes time by its own subscriptions only; a message, by its receivers and by all
 * patterns.  A client pays for its subscriptions out of the memory for clients.
 *
 * A message goes at once, or it is staged: then it goes when the command is over that staged it,
 * or never if the command is tried again, and no receiver gets it before what the command wrote is
 * durable.
 */
#ifndef KV_DAEMON_PUBSUB_H
#define KV_DAEMON_PUBSUB_H

#include "base/buffer.h"
#include "base/list.h"
#include "daemon/chain_table.h"

struct client;
struct server;

enum topic_kind { TOPIC_CHANNEL, TOPIC_PATTERN, TOPIC_SHARD, TOPIC_KIND_COUNT };

struct topic {
    struct chain_node node;
    struct list kind_link; /* pubsub.topics[kind] */
    struct list members;   /* subscription.topic_link, the oldest first */
    enum topic_kind kind;
    uint32_t member_count;
    size_t name_size;
    uint8_t name[];
};

/* What a client that has subscribed owns. */
struct subscriber {
    struct list subscriptions[TOPIC_KIND_COUNT]; /* subscription.client_link, the oldest first */
    uint32_t counts[TOPIC_KIND_COUNT];
    size_t bytes; /* of its subscriptions */
};

struct staged_undo;

struct pubsub {
    struct chain_table topic_table, subscription_table;
    struct list topics[TOPIC_KIND_COUNT]; /* the oldest first */
    uint32_t topic_counts[TOPIC_KIND_COUNT];
    uint64_t seed;
    struct buffer frame;       /* owned: the message on its way */
    struct buffer staged;      /* owned: messages of the command that runs */
    struct staged_undo *undos; /* owned: the newest first */
    bool is_delivering;        /* lists of members are walked: nobody leaves */
    bool has_left;             /* a client was closed meanwhile */
};

/* Zeroed before. */
void pubsub_init(struct pubsub *pubsub, uint64_t seed);
/* When all clients are gone. */
void pubsub_deinit(struct pubsub *pubsub);

/* False: it had it already. */
bool pubsub_subscribe(struct client *client, enum topic_kind kind, struct slice name);
/* False: it did not have it. */
bool pubsub_unsubscribe(struct client *client, enum topic_kind kind, struct slice name);
/* All of them, without a word to the client. */
void pubsub_leave(struct client *client);
bool pubsub_has(const struct client *client, enum topic_kind kind, struct slice name);
/* How many the client has. */
uint32_t pubsub_count(const struct client *client, enum topic_kind kind);
/* The topic that the client has had for longest, valid until it goes; NULL: none. */
const struct topic *pubsub_oldest(const struct client *client, enum topic_kind kind);
/* Subscriptions and their topics. */
size_t pubsub_client_bytes(const struct client *client);

/* NULL: nobody has subscribed to it. */
const struct topic *pubsub_find(const struct pubsub *pubsub, enum topic_kind kind,
                                struct slice name);
/* All of a kind; `after` NULL: the first; NULL: no more. */
const struct topic *pubsub_next(const struct pubsub *pubsub, enum topic_kind kind,
                                const struct topic *after);
static inline struct slice
topic_name(const struct topic *topic)
{
    return slice_of(topic->name, topic->name_size);
}

/* To the subscribers of a channel (and of the patterns that match it) or of a shard channel.
 * Returns how many receivers there are. */
int64_t pubsub_publish(struct server *server, enum topic_kind kind, struct slice channel,
                       struct slice message);
int64_t pubsub_receiver_count(struct server *server, enum topic_kind kind, struct slice channel);
/* Whether a message to a channel could have any. */
bool pubsub_has_listeners(const struct pubsub *pubsub);
/* The message goes when the command is over. */
void pubsub_stage(struct server *server, enum topic_kind kind, struct slice channel,
                  struct slice message);
/* How much is staged; and back to what was then. */
size_t pubsub_staged_bytes(const struct pubsub *pubsub);
void pubsub_unstage(struct pubsub *pubsub, size_t staged_bytes);
/* What pubsub_subscribe or _unsubscribe of the client that runs has just changed is changed back
 * if its command, a transaction, is tried again. */
void pubsub_stage_undo(struct client *client, enum topic_kind kind, struct slice name,
                       bool was_added);
/* The command is over: sends what it staged, when `seq` is durable; */
void pubsub_send_staged(struct server *server, uint64_t seq);
/* or is tried again or has failed: undoes it. */
void pubsub_drop_staged(struct client *client);

#endif
