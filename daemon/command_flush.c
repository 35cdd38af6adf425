/* command_flush.c - KV.FLUSH: everything in memory becomes tables; and how to wait for tables.
 *
 * The command waits, and is run again when its ticket says that the work is done.  The ticket is
 * the engine's until then, whatever becomes of the client:
 *
 *     awaited --done--> client runs again, frees it
 *        `--client goes--> not awaited --done--> freed
 *
 * Those that the engine has when it is closed are never reported; they are freed after it.
 */
#include "daemon/command_flush.h"

#include "base/alloc.h"
#include "daemon/command_family.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

struct flush_ticket {
    struct list link;      /* server.flush_tickets */
    struct client *client; /* borrowed; NULL: nobody waits */
    bool is_done;
    enum kv_status st;
};

static void
ticket_free(struct flush_ticket *ticket)
{
    list_remove(&ticket->link);
    free(ticket);
}

void
flush_ticket_done(void *owner, enum kv_status st)
{
    struct flush_ticket *ticket = owner;
    struct client *client = ticket->client;

    KV_ASSERT(!ticket->is_done);
    ticket->is_done = true;
    ticket->st = st;
    if (client == NULL) {
        ticket_free(ticket);
        return;
    }
    if (client->is_closing)
        return;
    KV_ASSERT(client->wait == CLIENT_WAITS_FOR_TABLES);
    client->wait = CLIENT_WAITS_FOR_TURN;
    list_push_back(&client->server->runnable_clients, &client->wait_link);
}

void
flush_ticket_drop(struct flush_ticket *ticket)
{
    if (ticket == NULL)
        return;
    ticket->client = NULL;
    if (ticket->is_done)
        ticket_free(ticket);
}

void
flush_tickets_free(struct server *server)
{
    KV_ASSERT(server->db == NULL);
    while (!list_empty(&server->flush_tickets))
        ticket_free(LIST_ENTRY(server->flush_tickets.next, struct flush_ticket, link));
}

struct flush_ticket *
flush_ticket_new(struct command_call *call, bool is_awaited)
{
    struct flush_ticket *ticket = kv_alloc_zero(sizeof(*ticket));

    ticket->client = is_awaited ? call->client : NULL;
    list_push_back(&call->server->flush_tickets, &ticket->link);
    if (is_awaited) {
        KV_ASSERT(call->client->flush == NULL);
        call->client->flush = ticket;
    }
    return ticket;
}

void
flush_ticket_forget(struct client *client)
{
    KV_ASSERT(client->flush != NULL && !client->flush->is_done);
    ticket_free(client->flush);
    client->flush = NULL;
}

void
flush_ticket_refused(struct command_call *call)
{
    flush_ticket_forget(call->client);
}

enum kv_status
flush_ticket_take(struct command_call *call)
{
    struct flush_ticket *ticket = call->client->flush;
    enum kv_status st;

    KV_ASSERT(ticket != NULL);
    if (!ticket->is_done)
        return KV_BUSY;
    st = ticket->st;
    ticket_free(ticket);
    call->client->flush = NULL;
    return st;
}

enum kv_status
command_kv_flush(struct command_call *call)
{
    const uint32_t last = call->arg_count - 1;
    const bool is_async = last > 0 && argument_is(call->args[last], "async");
    uint32_t cf_id;
    enum kv_status st = KV_OK;

    if (last > 2 || (last == 2 && !is_async)) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    /* One family's memory is flushed with that of all: they share their memtables. */
    if (last - is_async == 1 && call->client->flush == NULL &&
        !command_find_family(call, call->args[1], &cf_id))
        return KV_OK;
    if (call->client->flush == NULL)
        db_flush(call->server->db, flush_ticket_done, flush_ticket_new(call, !is_async));
    if (!is_async)
        st = flush_ticket_take(call);
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}
