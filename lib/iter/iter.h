/* iter.h - the iterator contract, in one place.
 *
 * An iterator walks entries in internal-key order.  A step happens or it does not: a call that
 * returns anything but KV_OK has left the iterator where it was and may be made again;
 * KV_WANT_BLOCK means that the iterator's read_ctx names a block to bring first.
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
    /* To the first entry >= target, an encoded internal key. */
    enum kv_status (*seek)(struct iter *iter, struct slice target);
    enum kv_status (*next)(struct iter *iter); /* only while valid */
    void (*free)(struct iter *iter);
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
