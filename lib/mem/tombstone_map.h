/* tombstone_map.h - which range tombstone lies over a key, for one family of a memtable.
 *
 * The keys are cut into stretches over each of which the same tombstone is the newest.  Adding one,
 * which must be newer than all before, costs O(log n) and what it hides; a question about
 * the present costs O(log n).  A question about the past goes down from a tombstone to what it hid,
 * once for each newer one over the key.  A map that is asked often and does not change makes a copy
 * of itself that is searched faster, which is why a question may change it.
 *
 * Belongs to the process, not to the mapping; borrows keys from the mapping.
 */
#ifndef KV_MEM_TOMBSTONE_MAP_H
#define KV_MEM_TOMBSTONE_MAP_H

#include "key/key_stretch.h"

struct tombstone_map;

struct tombstone_map *tombstone_map_new(void);
void tombstone_map_free(struct tombstone_map *map); /* NULL is fine */
/* begin < end, and `seq` above all before.  The keys outlive the map. */
void tombstone_map_add(struct tombstone_map *map, struct slice begin, struct slice end,
                       uint64_t seq);
/* The stretch around the key over which the newest tombstone <= seq_max is the same, or a part of
 * it. */
void tombstone_map_find(struct tombstone_map *map, struct slice key, uint64_t seq_max,
                        struct tombstone_stretch *stretch_out);
/* Only the sequence; 0: none. */
uint64_t tombstone_map_covering(struct tombstone_map *map, struct slice key, uint64_t seq_max);

#endif
