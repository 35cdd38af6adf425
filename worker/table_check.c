#include "worker/table_check.h"

#include <inttypes.h>

#include "base/log.h"
#include "cache/block_cache.h"
#include "sst/table_reader.h"

enum { CHECK_CACHE_BYTES = 1024 * 1024 };

/* Brings what a pass wanted. */
static enum kv_status
fetch_and_count(struct io *io, struct read_ctx *ctx, uint32_t *pass_count)
{
    enum kv_status st;

    if (++*pass_count > READ_PASS_COUNT_MAX)
        return KV_FAIL(KV_CORRUPT, "a check of a new table gets nowhere");
    st = table_fetch_blocking(io, ctx);
    read_ctx_clear_wants(ctx);
    return st;
}

static enum kv_status
check_properties(struct io *io, struct table_reader *table, struct read_ctx *ctx,
                 const struct table_summary *summary)
{
    struct table_properties found;
    uint32_t pass_count = 0;
    enum kv_status st;

    while ((st = table_reader_properties(table, ctx, &found)) == KV_WANT_BLOCK) {
        st = fetch_and_count(io, ctx, &pass_count);
        if (st != KV_OK)
            return st;
    }
    if (st == KV_OK && (found.entry_count != summary->entry_count ||
                        found.range_tombstone_count != summary->range_tombstone_count))
        st = KV_FAIL(KV_CORRUPT,
                     "table %" PRIu64 " was built with %" PRIu64 " entries (%" PRIu64
                     " range tombstones) and says %" PRIu64 " (%" PRIu64 ")",
                     summary->file_number, summary->entry_count, summary->range_tombstone_count,
                     found.entry_count, found.range_tombstone_count);
    return st;
}

/* With range tombstones the smallest key may be one's begin, which is no entry. */
static bool
first_key_is_right(const struct iter *iter, const struct table_summary *summary)
{
    const struct slice smallest = buffer_slice(&summary->smallest);

    if (summary->range_tombstone_count == 0)
        return iter->valid && slice_equal(iter->key, smallest);
    if (!iter->valid)
        return summary->entry_count == summary->range_tombstone_count;
    return internal_key_compare(iter->key, smallest) >= 0;
}

static enum kv_status
check_first_key(struct io *io, struct table_reader *table, struct read_ctx *ctx,
                const struct table_summary *summary)
{
    struct iter *iter = table_iter_new(table, ctx);
    uint32_t pass_count = 0;
    enum kv_status st;

    while ((st = iter_seek_first(iter)) == KV_WANT_BLOCK) {
        st = fetch_and_count(io, ctx, &pass_count);
        if (st != KV_OK)
            break;
    }
    if (st == KV_OK && !first_key_is_right(iter, summary))
        st = KV_FAIL(KV_CORRUPT, "table %" PRIu64 " does not begin with its smallest key",
                     summary->file_number);
    iter_free(iter);
    return st;
}

enum kv_status
table_check_run(struct io *io, const char *path, const struct table_summary *summary)
{
    const struct table_reader_options options = {.file_number = summary->file_number,
                                                 .file_bytes = summary->file_bytes,
                                                 .path = path,
                                                 .smallest = buffer_slice(&summary->smallest),
                                                 .largest = buffer_slice(&summary->largest),
                                                 .seq_largest = summary->seq_largest};
    struct block_cache *cache = block_cache_new(CHECK_CACHE_BYTES);
    struct table_reader *table = table_reader_new(&options);
    struct read_ctx ctx;
    enum kv_status st;

    read_ctx_init(&ctx, cache);
    st = check_properties(io, table, &ctx, summary);
    if (st == KV_OK)
        st = check_first_key(io, table, &ctx, summary);
    KV_ASSERT(st != KV_WANT_BLOCK);
    read_ctx_deinit(&ctx);
    table_reader_unref(table);
    block_cache_free(cache);
    return st;
}
