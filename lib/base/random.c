#include "base/random.h"

#include "base/assert.h"

__extension__ typedef unsigned __int128 uint128;

static uint64_t
rotate_left(uint64_t value, unsigned count)
{
    return (value << count) | (value >> (64 - count));
}

/* splitmix64 spreads the seed, as the generator's authors recommend. */
void
random_init(struct random *random, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        random->state[i] = z ^ (z >> 31);
    }
}

uint64_t
random_next(struct random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t
random_below(struct random *random, uint64_t bound)
{
    KV_ASSERT(bound > 0);
    return (uint64_t)(((uint128)random_next(random) * bound) >> 64);
}
