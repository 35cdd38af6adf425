/* iter.h - the iterator contract, in one place.
 *
 * An iterator walks entries in internal-key order, in both directions.  A step happens or it does
 * not: a call that returns KV_WANT_BLOCK has left the iterator where it was; its read_ctx names
 * the blocks to bring first, and then the call is made again.  After any other status but KV_OK
 * the iterator may only be sought anew or freed.
 * key and value are borrowed and live until the next call on the iterator.
 */
#ifndef KV_ITER_ITER_H
#define KV_ITER_ITER_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"

struct iter;

struct iter_ops {
    enum kv_status (*seek_first)(struct iter *iter);
    enum kv_status (*seek_last)(struct iter *iter);
    /* To the first entry >= target, an encoded internal key. */
    enum kv_status (*seek)(struct iter *iter, struct slice target);
    /* To the last entry <= target. */
    enum kv_status (*seek_for_prev)(struct iter *iter, struct slice target);
    enum kv_status (*next)(struct iter *iter); /* only while valid */
    enum kv_status (*prev)(struct iter *iter); /* only while valid */
    void (*free)(struct iter *iter);
};

/* What a scan tells the iterators under it: which user keys it is about, so that they need not
 * read blocks and tables beyond, and may call themselves at the end as soon as they are.  They may
 * also go on: the scan looks at every key. */
struct iter_scope {
    struct slice lower; /* inclusive */
    struct slice upper; /* exclusive */
    bool has_upper;
    /* A block that is missing is wanted together with the ones behind it, as many bytes as were
     * read in order before, but at most this; 0: alone. */
    uint64_t ahead_bytes_max;
    uint64_t block_bytes; /* counts the blocks that the iterators have looked at */
};

/* The first member of every implementation's own struct. */
struct iter {
    const struct iter_ops *ops;
    bool valid;       /* stands on an entry */
    struct slice key; /* encoded internal key */
    struct slice value;
};

MUST_CHECK static inline enum kv_status
iter_seek_first(struct iter *iter)
{
    return iter->ops->seek_first(iter);
}

MUST_CHECK static inline enum kv_status
iter_seek(struct iter *iter, struct slice target)
{
    return iter->ops->seek(iter, target);
}

MUST_CHECK static inline enum kv_status
iter_seek_last(struct iter *iter)
{
    return iter->ops->seek_last(iter);
}

MUST_CHECK static inline enum kv_status
iter_seek_for_prev(struct iter *iter, struct slice target)
{
    return iter->ops->seek_for_prev(iter, target);
}

MUST_CHECK static inline enum kv_status
iter_prev(struct iter *iter)
{
    return iter->ops->prev(iter);
}

MUST_CHECK static inline enum kv_status
iter_next(struct iter *iter)
{
    return iter->ops->next(iter);
}

static inline void
iter_free(struct iter *iter)
{
    if (iter != NULL)
        iter->ops->free(iter);
}

#endif
