/* table_reader_internal.h - the reader's inside, shared by the files table_*.c and index_iter.c.
 *
 * What was checked at open may be asserted later: handles in the top index lie inside the file,
 * its keys ascend.  Partitions of a two-level index and data blocks are only known to be what
 * was written (their checksum), so their contents are checked as they are walked.
 */
#ifndef KV_SST_TABLE_READER_INTERNAL_H
#define KV_SST_TABLE_READER_INTERNAL_H

#include "base/buffer.h"
#include "sst/block_checksum.h"
#include "sst/block_iter.h"
#include "sst/filter_reader.h"
#include "sst/range_tombstones.h"
#include "sst/restart_words.h"
#include "sst/sst_format.h"
#include "sst/table_reader.h"

enum {
    TABLE_TAIL_BYTES = 64 * 1024, /* the first read: holds all but data of most small tables */
    TABLE_PIECE_COUNT_MAX = 7,    /* the tail, the metaindex and five meta blocks */
};

enum table_state { TABLE_CLOSED, TABLE_OPEN, TABLE_FAILED };

/* A part of the file that was read for opening.  Its place is remembered after that, for a
 * second read that wanted it too. */
struct table_piece {
    uint64_t offset;
    uint64_t size;
    uint8_t *bytes; /* owned; NULL when the table is open */
};

struct table_footer {
    enum checksum_kind checksum_kind;
    uint32_t format_version;
    struct block_handle metaindex;
    struct block_handle index;
};

/* What the properties say about how to read the rest. */
struct table_traits {
    bool index_keys_user;
    bool index_values_delta;
    bool whole_key_filtering;
    bool global_seq_known;
    uint32_t external_version;
    uint64_t global_seq;
};

struct table_reader {
    uint32_t ref_count;
    enum table_state state;
    enum kv_status failure; /* when TABLE_FAILED */
    uint64_t file_number;
    uint64_t file_bytes;
    char *path;                      /* owned */
    struct io *io;                   /* borrowed; set with fd */
    int fd;                          /* owned; -1: none yet */
    bool bounded;                    /* smallest and largest are known */
    struct buffer smallest, largest; /* internal keys, owned */
    uint64_t seq_largest;

    struct table_piece pieces[TABLE_PIECE_COUNT_MAX];
    uint32_t piece_count;

    /* Set by opening, unchanged from then on. */
    struct table_footer footer;
    struct table_properties properties;
    struct block_form index_form;
    bool two_level;
    bool has_global_seq;
    uint64_t global_seq;
    struct buffer index; /* the (top) index block, uncompressed */
    struct restart_words index_words;
    /* Owned; where the data block of each index entry is (table_place_pack), if each entry is a
     * restart point of a one-level index; else NULL. */
    uint64_t *block_places;
    struct buffer filter_raw; /* what `filter` reads */
    struct filter_reader filter;
    struct buffer dictionary;
    struct buffer tombstone_raw;  /* the block whose bytes the tombstones borrow */
    struct buffer tombstone_last; /* the end of those that are cut behind the largest key */
    struct range_tombstones tombstones;
    uint64_t *partitions; /* owned; offsets of index partitions, ascending */
    size_t partition_count;
};

/* A handle in one word: 40 bits of offset, 24 of size, which is 0 where it is larger. */
enum { PLACE_SIZE_BITS = 24 };

static inline uint64_t
table_place_pack(struct block_handle handle)
{
    const uint64_t size = handle.size >> PLACE_SIZE_BITS == 0 ? handle.size : 0;

    return handle.offset << PLACE_SIZE_BITS | size;
}

static inline struct block_handle
table_place_unpack(uint64_t place)
{
    return (struct block_handle){.offset = place >> PLACE_SIZE_BITS,
                                 .size = place & ((UINT64_C(1) << PLACE_SIZE_BITS) - 1)};
}

/* table_open.c */

/* KV_OK: the table is open.  KV_WANT_BLOCK: pieces are missing, and wanted from ctx unless it is
 * NULL.  Otherwise why the table cannot be opened; from then on always the same. */
MUST_CHECK enum kv_status table_open_advance(struct table_reader *table, struct read_ctx *ctx);
/* Keeps a copy of bytes that opening wanted. */
void table_open_add_piece(struct table_reader *table, uint64_t offset, struct slice bytes);
bool table_open_wanted(const struct table_reader *table, uint64_t offset, uint64_t size);

/* table_block.c */

bool table_handle_fits(const struct table_reader *table, struct block_handle handle);
/* Stored bytes, trailer included, to what the trailer covers; checks the checksum. */
MUST_CHECK enum kv_status table_block_verify(const struct table_reader *table, uint64_t offset,
                                             struct slice stored, struct slice *payload_out,
                                             uint8_t *type_out);
/* A data block or index partition, pinned by ctx: until the read ends, or when `passing` until
 * read_ctx_unpin. */
MUST_CHECK enum kv_status table_block_get(struct table_reader *table, struct read_ctx *ctx,
                                          struct block_handle handle, bool passing,
                                          struct block **block_out);
/* Logs what is wrong with a block and returns the status for it. */
MUST_CHECK enum kv_status table_block_fault(const struct table_reader *table, uint64_t offset,
                                            const struct block_iter *iter);

/* properties_reader.c */

/* `payload` has been checked. */
MUST_CHECK enum kv_status table_properties_parse(const struct table_reader *table,
                                                 struct slice payload,
                                                 struct table_properties *properties,
                                                 struct table_traits *traits);
/* The properties block with the global sequence number set to 0: what was checksummed before
 * someone patched it in place.  False: there is none.  The caller deinits. */
bool table_properties_unpatch(struct slice stored, struct buffer *unpatched);

#endif
