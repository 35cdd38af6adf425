/* statistics.c - Student's t without tables.
 *
 * With x = sqrt(v) tan(a) the density of the t distribution with v degrees of freedom becomes
 * cos(a)^(v-1), up to a factor.  So P(|T| < t) is the share of the integral of that from 0 to pi/2
 * which lies below a; it is smooth and Simpson's rule is exact enough.  We look for 0.95 by
 * halving.
 */
#include "cli/kvbench/statistics.h"

#include <math.h>

#include "base/assert.h"

enum { SIMPSON_STEP_COUNT = 100, HALVING_COUNT = 32 };

static const double half_pi = 1.57079632679489661923;

static double
integral(double freedom, double end)
{
    const double step = end / SIMPSON_STEP_COUNT;
    double sum = 0.0;

    for (int i = 0; i <= SIMPSON_STEP_COUNT; i++) {
        const double weight = i == 0 || i == SIMPSON_STEP_COUNT ? 1.0 : (i % 2 == 1 ? 4.0 : 2.0);

        sum += weight * pow(fabs(cos(step * i)), freedom - 1.0);
    }
    return sum * step / 3.0;
}

double
student_t_95(double freedom)
{
    double whole, low = 0.0, high = half_pi;

    KV_ASSERT(freedom >= 1.0);
    if (freedom > 1000.0)
        freedom = 1000.0; /* from there on it changes the third decimal place */
    whole = integral(freedom, half_pi);
    for (int i = 0; i < HALVING_COUNT; i++) {
        const double middle = (low + high) / 2.0;

        if (integral(freedom, middle) < 0.95 * whole)
            low = middle;
        else
            high = middle;
    }
    return sqrt(freedom) * tan(low);
}

double
mean_of(const double *values, uint32_t count)
{
    double sum = 0.0;

    KV_ASSERT(count > 0);
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return sum / count;
}

double
variance_of(const double *values, uint32_t count)
{
    const double mean = mean_of(values, count);
    double sum = 0.0;

    KV_ASSERT(count >= 2);
    for (uint32_t i = 0; i < count; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sum / (count - 1);
}
