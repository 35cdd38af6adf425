/* db_merge_read.h - the value of a key whose newest version is a merge operand.
 *
 * Walks down from that operand, memtable by memtable and table by table, until a value, a
 * deletion or the end, and folds what it has met.  Nothing is copied on the way: memtables keep
 * their bytes, and the blocks are pinned by ctx.
 *
 * What a read walks is kept short by others: a KV.MERGE onto many operands in memory writes a
 * value instead (db_merge_is_long), a flush leaves at most one operand of a key in each table,
 * and compactions combine those.  The bounds of merge_fold are for directories of others.
 */
#ifndef KV_DB_DB_MERGE_READ_H
#define KV_DB_DB_MERGE_READ_H

#include "key/lookup.h"
#include "merge/merge_fold.h"
#include "version/version_set.h"

struct memtable;

/* The places where versions of a key may be, newest first; all borrowed. */
struct db_merge_view {
    struct memtable *const *memtables;
    uint32_t memtable_count;
    struct version *version;
    uint32_t cf_id;
    uint64_t now_ms; /* what has died by then is nothing to merge onto */
};

/* `found` is the newest version visible at some sequence, a LOOKUP_MERGE; the operand's bytes must
 * last.  KV_OK: it has become a LOOKUP_VALUE with what a user sees (TYPE_ENTITY if merged onto
 * one), still with the newest operand's sequence.  It is the fold's and lives until the next call
 * on that. KV_WANT_BLOCK: from the top, once the blocks are there.  KV_INVALID, KV_LIMIT,
 * KV_UNSUPPORTED: merge_operator_full's; KV_INVALID is not logged. */
MUST_CHECK enum kv_status db_merge_walk(const struct db_merge_view *view, struct read_ctx *ctx,
                                        struct slice key, struct merge_fold *fold,
                                        struct lookup *found);

struct db;
/* The same over the database as the reader at the target's sequence sees it now; the value lives as
 * long as the pass of ctx. */
MUST_CHECK enum kv_status db_merge_read(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
                                        const struct table_target *target, struct lookup *found);

#endif
