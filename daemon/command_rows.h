/* command_rows.h - every command, a row each, in tables by group; command_table.c puts them
 * together.  Rows are ordered by name; one without a name ends a table. */
#ifndef KV_DAEMON_COMMAND_ROWS_H
#define KV_DAEMON_COMMAND_ROWS_H

#include "daemon/command.h"

/* For .key_first, .key_last and .key_step of a command whose first argument is its only key. */
#define ONE_KEY .key_first = 1, .key_last = 1, .key_step = 1

extern const struct command command_rows_bitmap[];
extern const struct command command_rows_cluster[];
extern const struct command command_rows_connection[];
extern const struct command command_rows_generic[];
extern const struct command command_rows_pubsub[];
extern const struct command command_rows_server[];
extern const struct command command_rows_snapshots[];
extern const struct command command_rows_string[];
extern const struct command command_rows_transactions[];

#endif
