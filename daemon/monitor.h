/* monitor.h - MONITOR: clients that are shown every command that has been run.
 *
 * Commands that administer are not shown, and passwords are not, as in Redis.
 */
#ifndef KV_DAEMON_MONITOR_H
#define KV_DAEMON_MONITOR_H

#include "daemon/command.h"

/* Above so many bytes of arguments a command's long ones are cut. */
enum { MONITOR_WHOLE_BYTES_MAX = 1024 * 1024, MONITOR_CUT_BYTES = 128 };

void monitor_begin(struct client *client);
/* Nothing, if it is none. */
void monitor_end(struct client *client);
/* The command is over.  Only when there are monitors (GATE_MONITORS). */
void monitor_show(const struct command_call *call);
/* The same, of the command that the client's parser has, whatever that has run (KV.IN). */
void monitor_show_parsed(struct client *client);
/* The line without its end. */
void monitor_format(const struct command_call *call, uint64_t wall_us, struct buffer *target);

#endif
