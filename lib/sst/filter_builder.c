/* filter_builder.c - all probes of a key fall into one line of 64 bytes, that is one cache miss,
 * and that miss is taken early: the lines of the next keys are prefetched while one is filled.
 */
#include "sst/filter_builder.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "sst/sst_format.h"

enum { HASH_CAPACITY_MIN = 1024, PREFETCH_DISTANCE = 8 };

static const uint64_t FILTER_LINES_BYTES_MAX = 0xffffffc0u;

void
filter_builder_init(struct filter_builder *builder, uint32_t bits_per_key)
{
    KV_ASSERT(bits_per_key <= 100);
    *builder = (struct filter_builder){.bits_per_key = bits_per_key};
}

void
filter_builder_deinit(struct filter_builder *builder)
{
    free(builder->hashes);
    *builder = (struct filter_builder){0};
}

void
filter_builder_add(struct filter_builder *builder, struct slice user_key)
{
    uint64_t hash;

    if (builder->bits_per_key == 0)
        return;
    hash = hash_xxph3(user_key.data, user_key.size);
    if (builder->hash_count > 0 && builder->hashes[builder->hash_count - 1] == hash)
        return;
    if (builder->hash_count == builder->hash_capacity) {
        builder->hash_capacity =
            builder->hash_capacity == 0 ? HASH_CAPACITY_MIN : builder->hash_capacity * 2;
        builder->hashes =
            kv_realloc(builder->hashes, builder->hash_capacity * sizeof(builder->hashes[0]));
    }
    builder->hashes[builder->hash_count++] = hash;
}

static uint64_t
lines_bytes(const struct filter_builder *builder)
{
    const uint64_t bits = (uint64_t)builder->hash_count * builder->bits_per_key;
    const uint64_t bytes = (bits + 7) / 8;
    const uint64_t rounded =
        (bytes + FILTER_LINE_BYTES - 1) / FILTER_LINE_BYTES * FILTER_LINE_BYTES;

    return rounded < FILTER_LINES_BYTES_MAX ? rounded : FILTER_LINES_BYTES_MAX;
}

size_t
filter_builder_size(const struct filter_builder *builder)
{
    return lines_bytes(builder) + FILTER_METADATA_BYTES;
}

/* RocksDB's choice, not quite the textbook's 0.69 per bit: local filters prefer fewer. */
static unsigned
probe_count_for(uint32_t bits_per_key)
{
    static const uint32_t millibits_max[] = {2080,  3580,  5100,  6640,  8300,  10070,
                                             11720, 14001, 16050, 18300, 22001, 25501};
    const uint32_t millibits = bits_per_key * 1000;

    for (unsigned i = 0; i < sizeof(millibits_max) / sizeof(millibits_max[0]); i++) {
        if (millibits <= millibits_max[i])
            return i + 1;
    }
    return millibits > 50000 ? 24 : (millibits - 1) / 2000 - 1;
}

static inline uint8_t *
line_of(uint8_t *lines, uint64_t line_count, uint64_t hash)
{
    return lines + FILTER_LINE_BYTES * ((line_count * (uint32_t)hash) >> 32);
}

static inline void
fill_line(uint8_t *line, uint64_t hash, unsigned probe_count)
{
    uint32_t probe = (uint32_t)(hash >> 32);

    for (unsigned i = 0; i < probe_count; i++) {
        const uint32_t bit = probe >> 23;

        line[bit >> 3] |= (uint8_t)(1u << (bit & 7));
        probe *= FILTER_PROBE_MULTIPLIER;
    }
}

void
filter_builder_finish(const struct filter_builder *builder, struct buffer *target)
{
    const size_t size = filter_builder_size(builder);
    const uint64_t line_count = lines_bytes(builder) / FILTER_LINE_BYTES;
    const unsigned probe_count = probe_count_for(builder->bits_per_key);
    uint8_t *lines = buffer_reserve(target, size);
    uint8_t *metadata = lines + size - FILTER_METADATA_BYTES;

    KV_ASSERT(builder->hash_count > 0);
    KV_ASSERT(probe_count >= 1 && probe_count <= FILTER_PROBES_MAX);
    memset(lines, 0, size);
    for (size_t i = 0; i < builder->hash_count; i++) {
        if (i + PREFETCH_DISTANCE < builder->hash_count)
            __builtin_prefetch(line_of(lines, line_count, builder->hashes[i + PREFETCH_DISTANCE]),
                               1);
        fill_line(line_of(lines, line_count, builder->hashes[i]), builder->hashes[i], probe_count);
    }
    metadata[0] = FILTER_MARK_BLOOM;
    metadata[2] = (uint8_t)probe_count;
    target->size += size;
}
