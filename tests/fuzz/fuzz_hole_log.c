/* Goal: no record of a log makes the engine believe a hole that it should not, or hold more of them
 * than it may.
 *
 * Method: the input is a list of records, each a byte of kind and an lstr.  A record is replayed as
 * it is if it is a batch (replay looks that up before), or as the body of a hole of this MANIFEST,
 * or as a key that is put.  After each the holes are in order, disjoint and short, none is younger
 * than what is known, and none has the key that was put last. */
#include <string.h>

#include "base/assert.h"
#include "base/coding.h"
#include "db/db_hole_log.h"
#include "db/db_internal.h"
#include "support/inline_port.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t SEQ_KNOWN = 1000;

static struct db *
open_once(void)
{
    static struct db *db;
    static struct inline_port port;
    struct db_options options;

    if (db != NULL)
        return db;
    quiet_log();
    options = (struct db_options){
        .io = sim_io_base(sim_io_new(NULL)),
        .dir = "/db",
        .port = &port.port,
        .create_if_missing = true,
        .memory_limit_bytes = 64 << 20,
        .memtable_bytes = 1 << 20,
        .wal_bytes_max = 4 << 20,
    };
    inline_port_init(&port, options.io);
    KV_ASSERT(db_open(&options, &db) == KV_OK);
    return db;
}

static void
check_holes(const struct db_holes *holes)
{
    KV_ASSERT(holes->count <= HOLE_COUNT_MAX);
    for (uint32_t i = 0; i < holes->count; i++) {
        const struct db_hole *hole = &holes->items[i], *before = hole - 1;

        KV_ASSERT(slice_compare(buffer_slice(&hole->begin), buffer_slice(&hole->end)) < 0);
        KV_ASSERT(hole->begin.size <= HOLE_KEY_BYTES_MAX && hole->end.size <= HOLE_KEY_BYTES_MAX);
        KV_ASSERT(hole->seq <= SEQ_KNOWN && hole->fresh_count <= hole->entry_count);
        KV_ASSERT(i == 0 || before->cf_id < hole->cf_id ||
                  (before->cf_id == hole->cf_id &&
                   slice_compare(buffer_slice(&before->end), buffer_slice(&hole->begin)) < 0));
    }
}

static bool
is_whole(struct slice batch)
{
    struct write_batch_reader reader;
    struct batch_record record;
    bool found = true;
    enum kv_status st = write_batch_reader_init(&reader, batch);

    while (st == KV_OK && found)
        st = write_batch_reader_next(&reader, &record, &found);
    return st == KV_OK;
}

static void
replay_hole(struct db *db, struct slice body)
{
    struct buffer data = {0};
    struct write_batch batch;

    buffer_append_slice(&data, slice_from_text("kvd.hole"));
    buffer_put_varint64(&data, version_set_manifest_number(db->versions));
    buffer_append_slice(&data, body);
    write_batch_init(&batch);
    write_batch_log_data(&batch, buffer_slice(&data));
    db_hole_log_replay(db, buffer_slice(&batch.bytes), SEQ_KNOWN);
    write_batch_deinit(&batch);
    buffer_deinit(&data);
}

static void
replay_put(struct db *db, struct slice key)
{
    const struct hole_view view = {.seq = SEQ_KNOWN, .now_ms = UINT64_MAX};
    struct write_batch batch;

    if (key.size > KEY_BYTES_MAX)
        return;
    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, key, slice_of(NULL, 0));
    db_hole_log_replay(db, buffer_slice(&batch.bytes), SEQ_KNOWN);
    KV_ASSERT(db_holes_find(&db->holes, CF_DEFAULT, key, &view) == NULL);
    write_batch_deinit(&batch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct db *db = open_once();
    struct slice input = slice_of(data, size), record;

    while (input.size > 0) {
        const uint8_t kind = input.data[0] % 3;

        input = slice_of(input.data + 1, input.size - 1);
        if (!get_lstr(&input, &record))
            break;
        if (kind == 0 && is_whole(record))
            db_hole_log_replay(db, record, SEQ_KNOWN);
        else if (kind == 1)
            replay_hole(db, record);
        else if (kind == 2)
            replay_put(db, record);
        check_holes(&db->holes);
    }
    db_holes_clear(&db->holes);
    return 0;
}
