/* crc32c.h - CRC-32C (Castagnoli) and RocksDB's mask over it (FORMAT.md section 0.1). */
#ifndef KV_BASE_CRC32C_H
#define KV_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` covers (0 for nothing yet) followed by `size` bytes of `data`. */
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size);

static inline uint32_t
crc32c_mask(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static inline uint32_t
crc32c_unmask(uint32_t masked)
{
    const uint32_t rotated = masked - 0xa282ead8u;

    return (rotated << 15) | (rotated >> 17);
}

#endif
