/* command_snapshot_at.h - commands that read at a snapshot: KV.AT, and the option AT of others. */
#ifndef KV_DAEMON_COMMAND_SNAPSHOT_AT_H
#define KV_DAEMON_COMMAND_SNAPSHOT_AT_H

#include "daemon/command.h"

/* From now on the command reads as of the snapshot with this id or name, in all its tries, also if
 * the snapshot ends meanwhile.  False: the error reply has been written. */
bool command_read_at(struct command_call *call, struct slice snapshot);
/* Whether it does. */
bool command_is_at_snapshot(const struct command_call *call);
/* Whether the command reads keys and nothing else, so that KV.AT may run it. */
bool command_may_run_at_snapshot(const struct command *command);
/* The command is over. */
void command_end_snapshot(struct client *client);

#endif
