/* key_bounds.h - ranges of keys as users write them: "[key", "(key", "-" and "+", as in Redis's
 * ZRANGEBYLEX.
 */
#ifndef KV_DAEMON_KEY_BOUNDS_H
#define KV_DAEMON_KEY_BOUNDS_H

#include "daemon/command.h"
#include "key/key_stretch.h"

/* Keys in [lower, upper). */
struct key_bounds {
    struct buffer lower, upper; /* owned */
    bool has_upper;
};

void key_bounds_deinit(struct key_bounds *bounds);
/* `from` is the lower end.  False: one of them is malformed or too long, and the error reply has
 * been written.  `bounds` is zeroed before, and deinited by the caller in any case. */
bool key_bounds_parse(struct command_call *call, struct slice from, struct slice to,
                      struct key_bounds *bounds);
/* Only the lower or the upper end of those that are there. */
bool key_bounds_parse_lower(struct command_call *call, struct slice from,
                            struct key_bounds *bounds);
bool key_bounds_parse_upper(struct command_call *call, struct slice to, struct key_bounds *bounds);
/* All keys that begin with the prefix. */
void key_bounds_of_prefix(struct slice prefix, struct key_bounds *bounds);
/* Nothing can lie between them. */
bool key_bounds_are_empty(const struct key_bounds *bounds);
struct key_stretch key_bounds_stretch(const struct key_bounds *bounds);

#endif
