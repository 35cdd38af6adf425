/* level_iter.h - the tables of one sorted level as one iterator (iter.h's contract). */
#ifndef KV_VERSION_LEVEL_ITER_H
#define KV_VERSION_LEVEL_ITER_H

#include "iter/iter.h"
#include "version/version_set.h"

/* Borrows the level (its version is kept by the caller), ctx, and the scan's scope (NULL:
 * everything). */
struct iter *level_iter_new(const struct version_level *level, struct read_ctx *ctx,
                            struct iter_scope *scope);

#endif
