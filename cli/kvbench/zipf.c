/* zipf.c - the only slow part of Gray's method is the sum over all ranks, so it is not summed: the
 * first terms are, and Euler and Maclaurin's formula gives the rest to the last bits of a double.
 */
#include "cli/kvbench/zipf.h"

#include <math.h>

#include "base/assert.h"

enum { SUMMED_COUNT = 256 };

/* What the sum from `first` to `last` is more than the integral between them. */
static double
edge_terms(double at, double theta)
{
    const double third = theta * (theta + 1) * (theta + 2);

    return -theta / 12 * pow(at, -theta - 1) + third / 720 * pow(at, -theta - 3);
}

double
zipf_zeta(uint64_t count, double theta)
{
    const uint64_t summed = count < SUMMED_COUNT ? count : SUMMED_COUNT;
    const double first = (double)summed, last = (double)count;
    double sum = 0;

    KV_ASSERT(theta >= 0 && theta < 1);
    for (uint64_t i = summed; i > 0; i--)
        sum += pow((double)i, -theta);
    if (count == summed)
        return sum;
    sum += (pow(last, 1 - theta) - pow(first, 1 - theta)) / (1 - theta);
    sum += (pow(last, -theta) - pow(first, -theta)) / 2;
    return sum + edge_terms(last, theta) - edge_terms(first, theta);
}

static void
set_count(struct zipf *zipf, uint64_t count)
{
    const double n = (double)count;

    zipf->count = count;
    zipf->eta = count < 3 ? 0 : (1 - pow(2 / n, 1 - zipf->theta)) / (1 - zipf->second / zipf->zeta);
}

void
zipf_init(struct zipf *zipf, uint64_t count, double theta)
{
    KV_ASSERT(count > 0);
    KV_ASSERT(theta >= ZIPF_THETA_MIN && theta <= ZIPF_THETA_MAX);
    *zipf = (struct zipf){
        .theta = theta,
        .alpha = 1 / (1 - theta),
        .zeta = zipf_zeta(count, theta),
        .second = 1 + pow(0.5, theta),
    };
    set_count(zipf, count);
}

void
zipf_grow(struct zipf *zipf, uint64_t count)
{
    KV_ASSERT(count >= zipf->count);
    if (count == zipf->count)
        return;
    if (count == zipf->count + 1)
        zipf->zeta += pow((double)count, -zipf->theta);
    else
        zipf->zeta = zipf_zeta(count, zipf->theta);
    set_count(zipf, count);
}

uint64_t
zipf_next(const struct zipf *zipf, struct random *random)
{
    const double u = random_fraction(random), place = u * zipf->zeta;
    uint64_t rank;

    KV_ASSERT(zipf->count > 0);
    if (place < 1 || zipf->count == 1)
        return 0;
    if (place < zipf->second || zipf->count == 2)
        return 1;
    rank = (uint64_t)((double)zipf->count * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha));
    return rank < zipf->count ? rank : zipf->count - 1;
}
