/* crc64.h - CRC-64 as Redis's dumps end with it: Jones's polynomial, reflected, begun with 0. */
#ifndef KV_BASE_CRC64_H
#define KV_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` covers (0 for nothing yet) followed by `size` bytes of `data`. */
uint64_t crc64_extend(uint64_t crc, const void *data, size_t size);

#endif
