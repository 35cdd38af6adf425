/* family_record.h - what the engine knows of a column family beyond its tables; for lib/db only.
 *
 * Found by id, shared by whoever needs it longer than the family lives: iterators keep its merge
 * operator, jobs its name.
 */
#ifndef KV_DB_FAMILY_RECORD_H
#define KV_DB_FAMILY_RECORD_H

#include "db/db_internal.h"
#include "db/family_settings.h"

struct db_family {
    uint32_t id; /* first: see base/id_array.h */
    uint32_t ref_count;
    struct family_options stored; /* as OPTIONS has it, with its name */
    struct family_settings own;
    struct merge_operator op; /* what operands mean: stored.merge_operator, parsed */
    uint64_t memtable_bytes;  /* of it in the active memtable, if it has a size of its own */
};

/* One reference, the caller's, of a live family; made if there is none yet. */
struct db_family *db_family_pin(struct db *db, uint32_t cf_id);
void db_family_unpin(struct db_family *family); /* NULL is fine */
/* Borrowed while the family lives. */
struct db_family *db_family_of(struct db *db, uint32_t cf_id);
/* "nullptr": none, or none that kvd has, so that operands are kept as they are. */
const char *db_family_merge_spec(const struct db_family *family);

/* Of the families that OPTIONS names, once the MANIFEST has been read; and what they have set for
 * themselves.  KV_CORRUPT: that file is damaged. */
MUST_CHECK enum kv_status db_families_load(struct db *db, const struct options_file *file);
void db_families_free(struct db *db);
/* The family is there, or gone. */
void db_family_add(struct db *db, struct db_family *family);
void db_family_remove(struct db *db, uint32_t cf_id);
struct db_family *db_family_new(uint32_t cf_id, const char *name);

/* db_family_size.c: what a family may have in the memtable before that is flushed. */
uint64_t db_family_memtable_bytes(const struct db *db, const struct db_family *family);
/* Families have come, gone or been set. */
void db_family_sizes_change(struct db *db);
/* A batch went into the memtable; only while there are families with a size of their own. */
void db_family_sizes_charge(struct db *db, struct slice batch);
/* There is a new memtable. */
void db_family_sizes_restart(struct db *db);

/* db_family_change.c: at the end of the engine. */
void db_family_changes_free(struct db *db);
bool db_family_changes_are_idle(const struct db *db);
/* OPTIONS does not tell of all changes yet. */
bool db_options_are_old(const struct db *db);
/* From db_turn: begins the next one. */
void db_family_changes_turn(struct db *db);

#endif
