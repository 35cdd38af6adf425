/* client_internal.h - what client.c, client_run.c and EXEC share; included nowhere else. */
#ifndef KV_DAEMON_CLIENT_INTERNAL_H
#define KV_DAEMON_CLIENT_INTERNAL_H

#include "daemon/client.h"
#include "daemon/command.h"

/* Runs the commands at the front of `input` while nothing makes the client wait; returns how
 * many bytes they took. */
size_t client_run(struct client *client, struct slice input);
/* A peer that goes on sending would be left with a closed window after our end, since a socket
 * that is shut down announces no room: a reset tells it at once. */
void client_close_with_reset(struct client *client, const char *reason);
/* A fetch that client_run began has arrived. */
db_arrived_fn client_on_arrived;
/* Writes are let in in their order: while one waits for room, the later ones do without a try. */
bool client_has_to_stand_in_line(const struct client *client, const struct command *command);
/* For EXEC, whose commands are run, told and counted like others: what a status means to the one
 * who sent the command; */
void client_reply_status(struct server *server, struct resp_writer *reply, enum kv_status st);
/* the statistics of a finished command, failures by the first word of the error, and SLOWLOG; */
void client_count_command(const struct command_call *call, struct slice reply, uint64_t run_us,
                          uint64_t wait_us);
/* and the time since the last lap; one look at the clock a command. */
uint64_t client_clock_lap(struct server *server);
/* Ends a command that will not be run again: its client is closed. */
void client_abandon_command(struct client *client);

#endif
