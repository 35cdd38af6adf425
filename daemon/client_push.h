/* client_push.h - what a client is sent without having asked for it: messages, MONITOR's lines.
 *
 * A push goes between two replies.  To the client whose command runs it goes before that
 * command's reply, when that is complete.
 *
 * Clients that are pushed to have limits of their own, since they send nothing that could be held
 * back: over client-output-buffer-limit-pubsub of unsent bytes, or over
 * client-output-buffer-limit-pubsub-soft for longer than client-output-buffer-limit-pubsub-time,
 * they are closed.
 */
#ifndef KV_DAEMON_CLIENT_PUSH_H
#define KV_DAEMON_CLIENT_PUSH_H

#include "base/slice.h"

struct client;

/* Leaves when `seq` is durable.  May close the client, or, if memory for all is short, any. */
void client_push(struct client *client, struct slice bytes, uint64_t seq);
/* The reply behind `reply_start` is complete: puts in front of it what was pushed meanwhile, and
 * returns where it is now. */
size_t client_place_pushes(struct client *client, size_t reply_start);

#endif
