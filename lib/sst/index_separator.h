/* index_separator.h - a short key between two data blocks (FORMAT.md section 5.7). */
#ifndef KV_SST_INDEX_SEPARATOR_H
#define KV_SST_INDEX_SEPARATOR_H

#include "base/buffer.h"

/* Appends to `target` a user key s with last <= s < next, as short as RocksDB makes it, when
 * last < next; `last` itself if there is none that is shorter or if the two are equal.  Returns
 * whether s differs from `last`. */
bool index_separator_append(struct buffer *target, struct slice last, struct slice next);

#endif
