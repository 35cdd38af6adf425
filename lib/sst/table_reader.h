/* table_reader.h - lookups in one immutable SSTable, formats 2 to 5.
 *
 * A reader is made without touching the file.  The first read that needs it wants the file's
 * tail, then the index, filter and range tombstones (state OPENING), which the reader keeps;
 * data blocks live in the block cache.  No call here does I/O: what is missing is wanted through
 * read_ctx (KV_WANT_BLOCK), fetched by whoever runs the read, and given to table_reader_feed.
 * Nothing changes after opening, so all versions that list the table share one reader.
 *
 * A table whose bytes fail a check stays closed to reads with KV_CORRUPT (or KV_UNSUPPORTED),
 * logged once with what was wrong; other tables are not concerned.
 */
#ifndef KV_SST_TABLE_READER_H
#define KV_SST_TABLE_READER_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"
#include "cache/read_ctx.h"
#include "iter/iter.h"
#include "key/deadlines.h"
#include "key/key_stretch.h"
#include "key/lookup.h"

struct io;
struct table_reader; /* opaque, reference-counted */

struct table_reader_options {
    uint64_t file_number; /* also the block cache's table_id */
    uint64_t file_bytes;  /* exact, from the MANIFEST */
    const char *path;     /* copied; opened by whoever fetches */
    /* From the MANIFEST; copied.  Range tombstones act only inside these bounds, and an ingested
     * table's global sequence number is checked against seq_largest.  smallest.size 0: unknown
     * (kvctl inspect), then there are no bounds. */
    struct slice smallest, largest; /* internal keys */
    uint64_t seq_largest;
};

struct table_reader *table_reader_new(const struct table_reader_options *options);
void table_reader_ref(struct table_reader *table);
void table_reader_unref(struct table_reader *table); /* NULL is fine; the last one closes the fd */

uint64_t table_reader_number(const struct table_reader *table);
const char *table_reader_path(const struct table_reader *table);
/* -1 until set; owned from then on (the last unref closes it with close(2) through `io`). */
int table_reader_fd(const struct table_reader *table);
void table_reader_set_fd(struct table_reader *table, struct io *io, int fd);
bool table_reader_is_open(const struct table_reader *table);
/* Memory that the open reader holds outside the block cache. */
size_t table_reader_bytes_used(const struct table_reader *table);

/* The bytes of a want have been read.  Data blocks are checked, uncompressed, put into the cache
 * and pinned by ctx (NULL ctx: only cached); pieces of the index take the opening further.
 * KV_OK, or why the table cannot be read.  The bytes stay the caller's. */
MUST_CHECK enum kv_status table_reader_feed(struct table_reader *table, struct block_cache *cache,
                                            struct read_ctx *ctx, uint64_t offset,
                                            struct slice bytes);

/* Fetches all that ctx wants with io_call and feeds it: for the worker, the tools and tests. */
MUST_CHECK enum kv_status table_fetch_blocking(struct io *io, struct read_ctx *ctx);

/* The newest entry of `key` with sequence <= seq_max, the table's range tombstones taken into
 * account.  A value's bytes live as long as ctx does. */
MUST_CHECK enum kv_status table_reader_get(struct table_reader *table, struct read_ctx *ctx,
                                           struct slice key, uint64_t seq_max,
                                           struct lookup *found);

/* A key that is looked up in several tables: what they all need is made once. */
struct table_target {
    struct slice key; /* borrowed */
    uint64_t seq_max;
    uint64_t filter_hash;
    /* What a prefetch found out: this table's filter does not exclude the key, and if there is a
     * version of it here, it is in the block at `located_offset` or begins there. */
    const struct table_reader *located; /* NULL: nothing */
    uint64_t located_offset;
    uint64_t located_size; /* as its handle says; 0: only the index knows */
    bool restart_located;
    uint32_t located_restart; /* the restart point of it that leads to the key's newest version */
    /* Likewise: this table's newest range tombstone over the key. */
    const struct table_reader *asked; /* NULL: nothing */
    bool is_covered;                  /* there is one */
    uint64_t tombstone_seq;
};
struct table_target table_target_of(struct slice key, uint64_t seq_max);
/* Begins to load what table_reader_find will look at first, without waiting for it. */
void table_reader_prefetch(const struct table_reader *table, const struct table_target *target);
/* As table_reader_get. */
MUST_CHECK enum kv_status table_reader_find(struct table_reader *table, struct read_ctx *ctx,
                                            const struct table_target *target,
                                            struct lookup *found);

/* All point entries in internal-key order; holds a reference to the table. */
struct iter *table_iter_new(struct table_reader *table, struct read_ctx *ctx);
/* Likewise, for a scan (NULL: all of it), whose scope outlives the iterator. */
struct iter *table_iter_new_in(struct table_reader *table, struct read_ctx *ctx,
                               struct iter_scope *scope);

/* Range tombstones as stored, cut to the table's bounds, in internal-key order; they may overlap.
 */
struct range_tombstone {
    struct slice begin, end; /* user keys, end exclusive; borrowed from the table */
    uint64_t seq;
};
/* KV_WANT_BLOCK while the table is not open. */
MUST_CHECK enum kv_status table_reader_tombstones(struct table_reader *table, struct read_ctx *ctx,
                                                  const struct range_tombstone **tombstones_out,
                                                  size_t *count_out);
/* The newest sequence <= seq_max of a tombstone over the key; 0: none.  Likewise. */
MUST_CHECK enum kv_status table_reader_covering_tombstone(struct table_reader *table,
                                                          struct read_ctx *ctx, struct slice key,
                                                          uint64_t seq_max, uint64_t *seq_out);

/* Likewise, for the stretch of keys around it.  Borrowed from the table. */
MUST_CHECK enum kv_status table_reader_stretch(struct table_reader *table, struct read_ctx *ctx,
                                               struct slice key, uint64_t seq_max,
                                               struct tombstone_stretch *stretch_out);

/* An entry that any other had nearly the same chance to be instead: of a data block chosen by
 * `random`, which says all. KV_OK with *found false: the table has no point entries. */
MUST_CHECK enum kv_status table_reader_pick(struct table_reader *table, struct read_ctx *ctx,
                                            uint64_t random, struct buffer *user_key, bool *found);
/* How many bytes of the file the data blocks with the keys of a stretch take, by the index:
 * blocks at its ends are counted whole.  KV_WANT_BLOCK likewise. */
MUST_CHECK enum kv_status table_reader_bytes_between(struct table_reader *table,
                                                     struct read_ctx *ctx,
                                                     const struct key_stretch *keys,
                                                     uint64_t *bytes_out);

/* What the properties block says, for statistics and kvctl inspect. */
struct table_properties {
    uint64_t entry_count, deletion_count, merge_operand_count, range_tombstone_count;
    uint64_t data_block_count, data_bytes, index_bytes, filter_bytes;
    uint64_t raw_key_bytes, raw_value_bytes;
    uint64_t creation_time_s;
    uint32_t format_version, checksum_kind, index_type;
    struct deadlines deadlines; /* as the table says: not checked */
};
MUST_CHECK enum kv_status table_reader_properties(struct table_reader *table, struct read_ctx *ctx,
                                                  struct table_properties *properties_out);

#endif
