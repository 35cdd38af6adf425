/* mem_filter.h - "can this key be in the memtable?", so that most reads of what lies in tables do
 * without a descent.
 *
 * A Bloom filter of cache lines, in kvd's own memory: not part of the mapping, and unknown to the
 * worker.  Keys of all families together; what was rolled back stays.  Included in lib/mem only.
 */
#ifndef KV_MEM_MEM_FILTER_H
#define KV_MEM_MEM_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEM_FILTER_LINE_WORDS = 8, MEM_FILTER_PROBE_COUNT = 6 };

/* Zero-initialised: empty, without room. */
struct mem_filter {
    uint64_t *words; /* owned; whole cache lines */
    uint32_t line_count;
};

/* Empty, for a mapping of so many bytes: ten bits a key when keys and values are small, more
 * otherwise. */
void mem_filter_reset(struct mem_filter *filter, size_t mapped_bytes);
void mem_filter_deinit(struct mem_filter *filter);

static inline size_t
mem_filter_bytes(const struct mem_filter *filter)
{
    return (size_t)filter->line_count * MEM_FILTER_LINE_WORDS * sizeof(uint64_t);
}

static inline uint64_t *
mem_filter_line(const struct mem_filter *filter, uint64_t hash)
{
    return filter->words +
           (((uint64_t)filter->line_count * (uint32_t)hash) >> 32) * MEM_FILTER_LINE_WORDS;
}

/* Begins to load what the two below look at. */
static inline void
mem_filter_prefetch(const struct mem_filter *filter, uint64_t hash)
{
    __builtin_prefetch(mem_filter_line(filter, hash));
}

void mem_filter_add(struct mem_filter *filter, uint64_t hash);
bool mem_filter_may_contain(const struct mem_filter *filter, uint64_t hash);

#endif
