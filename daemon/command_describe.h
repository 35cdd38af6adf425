/* command_describe.h - a command as a reply, in the shapes of Redis 7.0. */
#ifndef KV_DAEMON_COMMAND_DESCRIBE_H
#define KV_DAEMON_COMMAND_DESCRIBE_H

#include "daemon/command_entry.h"

/* The ten elements of COMMAND INFO. */
void command_describe_info(struct resp_writer *reply, const struct command_entry *entry);
/* The name and what it is for: one pair of COMMAND DOCS's map. */
void command_describe_docs(struct resp_writer *reply, const struct command_entry *entry);
/* A text of words as a set. */
void command_describe_words(struct resp_writer *reply, const char *words, bool is_simple);

#endif
