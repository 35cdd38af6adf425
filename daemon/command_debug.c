/* command_debug.c - DEBUG SLEEP, with which tests of clients make a server slow.
 *
 * It holds the one client; all others go on.  The rest of Redis's DEBUG shows or breaks the inside
 * of Redis and is refused.
 *
 * The client waits as it would for tables (command_flush.h), and what reports to it is a timer,
 * which is the command's work.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

enum { SLEEP_TEXT_BYTES_MAX = 63 };

static const double SLEEP_S_MAX = 24 * 60 * 60;

struct sleep_work {
    struct command_work base;
    struct client *client; /* borrowed: outlives its work */
    struct io_timer timer;
    bool is_over; /* the ticket has been reported to */
};

static void
on_expire(struct io_timer *timer)
{
    struct sleep_work *work = KV_CONTAINER_OF(timer, struct sleep_work, timer);

    work->is_over = true;
    flush_ticket_done(work->client->flush, KV_OK);
}

static void
work_free(struct command_work *base)
{
    struct sleep_work *work = KV_CONTAINER_OF(base, struct sleep_work, base);

    io_timer_stop(work->client->server->io, &work->timer);
    if (!work->is_over)
        flush_ticket_forget(work->client);
    free(work);
}

/* As Redis reads it: what is no number is 0. */
static uint64_t
parse_time_us(struct slice text)
{
    char copy[SLEEP_TEXT_BYTES_MAX + 1];
    double time_s;

    (void)snprintf(copy, sizeof(copy), "%.*s",
                   (int)(text.size < SLEEP_TEXT_BYTES_MAX ? text.size : SLEEP_TEXT_BYTES_MAX),
                   (const char *)text.data);
    time_s = strtod(copy, NULL);
    if (!(time_s > 0))
        return 0;
    return (uint64_t)((time_s < SLEEP_S_MAX ? time_s : SLEEP_S_MAX) * 1e6);
}

static void
begin(struct command_call *call, uint64_t time_us)
{
    struct sleep_work *work = kv_alloc_zero(sizeof(*work));

    KV_ASSERT(call->client->work == NULL && call->client->flush == NULL);
    work->base.free = work_free;
    work->base.is_idle = true;
    work->client = call->client;
    work->timer.on_expire = on_expire;
    call->client->work = &work->base;
    (void)flush_ticket_new(call, true);
    io_timer_start(call->server->io, &work->timer, io_now_us(call->server->io) + time_us);
}

static enum kv_status
debug_sleep(struct command_call *call)
{
    uint64_t time_us = parse_time_us(call->args[2]);
    enum kv_status st = KV_OK;

    if (call->is_in_transaction && time_us > 0) {
        resp_error(&call->reply, "ERR DEBUG SLEEP inside of MULTI would stop everybody");
        return KV_OK;
    }
    if (time_us > 0 && call->client->work == NULL)
        begin(call, time_us);
    if (call->client->flush != NULL)
        st = flush_ticket_take(call);
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}

static enum kv_status
debug_help(struct command_call *call)
{
    static const char *const lines[] = {
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "SLEEP <seconds>",
        "    Reply after that time, decimals allowed. Other clients do not wait.",
        "HELP",
        "    Prints this help.",
    };

    resp_array(&call->reply, sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        resp_simple(&call->reply, lines[i]);
    return KV_OK;
}

enum kv_status
command_debug(struct command_call *call)
{
    const struct slice word = call->args[1];

    if (argument_is(word, "sleep") && call->arg_count == 3)
        return debug_sleep(call);
    if (argument_is(word, "help") && call->arg_count == 2)
        return debug_help(call);
    resp_error_format(&call->reply,
                      "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG "
                      "HELP.",
                      (int)(word.size < 128 ? word.size : 128), (const char *)word.data);
    return KV_OK;
}
