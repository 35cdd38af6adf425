/* command_pubsub.c - SUBSCRIBE and its like, PUBLISH, PUBSUB.
 *
 * Each channel has a reply of its own in the shape of a message: what was done, to which channel,
 * and how many the client has now, channels and patterns together, shard channels for themselves.
 */
#include "daemon/command_handlers.h"
#include "daemon/glob.h"
#include "daemon/server.h"

static int64_t
count_for_reply(const struct client *client, enum topic_kind kind)
{
    if (kind == TOPIC_SHARD)
        return pubsub_count(client, TOPIC_SHARD);
    return (int64_t)pubsub_count(client, TOPIC_CHANNEL) + pubsub_count(client, TOPIC_PATTERN);
}

static enum kv_status
subscribe_to_all(struct command_call *call, enum topic_kind kind)
{
    for (uint32_t i = 1; i < call->arg_count; i++) {
        const bool is_new = pubsub_subscribe(call->client, kind, call->args[i]);

        if (is_new && call->is_in_transaction)
            pubsub_stage_undo(call->client, kind, call->args[i], true);
        resp_push(&call->reply, 3);
        resp_bulk_text(&call->reply, call->command->name);
        resp_bulk(&call->reply, call->args[i]);
        resp_integer(&call->reply, count_for_reply(call->client, kind));
    }
    return KV_OK;
}

enum kv_status
command_subscribe(struct command_call *call)
{
    return subscribe_to_all(call, TOPIC_CHANNEL);
}

enum kv_status
command_psubscribe(struct command_call *call)
{
    return subscribe_to_all(call, TOPIC_PATTERN);
}

enum kv_status
command_ssubscribe(struct command_call *call)
{
    if (call->is_in_transaction) {
        resp_error(&call->reply, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
        return KV_OK;
    }
    return subscribe_to_all(call, TOPIC_SHARD);
}

/* `name` may be that of the topic, which ends here. */
static void
unsubscribe_from(struct command_call *call, enum topic_kind kind, struct slice name)
{
    resp_push(&call->reply, 3);
    resp_bulk_text(&call->reply, call->command->name);
    resp_bulk(&call->reply, name);
    if (call->is_in_transaction && pubsub_has(call->client, kind, name))
        pubsub_stage_undo(call->client, kind, name, false);
    (void)pubsub_unsubscribe(call->client, kind, name); /* the reply is the same */
    resp_integer(&call->reply, count_for_reply(call->client, kind));
}

static enum kv_status
unsubscribe_from_all(struct command_call *call, enum topic_kind kind)
{
    const struct topic *topic = pubsub_oldest(call->client, kind);

    for (uint32_t i = 1; i < call->arg_count; i++)
        unsubscribe_from(call, kind, call->args[i]);
    if (call->arg_count > 1)
        return KV_OK;
    if (topic == NULL) {
        resp_push(&call->reply, 3);
        resp_bulk_text(&call->reply, call->command->name);
        resp_null(&call->reply);
        resp_integer(&call->reply, count_for_reply(call->client, kind));
    }
    for (; topic != NULL; topic = pubsub_oldest(call->client, kind))
        unsubscribe_from(call, kind, topic_name(topic));
    return KV_OK;
}

enum kv_status
command_unsubscribe(struct command_call *call)
{
    return unsubscribe_from_all(call, TOPIC_CHANNEL);
}

enum kv_status
command_punsubscribe(struct command_call *call)
{
    return unsubscribe_from_all(call, TOPIC_PATTERN);
}

enum kv_status
command_sunsubscribe(struct command_call *call)
{
    return unsubscribe_from_all(call, TOPIC_SHARD);
}

/* Between MULTI and EXEC the message waits for what the transaction writes. */
static enum kv_status
publish(struct command_call *call, enum topic_kind kind)
{
    int64_t count;

    if (call->is_in_transaction) {
        count = pubsub_receiver_count(call->server, kind, call->args[1]);
        pubsub_stage(call->server, kind, call->args[1], call->args[2]);
    } else {
        count = pubsub_publish(call->server, kind, call->args[1], call->args[2]);
    }
    resp_integer(&call->reply, count);
    return KV_OK;
}

enum kv_status
command_publish(struct command_call *call)
{
    return publish(call, TOPIC_CHANNEL);
}

enum kv_status
command_spublish(struct command_call *call)
{
    return publish(call, TOPIC_SHARD);
}

/* --- PUBSUB --- */

static enum kv_status
list_topics(struct command_call *call, enum topic_kind kind)
{
    const struct pubsub *pubsub = &call->server->pubsub;
    const bool matches = call->arg_count == 3;
    struct buffer names = {0};
    struct resp_writer writer = {.target = &names, .protocol = call->reply.protocol};
    size_t count = 0;

    if (call->arg_count > 3) {
        resp_error_format(&call->reply,
                          "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                          "PUBSUB HELP.",
                          (int)call->args[1].size, (const char *)call->args[1].data);
        return KV_OK;
    }
    for (const struct topic *topic = pubsub_next(pubsub, kind, NULL); topic != NULL;
         topic = pubsub_next(pubsub, kind, topic)) {
        if (matches && !glob_match(call->args[2], topic_name(topic), false))
            continue;
        resp_bulk(&writer, topic_name(topic));
        count++;
    }
    resp_array(&call->reply, count);
    buffer_append_slice(call->reply.target, buffer_slice(&names));
    buffer_deinit(&names);
    return KV_OK;
}

static enum kv_status
count_members(struct command_call *call, enum topic_kind kind)
{
    resp_array(&call->reply, 2 * ((size_t)call->arg_count - 2));
    for (uint32_t i = 2; i < call->arg_count; i++) {
        const struct topic *topic = pubsub_find(&call->server->pubsub, kind, call->args[i]);

        resp_bulk(&call->reply, call->args[i]);
        resp_integer(&call->reply, topic == NULL ? 0 : topic->member_count);
    }
    return KV_OK;
}

static enum kv_status
pubsub_channels(struct command_call *call)
{
    return list_topics(call, TOPIC_CHANNEL);
}

static enum kv_status
pubsub_numpat(struct command_call *call)
{
    resp_integer(&call->reply, call->server->pubsub.topic_counts[TOPIC_PATTERN]);
    return KV_OK;
}

static enum kv_status
pubsub_numsub(struct command_call *call)
{
    return count_members(call, TOPIC_CHANNEL);
}

static enum kv_status
pubsub_shardchannels(struct command_call *call)
{
    return list_topics(call, TOPIC_SHARD);
}

static enum kv_status
pubsub_shardnumsub(struct command_call *call)
{
    return count_members(call, TOPIC_SHARD);
}

const struct subcommand pubsub_subcommands[] = {
    {"channels", pubsub_channels, -2,
     "CHANNELS [<pattern>]\nThe channels that somebody has subscribed to."},
    {"numpat", pubsub_numpat, 2, "NUMPAT\nHow many patterns somebody has subscribed to."},
    {"numsub", pubsub_numsub, -2,
     "NUMSUB [<channel> ...]\nHow many have subscribed to each channel, patterns not counted."},
    {"shardchannels", pubsub_shardchannels, -2,
     "SHARDCHANNELS [<pattern>]\nThe shard channels that somebody has subscribed to."},
    {"shardnumsub", pubsub_shardnumsub, -2,
     "SHARDNUMSUB [<channel> ...]\nHow many have subscribed to each shard channel."},
    {NULL, NULL, 0, NULL},
};
