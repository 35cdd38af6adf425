/* hash.c - written from the description in FORMAT.md section 0, which has the test vectors.
 *
 * The preview XXH3 treats five classes of length differently; keys of a database are mostly in
 * the first four, which have no loop or a short one.  Loads are little-endian, as is the machine.
 */
#include "base/hash.h"

#include <assert.h>

#include "base/assert.h"
#include "base/coding.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads are little-endian");

__extension__ typedef unsigned __int128 uint128;

enum { STRIPE_BYTES = 64, STRIPES_PER_CHUNK = 16, CHUNK_BYTES = STRIPE_BYTES * STRIPES_PER_CHUNK };
enum { LANE_COUNT = 8, SECRET_STEP_BYTES = 8 };

static const uint32_t P32_1 = 0x9E3779B1u;
static const uint32_t P32_2 = 0x85EBCA77u;
static const uint32_t P32_3 = 0xC2B2AE3Du;
static const uint64_t P64_1 = UINT64_C(0x9E3779B185EBCA87);
static const uint64_t P64_2 = UINT64_C(0xC2B2AE3D27D4EB4F);
static const uint64_t P64_3 = UINT64_C(0x165667B19E3779F9);
static const uint64_t P64_4 = UINT64_C(0x85EBCA77C2B2AE63);
static const uint64_t P64_5 = UINT64_C(0x27D4EB2F165667C5);

static const uint8_t secret[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static inline uint32_t
sign_extend(uint8_t byte)
{
    const int32_t extended = (int8_t)byte;

    return (uint32_t)extended;
}

uint32_t
hash32(const void *data, size_t size, uint32_t seed)
{
    const uint32_t multiplier = 0xc6a4a793u;
    const uint8_t *p = data;
    uint32_t hash = seed ^ (uint32_t)(size * multiplier);

    KV_ASSERT(data != NULL || size == 0);
    for (; size >= 4; size -= 4, p += 4) {
        hash += load_fixed32(p);
        hash *= multiplier;
        hash ^= hash >> 16;
    }
    if (size == 0)
        return hash;
    /* The tail is sign-extended: an accident of the original that files now depend on. */
    if (size == 3)
        hash += sign_extend(p[2]) << 16;
    if (size >= 2)
        hash += sign_extend(p[1]) << 8;
    hash += sign_extend(p[0]);
    hash *= multiplier;
    return hash ^ (hash >> 24);
}

static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    const uint128 product = (uint128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
mix16(const uint8_t *p, size_t secret_offset)
{
    const uint8_t *s = secret + secret_offset;

    return fold(load_fixed64(p) ^ load_fixed64(s), load_fixed64(p + 8) ^ load_fixed64(s + 8));
}

static inline uint64_t
avalanche(uint64_t hash)
{
    hash ^= hash >> 37;
    hash *= P64_3;
    return hash ^ (hash >> 32);
}

static inline uint64_t
hash_up_to_16(const uint8_t *p, size_t size)
{
    if (size > 8) {
        const uint64_t low = load_fixed64(p) ^ load_fixed64(secret);
        const uint64_t high = load_fixed64(p + size - 8) ^ load_fixed64(secret + 8);

        return avalanche(size + low + high + fold(low, high));
    }
    if (size >= 4) {
        const uint64_t ends = load_fixed32(p) | (uint64_t)load_fixed32(p + size - 4) << 32;
        const uint64_t keyed = ends ^ load_fixed64(secret);
        const uint64_t mixed = size + (keyed ^ (keyed >> 51)) * P32_1;

        return avalanche((mixed ^ (mixed >> 47)) * P64_2);
    }
    if (size > 0) {
        const uint32_t combined = (uint32_t)p[0] | (uint32_t)p[size >> 1] << 8 |
                                  (uint32_t)p[size - 1] << 16 | (uint32_t)size << 24;

        return avalanche((uint64_t)(combined ^ load_fixed32(secret)) * P64_1);
    }
    return fold(load_fixed64(secret), P64_2);
}

static uint64_t
hash_17_to_128(const uint8_t *p, size_t size)
{
    uint64_t sum = size * P64_1;

    for (size_t i = 0; i <= (size - 1) / 32; i++) {
        sum += mix16(p + 16 * i, 32 * i);
        sum += mix16(p + size - 16 * (i + 1), 32 * i + 16);
    }
    return avalanche(sum);
}

static uint64_t
hash_129_to_240(const uint8_t *p, size_t size)
{
    uint64_t sum = size * P64_1;

    for (size_t i = 0; i < 8; i++)
        sum += mix16(p + 16 * i, 16 * i);
    sum = avalanche(sum);
    for (size_t i = 8; i < size / 16; i++)
        sum += mix16(p + 16 * i, 16 * (i - 8) + 3);
    sum += mix16(p + size - 16, 119);
    return avalanche(sum);
}

static inline void
add_stripe(uint64_t lanes[LANE_COUNT], const uint8_t *p, size_t secret_offset)
{
    for (size_t i = 0; i < LANE_COUNT; i++) {
        const uint64_t word = load_fixed64(p + 8 * i);
        const uint64_t keyed = word ^ load_fixed64(secret + secret_offset + 8 * i);

        lanes[i] += (keyed & UINT32_MAX) * (keyed >> 32) + word;
    }
}

static inline void
scramble(uint64_t lanes[LANE_COUNT])
{
    for (size_t i = 0; i < LANE_COUNT; i++) {
        lanes[i] ^= lanes[i] >> 47;
        lanes[i] ^= load_fixed64(secret + 128 + 8 * i);
        lanes[i] *= P32_1;
    }
}

static uint64_t
hash_long(const uint8_t *p, size_t size)
{
    uint64_t lanes[LANE_COUNT] = {P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1};
    const size_t chunk_count = size / CHUNK_BYTES;
    const size_t stripe_count = size % CHUNK_BYTES / STRIPE_BYTES;
    const uint8_t *rest = p + chunk_count * CHUNK_BYTES;
    uint64_t sum = size * P64_1;

    for (size_t chunk = 0; chunk < chunk_count; chunk++) {
        for (size_t i = 0; i < STRIPES_PER_CHUNK; i++)
            add_stripe(lanes, p + chunk * CHUNK_BYTES + i * STRIPE_BYTES, i * SECRET_STEP_BYTES);
        scramble(lanes);
    }
    for (size_t i = 0; i < stripe_count; i++)
        add_stripe(lanes, rest + i * STRIPE_BYTES, i * SECRET_STEP_BYTES);
    if (size % STRIPE_BYTES != 0)
        add_stripe(lanes, p + size - STRIPE_BYTES, 121);
    for (size_t i = 0; i < 4; i++)
        sum += fold(lanes[2 * i] ^ load_fixed64(secret + 11 + 16 * i),
                    lanes[2 * i + 1] ^ load_fixed64(secret + 19 + 16 * i));
    return avalanche(sum);
}

uint64_t
hash_xxph3(const void *data, size_t size)
{
    KV_ASSERT(data != NULL || size == 0);
    if (size <= 16)
        return hash_up_to_16(data, size);
    if (size <= 128)
        return hash_17_to_128(data, size);
    if (size <= 240)
        return hash_129_to_240(data, size);
    return hash_long(data, size);
}
