/* lzf.h - unpacks LZF, which Redis packs strings with in dumps.
 *
 *     000nnnnn                        n + 1 bytes follow as they are
 *     nnnooooo oooooooo               n + 2 bytes (n: 1 to 6) from o + 1 back
 *     111ooooo nnnnnnnn oooooooo      n + 9 bytes from o + 1 back; they may overlap
 */
#ifndef KV_DAEMON_LZF_H
#define KV_DAEMON_LZF_H

#include <stdbool.h>

#include "base/buffer.h"

/* Replaces what is in `target` by the `size` bytes that `packed`, which may be anything, stands
 * for; false: it does not stand for so many. */
bool lzf_unpack(struct slice packed, size_t size, struct buffer *target);

#endif
