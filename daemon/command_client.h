/* command_client.h - CLIENT's second words that are not in command_client.c. */
#ifndef KV_DAEMON_COMMAND_CLIENT_H
#define KV_DAEMON_COMMAND_CLIENT_H

#include "daemon/command.h"

/* command_client_pause.c */
enum kv_status client_pause(struct command_call *call);
enum kv_status client_unblock(struct command_call *call);
enum kv_status client_unpause(struct command_call *call);

/* command_client_tracking.c */
enum kv_status client_caching(struct command_call *call);
enum kv_status client_getredir(struct command_call *call);
enum kv_status client_tracking(struct command_call *call);
enum kv_status client_trackinginfo(struct command_call *call);

#endif
