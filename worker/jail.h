/* jail.h - what the worker gives up before it reads the first untrusted byte.
 *
 * Afterwards the process can read and write files under one directory, use the socket that it
 * has, map memory and wait; no other path, no new socket, no program, no process, no ring.
 * There is no way back.
 */
#ifndef KV_WORKER_JAIL_H
#define KV_WORKER_JAIL_H

#include "base/status.h"

/* First: closes every descriptor but 0, 1, 2 and `socket`.  What is opened after it stays. */
MUST_CHECK enum kv_status jail_close_others(int socket);

/* Lowers the limits, then locks the door.  KV_UNSUPPORTED, of both: the system lacks Landlock or
 * seccomp, or something refuses them; a line that says what and what to do has been logged, and
 * the process must not go on as if jailed. */
MUST_CHECK enum kv_status jail_enter(const char *dir);

/* Enters the jail on `dir` in a child and tries what a worker that was taken over would try, one
 * line of standard output each.  0: all that is to be denied was, and nothing else. */
int jail_selftest(const char *dir);

#endif
