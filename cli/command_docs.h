/* command_docs.h - what the server says of a command, for a person: the shell's `help NAME`. */
#ifndef KV_CLI_COMMAND_DOCS_H
#define KV_CLI_COMMAND_DOCS_H

#include <hiredis/hiredis.h>

#include "base/buffer.h"

/* A reply to COMMAND DOCS of one command, from a server of any kind: its line, what it does, and
 * the same of its second words.  False: there is no command in it. */
bool command_docs_format(const redisReply *reply, struct buffer *target);

#endif
