/* endpoint.h - DIR/kvd.endpoint: how a program that knows only the directory finds its kvd.
 *
 * Two lines: the process id, and "unix PATH" (absolute) or "tcp HOST PORT", which can be connected
 * to from this machine.  It is there while kvd is ready; one that is left from a crash is
 * replaced, and until then names a process that is gone.
 */
#ifndef KV_DAEMON_ENDPOINT_H
#define KV_DAEMON_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { ENDPOINT_TEXT_BYTES = 320 };

/* The second line, without its end, for a listening socket's own address.  An address that means
 * "any" becomes the loopback one.  False: it has no name that fits into a line. */
bool endpoint_format(const struct sockaddr *address, socklen_t size, char *text);
/* Makes or replaces the file.  A failure is logged and leaves kvd without one, nothing worse. */
void endpoint_write(const char *dir, const char *text);
/* Only the one that this process has written. */
void endpoint_remove(const char *dir);

#endif
