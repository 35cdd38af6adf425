/* filter_reader.c - RocksDB's FastLocalBloom and the Bloom filter of format versions before 5. */
#include "sst/filter_reader.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/hash.h"
#include "sst/sst_format.h"

enum { MARK_LEGACY_MAX = 0x7f }; /* a legacy filter's byte 0 is its number of probes */

static void
init_fast_local(struct filter_reader *filter, const uint8_t *metadata, size_t lines_bytes)
{
    const uint32_t probe_count = metadata[2] & 0x1f;
    const uint32_t line_log = metadata[2] >> 5;

    if (metadata[1] != 0 || metadata[3] != 0 || metadata[4] != 0 || line_log != 0)
        return;
    if (probe_count == 0 || probe_count > FILTER_PROBES_MAX || lines_bytes > UINT32_MAX ||
        lines_bytes % FILTER_LINE_BYTES != 0)
        return;
    filter->kind = FILTER_FAST_LOCAL;
    filter->probe_count = probe_count;
    filter->line_bytes = FILTER_LINE_BYTES;
    filter->line_count = (uint32_t)(lines_bytes / FILTER_LINE_BYTES);
}

static void
init_legacy(struct filter_reader *filter, const uint8_t *metadata, size_t lines_bytes)
{
    const uint32_t line_count = load_fixed32(metadata + 1);
    size_t line_bytes;

    if (line_count == 0 || lines_bytes % line_count != 0)
        return;
    line_bytes = lines_bytes / line_count;
    if ((line_bytes & (line_bytes - 1)) != 0 || line_bytes > UINT32_MAX / 8)
        return;
    filter->kind = FILTER_LEGACY;
    filter->probe_count = metadata[0];
    filter->line_bytes = (uint32_t)line_bytes;
    filter->line_count = line_count;
}

void
filter_reader_init(struct filter_reader *filter, struct slice content)
{
    const uint8_t *metadata;
    size_t lines_bytes;

    *filter = (struct filter_reader){.kind = FILTER_MAYBE, .lines = content.data};
    if (content.size <= FILTER_METADATA_BYTES) {
        filter->kind = FILTER_NEVER;
        return;
    }
    lines_bytes = content.size - FILTER_METADATA_BYTES;
    metadata = content.data + lines_bytes;
    if (metadata[0] == FILTER_MARK_BLOOM)
        init_fast_local(filter, metadata, lines_bytes);
    else if (metadata[0] > 0 && metadata[0] <= MARK_LEGACY_MAX)
        init_legacy(filter, metadata, lines_bytes);
}

static bool
fast_local_may_contain(const struct filter_reader *filter, uint64_t hash)
{
    const uint8_t *bits = filter_reader_line(filter, hash);
    uint32_t probe = (uint32_t)(hash >> 32);

    KV_ASSERT(filter->line_count > 0); /* so bits is one of the lines */
    for (uint32_t i = 0; i < filter->probe_count; i++) {
        const uint32_t bit = probe >> 23;

        if ((bits[bit >> 3] & (1u << (bit & 7))) == 0)
            return false;
        probe *= FILTER_PROBE_MULTIPLIER;
    }
    return true;
}

static bool
legacy_may_contain(const struct filter_reader *filter, uint32_t hash)
{
    const uint8_t *bits = filter->lines + (size_t)(hash % filter->line_count) * filter->line_bytes;
    const uint32_t mask = filter->line_bytes * 8 - 1;
    const uint32_t delta = (hash >> 17) | (hash << 15);

    for (uint32_t i = 0; i < filter->probe_count; i++) {
        const uint32_t bit = hash & mask;

        if ((bits[bit >> 3] & (1u << (bit & 7))) == 0)
            return false;
        hash += delta;
    }
    return true;
}

bool
filter_reader_may_contain_hash(const struct filter_reader *filter, struct slice user_key,
                               uint64_t hash)
{
    switch (filter->kind) {
    case FILTER_MAYBE:
        return true;
    case FILTER_NEVER:
        return false;
    case FILTER_FAST_LOCAL:
        return fast_local_may_contain(filter, hash);
    case FILTER_LEGACY:
        return legacy_may_contain(filter, hash32(user_key.data, user_key.size, FILTER_LEGACY_SEED));
    }
    KV_ASSERT(false);
    return true;
}

bool
filter_reader_may_contain(const struct filter_reader *filter, struct slice user_key)
{
    return filter_reader_may_contain_hash(filter, user_key,
                                          hash_xxph3(user_key.data, user_key.size));
}
