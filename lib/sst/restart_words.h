/* restart_words.h - eight bytes of the key at each restart point of an index, to search first.
 *
 * A search of the index block itself touches two far-off places a step and decodes an entry at
 * one; this is one small array.  All keys of an index lie between the first and the last, so what
 * those two share is shared by all and left out; a word is the eight bytes behind it, as a number
 * that orders like the bytes.  Words order keys but for those that they cannot tell apart, which
 * are left to the block itself.
 */
#ifndef KV_SST_RESTART_WORDS_H
#define KV_SST_RESTART_WORDS_H

#include "key/word_lines.h"
#include "sst/block_iter.h"

/* Zero-initialised: empty, of no use for searching. */
struct restart_words {
    struct word_lines words; /* of the block's restart points */
    uint32_t count;          /* of them */
    struct slice prefix;     /* of all user keys; borrowed from the block */
};

/* Which restart points may be the last one below a key: [low, high]. */
struct restart_range {
    uint32_t low;
    uint32_t high;
};

/* `iter` is open on the block, which must outlive the words.  False: its restart points do not
 * ascend, or are malformed, as iter->fault tells; there is nothing to deinit then. */
MUST_CHECK bool restart_words_init(struct restart_words *words, struct block_iter *iter);
void restart_words_deinit(struct restart_words *words);

/* For block_iter_seek_within on the same block. */
struct restart_range restart_words_find(const struct restart_words *words, struct slice user_key);

/* A search in two steps, of which the first begins to load what the second reads. */
struct restart_search {
    int64_t word;
    size_t line;
};
/* False: that takes a look at the block. */
bool restart_search_begin(const struct restart_words *words, struct slice user_key,
                          struct restart_search *search);
/* True: the first restart point at or behind the key is *index_out, and its key is above it.
 * False: that takes a look at the block. */
bool restart_search_end(const struct restart_words *words, const struct restart_search *search,
                        uint32_t *index_out);

static inline size_t
restart_words_bytes(const struct restart_words *words)
{
    return word_lines_bytes(&words->words);
}

#endif
