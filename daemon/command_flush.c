/* command_flush.c - KV.FLUSH: everything in memory becomes tables.
 *
 * The command waits like one that has no room to write: it is run again when its ticket says that
 * the flush is done.  The ticket outlives a client that goes away meanwhile.
 */
#include "daemon/command_flush.h"

#include "base/alloc.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

struct flush_ticket {
    struct server *server;
    uint64_t client_id; /* 0: nobody waits */
    bool is_done;
    enum kv_status st;
};

static void
on_flushed(void *owner, enum kv_status st)
{
    struct flush_ticket *ticket = owner;
    struct client *client = NULL;

    ticket->is_done = true;
    ticket->st = st;
    if (ticket->client_id != 0)
        client = server_find_client(ticket->server, ticket->client_id);
    if (client == NULL) {
        free(ticket);
        return;
    }
    server_on_writable(ticket->server);
}

void
flush_ticket_drop(struct flush_ticket *ticket)
{
    if (ticket == NULL)
        return;
    ticket->client_id = 0;
    if (ticket->is_done)
        free(ticket);
}

static struct flush_ticket *
start_flush(struct command_call *call, bool is_awaited)
{
    struct flush_ticket *ticket = kv_alloc_zero(sizeof(*ticket));

    ticket->server = call->server;
    ticket->client_id = is_awaited ? call->client->id : 0;
    db_flush(call->server->db, on_flushed, ticket);
    return ticket;
}

enum kv_status
command_kv_flush(struct command_call *call)
{
    struct client *client = call->client;
    enum kv_status st;

    if (call->arg_count > 2 || (call->arg_count == 2 && !argument_is(call->args[1], "async"))) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    if (call->arg_count == 2) {
        start_flush(call, false);
        resp_simple(&call->reply, "OK");
        return KV_OK;
    }
    if (client->flush == NULL)
        client->flush = start_flush(call, true);
    if (!client->flush->is_done)
        return KV_BUSY;
    st = client->flush->st;
    free(client->flush);
    client->flush = NULL;
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}
