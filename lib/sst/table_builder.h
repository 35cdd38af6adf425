/* table_builder.h - writes one SSTable of RocksDB's format 5 (FORMAT.md sections 5 and 10).
 *
 * Entries come in internal-key order; bytes leave through a sink, in file order, never to be
 * changed again, so the sink may be a direct-I/O file, a buffer or a socket.
 */
#ifndef KV_SST_TABLE_BUILDER_H
#define KV_SST_TABLE_BUILDER_H

#include "base/buffer.h"
#include "base/status.h"
#include "key/deadlines.h"
#include "key/internal_key.h"
#include "sst/compression.h"

struct table_builder;

/* Takes the next bytes of the file.  An error ends the build and is what the caller gets. */
typedef enum kv_status table_sink_fn(void *owner, struct slice bytes);

struct table_build_options {
    uint64_t file_number;
    uint32_t cf_id;
    const char *cf_name;          /* borrowed while building, as all strings here */
    const char *db_identity;      /* properties only; may be "" */
    const char *session_identity; /* likewise */
    const char *merge_operator;   /* RocksDB's class name, or "nullptr" */
    enum compression compression;
    uint32_t block_bytes;        /* target, before compression; 0: BLOCK_BYTES_TARGET */
    uint32_t bloom_bits_per_key; /* 0: no filter */
    uint64_t creation_time_s;    /* Unix seconds */
};

/* What the MANIFEST needs to know of a finished table. */
struct table_summary {
    uint64_t file_number;
    uint64_t file_bytes;
    struct buffer smallest; /* internal keys, owned; cover points and range tombstones */
    struct buffer largest;
    uint64_t seq_smallest;
    uint64_t seq_largest;
    uint64_t entry_count; /* with range tombstones, as the property num.entries */
    uint64_t deletion_count;
    uint64_t range_tombstone_count;
    uint64_t superseded_count; /* entries with a newer version of their key in the table */
    struct deadlines deadlines;
    uint64_t expired_count;   /* of a flush: values that were dead, in its place */
    uint32_t checksum_crc32c; /* of the whole file; unmasked */
};
void table_summary_deinit(struct table_summary *summary);

struct table_builder *table_builder_new(const struct table_build_options *options,
                                        table_sink_fn *sink, void *sink_owner);
void table_builder_free(struct table_builder *builder); /* finished or not; NULL is fine */

/* `key` is an encoded internal key above all before it.  Copies. */
MUST_CHECK enum kv_status table_builder_add(struct table_builder *builder, struct slice key,
                                            struct slice value);
/* A range tombstone, at any time before finish; begin < end.  Copies.  Fragments are made when
 * the table is finished. */
void table_builder_add_tombstone(struct table_builder *builder, struct slice begin,
                                 struct slice end, uint64_t seq);
/* The sequences that must stay readable besides the newest, ascending; borrowed until finish.  When
 * told, the table keeps of the tombstones over one range only the newest for each of them, so n
 * nested tombstones stay n fragments; when not told it keeps all. */
void table_builder_set_snapshots(struct table_builder *builder, const uint64_t *snapshots,
                                 size_t snapshot_count);
uint64_t table_builder_bytes_estimate(const struct table_builder *builder);
/* Writes what is left and fills *summary_out, which the caller deinits.  At least one entry or
 * tombstone must have been added. */
MUST_CHECK enum kv_status table_builder_finish(struct table_builder *builder,
                                               struct table_summary *summary_out);

#endif
