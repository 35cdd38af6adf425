/* command_inner.h - commands that carry another one: KV.IN, KV.AT, KV.WRITE. */
#ifndef KV_DAEMON_COMMAND_INNER_H
#define KV_DAEMON_COMMAND_INNER_H

#include "daemon/command.h"

/* The command whose name is at args[at], with as many arguments as it takes.  NULL: there is none,
 * or it may not be run where this call is; the error reply has been written. */
const struct command *command_find_inner(struct command_call *call, uint32_t at);
/* Whether the command is one of those that carry another. */
bool command_is_carrier(const struct command *command);
/* From here on the call is the inner command's.  A try after this one comes by again. */
MUST_CHECK enum kv_status command_run_inner(struct command_call *call, const struct command *inner,
                                            uint32_t at);

#endif
