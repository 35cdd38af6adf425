/* command_flush.h - a KV.FLUSH or KV.COMPACT that a client waits for, or nobody. */
#ifndef KV_DAEMON_COMMAND_FLUSH_H
#define KV_DAEMON_COMMAND_FLUSH_H

#include <stdbool.h>

#include "base/status.h"

struct client;
struct command_call;
struct flush_ticket;
struct server;

/* For the engine to report to with flush_ticket_done.  Not awaited, it frees itself then. */
struct flush_ticket *flush_ticket_new(struct command_call *call, bool is_awaited);
void flush_ticket_done(void *owner, enum kv_status st); /* a db_done_fn */
/* Of the awaited one, in call->client->flush.  KV_BUSY: not done yet.  Otherwise what became of
 * it, and it is freed. */
MUST_CHECK enum kv_status flush_ticket_take(struct command_call *call);

/* What the awaited one was made for was refused: as if it had not been made. */
void flush_ticket_refused(struct command_call *call);

/* The client waits no more, and the ticket was given to nobody who would report to it. */
void flush_ticket_forget(struct client *client);
/* The client waits no more.  The ticket is freed, now or when its work is done.  NULL is fine. */
void flush_ticket_drop(struct flush_ticket *ticket);
/* Those whose work will not be reported any more: the engine is closed. */
void flush_tickets_free(struct server *server);

#endif
