/* key_ranges.h - which user keys the tables below a compaction may hold.
 *
 * Made once of any number of ranges that may overlap; asked about keys in ascending order, which
 * costs one comparison nearly always, or about stretches of keys in any order.
 */
#ifndef KV_COMPACT_KEY_RANGES_H
#define KV_COMPACT_KEY_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "compact/compaction_spec.h"

struct key_ranges {
    struct compact_range *ranges; /* owned, their keys borrowed; ascending, disjoint */
    uint32_t count;
    uint32_t at; /* the first range that does not end before the key asked last */
};

void key_ranges_init(struct key_ranges *ranges, const struct compact_range *parts,
                     uint32_t part_count);
void key_ranges_deinit(struct key_ranges *ranges);
/* `key` is not below the one asked before. */
bool key_ranges_hold(struct key_ranges *ranges, struct slice key);
/* Whether a key of [begin, end) may be held. */
bool key_ranges_meet(const struct key_ranges *ranges, struct slice begin, struct slice end);

#endif
