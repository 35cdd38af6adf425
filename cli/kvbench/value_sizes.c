/* value_sizes.c - a list of ranges with weights; a fixed size is the list of one range of one. */
#include "cli/kvbench/value_sizes.h"

#include "base/assert.h"
#include "cli/kvbench/number.h"

static bool
parse_part(struct value_sizes_part *part, const char **text)
{
    uint64_t min_bytes, max_bytes, weight = 1;

    if (!number_take(text, VALUE_SIZES_BYTES_MAX, &min_bytes))
        return false;
    max_bytes = min_bytes;
    if (**text == '-') {
        ++*text;
        if (!number_take(text, VALUE_SIZES_BYTES_MAX, &max_bytes) || max_bytes < min_bytes)
            return false;
    }
    if (**text == ':') {
        ++*text;
        if (!number_take(text, VALUE_SIZES_WEIGHT_MAX, &weight) || weight == 0)
            return false;
    }
    part->min_bytes = (uint32_t)min_bytes;
    part->max_bytes = (uint32_t)max_bytes;
    part->weight = (uint32_t)weight;
    return true;
}

bool
value_sizes_parse(struct value_sizes *sizes, const char *text)
{
    *sizes = (struct value_sizes){0};
    for (;;) {
        if (sizes->part_count == VALUE_SIZES_PART_COUNT_MAX)
            return false;
        if (!parse_part(&sizes->parts[sizes->part_count], &text))
            return false;
        sizes->weight_sum += sizes->parts[sizes->part_count++].weight;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

uint32_t
value_sizes_next(const struct value_sizes *sizes, struct random *random)
{
    const struct value_sizes_part *part = sizes->parts;

    KV_ASSERT(sizes->part_count > 0);
    if (sizes->part_count > 1) {
        uint64_t place = random_below(random, sizes->weight_sum);

        for (; place >= part->weight; part++)
            place -= part->weight;
    }
    if (part->min_bytes == part->max_bytes)
        return part->min_bytes;
    return part->min_bytes +
           (uint32_t)random_below(random, (uint64_t)part->max_bytes - part->min_bytes + 1);
}

uint32_t
value_sizes_min(const struct value_sizes *sizes)
{
    uint32_t least = sizes->parts[0].min_bytes;

    for (uint32_t i = 1; i < sizes->part_count; i++)
        least = sizes->parts[i].min_bytes < least ? sizes->parts[i].min_bytes : least;
    return least;
}

uint32_t
value_sizes_max(const struct value_sizes *sizes)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < sizes->part_count; i++)
        most = sizes->parts[i].max_bytes > most ? sizes->parts[i].max_bytes : most;
    return most;
}
