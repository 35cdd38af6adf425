/* sha256.c - for short messages: simple rather than fast. */
#include "base/sha256.h"

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8, ROUND_COUNT = 64 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[ROUND_COUNT] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t
rotate(uint32_t word, int count)
{
    return word >> count | word << (32 - count);
}

static uint32_t
load_big_endian(const uint8_t *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
    return be32toh(word);
}

static void
expand(const uint8_t block[BLOCK_BYTES], uint32_t words[ROUND_COUNT])
{
    for (int i = 0; i < 16; i++)
        words[i] = load_big_endian(block + 4 * i);
    for (int i = 16; i < ROUND_COUNT; i++) {
        const uint32_t early = words[i - 15], late = words[i - 2];

        words[i] = words[i - 16] + words[i - 7] +
                   (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) +
                   (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
    }
}

static void
add_block(uint32_t state[8], const uint8_t block[BLOCK_BYTES])
{
    uint32_t words[ROUND_COUNT], now[8];

    expand(block, words);
    memcpy(now, state, sizeof(now));
    for (int i = 0; i < ROUND_COUNT; i++) {
        const uint32_t e = now[4], a = now[0];
        const uint32_t first = now[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                               ((e & now[5]) ^ (~e & now[6])) + round_constants[i] + words[i];
        const uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                                ((a & now[1]) ^ (a & now[2]) ^ (now[1] & now[2]));

        memmove(now + 1, now, 7 * sizeof(now[0]));
        now[4] += first;
        now[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        state[i] += now[i];
}

void
sha256(struct slice message, uint8_t digest[SHA256_BYTES])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint64_t bit_count = htobe64((uint64_t)message.size * 8);
    const size_t rest = message.size % BLOCK_BYTES;
    uint8_t last[2 * BLOCK_BYTES] = {0};
    const size_t last_size = rest + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;

    for (size_t at = 0; at + BLOCK_BYTES <= message.size; at += BLOCK_BYTES)
        add_block(state, message.data + at);
    if (rest > 0)
        memcpy(last, message.data + message.size - rest, rest);
    last[rest] = 0x80;
    memcpy(last + last_size - LENGTH_BYTES, &bit_count, LENGTH_BYTES);
    for (size_t at = 0; at < last_size; at += BLOCK_BYTES)
        add_block(state, last + at);
    for (int i = 0; i < 8; i++) {
        const uint32_t word = htobe32(state[i]);

        memcpy(digest + 4 * i, &word, sizeof(word));
    }
}
