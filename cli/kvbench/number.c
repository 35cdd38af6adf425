/* number.c - see number.h */
#include "cli/kvbench/number.h"

#include <stdlib.h>

bool
number_take(const char **text, uint64_t max, uint64_t *value_out)
{
    const char *at = *text;
    uint64_t value = 0, unit = 1;

    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    }
    if (*at == 'k' || *at == 'm' || *at == 'g')
        unit = *at == 'k' ? 1000 : *at == 'm' ? 1000000 : 1000000000;
    if (unit > 1)
        at++;
    if (__builtin_mul_overflow(value, unit, &value) || value > max)
        return false;
    *text = at;
    *value_out = value;
    return true;
}

bool
number_parse(const char *text, uint64_t max, uint64_t *value_out)
{
    return number_take(&text, max, value_out) && *text == '\0';
}

bool
fraction_parse(const char *text, double min, double max, double *value_out)
{
    char *end;
    const double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= min && value <= max))
        return false;
    *value_out = value;
    return true;
}
