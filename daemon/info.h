/* info.h - the numbers that INFO prints, section by section, in Redis's text form. */
#ifndef KV_DAEMON_INFO_H
#define KV_DAEMON_INFO_H

#include "base/buffer.h"

struct server;

/* Appends the named sections (any case; "default", "all" and "everything" are known; none: the
 * default ones).  Unknown names add nothing, as in Redis. */
void info_format(struct server *server, const struct slice *sections, uint32_t section_count,
                 struct buffer *target);

#endif
