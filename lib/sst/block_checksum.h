/* block_checksum.h - the checksum in a block's trailer (FORMAT.md section 5.3). */
#ifndef KV_SST_BLOCK_CHECKSUM_H
#define KV_SST_BLOCK_CHECKSUM_H

#include <stdbool.h>

#include "base/slice.h"

/* The first byte of a table's footer. */
enum checksum_kind {
    CHECKSUM_NONE = 0,
    CHECKSUM_CRC32C = 1,
    CHECKSUM_XXHASH32 = 2,
    CHECKSUM_XXHASH64 = 3,
    CHECKSUM_XXH3 = 4, /* what we write */
};

/* Whether a footer's byte, which is untrusted, is one of the kinds. */
static inline bool
checksum_kind_is_known(uint8_t kind)
{
    return kind <= CHECKSUM_XXH3;
}

/* The 32 bits as stored: of the stored (compressed) bytes of the block and its type byte. */
uint32_t block_checksum(enum checksum_kind kind, struct slice payload, uint8_t type);

#endif
