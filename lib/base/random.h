/* random.h - reproducible pseudo-random numbers by value (xoshiro256**, Blackman & Vigna 2018).
 *
 * For simulation, tests, sampling and identifiers; never for secrets.
 */
#ifndef KV_BASE_RANDOM_H
#define KV_BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);

#endif
