/* glob.h - Redis's patterns: * ? [a-z] [^x] and a backslash that quotes. */
#ifndef KV_DAEMON_GLOB_H
#define KV_DAEMON_GLOB_H

#include <stdbool.h>

#include "base/slice.h"

/* Takes time at most in proportion to pattern times text. */
bool glob_match(struct slice pattern, struct slice text, bool ignore_case);

#endif
