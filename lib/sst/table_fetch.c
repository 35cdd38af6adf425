/* table_fetch.c - the blocking way to bring what a read wants: for the worker, tools and tests. */
#include <fcntl.h>

#include "base/alloc.h"
#include "io/file.h"
#include "sst/table_reader.h"

static enum kv_status
open_table(struct io *io, struct table_reader *table)
{
    enum kv_status st;
    int fd;

    if (table_reader_fd(table) >= 0)
        return KV_OK;
    st = file_open(io, table_reader_path(table), O_RDONLY | O_CLOEXEC, &fd);
    if (st == KV_OK)
        table_reader_set_fd(table, io, fd);
    return st;
}

static enum kv_status
fetch_one(struct io *io, struct read_ctx *ctx, const struct read_want *want)
{
    enum kv_status st = open_table(io, want->table);
    uint8_t *bytes;

    if (st != KV_OK)
        return st;
    bytes = kv_alloc(want->size);
    st = file_read(io, table_reader_fd(want->table), want->offset, bytes, want->size);
    if (st == KV_OK)
        st = table_reader_feed(want->table, ctx->cache, ctx, want->offset,
                               slice_of(bytes, want->size));
    free(bytes);
    return st;
}

enum kv_status
table_fetch_blocking(struct io *io, struct read_ctx *ctx)
{
    enum kv_status st = KV_OK;

    KV_ASSERT(io != NULL);
    KV_ASSERT(ctx->want_count > 0);
    for (uint32_t i = 0; i < ctx->want_count && st == KV_OK; i++)
        st = fetch_one(io, ctx, &ctx->wants[i]);
    read_ctx_clear_wants(ctx);
    return st;
}
