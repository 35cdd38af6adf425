/* db_survey.h - answers about many keys of a family at once, without walking them. */
#ifndef KV_DB_DB_SURVEY_H
#define KV_DB_DB_SURVEY_H

#include "db/db.h"
#include "key/key_stretch.h"

/* Live families in ascending order of their ids; false: index is past the last. */
bool db_family_at(struct db *db, uint32_t index, uint32_t *cf_id_out);

/* The least upper bound of all keys that the family may have, as an exclusive end, those of an open
 * transaction (db_txn.h) too; *found false: it has none.  For a range deletion of everything. */
MUST_CHECK enum kv_status db_key_bound(struct db *db, uint32_t cf_id, struct buffer *end_out,
                                       bool *found);

/* What is stored of a range, older versions and deletions included. */
struct db_range_size {
    uint64_t table_bytes;    /* exact but for the blocks at both ends */
    uint64_t memtable_bytes; /* estimated */
    uint64_t entry_count;    /* estimated */
};
MUST_CHECK enum kv_status db_range_size(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
                                        const struct key_stretch *keys,
                                        struct db_range_size *size_out);

/* A user key that was written some time and may since have been deleted, by `random`, which says
 * all.  A memtable or table is chosen by its bytes, in it a block or leaf, and in that an entry; so
 * keys with larger values or several versions are a little more likely.  KV_OK with *found false:
 * the family is empty.  KV_WANT_BLOCK: again, with the same number. */
MUST_CHECK enum kv_status db_pick_key(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
                                      uint64_t random, struct buffer *user_key, bool *found);

#endif
