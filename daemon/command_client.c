/* command_client.c - CLIENT: what is known of connections, and ending them. */
#include <strings.h>

#include "daemon/command_client.h"
#include "daemon/command_handlers.h"
#include "daemon/server.h"
#include "resp/resp_number.h"

static bool
is_word(struct slice text, const char *word)
{
    return strlen(word) == text.size && strncasecmp(word, (const char *)text.data, text.size) == 0;
}

static enum kv_status
reply_syntax(struct command_call *call)
{
    resp_error(&call->reply, "ERR syntax error");
    return KV_OK;
}

static enum kv_status
client_id(struct command_call *call)
{
    resp_integer(&call->reply, (int64_t)call->client->id);
    return KV_OK;
}

static enum kv_status
client_getname(struct command_call *call)
{
    if (call->client->name[0] == '\0')
        resp_null(&call->reply);
    else
        resp_bulk_text(&call->reply, call->client->name);
    return KV_OK;
}

static enum kv_status
client_setname(struct command_call *call)
{
    if (client_check_name(call->args[2], "Client names", &call->reply)) {
        client_set_text(call->client->name, call->args[2]);
        resp_simple(&call->reply, "OK");
    }
    return KV_OK;
}

static enum kv_status
client_setinfo(struct command_call *call)
{
    const bool is_name = is_word(call->args[2], "lib-name");

    if (!is_name && !is_word(call->args[2], "lib-ver")) {
        resp_error_format(&call->reply, "ERR Unrecognized option '%.*s'",
                          (int)(call->args[2].size < 128 ? call->args[2].size : 128),
                          (const char *)call->args[2].data);
        return KV_OK;
    }
    if (client_check_name(call->args[3], is_name ? "lib-name" : "lib-ver", &call->reply)) {
        client_set_text(is_name ? call->client->library_name : call->client->library_version,
                        call->args[3]);
        resp_simple(&call->reply, "OK");
    }
    return KV_OK;
}

static enum kv_status
client_info(struct command_call *call)
{
    struct buffer text = {0};

    client_describe(call->client, &text);
    buffer_append_byte(&text, '\n');
    resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}

enum client_type {
    TYPE_ANY,
    TYPE_NORMAL, /* monitors too, as in Redis */
    TYPE_PUBSUB,
    TYPE_NOBODY, /* replicas and masters */
};

static bool
is_of_type(const struct client *client, enum client_type type)
{
    const bool is_subscribed = client->gate & CLIENT_GATE_SUBSCRIBED;

    return type == TYPE_ANY || (type == TYPE_NORMAL && !is_subscribed) ||
           (type == TYPE_PUBSUB && is_subscribed);
}

/* False: replied. */
static bool
read_type(struct command_call *call, struct slice word, enum client_type *type_out)
{
    *type_out = is_word(word, "normal")   ? TYPE_NORMAL
                : is_word(word, "pubsub") ? TYPE_PUBSUB
                                          : TYPE_NOBODY;
    if (*type_out != TYPE_NOBODY || is_word(word, "master") || is_word(word, "replica") ||
        is_word(word, "slave"))
        return true;
    resp_error_format(&call->reply, "ERR Unknown client type '%.*s'",
                      (int)(word.size < 128 ? word.size : 128), (const char *)word.data);
    return false;
}

static void
list_type(struct server *server, enum client_type type, struct buffer *text)
{
    for (struct list *node = server->clients.next; node != &server->clients; node = node->next) {
        const struct client *client = LIST_ENTRY(node, struct client, all_link);

        if (!is_of_type(client, type))
            continue;
        client_describe(client, text);
        buffer_append_byte(text, '\n');
    }
}

/* CLIENT LIST ID id ...; false: replied. */
static bool
list_ids(struct command_call *call, struct buffer *text)
{
    for (uint32_t i = 3; i < call->arg_count; i++) {
        struct client *client;
        int64_t id;

        if (!resp_parse_int64(call->args[i], &id)) {
            resp_error(&call->reply, "ERR Invalid client ID");
            return false;
        }
        client = server_find_client(call->server, (uint64_t)id);
        if (client == NULL)
            continue;
        client_describe(client, text);
        buffer_append_byte(text, '\n');
    }
    return true;
}

static enum kv_status
client_list(struct command_call *call)
{
    struct buffer text = {0};
    enum client_type type = TYPE_ANY;
    bool is_fine = true;

    if (call->arg_count == 4 && is_word(call->args[2], "type")) {
        is_fine = read_type(call, call->args[3], &type);
        if (is_fine)
            list_type(call->server, type, &text);
    } else if (call->arg_count > 3 && is_word(call->args[2], "id")) {
        is_fine = list_ids(call, &text);
    } else if (call->arg_count != 2) {
        return reply_syntax(call);
    } else {
        list_type(call->server, TYPE_ANY, &text);
    }
    if (is_fine)
        resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}

/* Which clients CLIENT KILL means; what is empty or 0 is not asked for. */
struct kill_filter {
    uint64_t id;
    struct slice address, local_address;
    enum client_type type;
    bool skips_me;
};

static bool
is_meant(const struct kill_filter *filter, const struct client *client, const struct client *me)
{
    if (!is_of_type(client, filter->type) || (filter->skips_me && client == me))
        return false;
    if (filter->id != 0 && client->id != filter->id)
        return false;
    if (filter->address.size > 0 && !slice_equal(filter->address, slice_from_text(client->address)))
        return false;
    return filter->local_address.size == 0 ||
           slice_equal(filter->local_address, slice_from_text(client->local_address));
}

