/* read_ctx.c - the pins and the wishes of one read.
 *
 * The pins are a small open-addressing hash set, because a read of many keys asks for each of
 * its blocks once a pass, and passes are as many as rounds of misses.  It starts inside the
 * struct, so a point read allocates nothing.
 *
 * Invariant: a block is in the set once, and the read has exactly one pin of it.
 */
#include "cache/read_ctx.h"

#include "base/alloc.h"

struct read_memory {
    struct read_memory *next;
    uint8_t bytes[] __attribute__((aligned(16)));
};

static void
free_memory(struct read_ctx *ctx)
{
    while (ctx->memory != NULL) {
        struct read_memory *next = ctx->memory->next;

        free(ctx->memory);
        ctx->memory = next;
    }
}

static bool
same_id(struct block_id a, struct block_id b)
{
    return a.offset == b.offset && a.table_id == b.table_id;
}

static bool
same_want(const struct read_want *a, const struct read_want *b)
{
    return a->offset == b->offset && a->table == b->table && a->size == b->size;
}

static uint32_t
home_of(const struct read_ctx *ctx, struct block_id id)
{
    const uint64_t hash = (id.offset ^ (id.table_id << 40)) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)(hash >> 32) & (ctx->pin_capacity - 1);
}

/* Where the block is, or the free place where it would be put. */
static struct read_pin *
place_of(struct read_ctx *ctx, struct block_id id)
{
    uint32_t at = home_of(ctx, id);

    KV_ASSERT(ctx->pin_count < ctx->pin_capacity);
    while (ctx->pins[at].block != NULL && !same_id(ctx->pins[at].block->id, id))
        at = (at + 1) & (ctx->pin_capacity - 1);
    return &ctx->pins[at];
}

void
read_ctx_init(struct read_ctx *ctx, struct block_cache *cache)
{
    KV_ASSERT(cache != NULL);
    ctx->cache = cache;
    ctx->pins = ctx->pins_inline;
    ctx->pin_count = 0;
    ctx->pin_capacity = READ_PIN_INLINE_COUNT;
    ctx->wants = ctx->wants_inline;
    ctx->want_slots = NULL;
    ctx->want_capacity = ctx->want_limit = READ_WANT_INLINE_COUNT;
    ctx->want_count = 0;
    ctx->want_bytes = 0;
    ctx->memory = NULL;
    memset(ctx->pins_inline, 0, sizeof(ctx->pins_inline));
}

void
read_ctx_deinit(struct read_ctx *ctx)
{
    free_memory(ctx);
    for (uint32_t i = 0; i < ctx->pin_capacity && ctx->pin_count > 0; i++) {
        if (ctx->pins[i].block == NULL)
            continue;
        block_cache_unpin(ctx->cache, ctx->pins[i].block);
        ctx->pins[i].block = NULL;
        ctx->pin_count--;
    }
    KV_ASSERT(ctx->pin_count == 0);
    if (ctx->pins != ctx->pins_inline)
        free(ctx->pins);
    ctx->pins = ctx->pins_inline;
    ctx->pin_capacity = READ_PIN_INLINE_COUNT;
    if (ctx->wants != ctx->wants_inline)
        free(ctx->wants);
    free(ctx->want_slots);
    ctx->wants = ctx->wants_inline;
    ctx->want_slots = NULL;
    ctx->want_capacity = ctx->want_limit = READ_WANT_INLINE_COUNT;
    ctx->want_count = 0;
    ctx->want_bytes = 0;
}

static void
grow(struct read_ctx *ctx)
{
    struct read_pin *old = ctx->pins;
    const uint32_t old_capacity = ctx->pin_capacity;

    KV_ASSERT(old_capacity <= UINT32_MAX / 4);
    ctx->pin_capacity = old_capacity * 2;
    ctx->pins = kv_alloc_zero(ctx->pin_capacity * sizeof(struct read_pin));
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].block != NULL)
            *place_of(ctx, old[i].block->id) = old[i];
    }
    if (old != ctx->pins_inline)
        free(old);
}

/* Takes over one pin of `block`, which is not in the set. */
static struct read_pin *
add(struct read_ctx *ctx, struct block *block)
{
    struct read_pin *pin;

    if (4 * (ctx->pin_count + 1) > 3 * ctx->pin_capacity)
        grow(ctx);
    pin = place_of(ctx, block->id);
    KV_ASSERT(pin->block == NULL);
    *pin = (struct read_pin){.block = block};
    ctx->pin_count++;
    return pin;
}

static struct read_pin *
find(struct read_ctx *ctx, struct block_id id)
{
    struct read_pin *pin = place_of(ctx, id);
    struct block *block;

    if (pin->block != NULL)
        return pin;
    block = block_cache_pin(ctx->cache, id);
    return block == NULL ? NULL : add(ctx, block);
}

struct block *
read_ctx_find(struct read_ctx *ctx, struct block_id id)
{
    struct read_pin *pin = find(ctx, id);

    if (pin == NULL)
        return NULL;
    pin->kept = true;
    return pin->block;
}

struct block *
read_ctx_find_cached(struct read_ctx *ctx, struct block_id id)
{
    const struct read_pin *pin = place_of(ctx, id);

    if (pin->block == NULL && block_cache_peek(ctx->cache, id) == NULL)
        return NULL;
    return read_ctx_find(ctx, id);
}

