/* session.h - one worker's life on one socket: greet, enter the jail, serve, go. */
#ifndef KV_WORKER_SESSION_H
#define KV_WORKER_SESSION_H

#include <stdbool.h>

/* `socket` is connected to kvd and stays the caller's.  Returns the exit code (sysexits.h):
 * 0 when kvd has closed the socket or said SHUTDOWN. */
int session_run(int socket, bool with_jail);

#endif
