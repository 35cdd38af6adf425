/* block_checksum.c - kinds 1 to 3 hash the payload and then the type byte; kind 4 hashes the
 * payload alone, in one go, and mixes the type in afterwards, which is why it is the fast one. */
#include "sst/block_checksum.h"

#include <xxhash.h>

#include "base/assert.h"
#include "base/crc32c.h"

static const uint32_t XXH3_TYPE_MULTIPLIER = 0x6b9083d9u;

static uint32_t
checksum_xxhash32(struct slice payload, uint8_t type)
{
    XXH32_state_t *state = XXH32_createState();
    uint32_t hash;

    KV_ASSERT(state != NULL);
    XXH32_reset(state, 0);
    if (payload.size > 0)
        XXH32_update(state, payload.data, payload.size);
    XXH32_update(state, &type, 1);
    hash = XXH32_digest(state);
    XXH32_freeState(state);
    return hash;
}

static uint32_t
checksum_xxhash64(struct slice payload, uint8_t type)
{
    XXH64_state_t *state = XXH64_createState();
    uint32_t hash;

    KV_ASSERT(state != NULL);
    XXH64_reset(state, 0);
    if (payload.size > 0)
        XXH64_update(state, payload.data, payload.size);
    XXH64_update(state, &type, 1);
    hash = (uint32_t)XXH64_digest(state);
    XXH64_freeState(state);
    return hash;
}

uint32_t
block_checksum(enum checksum_kind kind, struct slice payload, uint8_t type)
{
    KV_ASSERT(payload.data != NULL || payload.size == 0);
    switch (kind) {
    case CHECKSUM_NONE:
        return 0;
    case CHECKSUM_CRC32C:
        return crc32c_mask(
            crc32c_extend(crc32c_extend(0, payload.data, payload.size), &type, sizeof(type)));
    case CHECKSUM_XXHASH32:
        return checksum_xxhash32(payload, type);
    case CHECKSUM_XXHASH64:
        return checksum_xxhash64(payload, type);
    case CHECKSUM_XXH3:
        return (uint32_t)XXH3_64bits(payload.data, payload.size) ^ type * XXH3_TYPE_MULTIPLIER;
    }
    kv_assert_failed(__FILE__, __LINE__, "a known checksum kind");
}