static int64_t
kill_meant(struct command_call *call, const struct kill_filter *filter)
{
    struct server *server = call->server;
    int64_t count = 0;

    for (struct list *node = server->clients.next, *next; node != &server->clients; node = next) {
        struct client *client = LIST_ENTRY(node, struct client, all_link);

        next = node->next;
        if (!is_meant(filter, client, call->client))
            continue;
        count++;
        if (client == call->client)
            client_close_after_reply(client);
        else
            client_close(client, "CLIENT KILL");
    }
    return count;
}

/* One option and its value.  False: replied. */
static bool
read_kill_option(struct command_call *call, uint32_t i, struct kill_filter *filter)
{
    const struct slice value = call->args[i + 1];
    int64_t id;

    if (is_word(call->args[i], "id")) {
        if (!resp_parse_int64(value, &id) || id < 1) {
            resp_error(&call->reply, "ERR client-id should be greater than 0");
            return false;
        }
        filter->id = (uint64_t)id;
    } else if (is_word(call->args[i], "type")) {
        if (!read_type(call, value, &filter->type))
            return false;
    } else if (is_word(call->args[i], "addr")) {
        filter->address = value;
    } else if (is_word(call->args[i], "laddr")) {
        filter->local_address = value;
    } else if (is_word(call->args[i], "user")) {
        if (!slice_equal(value, slice_from_text("default"))) {
            resp_error_format(&call->reply, "ERR No such user '%.*s'",
                              (int)(value.size < 128 ? value.size : 128), (const char *)value.data);
            return false;
        }
    } else if (is_word(call->args[i], "skipme") &&
               (is_word(value, "yes") || is_word(value, "no"))) {
        filter->skips_me = is_word(value, "yes");
    } else {
        (void)reply_syntax(call);
        return false;
    }
    return true;
}

static enum kv_status
client_kill(struct command_call *call)
{
    struct kill_filter filter = {.skips_me = true};

    if (call->arg_count == 3) {
        filter = (struct kill_filter){.address = call->args[2]};
        if (filter.address.size == 0 || kill_meant(call, &filter) == 0)
            resp_error(&call->reply, "ERR No such client");
        else
            resp_simple(&call->reply, "OK");
        return KV_OK;
    }
    for (uint32_t i = 2; i < call->arg_count; i += 2) {
        if (i + 1 == call->arg_count)
            return reply_syntax(call);
        if (!read_kill_option(call, i, &filter))
            return KV_OK;
    }
    resp_integer(&call->reply, kill_meant(call, &filter));
    return KV_OK;
}

static enum kv_status
set_flag(struct command_call *call, bool *flag)
{
    const bool is_on = is_word(call->args[2], "on");

    if (!is_on && !is_word(call->args[2], "off"))
        return reply_syntax(call);
    *flag = is_on;
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

static enum kv_status
client_no_evict(struct command_call *call)
{
    return set_flag(call, &call->client->is_no_evict);
}

static enum kv_status
client_no_touch(struct command_call *call)
{
    return set_flag(call, &call->client->is_no_touch);
}

static enum kv_status
client_reply(struct command_call *call)
{
    struct client *client = call->client;

    if (is_word(call->args[2], "on")) {
        client->replies_off = client->skips_reply = false;
        resp_simple(&call->reply, "OK");
    } else if (is_word(call->args[2], "off")) {
        client->replies_off = true;
    } else if (is_word(call->args[2], "skip")) {
        client->skips_next_reply = !client->replies_off;
    } else {
        return reply_syntax(call);
    }
    return KV_OK;
}

const struct subcommand client_subcommands[] = {
    {"caching", client_caching, 3, NULL},
    {"getname", client_getname, 2, "GETNAME\nReturn the name of this connection."},
    {"getredir", client_getredir, 2, "GETREDIR\nReturn -1: keys are not tracked."},
    {"id", client_id, 2, "ID\nReturn the ID of this connection."},
    {"info", client_info, 2, "INFO\nReturn what is known of this connection."},
    {"kill", client_kill, -3,
     "KILL <addr> | <option> <value> ...\nEnd connections by ID, TYPE, ADDR, LADDR, USER; "
     "SKIPME no includes this one."},
    {"list", client_list, -2, "LIST [TYPE <type> | ID <id> ...]\nDescribe connections."},
    {"no-evict", client_no_evict, 3,
     "NO-EVICT (ON|OFF)\nWhether this connection may be closed when all need too much memory."},
    {"no-touch", client_no_touch, 3, "NO-TOUCH (ON|OFF)\nAccepted; reads change no key."},
    {"pause", client_pause, -3,
     "PAUSE <milliseconds> [WRITE|ALL]\nLet the commands of all clients wait, or those that "
     "write."},
    {"reply", client_reply, 3, "REPLY (ON|OFF|SKIP)\nControl the replies to this connection."},
    {"setinfo", client_setinfo, 4,
     "SETINFO (LIB-NAME|LIB-VER) <value>\nTell which library speaks."},
    {"setname", client_setname, 3, "SETNAME <name>\nName this connection."},
    {"tracking", client_tracking, -3, "TRACKING OFF\nAccepted; ON is refused."},
    {"trackinginfo", client_trackinginfo, 2, "TRACKINGINFO\nReturn that keys are not tracked."},
    {"unblock", client_unblock, -3,
     "UNBLOCK <id> [TIMEOUT|ERROR]\nReturn 0: no command waits for what others do."},
    {"unpause", client_unpause, 2, "UNPAUSE\nEnd what PAUSE has begun."},
    {NULL, NULL, 0, NULL},
};
