/* zipf.h - ranks by Zipf's law: rank r is drawn with probability proportional to 1 / (r + 1)^theta.
 *
 * Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994): one random
 * number and one power a draw, however many ranks there are.  Start and growth take constant time.
 */
#ifndef KV_KVBENCH_ZIPF_H
#define KV_KVBENCH_ZIPF_H

#include "base/random.h"

/* The method has no answer at 1, and needs more precision than doubles have near it. */
#define ZIPF_THETA_MIN 0.01
#define ZIPF_THETA_MAX 0.999

/* Uniform in [0, 1). */
static inline double
random_fraction(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

struct zipf {
    uint64_t count;
    double theta;
    double zeta; /* the sum of 1 / i^theta for i from 1 to count */
    double alpha;
    double eta;
    double second; /* zeta of two */
};

/* count > 0; ZIPF_THETA_MIN <= theta <= ZIPF_THETA_MAX. */
void zipf_init(struct zipf *zipf, uint64_t count, double theta);
/* More ranks; count must not be smaller than before. */
void zipf_grow(struct zipf *zipf, uint64_t count);
/* A rank below count. */
uint64_t zipf_next(const struct zipf *zipf, struct random *random);

/* The sum of 1 / i^theta for i from 1 to count. */
double zipf_zeta(uint64_t count, double theta);

#endif
