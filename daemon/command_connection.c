/* command_connection.c - who a client is and what it speaks.
 *
 * There is one user, "default", whose password is `requirepass`; without one, everybody is it.
 * Texts of replies and errors are Redis 7.0's: clients compare them.
 */
#include <strings.h>

#include "daemon/command_family.h"
#include "daemon/command_handlers.h"
#include "daemon/server.h"
#include "resp/resp_number.h"

static const char WRONGPASS[] = "WRONGPASS invalid username-password pair or user is disabled.";

static bool
is_word(struct slice text, const char *word)
{
    return strlen(word) == text.size && strncasecmp(word, (const char *)text.data, text.size) == 0;
}

/* Takes a time that depends on what was sent only, not on how much of it is right. */
static bool
is_password(const char *password, struct slice given)
{
    const size_t size = strlen(password);
    uint8_t difference = size == given.size ? 0 : 1;

    for (size_t i = 0; i < given.size; i++)
        difference |= (uint8_t)(given.data[i] ^ (size == 0 ? 0 : (uint8_t)password[i % size]));
    return difference == 0;
}

/* Logs the client in, or says no. */
static bool
authenticate(struct command_call *call, struct slice user, struct slice password)
{
    const char *expected = call->server->config.requirepass;
    const bool is_user = slice_equal(user, slice_from_text("default"));
    const bool is_right = expected[0] == '\0' || is_password(expected, password);

    if (!is_user || !is_right) {
        resp_error(&call->reply, WRONGPASS);
        return false;
    }
    call->client->is_authenticated = true;
    return true;
}

enum kv_status
command_auth(struct command_call *call)
{
    struct slice user = slice_from_text("default");

    if (call->arg_count > 3) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    if (call->arg_count == 2 && call->server->config.requirepass[0] == '\0') {
        resp_error(&call->reply,
                   "ERR AUTH <password> called without any password configured for the default "
                   "user. Are you sure your configuration is correct?");
        return KV_OK;
    }
    if (call->arg_count == 3)
        user = call->args[1];
    if (authenticate(call, user, call->args[call->arg_count - 1]))
        resp_simple(&call->reply, "OK");
    return KV_OK;
}

enum kv_status
command_echo(struct command_call *call)
{
    resp_bulk(&call->reply, call->args[1]);
    return KV_OK;
}

/* To one who takes every reply for a message. */
static void
reply_pong_message(struct command_call *call)
{
    resp_array(&call->reply, 2);
    resp_bulk_text(&call->reply, "pong");
    resp_bulk(&call->reply, call->arg_count == 2 ? call->args[1] : slice_of(NULL, 0));
}

enum kv_status
command_ping(struct command_call *call)
{
    if (call->arg_count > 2)
        resp_error(&call->reply, "ERR wrong number of arguments for 'ping' command");
    else if (call->client->gate & CLIENT_GATE_SUBSCRIBED && call->reply.protocol == 2)
        reply_pong_message(call);
    else if (call->arg_count == 2)
        resp_bulk(&call->reply, call->args[1]);
    else
        resp_simple(&call->reply, "PONG");
    return KV_OK;
}

enum kv_status
command_quit(struct command_call *call)
{
    resp_simple(&call->reply, "OK");
    client_close_after_reply(call->client);
    return KV_OK;
}

enum kv_status
command_reset(struct command_call *call)
{
    client_reset(call->client);
    resp_simple(&call->reply, "RESET");
    return KV_OK;
}

bool
command_parse_database(struct command_call *call, struct slice text, uint32_t *database_out,
                       uint32_t *cf_id_out)
{
    int64_t database;

    if (!resp_parse_int64(text, &database)) {
        resp_error(&call->reply, "ERR value is not an integer or out of range");
        return false;
    }
    if (database > INT32_MAX || database < INT32_MIN) {
        resp_error(&call->reply,
                   "ERR value is out of range, value must between -2147483648 and 2147483647");
        return false;
    }
    if (database < 0 || !server_find_database(call->server, (uint64_t)database, cf_id_out)) {
        resp_error(&call->reply, "ERR DB index is out of range");
        return false;
    }
    *database_out = (uint32_t)database;
    return true;
}

enum kv_status
command_select(struct command_call *call)
{
    uint32_t database, cf_id;

    if (!command_parse_database(call, call->args[1], &database, &cf_id))
        return KV_OK;
    client_use_database(call->client, database);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

/* What HELLO's options ask for. */
struct hello {
    int64_t protocol;
    bool has_auth, has_name;
    struct slice user, password, name;
};

static bool
read_hello(struct command_call *call, struct hello *hello)
{
    uint32_t i = 1;

    if (i < call->arg_count && !resp_parse_int64(call->args[i], &hello->protocol)) {
        resp_error(&call->reply, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (hello->protocol != 2 && hello->protocol != 3) {
        resp_error(&call->reply, "NOPROTO unsupported protocol version");
        return false;
    }
    for (i = 2; i < call->arg_count; i++) {
        const uint32_t more = call->arg_count - i - 1;

        if (is_word(call->args[i], "auth") && more >= 2) {
            hello->has_auth = true;
            hello->user = call->args[i + 1];
            hello->password = call->args[i + 2];
            i += 2;
        } else if (is_word(call->args[i], "setname") && more >= 1) {
            hello->has_name = true;
            hello->name = call->args[i + 1];
            if (!client_check_name(hello->name, "Client names", &call->reply))
                return false;
            i++;
        } else {
            resp_error_format(&call->reply, "ERR Syntax error in HELLO option '%.*s'",
                              (int)(call->args[i].size < 128 ? call->args[i].size : 128),
                              (const char *)call->args[i].data);
            return false;
        }
    }
    return true;
}

enum kv_status
command_hello(struct command_call *call)
{
    struct client *client = call->client;
    struct hello hello = {.protocol = client->protocol};

    if (!read_hello(call, &hello))
        return KV_OK;
    if (hello.has_auth && !authenticate(call, hello.user, hello.password))
        return KV_OK;
    if (!client->is_authenticated) {
        resp_error(&call->reply,
                   "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                   "the HELLO AUTH <user> <pass> option can be used to authenticate the client "
                   "and select the RESP protocol version at the same time");
        return KV_OK;
    }
    if (hello.has_name)
        client_set_text(client->name, hello.name);
    client->protocol = call->reply.protocol = (uint8_t)hello.protocol;
    resp_map(&call->reply, 7);
    resp_bulk_text(&call->reply, "server");
    resp_bulk_text(&call->reply, "redis");
    resp_bulk_text(&call->reply, "version");
    resp_bulk_text(&call->reply, REDIS_VERSION);
    resp_bulk_text(&call->reply, "proto");
    resp_integer(&call->reply, hello.protocol);
    resp_bulk_text(&call->reply, "id");
    resp_integer(&call->reply, (int64_t)client->id);
    resp_bulk_text(&call->reply, "mode");
    resp_bulk_text(&call->reply, "standalone");
    resp_bulk_text(&call->reply, "role");
    resp_bulk_text(&call->reply, "master");
    resp_bulk_text(&call->reply, "modules");
    resp_array(&call->reply, 0);
    return KV_OK;
}
