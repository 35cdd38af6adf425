/* key_event_flags.h - the letters of notify-keyspace-events. */
#ifndef KV_DAEMON_KEY_EVENT_FLAGS_H
#define KV_DAEMON_KEY_EVENT_FLAGS_H

#include "base/buffer.h"

/* enum key_event_class; false: a letter that is none. */
bool key_event_flags_parse(const char *text, uint64_t *flags_out);
/* In Redis's order. */
void key_event_flags_format(uint64_t flags, struct buffer *target);

#endif