struct block *
read_ctx_pin(struct read_ctx *ctx, struct block_id id)
{
    struct read_pin *pin = find(ctx, id);

    if (pin == NULL)
        return NULL;
    pin->use_count++;
    return pin->block;
}

/* Closes the gap, so that no search stops before what it looks for. */
static void
remove_at(struct read_ctx *ctx, uint32_t gap)
{
    const uint32_t mask = ctx->pin_capacity - 1;

    for (uint32_t at = (gap + 1) & mask; ctx->pins[at].block != NULL; at = (at + 1) & mask) {
        const uint32_t home = home_of(ctx, ctx->pins[at].block->id);

        if (((at - home) & mask) >= ((at - gap) & mask)) {
            ctx->pins[gap] = ctx->pins[at];
            gap = at;
        }
    }
    ctx->pins[gap] = (struct read_pin){0};
    ctx->pin_count--;
}

void
read_ctx_unpin(struct read_ctx *ctx, struct block *block)
{
    struct read_pin *pin = place_of(ctx, block->id);

    KV_ASSERT(pin->block == block);
    KV_ASSERT(pin->use_count > 0);
    if (--pin->use_count > 0 || pin->kept)
        return;
    remove_at(ctx, (uint32_t)(pin - ctx->pins));
    block_cache_unpin(ctx->cache, block);
}

void
read_ctx_hold(struct read_ctx *ctx, struct block *block)
{
    struct read_pin *pin = place_of(ctx, block->id);

    KV_ASSERT(block->pin_count > 0);
    if (pin->block == NULL) {
        add(ctx, block);
        return;
    }
    KV_ASSERT(pin->block == block);
    block_cache_unpin(ctx->cache, block);
}

/* The slot that has the wish, or the free one for it. */
static uint32_t *
want_slot(const struct read_ctx *ctx, const struct read_want *want)
{
    const uint32_t mask = 2 * ctx->want_capacity - 1;
    const uint64_t hash =
        (want->offset ^ (uint64_t)(uintptr_t)want->table << 20) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at = (uint32_t)(hash >> 32) & mask;

    KV_ASSERT(ctx->want_slots != NULL);
    for (; ctx->want_slots[at] != 0; at = (at + 1) & mask) {
        if (same_want(&ctx->wants[ctx->want_slots[at] - 1], want))
            break;
    }
    return &ctx->want_slots[at];
}

static void
wants_grow(struct read_ctx *ctx)
{
    struct read_want *wants = kv_alloc(2 * sizeof(*wants) * ctx->want_capacity);

    KV_ASSERT(ctx->want_count == ctx->want_capacity);
    memcpy(wants, ctx->wants, sizeof(*wants) * ctx->want_count);
    if (ctx->wants != ctx->wants_inline)
        free(ctx->wants);
    free(ctx->want_slots);
    ctx->wants = wants;
    ctx->want_capacity *= 2;
    ctx->want_slots = kv_alloc_zero(2 * sizeof(ctx->want_slots[0]) * ctx->want_capacity);
    for (uint32_t i = 0; i < ctx->want_count; i++)
        *want_slot(ctx, &ctx->wants[i]) = i + 1;
}

/* Few are looked through, many are hashed. */
static bool
is_wanted(const struct read_ctx *ctx, const struct read_want *want)
{
    if (ctx->want_slots != NULL)
        return *want_slot(ctx, want) != 0;
    for (uint32_t i = 0; i < ctx->want_count; i++) {
        if (same_want(&ctx->wants[i], want))
            return true;
    }
    return false;
}

bool
read_ctx_wants_enough(const struct read_ctx *ctx)
{
    return ctx->want_count >= ctx->want_limit ||
           (ctx->want_count >= READ_WANT_INLINE_COUNT && ctx->want_bytes >= READ_WANT_BYTES_MAX);
}

enum kv_status
read_ctx_want(struct read_ctx *ctx, struct table_reader *table, uint64_t offset, uint64_t size)
{
    const struct read_want want = {.table = table, .offset = offset, .size = size};

    KV_ASSERT(table != NULL);
    KV_ASSERT(size > 0);
    if (read_ctx_wants_enough(ctx) || is_wanted(ctx, &want))
        return KV_WANT_BLOCK;
    if (ctx->want_count == ctx->want_capacity)
        wants_grow(ctx);
    ctx->wants[ctx->want_count++] = want;
    ctx->want_bytes += size;
    if (ctx->want_slots != NULL)
        *want_slot(ctx, &want) = ctx->want_count;
    return KV_WANT_BLOCK;
}

void
read_ctx_clear_wants(struct read_ctx *ctx)
{
    free_memory(ctx);
    KV_ASSERT(ctx->want_count <= READ_WANT_COUNT_MAX);
    if (ctx->want_count == ctx->want_limit && ctx->want_limit < READ_WANT_COUNT_MAX)
        ctx->want_limit *= 2;
    if (ctx->want_slots != NULL)
        memset(ctx->want_slots, 0, 2 * sizeof(ctx->want_slots[0]) * ctx->want_capacity);
    ctx->want_count = 0;
    ctx->want_bytes = 0;
}

void *
read_ctx_alloc(struct read_ctx *ctx, size_t size)
{
    struct read_memory *memory = kv_alloc(sizeof(*memory) + size);

    KV_ASSERT(size > 0);
    memory->next = ctx->memory;
    ctx->memory = memory;
    return memory->bytes;
}
