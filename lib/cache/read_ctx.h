/* read_ctx.h - what one read holds on to while it waits for blocks.
 *
 * KV_WANT_BLOCK is born here and nowhere else: whoever returns it has put a wish into
 * ctx->wants.  Blocks found stay pinned until the read ends, so every pass gets further.
 * The read brings the wanted bytes (block_fetch in db/ through the ring; table_fetch_blocking in
 * sst/ for the worker and the tools), and runs again from the top.
 */
#ifndef KV_CACHE_READ_CTX_H
#define KV_CACHE_READ_CTX_H

#include "base/limits.h"
#include "base/status.h"
#include "cache/block_cache.h"

struct table_reader;

/* What is missing: bytes [offset, offset + size) of a table's file, trailer included.  Given
 * to table_reader_feed when they are there; a table that is not open yet wants the pieces of its
 * index the same way. */
struct read_want {
    struct table_reader *table; /* borrowed; the version that lists it is pinned by the read */
    uint64_t offset;
    uint64_t size;
};

struct read_ctx {
    struct block_cache *cache;
    struct block **pins; /* owned array; grows */
    uint32_t pin_count;
    uint32_t pin_capacity;
    struct read_want wants[READ_WANT_COUNT_MAX];
    uint32_t want_count;
};

void read_ctx_init(struct read_ctx *ctx, struct block_cache *cache);
/* Lets go of all pins. */
void read_ctx_deinit(struct read_ctx *ctx);
/* Lets go of one block: a scan releases what it has passed. */
void read_ctx_unpin(struct read_ctx *ctx, struct block *block);

/* A cached block, pinned by ctx (once, however often it is asked for), or NULL. */
struct block *read_ctx_find(struct read_ctx *ctx, struct block_id id);
/* Pins a block that was inserted on behalf of this read; takes over the caller's pin. */
void read_ctx_hold(struct read_ctx *ctx, struct block *block);
/* Records a wish; more than READ_WANT_COUNT_MAX are dropped (they will be met again), the same
 * one twice is recorded once.  Returns KV_WANT_BLOCK. */
MUST_CHECK enum kv_status read_ctx_want(struct read_ctx *ctx, struct table_reader *table,
                                        uint64_t offset, uint64_t size);
/* Forgets the wishes, before the next pass. */
void read_ctx_clear_wants(struct read_ctx *ctx);

#endif
