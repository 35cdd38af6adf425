/* db_family.h - column families that come, change and go while the engine runs.
 *
 * Changes are made one after another, in the order of the calls, and each is durable before it is
 * reported: first what the family has set for itself (family_settings.h), then the MANIFEST, then
 * OPTIONS for RocksDB's tools.  A crash leaves each of them made or not made.  Ids are never used
 * twice, so nothing of a dropped family is ever taken for another's.
 *
 * An id of a family that is gone must not be used any more; those from CF_NONE_MIN on read as an
 * empty family.
 */
#ifndef KV_DB_DB_FAMILY_H
#define KV_DB_DB_FAMILY_H

#include "db/db.h"
#include "db/family_settings.h"
#include "version/options_file.h"

/* Changes with each family that comes or goes: what was found by name is to be found again. */
uint64_t db_family_generation(const struct db *db);
bool db_has_family(struct db *db, uint32_t cf_id);
/* "" for one that is gone; borrowed until the next turn. */
const char *db_family_name(struct db *db, uint32_t cf_id);

/* KV_OK: on_done follows, never from inside; not if the engine is closed first.  It gets KV_OK when
 * the family is there, KV_INVALID if there is one of that name by then, KV_LIMIT if there are
 * COLUMN_FAMILY_COUNT_MAX, or why its settings cannot be stored.
 * KV_INVALID: not a name for a family (1 to COLUMN_FAMILY_NAME_BYTES_MAX bytes, no zero), or not a
 * merge operator that kvd has. */
MUST_CHECK enum kv_status db_family_create(struct db *db, struct slice name,
                                           const struct family_settings *settings,
                                           db_done_fn *on_done, void *owner);
/* Whoever reads it keeps what it reads.  Its files are deleted after that.  on_done: KV_OK, or
 * KV_NO_FILE if it is gone by then.  KV_INVALID: the default family stays. */
MUST_CHECK enum kv_status db_family_drop(struct db *db, uint32_t cf_id, db_done_fn *on_done,
                                         void *owner);
/* Replaces what the family has set for itself.  on_done: KV_OK, KV_NO_FILE, or why it cannot be
 * stored (after a crash it may hold all the same).
 * KV_INVALID: the merge operator is not one that kvd has, or would replace another. */
MUST_CHECK enum kv_status db_family_set(struct db *db, uint32_t cf_id,
                                        const struct family_settings *settings, db_done_fn *on_done,
                                        void *owner);
/* What it has set for itself.  Borrowed until the next turn. */
const struct family_settings *db_family_own_settings(struct db *db, uint32_t cf_id);
/* What holds for it, all taken together. */
struct family_options db_family_effective(struct db *db, uint32_t cf_id);

struct db_family_stats {
    uint64_t key_count_estimate;
    uint64_t memtable_entry_count; /* of all memtables */
    uint64_t level_table_count[LEVEL_COUNT], level_bytes[LEVEL_COUNT];
    uint64_t table_count, table_bytes;
    uint64_t log_number;
};
/* False: there is no such family. */
bool db_family_get_stats(struct db *db, uint32_t cf_id, struct db_family_stats *stats);

#endif
