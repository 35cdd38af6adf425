/* read_ctx.h - what one read holds on to while it waits for blocks.
 *
 * KV_WANT_BLOCK is born here and nowhere else: whoever returns it has put a wish into
 * ctx->wants.  Blocks found stay pinned until the read ends, so every pass gets further.
 * The read brings the wanted bytes (block_fetch in db/ through the ring; table_fetch_blocking in
 * sst/ for the worker and the tools), and runs again from the top.
 */
#ifndef KV_CACHE_READ_CTX_H
#define KV_CACHE_READ_CTX_H

#include <stdbool.h>

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

enum { READ_PIN_INLINE_COUNT = 16, READ_WANT_INLINE_COUNT = 64 };

/* One block of which the read has exactly one pin. */
struct read_pin {
    struct block *block; /* NULL: a free place */
    uint32_t use_count;  /* read_ctx_pin less read_ctx_unpin */
    bool kept;           /* until the read ends */
};

/* Must not be copied or moved while it holds pins. */
struct read_ctx {
    struct block_cache *cache; /* borrowed */
    struct read_pin *pins;     /* a hash set by block id; owned unless it is pins_inline */
    uint32_t pin_count;
    uint32_t pin_capacity; /* a power of two */
    uint32_t want_count;
    uint32_t want_limit;     /* of this pass: doubles from pass to pass */
    uint32_t want_capacity;  /* a power of two */
    uint64_t want_bytes;     /* sum of the sizes */
    struct read_want *wants; /* owned unless it is wants_inline */
    uint32_t *want_slots;    /* owned: a hash set of 1 + index, 2 * want_capacity; NULL: inline */
    struct read_memory *memory; /* owned list: read_ctx_alloc */
    struct read_pin pins_inline[READ_PIN_INLINE_COUNT];
    struct read_want wants_inline[READ_WANT_INLINE_COUNT];
};

void read_ctx_init(struct read_ctx *ctx, struct block_cache *cache);
/* Lets go of all pins. */
void read_ctx_deinit(struct read_ctx *ctx);

/* A cached block, pinned by ctx until the read ends, or NULL.  Asking again for a block that ctx
 * has is not a hit for the cache: a retry must not make a block look popular. */
struct block *read_ctx_find(struct read_ctx *ctx, struct block_id id);
/* Likewise; that it is not cached does not count as a miss: the caller will ask again. */
struct block *read_ctx_find_cached(struct read_ctx *ctx, struct block_id id);
/* As read_ctx_find, but only until as many read_ctx_unpin: a scan lets go of what it has passed. */
struct block *read_ctx_pin(struct read_ctx *ctx, struct block_id id);
void read_ctx_unpin(struct read_ctx *ctx, struct block *block);
/* Pins a block that was inserted on behalf of this read; takes over the caller's pin. */
void read_ctx_hold(struct read_ctx *ctx, struct block *block);
/* Memory for what the read makes out of several blocks.  It lives until the read ends or
 * read_ctx_clear_wants begins the next pass, which makes it again. */
void *read_ctx_alloc(struct read_ctx *ctx, size_t size);
/* Records a wish, unless read_ctx_wants_enough (it will be met again); the same one twice is
 * recorded once.  Returns KV_WANT_BLOCK. */
MUST_CHECK enum kv_status read_ctx_want(struct read_ctx *ctx, struct table_reader *table,
                                        uint64_t offset, uint64_t size);
/* Nothing more is recorded in this pass, so a read of many keys may as well end it.  The first
 * pass takes 64 wishes and each further one twice as many, up to READ_WANT_COUNT_MAX: the passes
 * of a read of many cold keys cost about as much as two over all of it. */
bool read_ctx_wants_enough(const struct read_ctx *ctx);
/* Forgets the wishes and frees the memory of the pass, before the next one. */
void read_ctx_clear_wants(struct read_ctx *ctx);

#endif
