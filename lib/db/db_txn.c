/* db_txn.c - a batch that grows, and a memtable of what is in it.
 *
 * Most transactions read nothing that they have written, many read nothing at all.  So the memtable
 * is made by the first read behind a write, and then kept up with each further write.  Its
 * sequence numbers are those that the batch will have if it is committed now: above all others.
 *
 * Invariant: memtable is NULL, or holds exactly what is in the batch.
 */
#include "db/db_txn.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "db/db_internal.h"

enum { TXN_MEMTABLE_BYTES = 256 * 1024 };

struct db_txn {
    bool is_open;
    struct write_batch batch;
    struct memtable *memtable;  /* owned reference; NULL: not needed yet */
    struct memtable_pool *pool; /* owned: of small ones */
};

struct db_txn *
db_txn_new(void)
{
    struct db_txn *txn = kv_alloc_zero(sizeof(*txn));

    write_batch_init(&txn->batch);
    txn->pool = memtable_pool_new(TXN_MEMTABLE_BYTES, 1);
    return txn;
}

void
db_txn_free(struct db_txn *txn)
{
    KV_ASSERT(!txn->is_open && txn->memtable == NULL);
    write_batch_deinit(&txn->batch);
    memtable_pool_free(txn->pool);
    free(txn);
}

static void
drop_memtable(struct db_txn *txn)
{
    memtable_unref(txn->memtable);
    txn->memtable = NULL;
}

void
db_txn_begin(struct db *db)
{
    KV_ASSERT(!db->txn->is_open);
    KV_ASSERT(write_batch_count(&db->txn->batch) == 0 && db->txn->memtable == NULL);
    db->txn->is_open = true;
}

void
db_txn_end(struct db *db)
{
    struct db_txn *txn = db->txn;

    KV_ASSERT(txn->is_open);
    txn->is_open = false;
    drop_memtable(txn);
    if (txn->batch.bytes.capacity > TXN_MEMTABLE_BYTES) {
        write_batch_deinit(&txn->batch);
        write_batch_init(&txn->batch);
    } else {
        write_batch_clear(&txn->batch);
    }
}

/* The encoded records of `batch`, of which `count_before` are in the memtable already. */
static void
apply(struct db *db, struct write_batch *batch, uint32_t count_before)
{
    write_batch_set_sequence(batch, db->last_seq + 1 + count_before);
    memtable_apply(db->txn->memtable, buffer_slice(&batch->bytes), NULL, NULL);
}

enum kv_status
db_txn_write(struct db *db, struct write_batch *batch)
{
    struct db_txn *txn = db->txn;
    const uint32_t count_before = write_batch_count(&txn->batch);

    KV_ASSERT(txn->is_open && write_batch_count(batch) > 0);
    if (txn->batch.bytes.size + batch->bytes.size > BATCH_BYTES_MAX)
        return KV_LIMIT;
    if (txn->memtable != NULL &&
        memtable_has_room(txn->memtable, batch->bytes.size, write_batch_count(batch)))
        apply(db, batch, count_before);
    else
        drop_memtable(txn);
    write_batch_append(&txn->batch, buffer_slice(&batch->bytes));
    return KV_OK;
}

enum kv_status
db_txn_memtable(struct db *db, struct memtable **memtable_out)
{
    struct db_txn *txn = db->txn;
    const uint32_t count = write_batch_count(&txn->batch);

    if (txn->is_open && txn->memtable == NULL && count > 0) {
        const size_t needed = memtable_room_for(txn->batch.bytes.size, count);
        const enum kv_status st =
            memtable_new(txn->pool, needed > TXN_MEMTABLE_BYTES ? 2 * needed : 0, &txn->memtable);

        if (st != KV_OK)
            return st;
        apply(db, &txn->batch, 0);
    }
    *memtable_out = txn->memtable;
    return KV_OK;
}

uint32_t
db_txn_record_count(const struct db *db)
{
    KV_ASSERT(db->txn->is_open);
    return write_batch_count(&db->txn->batch);
}

enum kv_status
db_txn_admit(struct db *db)
{
    KV_ASSERT(db->txn->is_open);
    return write_batch_count(&db->txn->batch) == 0 ? KV_OK : db_admit(db, &db->txn->batch);
}

enum kv_status
db_txn_commit(struct db *db, uint64_t *seq_last_out)
{
    struct db_txn *txn = db->txn;

    KV_ASSERT(txn->is_open);
    *seq_last_out = 0;
    if (write_batch_count(&txn->batch) == 0)
        return KV_OK;
    return db_write(db, &txn->batch, seq_last_out);
}
