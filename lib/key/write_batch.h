/* write_batch.h - the unit of atomicity: RocksDB's WriteBatch (FORMAT.md section 3).
 *
 *     sequence fixed64 | count fixed32 | records
 *
 * The one representation of a change: payload of a WAL record and input of the memtable.  The
 * i-th counted record has sequence number `sequence + i`.
 */
#ifndef KV_KEY_WRITE_BATCH_H
#define KV_KEY_WRITE_BATCH_H

#include "base/assert.h"
#include "base/buffer.h"
#include "base/status.h"
#include "key/internal_key.h"

enum { WRITE_BATCH_HEADER_BYTES = 12 };

/* Zeroed is not valid: write_batch_init. */
struct write_batch {
    struct buffer bytes; /* owned: header and records */
};

void write_batch_init(struct write_batch *batch);
void write_batch_deinit(struct write_batch *batch);
void write_batch_clear(struct write_batch *batch); /* keeps the memory */
uint32_t write_batch_count(const struct write_batch *batch);
uint64_t write_batch_sequence(const struct write_batch *batch);
void write_batch_set_sequence(struct write_batch *batch, uint64_t seq);

/* Family 0 is written in the short form, as RocksDB does. */
void write_batch_put(struct write_batch *batch, uint32_t cf_id, struct slice key,
                     struct slice value);
void write_batch_put_entity(struct write_batch *batch, uint32_t cf_id, struct slice key,
                            struct slice entity);
void write_batch_delete(struct write_batch *batch, uint32_t cf_id, struct slice key);
void write_batch_single_delete(struct write_batch *batch, uint32_t cf_id, struct slice key);
void write_batch_delete_range(struct write_batch *batch, uint32_t cf_id, struct slice begin,
                              struct slice end);
void write_batch_merge(struct write_batch *batch, uint32_t cf_id, struct slice key,
                       struct slice operand);

/* Something for the log alone: not counted, without a sequence, and passed over by who does not
 * look for it. */
void write_batch_log_data(struct write_batch *batch, struct slice data);
/* Whether an encoded batch is nothing else; *data_out is borrowed from it. */
bool write_batch_is_log_data(struct slice encoded, struct slice *data_out);

/* Adds the records of an encoded batch, which write_batch_reader has accepted, behind one's own. */
void write_batch_append(struct write_batch *batch, struct slice encoded);

/* One counted record.  For TYPE_RANGE_DELETION `value` is the exclusive end. */
struct batch_record {
    uint32_t cf_id;
    enum value_type type;
    uint64_t seq;
    struct slice key;
    struct slice value;
};

/* Reads untrusted bytes.  The counted records in order; LogData and Noop are passed over. */
struct write_batch_reader {
    struct slice rest;
    uint64_t seq_next;
    uint32_t count;      /* of the header */
    uint32_t read_count; /* so far */
};

/* KV_CORRUPT: no header. */
MUST_CHECK enum kv_status write_batch_reader_init(struct write_batch_reader *reader,
                                                  struct slice encoded);
/* KV_OK with *found false: the end, and the count was right.  KV_CORRUPT: malformed.
 * KV_UNSUPPORTED: a record of a feature that kvd refuses (FORMAT.md section 12), two-phase commit
 * among them, or a key above KEY_BYTES_MAX. */
MUST_CHECK enum kv_status write_batch_reader_next(struct write_batch_reader *reader,
                                                  struct batch_record *record, bool *found);

/* The same for a batch that has been accepted or was made here, where damage is our own mistake. */
static inline void
write_batch_walk_init(struct write_batch_reader *reader, struct slice sound)
{
    const enum kv_status st = write_batch_reader_init(reader, sound);

    KV_ASSERT(st == KV_OK);
}

/* False: the end. */
static inline bool
write_batch_walk_next(struct write_batch_reader *reader, struct batch_record *record)
{
    bool found;
    const enum kv_status st = write_batch_reader_next(reader, record, &found);

    KV_ASSERT(st == KV_OK);
    return found;
}

#endif
