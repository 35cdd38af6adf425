#include "version/version_stats.h"

#include "version/version_set_internal.h"

enum { ENTRY_BYTES_GUESS = 100 }; /* of a database in which no table was opened yet */

static uint64_t
version_reader_bytes(const struct version *version)
{
    uint64_t bytes = 0;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < version->levels[level].count; i++)
            bytes += table_reader_bytes_used(version->levels[level].files[i]->reader);
    }
    return bytes;
}

uint64_t
version_set_reader_bytes(const struct version_set *set)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < set->family_count; i++)
        bytes += version_reader_bytes(set->families[i]->current);
    for (uint32_t i = 0; i < set->ahead_count; i++)
        bytes += table_reader_bytes_used(set->ahead[i]);
    return bytes;
}

bool
version_set_is_idle(const struct version_set *set)
{
    return !set->manifest.busy && list_empty(&set->queue) && list_empty(&set->batch);
}

static bool
take_counts(uint64_t entry_count, uint64_t deletion_count, int64_t *count)
{
    if (entry_count > TABLE_ENTRY_COUNT_MAX || deletion_count > entry_count)
        return false;
    *count = (int64_t)entry_count - 2 * (int64_t)deletion_count;
    return true;
}

/* False: the MANIFEST does not say, and the table is not open, and stays so. */
static bool
count_table(const struct table_file *file, struct block_cache *cache, int64_t *count)
{
    struct table_properties properties;
    struct read_ctx ctx;
    enum kv_status st;

    if (file->meta.has_counts)
        return take_counts(file->meta.entry_count, file->meta.deletion_count, count);
    if (table_reader_fd(file->reader) < 0)
        return false;
    read_ctx_init(&ctx, cache);
    st = table_reader_properties(file->reader, &ctx, &properties);
    read_ctx_clear_wants(&ctx);
    read_ctx_deinit(&ctx);
    return st == KV_OK && take_counts(properties.entry_count, properties.deletion_count, count);
}

int64_t
version_key_count_estimate(struct version *version, struct block_cache *cache,
                           table_is_deleted_fn *is_deleted, void *owner, uint64_t now_ms,
                           int64_t *with_deadline_out)
{
    uint64_t bytes_counted = 0, bytes_unknown = 0;
    int64_t total = 0;

    *with_deadline_out = 0;
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < version->levels[level].count; i++) {
            const struct table_file *file = version->levels[level].files[i];
            int64_t count;

            if (is_deleted != NULL && is_deleted(owner, file))
                continue;
            if (count_table(file, cache, &count)) {
                const struct deadlines *deadlines = &file->meta.deadlines;
                const uint64_t dead_count = deadlines_passed(deadlines, now_ms);

                *with_deadline_out += (int64_t)(deadlines->count - dead_count);
                total += count - (int64_t)dead_count;
                bytes_counted += file->meta.bytes;
            } else {
                bytes_unknown += file->meta.bytes;
            }
        }
    }
    if (bytes_counted > 0 && total > 0)
        return total + (int64_t)((double)bytes_unknown / (double)bytes_counted * (double)total);
    return total + (int64_t)(bytes_unknown / ENTRY_BYTES_GUESS);
}
