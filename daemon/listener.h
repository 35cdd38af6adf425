/* listener.h - the sockets that clients connect to.
 *
 * Either the ones that the service manager passed (socket activation), or kvd's own by `bind`,
 * `port` and `unixsocket`.
 */
#ifndef KV_DAEMON_LISTENER_H
#define KV_DAEMON_LISTENER_H

#include <stdbool.h>

#include "base/status.h"

struct listener_set;
struct server;

enum { LISTENER_COUNT_MAX = 32 };

/* Binds, so that a port in use is known before the data is opened.  KV_LOCKED: a port or path is
 * in use; KV_INVALID: an address makes no sense; KV_IO: anything else. */
MUST_CHECK enum kv_status listeners_open(struct server *server, struct listener_set **set_out);
/* Accepts clients from now on. */
void listeners_start(struct listener_set *set);
/* After a lack of descriptors: tries again.  For the server's tick, and when a client's socket has
 * been closed. */
void listeners_resume(struct listener_set *set);
/* How to connect to one of them, a Unix socket if there is one, as daemon/endpoint.h has it.
 * `text`: ENDPOINT_TEXT_BYTES.  False: none can be named. */
bool listeners_format_endpoint(const struct listener_set *set, char *text);
/* Accepts no more; listeners_close when at rest. */
void listeners_stop(struct listener_set *set);
bool listeners_is_at_rest(const struct listener_set *set);
void listeners_close(struct listener_set *set); /* NULL is fine; removes the Unix socket */

#endif
