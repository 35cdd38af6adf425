/* table_block.c - from a handle to a block's checked bytes. */
#include "base/alloc.h"
#include "base/limits.h"
#include "sst/table_reader_internal.h"

/* Offsets and sizes from the file are any 64-bit numbers: nothing may be added before this. */
bool
table_handle_fits(const struct table_reader *table, struct block_handle handle)
{
    return handle.size <= BLOCK_BYTES_MAX && handle.offset <= table->file_bytes &&
           handle.size + BLOCK_TRAILER_BYTES <= table->file_bytes - handle.offset;
}

enum kv_status
table_block_verify(const struct table_reader *table, uint64_t offset, struct slice stored,
                   struct slice *payload_out, uint8_t *type_out)
{
    struct slice payload;
    uint32_t expected, actual;
    uint8_t type;

    if (stored.size < BLOCK_TRAILER_BYTES)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu is shorter than a trailer", table->path,
                       (unsigned long long)offset);
    payload = slice_of(stored.data, stored.size - BLOCK_TRAILER_BYTES);
    type = stored.data[payload.size];
    expected = load_fixed32(stored.data + payload.size + 1);
    if (table->footer.checksum_kind != CHECKSUM_NONE) {
        actual = block_checksum(table->footer.checksum_kind, payload, type);
        if (actual != expected)
            return KV_FAIL(KV_CORRUPT,
                           "table %s: block at %llu, %zu bytes: checksum %08x, stored is %08x",
                           table->path, (unsigned long long)offset, payload.size, actual, expected);
    }
    *payload_out = payload;
    *type_out = type;
    return KV_OK;
}

enum kv_status
table_block_get(struct table_reader *table, struct read_ctx *ctx, struct block_handle handle,
                bool passing, struct block **block_out)
{
    const struct block_id id = {.table_id = table->file_number, .offset = handle.offset};

    KV_ASSERT(table->state == TABLE_OPEN);
    *block_out = passing ? read_ctx_pin(ctx, id) : read_ctx_find(ctx, id);
    if (*block_out != NULL)
        return KV_OK;
    if (!table_handle_fits(table, handle))
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu, %llu bytes, is not inside the file",
                       table->path, (unsigned long long)handle.offset,
                       (unsigned long long)handle.size);
    if (table_open_wanted(table, handle.offset, handle.size + BLOCK_TRAILER_BYTES))
        return KV_FAIL(KV_CORRUPT, "table %s: the index points to a meta block at %llu",
                       table->path, (unsigned long long)handle.offset);
    return read_ctx_want(ctx, table, handle.offset, handle.size + BLOCK_TRAILER_BYTES);
}

enum kv_status
table_block_fault(const struct table_reader *table, uint64_t offset, const struct block_iter *iter)
{
    KV_ASSERT(iter->fault != NULL);
    return KV_FAIL(iter->fault_status, "table %s: block at %llu: %s", table->path,
                   (unsigned long long)offset, iter->fault);
}
