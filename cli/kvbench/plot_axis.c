/* plot_axis.c - round numbers: steps of 1, 2 and 5 times a power of ten. */
#include "cli/kvbench/plot_axis.h"

#include <math.h>
#include <stdio.h>

#include "base/assert.h"

static double
identity(double value)
{
    return value;
}

static double
logarithm(double value)
{
    return log10(value);
}

/* How many nines: 0 for 0, 1 for 90, 2 for 99. */
static double
nines(double percent)
{
    return -log10(1.0 - percent / 100.0);
}

static struct axis_tick *
add_tick(struct axis *axis, double value)
{
    struct axis_tick *tick = &axis->ticks[axis->tick_count];

    KV_ASSERT(axis->tick_count < AXIS_TICK_COUNT_MAX);
    axis->tick_count++;
    tick->value = value;
    tick->label[0] = '\0';
    return tick;
}

/* The least of 1, 2, 5 times a power of ten with which `count` steps reach `range`. */
static double
round_step(double range, int count)
{
    const double rough = range / count;
    const double power = pow(10.0, floor(log10(rough)));
    const double digits = rough / power * (1.0 - 1e-9);

    KV_ASSERT(range > 0.0);
    return power * (digits <= 1.0 ? 1.0 : digits <= 2.0 ? 2.0 : digits <= 5.0 ? 5.0 : 10.0);
}

static void
label_count(char label[AXIS_LABEL_BYTES], double value)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;

    for (; value >= 999.9999 && unit < 4; unit++)
        value /= 1000.0;
    (void)snprintf(label, AXIS_LABEL_BYTES, "%.4g%s", value, units[unit]);
}

void
axis_init_count(struct axis *axis, double high)
{
    const double step = round_step(high > 1.0 ? high : 1.0, 5);

    *axis = (struct axis){.transform = identity};
    for (double value = 0.0;; value += step) {
        label_count(add_tick(axis, value)->label, value);
        if (value >= high && value > 0.0) {
            axis->high = value;
            return;
        }
    }
}

void
axis_init_time(struct axis *axis, double seconds, const char **unit_out)
{
    const double unit = seconds <= 300.0 ? 1.0 : seconds <= 3.0 * 3600.0 ? 60.0 : 3600.0;
    const double step = round_step(seconds / unit, 10);

    KV_ASSERT(seconds > 0.0);
    *axis = (struct axis){.high = seconds, .transform = identity};
    *unit_out = unit < 2.0 ? "s" : unit < 100.0 ? "min" : "h";
    for (int i = 0; i * step * unit <= seconds * (1.0 + 1e-9); i++)
        (void)snprintf(add_tick(axis, i * step * unit)->label, AXIS_LABEL_BYTES, "%.4g", i * step);
}

static void
label_ns(char label[AXIS_LABEL_BYTES], double ns)
{
    static const char *const units[] = {"ns", "\xc2\xb5s", "ms", "s"};
    size_t unit = 0;

    for (; ns >= 999.9999 && unit < 3; unit++)
        ns /= 1000.0;
    (void)snprintf(label, AXIS_LABEL_BYTES, "%.4g %s", ns, units[unit]);
}

/* 1, 2, 5, 10, 20, ... */
static double
rung(int at)
{
    static const double digits[] = {1.0, 2.0, 5.0};

    KV_ASSERT(at >= 0);
    return digits[at % 3] * pow(10.0, at / 3);
}

void
axis_init_latency(struct axis *axis, double low_ns, double high_ns)
{
    const int top = 36; /* 10^12 ns */
    int first = 0, last;

    while (first < top - 3 && rung(first + 1) <= low_ns)
        first++;
    for (last = first + 3; last < top && rung(last) < high_ns;)
        last++;
    *axis = (struct axis){.low = rung(first), .high = rung(last), .transform = logarithm};
    for (int i = first; i <= last; i++) {
        struct axis_tick *tick = add_tick(axis, rung(i));

        if (i % 3 == 0 || last - first <= 8)
            label_ns(tick->label, tick->value);
    }
}

void
axis_init_percentile(struct axis *axis, double count)
{
    static const double percents[] = {0.0,   50.0,   90.0,    99.0,    99.9,
                                      99.99, 99.999, 99.9999, 99.99999};
    const double high = count < 10.0 ? 90.0 : count > 1e7 ? 99.99999 : 100.0 * (1.0 - 1.0 / count);

    *axis = (struct axis){.high = high, .transform = nines};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        if (percents[i] <= high * (1.0 + 1e-12))
            (void)snprintf(add_tick(axis, percents[i])->label, AXIS_LABEL_BYTES, "%.9g %%",
                           percents[i]);
    }
}

double
axis_place(const struct axis *axis, double value)
{
    const double low = axis->transform(axis->low), high = axis->transform(axis->high);
    const double inside = value < axis->low ? axis->low : value > axis->high ? axis->high : value;
    const double share = (axis->transform(inside) - low) / (high - low);

    KV_ASSERT(axis->low < axis->high);
    return axis->pixel_low + share * (axis->pixel_high - axis->pixel_low);
}

double
axis_percentile_at(const struct axis *axis, double share)
{
    KV_ASSERT(axis->transform == nines);
    return 100.0 * (1.0 - pow(10.0, -share * nines(axis->high)));
}
