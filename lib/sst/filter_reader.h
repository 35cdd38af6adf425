/* filter_reader.h - "can this key be in the table?" (FORMAT.md section 5.9).
 *
 * Knows RocksDB's two Bloom filters; any other filter, and any bytes that make no sense, answer
 * "maybe": a filter is a hint, and the data are readable without it.
 */
#ifndef KV_SST_FILTER_READER_H
#define KV_SST_FILTER_READER_H

#include "base/slice.h"

enum filter_kind {
    FILTER_MAYBE, /* zero-initialised: no filter */
    FILTER_NEVER, /* nothing was added */
    FILTER_FAST_LOCAL,
    FILTER_LEGACY,
};

struct filter_reader {
    enum filter_kind kind;
    uint32_t probe_count;
    uint32_t line_count;
    uint32_t line_bytes;
    const uint8_t *lines; /* borrowed */
};

/* `content` is a filter block without its trailer, and outlives the reader. */
void filter_reader_init(struct filter_reader *filter, struct slice content);
/* False: `user_key` was certainly not added. */
bool filter_reader_may_contain(const struct filter_reader *filter, struct slice user_key);
/* The same for one who asks many filters: `hash` is hash_xxph3 of the key. */
bool filter_reader_may_contain_hash(const struct filter_reader *filter, struct slice user_key,
                                    uint64_t hash);

/* Where filter_reader_may_contain_hash is going to look; NULL: not known. */
static inline const uint8_t *
filter_reader_line(const struct filter_reader *filter, uint64_t hash)
{
    if (filter->kind != FILTER_FAST_LOCAL)
        return NULL;
    return filter->lines +
           (((uint64_t)filter->line_count * (uint32_t)hash) >> 32) * filter->line_bytes;
}

#endif
