/* pause.h - CLIENT PAUSE: commands wait, all of them or those that write, until a time comes. */
#ifndef KV_DAEMON_PAUSE_H
#define KV_DAEMON_PAUSE_H

#include "daemon/command.h"

/* Whether the command, which is about to be begun or queued, has to wait. */
bool pause_holds(const struct command_call *call);
/* Until `end_us` (io_now_us).  A pause that is under way only gets longer, and of more commands. */
void pause_begin(struct server *server, uint64_t end_us, bool is_all);
/* All that waits may go on; nothing, if there is no pause. */
void pause_end(struct server *server);

#endif
