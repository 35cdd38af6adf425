/* version_stats.h - sums over the tables of a version set. */
#ifndef KV_VERSION_VERSION_STATS_H
#define KV_VERSION_VERSION_STATS_H

#include "version/version_set.h"

/* Memory of the open table readers of all current versions, and of those that are to come. */
uint64_t version_set_reader_bytes(const struct version_set *set);
/* No MANIFEST work is under way. */
bool version_set_is_idle(const struct version_set *set);
/* RocksDB's estimate of a version's live keys: entries minus twice the deletions.  Tables
 * whose counts the MANIFEST does not have (RocksDB's) and that were not opened yet are estimated
 * from the others' entries a byte.  A table is left out if `is_deleted` (NULL: never) says that all
 * of it is under a tombstone.  What is dead at `now_ms` counts as deleted; how many have a deadline
 * that is still to come is in *with_deadline_out. */
typedef bool table_is_deleted_fn(void *owner, const struct table_file *file);
int64_t version_key_count_estimate(struct version *version, struct block_cache *cache,
                                   table_is_deleted_fn *is_deleted, void *owner, uint64_t now_ms,
                                   int64_t *with_deadline_out);

#endif
