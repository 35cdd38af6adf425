/* db_txn.h - several writes as one, of which each read in between sees those before it.
 *
 * A transaction begins and ends within one call from the owner's loop, so nobody else can see or
 * change anything meanwhile: that is all of its isolation.  What it writes is kept beside the
 * memtables, for db_get and db_key_bound; walks, prefetches and snapshots do not see it.  It goes
 * to the log as one batch, all or nothing, or is dropped.
 *
 * A read that wants a block ends the try: db_txn_end, fetch, and begin again from the top.
 */
#ifndef KV_DB_DB_TXN_H
#define KV_DB_DB_TXN_H

#include "db/db.h"

/* None may be open. */
void db_txn_begin(struct db *db);
/* Appends the batch; copies, and changes no more of it than its sequence.  KV_LIMIT: the whole
 * would be larger than BATCH_BYTES_MAX; nothing was added. */
MUST_CHECK enum kv_status db_txn_write(struct db *db, struct write_batch *batch);
/* What db_txn_commit would return now; nothing is written. */
MUST_CHECK enum kv_status db_txn_admit(struct db *db);
/* Of all that was written. */
uint32_t db_txn_record_count(const struct db *db);
/* db_write of all that was written; with nothing to write KV_OK, and *seq_last_out is 0. */
MUST_CHECK enum kv_status db_txn_commit(struct db *db, uint64_t *seq_last_out);
/* Forgets it, committed or not. */
void db_txn_end(struct db *db);

#endif
