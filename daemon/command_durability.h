/* command_durability.h - who waits for a sequence number (KV.WAITSEQ), told how far the log is. */
#ifndef KV_DAEMON_COMMAND_DURABILITY_H
#define KV_DAEMON_COMMAND_DURABILITY_H

struct server;

/* More is on stable storage than before. */
void command_wake_seq_waits(struct server *server);

#endif
