/* command_handlers.h - the functions that command_table.c names, by the file they are in. */
#ifndef KV_DAEMON_COMMAND_HANDLERS_H
#define KV_DAEMON_COMMAND_HANDLERS_H

#include "daemon/command.h"

/* command_connection.c */
enum kv_status command_auth(struct command_call *call);
enum kv_status command_echo(struct command_call *call);
enum kv_status command_hello(struct command_call *call);
enum kv_status command_ping(struct command_call *call);
enum kv_status command_quit(struct command_call *call);
enum kv_status command_reset(struct command_call *call);
enum kv_status command_select(struct command_call *call);

/* command_client.c */
enum kv_status command_client(struct command_call *call);

/* command_config.c */
enum kv_status command_config(struct command_call *call);
enum kv_status command_shutdown(struct command_call *call);
enum kv_status command_time(struct command_call *call);

#endif
