/* hash.h - the two hash functions that RocksDB's filters and hash indexes are made with.
 *
 * Neither is a checksum, and neither may change: their values are stored in files.
 */
#ifndef KV_BASE_HASH_H
#define KV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FORMAT.md section 0.2: legacy bloom filter (seed 0xbc9f1d34), data-block hash index (397). */
uint32_t hash32(const void *data, size_t size, uint32_t seed);

/* FORMAT.md section 0.3: the preview of XXH3 that bloom filters of format 5 use.  It differs from
 * the final XXH3 of libxxhash for every length. */
uint64_t hash_xxph3(const void *data, size_t size);

#endif
