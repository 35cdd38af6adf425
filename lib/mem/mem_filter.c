/* mem_filter.c - the lower half of a key's hash picks the line, the upper half the bits in it. */
#include "mem/mem_filter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { LINE_BYTES = 64, BYTES_PER_LINE = 6 * 1024 /* of the mapping: some fifty small entries */ };

static const uint32_t PROBE_MULTIPLIER = 0x9e3779b9u;

void
mem_filter_reset(struct mem_filter *filter, size_t mapped_bytes)
{
    const uint32_t line_count = (uint32_t)(mapped_bytes / BYTES_PER_LINE) + 1;

    if (filter->line_count != line_count) {
        mem_filter_deinit(filter);
        filter->line_count = line_count;
        filter->words = kv_alloc_aligned(LINE_BYTES, mem_filter_bytes(filter));
    }
    memset(filter->words, 0, mem_filter_bytes(filter));
}

void
mem_filter_deinit(struct mem_filter *filter)
{
    free(filter->words);
    *filter = (struct mem_filter){0};
}

void
mem_filter_add(struct mem_filter *filter, uint64_t hash)
{
    uint64_t *line = mem_filter_line(filter, hash);
    uint32_t probe = (uint32_t)(hash >> 32);

    KV_ASSERT(filter->line_count > 0);
    for (unsigned i = 0; i < MEM_FILTER_PROBE_COUNT; i++) {
        line[probe >> 29] |= UINT64_C(1) << (probe >> 23 & 63);
        probe *= PROBE_MULTIPLIER;
    }
}

bool
mem_filter_may_contain(const struct mem_filter *filter, uint64_t hash)
{
    const uint64_t *line = mem_filter_line(filter, hash);
    uint32_t probe = (uint32_t)(hash >> 32);

    KV_ASSERT(filter->line_count > 0);
    for (unsigned i = 0; i < MEM_FILTER_PROBE_COUNT; i++) {
        if ((line[probe >> 29] & UINT64_C(1) << (probe >> 23 & 63)) == 0)
            return false;
        probe *= PROBE_MULTIPLIER;
    }
    return true;
}
