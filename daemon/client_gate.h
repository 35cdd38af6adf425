/* client_gate.h - what a client may do that has subscribed to something or is a monitor. */
#ifndef KV_DAEMON_CLIENT_GATE_H
#define KV_DAEMON_CLIENT_GATE_H

#include "daemon/command.h"

/* False: the error reply has been written. */
bool client_gate_admits(struct command_call *call);
/* The command's name, and its second word if it has one, as errors show it: "client|list". */
enum { COMMAND_FULL_NAME_BYTES = 80 };
void command_format_full_name(const struct command_call *call, char name[COMMAND_FULL_NAME_BYTES]);
/* Whether the command is, or will run, one with any of these flags. */
bool command_has_flags(const struct command_call *call, uint32_t flags);
/* PUBLISH, SPUBLISH, or an EXEC that will run one. */
bool command_publishes(const struct command_call *call);

#endif
