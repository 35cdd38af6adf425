/* block_iter.h - walks the entries of one uncompressed block (FORMAT.md section 5.5 to 5.8).
 *
 * The bytes are untrusted: every offset and length is checked when it is used, so an iterator
 * over any bytes at all is safe.  Nothing is logged here: a function that returns false leaves
 * in `fault` what is wrong with the block, and the caller, who knows table and offset, tells.
 * A call that returns false has left the iterator as it was, unless it says otherwise.
 * The block's bytes are borrowed and must outlive the iterator.
 */
#ifndef KV_SST_BLOCK_ITER_H
#define KV_SST_BLOCK_ITER_H

#include "base/slice.h"
#include "base/status.h"

enum { BLOCK_KEY_INLINE_BYTES = 128 };

struct block_handle {
    uint64_t offset;
    uint64_t size; /* without the trailer */
};

/* How keys and values are written, and what is checked beyond that. */
struct block_form {
    bool check_order;    /* each entry is above the one before it */
    bool check_types;    /* internal keys have the type of a point entry */
    bool check_seq_zero; /* with check_types: and sequence 0, as in ingested tables */
    bool keys_internal;  /* keys end in a footer, which orders them too; else plain bytes */
    bool values_handles; /* an index: values are handles, decoded into `handle` */
    bool values_delta;   /* index only: no value length, handles relative to the one before */
    bool has_first_keys; /* index only: the handle is followed by the block's first key */
};

struct block_iter {
    struct block_form form;
    const uint8_t *data;  /* borrowed */
    size_t entries_bytes; /* the part before the restart offsets */
    uint32_t restart_count;
    bool valid;
    const char *fault;           /* static text; NULL: none yet */
    enum kv_status fault_status; /* KV_CORRUPT, or KV_UNSUPPORTED for the type of a key */

    struct slice key; /* in the block or in key_data: lives until the next step */
    struct slice value;
    struct block_handle handle; /* index only */
    struct slice first_key;     /* has_first_keys only: an internal key */

    size_t offset;      /* of the current entry */
    size_t next_offset; /* of the entry behind it */
    uint8_t *key_data;  /* key_inline, or owned when a key is larger */
    size_t key_capacity;
    uint8_t key_inline[BLOCK_KEY_INLINE_BYTES];
};

/* Must precede all else; the iterator must not be moved afterwards. */
void block_iter_init(struct block_iter *iter);
void block_iter_deinit(struct block_iter *iter);

/* Goes over to another block, standing nowhere yet.  False: the block is not well-formed. */
MUST_CHECK bool block_iter_open(struct block_iter *iter, struct slice block,
                                struct block_form form);
/* Not valid afterwards: the block is empty. */
MUST_CHECK bool block_iter_seek_first(struct block_iter *iter);
/* To the first entry >= (user_key, footer); with plain keys only user_key counts.  Not valid
 * afterwards: there is none.  After false it is not valid. */
MUST_CHECK bool block_iter_seek(struct block_iter *iter, struct slice user_key, uint64_t footer);
/* Likewise, if it is known that of the restart points the last one below the target is one of
 * [low, high], or that none is and low is 0 (restart_words.h). */
MUST_CHECK bool block_iter_seek_within(struct block_iter *iter, struct slice user_key,
                                       uint64_t footer, uint32_t low, uint32_t high);
/* The user key at a restart point of a block with entries; it lies in the block. */
MUST_CHECK bool block_iter_restart_key(struct block_iter *iter, uint32_t index,
                                       struct slice *user_key_out);
/* Where the entry of a restart point would be; any address, for a prefetch. */
const uint8_t *block_iter_restart_address(const struct block_iter *iter, uint32_t index);
/* The restart point where a seek to the newest version of the key begins to walk, and the entries
 * from there up to the next one.  False: the block is empty or malformed. */
MUST_CHECK bool block_iter_find_interval(struct block_iter *iter, struct slice user_key,
                                         uint32_t *restart_out, struct slice *interval_out);
/* Notes what a caller found wrong with the block (static text).  Always false. */
bool block_iter_fault(struct block_iter *iter, const char *text);
/* Only while valid, and only if an entry follows.  After false the iterator, its key and its
 * value are as they were. */
MUST_CHECK bool block_iter_next(struct block_iter *iter);

/* To the last entry, or not valid: the block is empty.  After false it is not valid. */
MUST_CHECK bool block_iter_seek_last(struct block_iter *iter);
/* To the last entry <= (user_key, footer), or not valid: there is none.  Likewise. */
MUST_CHECK bool block_iter_seek_for_prev(struct block_iter *iter, struct slice user_key,
                                         uint64_t footer);
/* Only while valid; not valid afterwards: it was the first entry.  Costs the decoding of half a
 * restart interval.  After false it is not valid. */
MUST_CHECK bool block_iter_prev(struct block_iter *iter);

/* Only while valid. */
static inline bool
block_iter_is_last(const struct block_iter *iter)
{
    return iter->next_offset >= iter->entries_bytes;
}

static inline bool
block_iter_is_first(const struct block_iter *iter)
{
    return iter->offset == 0;
}

#endif
