/* command_family.c - SELECT's and KV.USE's choice, KV.IN, and databases that are not there yet. */
#include "daemon/command_family.h"

#include <stdio.h>

#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_inner.h"
#include "daemon/command_snapshot_at.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

/* --- the client's family --- */

const char *
client_family_name(const struct client *client)
{
    return client->choice.name[0] != '\0' ? client->choice.name : "default";
}

static void
resolve(struct client *client)
{
    struct server *server = client->server;

    client->family_generation = db_family_generation(server->db);
    if (client->choice.database >= 0)
        (void)server_find_database(server, (uint64_t)client->choice.database, &client->cf_id);
    else if (!db_find_family(server->db, slice_from_text(client->choice.name), &client->cf_id))
        client->cf_id = CF_NONE;
}

void
client_find_family(struct client *client)
{
    if (client->server->db != NULL &&
        client->family_generation != db_family_generation(client->server->db))
        resolve(client);
}

void
client_use_database(struct client *client, uint32_t database)
{
    KV_ASSERT(database < client->server->config.databases);
    client->choice.database = (int32_t)database;
    client->choice.name[0] = '\0';
    if (database > 0)
        (void)snprintf(client->choice.name, sizeof(client->choice.name), "db%u", database);
    resolve(client);
}

/* The number of the database whose family has this name; -1: it is no database's. */
static int32_t
database_of(const struct server *server, struct slice name)
{
    char text[16];

    if (slice_equal(name, slice_from_text("default")))
        return 0;
    for (uint32_t n = 1; n < server->config.databases; n++) {
        (void)snprintf(text, sizeof(text), "db%u", n);
        if (slice_equal(name, slice_from_text(text)))
            return (int32_t)n;
    }
    return -1;
}

/* A family that is there, or a numbered database's. */
static bool
find_or_database(struct server *server, struct slice name, uint32_t *cf_id_out)
{
    int32_t database;

    if (db_find_family(server->db, name, cf_id_out))
        return true;
    database = database_of(server, name);
    return database > 0 && server_find_database(server, (uint64_t)database, cf_id_out);
}

bool
client_use_family(struct client *client, struct slice name)
{
    const int32_t database = database_of(client->server, name);
    uint32_t cf_id;

    if (database >= 0) {
        client_use_database(client, (uint32_t)database);
        return true;
    }
    if (!db_find_family(client->server->db, name, &cf_id))
        return false;
    KV_ASSERT(name.size > 0 && name.size < sizeof(client->choice.name));
    client->choice.database = -1;
    memcpy(client->choice.name, name.data, name.size);
    client->choice.name[name.size] = '\0';
    resolve(client);
    return true;
}

void
client_restore_family(struct client *client, const struct family_choice *choice)
{
    client->choice = *choice;
    resolve(client);
}

bool
command_has_family(struct command_call *call)
{
    if (call->client->cf_id != CF_NONE ||
        !(call->command->flags & (COMMAND_WRITE | COMMAND_READONLY)))
        return true;
    resp_error(&call->reply, "NOFAMILY the column family of this connection was dropped; choose "
                             "another with KV.USE or SELECT");
    return false;
}

/* --- making a database's family --- */

static enum kv_status
make_family(struct command_call *call, uint32_t database)
{
    struct flush_ticket *ticket = flush_ticket_new(call, true);
    char name[16];
    enum kv_status st;

    KV_ASSERT(database > 0);
    (void)snprintf(name, sizeof(name), "db%u", database);
    st = db_family_create(call->server->db, slice_from_text(name), NULL, flush_ticket_done, ticket);
    KV_ASSERT(st == KV_OK); /* it is a name */
    return KV_BUSY;
}

enum kv_status
command_need_family(struct command_call *call, uint32_t cf_id)
{
    enum kv_status st;

    if (call->is_in_transaction && cf_id >= CF_NONE_MIN && cf_id != CF_NONE) {
        call->client->transaction.cf_id_absent = cf_id;
        return KV_OK;
    }
    if (call->client->flush != NULL) { /* of the try before this one */
        st = flush_ticket_take(call);
        if (st != KV_OK && st != KV_INVALID) /* invalid: somebody else has made it meanwhile */
            return st;
    }
    if (cf_id < CF_NONE_MIN)
        return KV_OK;
    return cf_id == CF_NONE ? KV_CANCELLED : make_family(call, CF_NONE - cf_id);
}

/* --- commands --- */

static void
reply_no_family(struct command_call *call, struct slice name)
{
    resp_error_format(&call->reply, "NOFAMILY no such column family: '%.*s'",
                      (int)(name.size < 128 ? name.size : 128), (const char *)name.data);
}

bool
command_find_family(struct command_call *call, struct slice name, uint32_t *cf_id_out)
{
    if (db_find_family(call->server->db, name, cf_id_out))
        return true;
    reply_no_family(call, name);
    return false;
}

enum kv_status
command_kv_use(struct command_call *call)
{
    if (client_use_family(call->client, call->args[1]))
        resp_simple(&call->reply, "OK");
    else
        reply_no_family(call, call->args[1]);
    return KV_OK;
}

/* Whether a command acts in a family, and may be run for another than the connection's. */
static bool
may_run_elsewhere(const struct command *command)
{
    return ((command->flags & (COMMAND_WRITE | COMMAND_READONLY)) != 0 &&
            command->subcommands == NULL) ||
           command->run == command_kv_compact || command->run == command_kv_at;
}

enum kv_status
command_kv_in(struct command_call *call)
{
    const struct command *inner = command_find_inner(call, 2);
    uint32_t cf_id;

    if (inner == NULL)
        return KV_OK;
    if (!may_run_elsewhere(inner)) {
        resp_error(&call->reply, "ERR KV.IN runs commands that read or write keys, and KV.COMPACT");
        return KV_OK;
    }
    if (command_is_at_snapshot(call) && !command_may_run_at_snapshot(inner)) {
        resp_error_format(&call->reply,
                          "ERR KV.AT runs commands that read keys and change nothing: '%s' is none",
                          inner->name);
        return KV_OK;
    }
    /* A walk that has begun goes on with what it holds, also when the family is gone. */
    if (!find_or_database(call->server, call->args[1], &cf_id)) {
        if (call->client->work == NULL && call->client->flush == NULL) {
            reply_no_family(call, call->args[1]);
            return KV_OK;
        }
        cf_id = CF_NONE;
    }
    call->cf_id = cf_id;
    return command_run_inner(call, inner, 2);
}
