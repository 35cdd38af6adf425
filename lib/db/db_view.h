/* db_view.h - everything of one family that a read at one sequence may look at, held fast.
 *
 * Flushes, compactions and writes go on meanwhile; what a view holds stays as it was at its
 * sequence, though it keeps memory and files from being given back.
 */
#ifndef KV_DB_DB_VIEW_H
#define KV_DB_DB_VIEW_H

#include "db/db.h"
#include "merge/merge_fold.h"

struct db_family;
struct memtable;
struct version;

struct db_view {
    struct memtable **memtables; /* owned array of owned references, newest first */
    uint32_t memtable_count;
    struct version *version;  /* owned reference */
    struct db_family *family; /* owned reference; NULL: of none */
    uint32_t cf_id;
    uint64_t seq;            /* the newest that is visible */
    uint64_t now_ms;         /* what has died by then is not */
    uint64_t rollback_count; /* private */
};

/* As of `seq_max`, or of now if that is later. */
void db_view_pin(struct db_view *view, struct db *db, uint32_t cf_id, uint64_t seq_max);
/* The same once more; each is unpinned for itself. */
void db_view_share(struct db_view *view, const struct db_view *source);
void db_view_unpin(struct db_view *view);
/* What merge operands in it mean, also when the family has been dropped meanwhile.  Borrowed from
 * the view. */
const struct merge_operator *db_view_operator(const struct db_view *view);
/* Whether all that the view has ever shown was true: no write that it may have shown has been
 * taken back because it could not be made durable. */
bool db_view_holds(const struct db_view *view, const struct db *db);
/* From the newest visible operand of a key, in *value, to what a user sees; see db_merge_walk. */
MUST_CHECK enum kv_status db_view_fold(const struct db_view *view, struct read_ctx *ctx,
                                       const struct internal_key *key, struct merge_fold *fold,
                                       struct slice *value);

#endif
