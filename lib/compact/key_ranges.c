/* key_ranges.c - ranges that touch are joined, so that at most one can hold a key. */
#include "compact/key_ranges.h"

#include "base/alloc.h"

static int
by_smallest(const void *a, const void *b)
{
    return slice_compare(((const struct compact_range *)a)->smallest,
                         ((const struct compact_range *)b)->smallest);
}

void
key_ranges_init(struct key_ranges *ranges, const struct compact_range *parts, uint32_t part_count)
{
    *ranges = (struct key_ranges){0};
    if (part_count == 0)
        return;
    ranges->ranges = kv_alloc(part_count * sizeof(*parts));
    memcpy(ranges->ranges, parts, part_count * sizeof(*parts));
    qsort(ranges->ranges, part_count, sizeof(*parts), by_smallest);
    ranges->count = 1;
    for (uint32_t i = 1; i < part_count; i++) {
        const struct compact_range *part = &ranges->ranges[i];
        struct compact_range *last = &ranges->ranges[ranges->count - 1];

        if (slice_compare(part->smallest, last->largest) > 0)
            ranges->ranges[ranges->count++] = *part;
        else if (slice_compare(part->largest, last->largest) > 0)
            last->largest = part->largest;
    }
}

void
key_ranges_deinit(struct key_ranges *ranges)
{
    free(ranges->ranges);
    *ranges = (struct key_ranges){0};
}

bool
key_ranges_hold(struct key_ranges *ranges, struct slice key)
{
    while (ranges->at < ranges->count && slice_compare(ranges->ranges[ranges->at].largest, key) < 0)
        ranges->at++;
    return ranges->at < ranges->count &&
           slice_compare(ranges->ranges[ranges->at].smallest, key) <= 0;
}

bool
key_ranges_meet(const struct key_ranges *ranges, struct slice begin, struct slice end)
{
    uint32_t low = 0, high = ranges->count;

    KV_ASSERT(slice_compare(begin, end) < 0);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (slice_compare(ranges->ranges[middle].largest, begin) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ranges->count && slice_compare(ranges->ranges[low].smallest, end) < 0;
}
