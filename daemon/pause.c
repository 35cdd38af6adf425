/* pause.c - a paused client waits before its command has begun, and is looked at anew afterwards.
 *
 * Invariant: while no pause bit is in server.gate, paused_clients is empty and the timer rests.
 */
#include "daemon/pause.h"

#include "daemon/client_gate.h"
#include "daemon/command_handlers.h"
#include "daemon/server.h"

bool
pause_holds(const struct command_call *call)
{
    const uint32_t gate = call->server->gate;

    if (call->client->gate & CLIENT_GATE_MONITOR)
        return false;
    if (gate & GATE_PAUSES_ALL)
        return true;
    return gate & GATE_PAUSES_WRITES &&
           (command_has_flags(call, COMMAND_WRITE) || command_publishes(call));
}

/* Clients find out themselves whether they have to wait again. */
static void
wake_all(struct server *server)
{
    while (!list_empty(&server->paused_clients)) {
        struct client *client = LIST_ENTRY(server->paused_clients.next, struct client, wait_link);

        KV_ASSERT(client->wait == CLIENT_WAITS_FOR_UNPAUSE);
        list_remove(&client->wait_link);
        client->wait = CLIENT_WAITS_FOR_TURN;
        list_push_back(&server->runnable_clients, &client->wait_link);
    }
}

static void
stop(struct server *server)
{
    const uint32_t bits = GATE_PAUSES_ALL | GATE_PAUSES_WRITES;

    if (server->gate & bits)
        io_timer_stop(server->io, &server->pause_timer);
    server->gate &= ~bits;
}

static void
on_pause_end(struct io_timer *timer)
{
    struct server *server = KV_CONTAINER_OF(timer, struct server, pause_timer);

    server->gate &= ~(uint32_t)(GATE_PAUSES_ALL | GATE_PAUSES_WRITES);
    wake_all(server);
}

void
pause_begin(struct server *server, uint64_t end_us, bool is_all)
{
    const bool is_paused = server->gate & (GATE_PAUSES_ALL | GATE_PAUSES_WRITES);

    is_all = is_all || server->gate & GATE_PAUSES_ALL;
    if (is_paused && server->pause_end_us > end_us)
        end_us = server->pause_end_us;
    stop(server);
    server->gate |= is_all ? GATE_PAUSES_ALL : GATE_PAUSES_WRITES;
    server->pause_end_us = end_us;
    server->pause_timer.on_expire = on_pause_end;
    io_timer_start(server->io, &server->pause_timer, end_us);
}

void
pause_end(struct server *server)
{
    stop(server);
    wake_all(server);
}
