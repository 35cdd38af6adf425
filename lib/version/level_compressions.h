/* level_compressions.h - RocksDB's compression_per_level as one number and as a short text.
 *
 * The text is "none:none:lz4:zstd": of level 0, of the first level used below it, and so on; the
 * last counts for the rest.  The number is how kvd keeps it among its settings: byte i is the
 * compression of place i, the highest byte how many there are; 0: none are given.
 */
#ifndef KV_VERSION_LEVEL_COMPRESSIONS_H
#define KV_VERSION_LEVEL_COMPRESSIONS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "sst/compression.h"

/* False: not 1 to LEVEL_COUNT names of compressions that kvd writes, with colons between. */
bool level_compressions_parse(struct slice text, uint64_t *packed_out);
/* Appends the text; "auto" for 0. */
void level_compressions_format(uint64_t packed, struct buffer *target);
/* Untrusted.  0 is none. */
bool level_compressions_is_valid(uint64_t packed);
uint64_t level_compressions_pack(const enum compression *compressions, uint32_t count);
/* Returns how many there are.  `compressions` has room for LEVEL_COUNT. */
uint32_t level_compressions_unpack(uint64_t packed, enum compression *compressions);

#endif
