/* db_hole_log.c - see the header.
 *
 * Why a hole that was read may be believed: batches are replayed in the order in which they were
 * written, and none is left out before another that is used (in the recovery modes that allow that
 * db_recover.c drops all holes); tables hold what older logs held.  Only a program that writes
 * tables past the logs could break that.  Such a program starts a new MANIFEST when it opens the
 * database, so the number of the one that was current is part of the record.
 */
#include "db/db_hole_log.h"

#include "base/coding.h"
#include "db/db_internal.h"

static const char MAGIC[] = "kvd.hole";
enum { MAGIC_BYTES = sizeof(MAGIC) - 1 };

static bool
log_one(struct db *db, const struct db_hole *hole)
{
    struct write_batch batch;
    struct buffer data = {0};
    enum kv_status st;

    buffer_append(&data, MAGIC, MAGIC_BYTES);
    buffer_put_varint64(&data, version_set_manifest_number(db->versions));
    buffer_put_varint64(&data, hole->cf_id);
    buffer_put_varint64(&data, hole->seq);
    buffer_put_varint64(&data, hole->fresh_count); /* replay adds up what touches */
    buffer_put_lstr(&data, buffer_slice(&hole->begin));
    buffer_put_lstr(&data, buffer_slice(&hole->end));
    write_batch_init(&batch);
    write_batch_log_data(&batch, buffer_slice(&data));
    write_batch_set_sequence(&batch, db->last_seq + 1);
    st = wal_append(db->wal, buffer_slice(&batch.bytes), db->last_seq);
    write_batch_deinit(&batch);
    buffer_deinit(&data);
    return st == KV_OK;
}

void
db_hole_log_turn(struct db *db)
{
    struct db_holes *holes = &db->holes;

    if (!holes->has_fresh || db->fault != KV_OK || db->is_closing)
        return;
    holes->has_fresh = false;
    for (uint32_t i = 0; i < holes->count; i++) {
        struct db_hole *hole = &holes->items[i];

        KV_ASSERT(hole->seq <= db->last_seq);
        /* One of dead values is only empty from a time on, and they go soon. */
        if (hole->from_ms == 0 && hole->fresh_count >= HOLE_LOG_COUNT_MIN && log_one(db, hole))
            hole->fresh_count = 0;
    }
}

/* *is_ours: by the MANIFEST.  False: malformed. */
static bool
parse(const struct db *db, struct slice data, uint32_t *cf_id_out, struct hole_found *found,
      bool *is_ours)
{
    uint64_t manifest_number;

    data = slice_of(data.data + MAGIC_BYTES, data.size - MAGIC_BYTES);
    if (!get_varint64(&data, &manifest_number) || !get_varint32(&data, cf_id_out) ||
        !get_varint64(&data, &found->seq) || !get_varint64(&data, &found->entry_count) ||
        !get_lstr(&data, &found->begin) || !get_lstr(&data, &found->end))
        return false;
    *is_ours = manifest_number == version_set_manifest_number(db->versions);
    return data.size == 0 && slice_compare(found->begin, found->end) < 0 &&
           found->entry_count <= TABLE_ENTRY_COUNT_MAX;
}

static void
replay_hole(struct db *db, struct slice data, uint64_t seq_known)
{
    struct hole_found found = {0};
    uint32_t cf_id;
    bool is_ours;

    if (data.size < MAGIC_BYTES || memcmp(data.data, MAGIC, MAGIC_BYTES) != 0 ||
        !parse(db, data, &cf_id, &found, &is_ours) || !is_ours || found.seq > seq_known)
        return;
    db_holes_add(&db->holes, cf_id, &found);
}

void
db_hole_log_replay(struct db *db, struct slice batch, uint64_t seq_known)
{
    struct slice data;

    if (write_batch_is_log_data(batch, &data))
        replay_hole(db, data, seq_known);
    else if (db->holes.count > 0)
        db_fill_holes(db, batch);
}
