/* command_arguments.h - the arguments of each command, in the notation of command_syntax.h.
 *
 * Those of Redis's commands are as Redis 7.0.15 tells them, names too, which
 * tests/system/command_info_test.py compares; what is from later versions says so by its `@`.
 */
#ifndef KV_DAEMON_COMMAND_ARGUMENTS_H
#define KV_DAEMON_COMMAND_ARGUMENTS_H

#include <stdint.h>

struct command_arguments {
    const char *name; /* "get", or "client|list" */
    const char *text;
};

/* Both ordered by name, and ended by NULL. */
extern const struct command_arguments command_arguments_redis[];
extern const struct command_arguments command_arguments_own[];

/* NULL: it has none. */
const char *command_arguments_find(const char *name);

#endif
