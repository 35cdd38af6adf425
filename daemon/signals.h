/* signals.h - signals as events of the loop.
 *
 * TERM and INT drain and stop (the second time at once), HUP reads the configuration again, USR1
 * logs the statistics, PIPE is ignored.  All are blocked from signals_open on: a child process
 * must unblock them before it executes a program.
 */
#ifndef KV_DAEMON_SIGNALS_H
#define KV_DAEMON_SIGNALS_H

#include <stdbool.h>

#include "base/status.h"

struct server;
struct signal_watch;

MUST_CHECK enum kv_status signals_open(struct server *server, struct signal_watch **watch_out);
/* Asks for the pending read back; signals_close when it is at rest. */
void signals_stop(struct signal_watch *watch);
bool signals_is_at_rest(const struct signal_watch *watch);
void signals_close(struct signal_watch *watch); /* NULL is fine */

#endif
