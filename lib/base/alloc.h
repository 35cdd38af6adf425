/* alloc.h - small allocations that cannot fail.
 *
 * Running out of memory here is a bug in our budgets, so it asserts.  The big consumers
 * (memtables, block cache, client buffers) count what they take against memory-limit.
 */
#ifndef KV_BASE_ALLOC_H
#define KV_BASE_ALLOC_H

#include <stdlib.h>

#include "base/assert.h"

static inline void *
kv_alloc(size_t size)
{
    void *memory = malloc(size);

    KV_ASSERT(size > 0);
    KV_ASSERT(memory != NULL);
    return memory;
}

static inline void *
kv_alloc_zero(size_t size)
{
    void *memory = calloc(1, size);

    KV_ASSERT(size > 0);
    KV_ASSERT(memory != NULL);
    return memory;
}

static inline void *
kv_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size);

    KV_ASSERT(size > 0);
    KV_ASSERT(moved != NULL);
    return moved;
}

/* `alignment` is a power of two; freed with free(). */
static inline void *
kv_alloc_aligned(size_t alignment, size_t size)
{
    void *memory = NULL;
    const int failed = posix_memalign(&memory, alignment, size);

    KV_ASSERT(failed == 0);
    return memory;
}

#endif
