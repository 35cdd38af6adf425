/* family_options.h - what a column family may set for itself, in the words of kvd.conf.
 *
 * The names and texts are those of the settings that hold for all families; "auto" means: as for
 * all.  merge-operator is among them; it can be set once.
 */
#ifndef KV_DAEMON_FAMILY_OPTIONS_H
#define KV_DAEMON_FAMILY_OPTIONS_H

#include "daemon/config.h"
#include "db/db_family.h"

/* NULL past the end. */
const char *family_option_name(uint32_t index);
/* -1: no family has such a setting. */
int family_option_find(struct slice name);
/* False: unchanged, and `error` (CONFIG_ERROR_BYTES) says why. */
bool family_option_set(struct family_settings *settings, uint32_t index, struct slice text,
                       char *error);
/* What holds, as CONFIG GET would show it. */
void family_option_format(const struct family_options *effective, uint32_t index,
                          struct buffer *target);

#endif
