/* command_table.h - what the rest of the daemon asks of the table of commands.
 *
 * The rows are in command_rows_GROUP.c, ordered by name; a handler of a row is declared in
 * command_handlers.h.  A row's index is stable while the process runs.
 */
#ifndef KV_DAEMON_COMMAND_TABLE_H
#define KV_DAEMON_COMMAND_TABLE_H

#include "daemon/command.h"

enum { COMMAND_COUNT_MAX = 256, COMMAND_NAME_BYTES_MAX = 32 };

uint32_t command_count(void);
uint32_t command_index(const struct command *command);

/* One of CLIENT's, CONFIG's, ... second words. */
struct subcommand {
    const char *name; /* lower case; NULL ends a table */
    command_fn *run;
    int32_t arity;    /* of the whole command, as in struct command */
    const char *help; /* "ARGS\nwhat it does", for HELP; NULL: not listed */
};

/* Whether args[1] is one of the command's, with so many arguments, or HELP; false: Redis's error
 * has been replied. */
bool subcommand_check(struct command_call *call);
/* Runs args[1]'s row, which subcommand_check has found, or replies to HELP. */
enum kv_status subcommand_run(struct command_call *call);

#endif
