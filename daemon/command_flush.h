/* command_flush.h - what a client has to know of a KV.FLUSH that it waits for. */
#ifndef KV_DAEMON_COMMAND_FLUSH_H
#define KV_DAEMON_COMMAND_FLUSH_H

struct flush_ticket;
struct server;

/* The client waits no more.  The ticket is freed, now or when its flush is done.  NULL is fine. */
void flush_ticket_drop(struct flush_ticket *ticket);
/* Those whose flush will not be reported any more: the engine is closed. */
void flush_tickets_free(struct server *server);

#endif
