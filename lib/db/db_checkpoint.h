/* db_checkpoint.h - the whole database once more, in a directory of its own.
 *
 * A checkpoint is a database like any other: RocksDB's tools and kvd open it.  It holds what was
 * written up to one sequence, which is not before that of the call, and no log.  Its tables are
 * hard links, so it takes next to no space until compactions here replace what it has; so it has to
 * be on the same file system.
 *
 * It is made under the name NAME.tmp and renamed when all of it is durable: there is all of it or
 * none.  Whoever starts after a crash removes what is called so.
 */
#ifndef KV_DB_DB_CHECKPOINT_H
#define KV_DB_DB_CHECKPOINT_H

#include "db/db.h"
#include "io/file.h"

#define CHECKPOINT_TMP_SUFFIX ".tmp"

enum { CHECKPOINT_NAME_BYTES_MAX = 200 };

struct db_checkpoint_info {
    char path[PATH_BYTES_MAX];
    uint64_t seq; /* the newest that is in it */
    uint64_t table_count, table_bytes;
};

/* KV_OK; KV_INVALID: there is one of that name already; KV_CANCELLED; or
 * what the disk said, logged, and nothing is left but perhaps NAME.tmp.  `info` is borrowed until
 * it returns. */
typedef void db_checkpoint_done_fn(void *owner, enum kv_status st,
                                   const struct db_checkpoint_info *info);

/* `parent` is made if it is not there.  `name`: 1 to CHECKPOINT_NAME_BYTES_MAX bytes, no slash, not
 * ending in ".tmp".
 * KV_BUSY: one is being made; KV_READ_ONLY, KV_NO_SPACE: a WAL fault is being repaired.  on_done is
 * not called then.  Else it is, from the loop, when what is in memory has been flushed and linked,
 * which may be as long as there are no workers. */
MUST_CHECK enum kv_status db_checkpoint(struct db *db, const char *parent, const char *name,
                                        db_checkpoint_done_fn *on_done, void *owner);
/* The one that is being made is given up, now or at the end of its step; NAME.tmp may stay.  Before
 * db_close. */
void db_checkpoint_cancel(struct db *db);
/* NAME.tmp of the one that is being made belongs to it; NULL: none is. */
const char *db_checkpoint_current(const struct db *db);

/* --- for lib/db --- */

/* No request of it is in flight.  One that waits for a flush is idle. */
bool db_checkpoint_is_idle(const struct db *db);
void db_checkpoint_free(struct db *db);

#endif
