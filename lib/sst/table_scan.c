/* table_scan.c - a window over the file, a block in the window, an entry in the block.
 *
 * The data blocks of a table lie one behind the other, so a window that begins where the wanted
 * block does serves the ones after it too.  An uncompressed block is walked where it lies in the
 * window; a compressed one in memory of its own.
 *
 * Order is checked within blocks and across them, whatever the file says, since those who merge
 * rely on it.
 */
#include "sst/table_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "cache/block_cache.h"
#include "io/file.h"
#include "sst/compression.h"
#include "sst/index_iter.h"
#include "sst/table_reader_internal.h"

enum {
    SECTOR_BYTES = 4096,
    INDEX_CACHE_BYTES = 1024 * 1024, /* for the partitions of a two-level index */
};

struct table_scan {
    struct iter iter;
    struct table_reader *table; /* a reference */
    struct io *io;              /* borrowed */
    struct block_cache *cache;  /* owned */
    struct read_ctx ctx;
    struct index_iter index;
    bool index_ready;
    struct block_iter data;
    uint64_t block_offset; /* of the block that `data` walks */
    void *block;           /* owned: its bytes if it was compressed */
    struct buffer key;     /* of the entry shown, with a global sequence number */
    struct buffer last;    /* the last key shown of the block before */

    bool cached; /* by the page cache */
    int fd;
    uint8_t *window; /* owned, aligned */
    size_t window_capacity, window_bytes;
    size_t read_bytes; /* what one read brings */
    uint64_t window_offset;
    uint64_t bytes_done;
};

static struct table_scan *
table_scan_of(struct iter *iter)
{
    return KV_CONTAINER_OF(iter, struct table_scan, iter);
}

static uint64_t
round_up(uint64_t bytes)
{
    return (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
}

/* --- bytes --- */

/* A refusal of O_DIRECT is no failure. */
static enum kv_status
open_file(struct table_scan *scan)
{
    struct io_request request = {.op = IO_OPEN,
                                 .path = table_reader_path(scan->table),
                                 .open_flags = O_RDONLY | O_DIRECT | O_CLOEXEC};
    const int64_t fd = scan->cached ? -EINVAL : io_call(scan->io, &request);

    if (fd >= 0) {
        scan->fd = (int)fd;
        return KV_OK;
    }
    return file_open(scan->io, table_reader_path(scan->table), O_RDONLY | O_CLOEXEC, &scan->fd);
}

static void
reserve_window(struct table_scan *scan, size_t bytes)
{
    if (scan->window_capacity >= bytes)
        return;
    free(scan->window);
    scan->window = kv_alloc_aligned(SECTOR_BYTES, bytes);
    scan->window_capacity = bytes;
}

/* Reads on until `needed` bytes are there, a whole number of sectors at a time. */
static enum kv_status
read_window(struct table_scan *scan, size_t needed)
{
    struct io_request request = {.op = IO_READ, .fd = scan->fd};

    while (scan->window_bytes < needed) {
        const size_t have = scan->window_bytes / SECTOR_BYTES * SECTOR_BYTES;
        int64_t got;

        request.buffer = scan->window + have;
        request.size = scan->window_capacity - have;
        request.offset = scan->window_offset + have;
        got = io_call(scan->io, &request);
        if (got == -EINTR)
            continue;
        if (got < 0)
            return KV_FAIL(kv_status_from_errno((int)got), "table %s: reading at %" PRIu64 ": %s",
                           scan->table->path, request.offset, strerror((int)-got));
        /* Of a disk in trouble, too; so nothing is said against the bytes that are there. */
        if (have + (size_t)got <= scan->window_bytes)
            return KV_FAIL(KV_IO, "table %s ends at %" PRIu64 ", inside a block", scan->table->path,
                           scan->window_offset + scan->window_bytes);
        scan->window_bytes = have + (size_t)got;
    }
    return KV_OK;
}

/* The stored bytes of a block, trailer included, in the window. */
static enum kv_status
fetch(struct table_scan *scan, struct block_handle handle, struct slice *stored_out)
{
    const uint64_t end = handle.offset + handle.size + BLOCK_TRAILER_BYTES;
    enum kv_status st;

    if (handle.offset < scan->window_offset || end > scan->window_offset + scan->window_bytes) {
        const uint64_t start = handle.offset / SECTOR_BYTES * SECTOR_BYTES;
        const uint64_t needed = round_up(end - start);

        reserve_window(scan, needed > scan->read_bytes ? (size_t)needed : scan->read_bytes);
        scan->window_offset = start;
        scan->window_bytes = 0;
        st = read_window(scan, (size_t)(end - start));
        if (st != KV_OK)
            return st;
    }
    *stored_out = slice_of(scan->window + (handle.offset - scan->window_offset),
                           (size_t)handle.size + BLOCK_TRAILER_BYTES);
    return KV_OK;
}

/* --- blocks --- */

static enum kv_status
block_fault(const struct table_scan *scan)
{
    return table_block_fault(scan->table, scan->block_offset, &scan->data);
}

static enum kv_status
unpack(struct table_scan *scan, struct slice stored, struct slice *bytes_out)
{
    struct slice payload;
    uint8_t type;
    size_t raw_size;
    enum kv_status st;

    free(scan->block);
    scan->block = NULL;
    st = table_block_verify(scan->table, scan->block_offset, stored, &payload, &type);
    if (st != KV_OK)
        return st;
    *bytes_out = payload;
    if (type == COMPRESSION_NONE)
        return KV_OK;
    st = compression_decompress(type, scan->table->footer.format_version, payload,
                                buffer_slice(&scan->table->dictionary), &scan->block, &raw_size);
    if (st != KV_OK)
        return KV_FAIL(st, "table %s: block at %" PRIu64 " does not uncompress", scan->table->path,
                       scan->block_offset);
    *bytes_out = slice_of(scan->block, raw_size);
    return KV_OK;
}

static enum kv_status
enter_block(struct table_scan *scan, struct block_handle handle)
{
    const struct block_form form = {
        .check_order = true,
        .check_types = true,
        .check_seq_zero = scan->table->has_global_seq,
        .keys_internal = true,
    };
    struct slice stored, bytes;
    enum kv_status st;

    if (!table_handle_fits(scan->table, handle))
        return KV_FAIL(KV_CORRUPT,
                       "table %s: block at %" PRIu64 ", %" PRIu64 " bytes, is not inside the file",
                       scan->table->path, handle.offset, handle.size);
    st = fetch(scan, handle, &stored);
    if (st != KV_OK)
        return st;
    scan->block_offset = handle.offset;
    scan->bytes_done += stored.size;
    st = unpack(scan, stored, &bytes);
    if (st != KV_OK)
        return st;
    return block_iter_open(&scan->data, bytes, form) ? KV_OK : block_fault(scan);
}

/* --- opening --- */

static enum kv_status
bring(struct table_scan *scan, uint32_t *pass_count)
{
    if (++*pass_count > READ_PASS_COUNT_MAX)
        return KV_FAIL(KV_CORRUPT, "table %s: opening it gets nowhere", scan->table->path);
    return table_fetch_blocking(scan->io, &scan->ctx);
}

static enum kv_status
prepare(struct table_scan *scan)
{
    uint32_t pass_count = 0;
    enum kv_status st = KV_OK;

    while (st == KV_OK && (st = table_open_advance(scan->table, &scan->ctx)) == KV_WANT_BLOCK)
        st = bring(scan, &pass_count);
    if (st == KV_OK && scan->fd < 0)
        st = open_file(scan);
    if (st == KV_OK && !scan->index_ready) {
        index_iter_init(&scan->index, scan->table, &scan->ctx, true);
        scan->index_ready = true;
    }
    return st;
}

/* --- the iterator --- */

static void
show(struct table_scan *scan)
{
    const struct block_iter *data = &scan->data;
    uint64_t footer;

    scan->iter.valid = data->valid;
    if (!data->valid)
        return;
    scan->iter.key = data->key;
    scan->iter.value = data->value;
    if (!scan->table->has_global_seq)
        return;
    footer = (scan->table->global_seq << 8) | (internal_key_footer(data->key) & 0xff);
    buffer_clear(&scan->key);
    buffer_append_slice(&scan->key, internal_key_user(data->key));
    buffer_put_fixed64(&scan->key, footer);
    scan->iter.key = buffer_slice(&scan->key);
}

/* From `user_key` on; the empty one is below all others. */
static enum kv_status
seek_index(struct table_scan *scan, struct slice user_key)
{
    const uint64_t footer = footer_pack(SEQUENCE_MAX, TYPE_SEEK);
    uint32_t pass_count = 0;
    enum kv_status st;

    while ((st = index_iter_seek(&scan->index, user_key, footer)) == KV_WANT_BLOCK) {
        st = bring(scan, &pass_count);
        if (st != KV_OK)
            return st;
    }
    return st;
}

static enum kv_status
next_index(struct table_scan *scan)
{
    uint32_t pass_count = 0;
    enum kv_status st;

    while ((st = index_iter_next(&scan->index)) == KV_WANT_BLOCK) {
        st = bring(scan, &pass_count);
        if (st != KV_OK)
            return st;
    }
    return st;
}

static enum kv_status
scan_seek(struct iter *iter, struct slice target)
{
    struct table_scan *scan = table_scan_of(iter);
    const struct slice user_key = internal_key_user(target);
    const struct block_iter *entry;
    enum kv_status st;

    KV_ASSERT(internal_key_footer(target) == footer_pack(SEQUENCE_MAX, TYPE_SEEK));
    iter->valid = false;
    buffer_clear(&scan->last);
    st = prepare(scan);
    if (st == KV_OK)
        st = seek_index(scan, user_key);
    while (st == KV_OK && (entry = index_iter_entry(&scan->index)) != NULL) {
        st = enter_block(scan, entry->handle);
        if (st != KV_OK)
            return st;
        if (!block_iter_seek(&scan->data, user_key, footer_pack(SEQUENCE_MAX, TYPE_SEEK)))
            return block_fault(scan);
        if (scan->data.valid) {
            show(scan);
            return KV_OK;
        }
        st = next_index(scan);
    }
    return st;
}

static enum kv_status
scan_seek_first(struct iter *iter)
{
    uint8_t footer[KEY_FOOTER_BYTES];

    put_fixed64(footer, footer_pack(SEQUENCE_MAX, TYPE_SEEK));
    return scan_seek(iter, slice_of(footer, sizeof(footer)));
}

static enum kv_status
enter_next_block(struct table_scan *scan)
{
    const struct block_iter *entry;
    enum kv_status st;

    buffer_clear(&scan->last);
    buffer_append_slice(&scan->last, scan->iter.key);
    scan->iter.valid = false;
    st = next_index(scan);
    if (st != KV_OK)
        return st;
    entry = index_iter_entry(&scan->index);
    if (entry == NULL)
        return KV_OK;
    st = enter_block(scan, entry->handle);
    if (st != KV_OK)
        return st;
    if (!block_iter_seek_first(&scan->data))
        return block_fault(scan);
    if (!scan->data.valid)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %" PRIu64 " is empty", scan->table->path,
                       scan->block_offset);
    if (internal_key_compare(buffer_slice(&scan->last), scan->data.key) >= 0)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %" PRIu64 " begins before the last one ends",
                       scan->table->path, scan->block_offset);
    show(scan);
    return KV_OK;
}

static enum kv_status
scan_next(struct iter *iter)
{
    struct table_scan *scan = table_scan_of(iter);

    KV_ASSERT(iter->valid);
    if (block_iter_is_last(&scan->data))
        return enter_next_block(scan);
    if (!block_iter_next(&scan->data))
        return block_fault(scan);
    show(scan);
    return KV_OK;
}

static void
scan_free(struct iter *iter)
{
    table_scan_free(table_scan_of(iter));
}

/* --- from outside --- */

struct table_scan *
table_scan_new(struct table_reader *table, struct io *io, size_t window_bytes, bool cached)
{
    static const struct iter_ops ops = {
        .seek_first = scan_seek_first,
        .seek = scan_seek,
        .next = scan_next,
        .free = scan_free,
    };
    struct table_scan *scan = kv_alloc_zero(sizeof(*scan));

    KV_ASSERT(io != NULL);
    KV_ASSERT(window_bytes > 0);
    scan->iter.ops = &ops;
    scan->table = table;
    table_reader_ref(table);
    scan->io = io;
    scan->cached = cached;
    scan->fd = -1;
    scan->read_bytes =
        (size_t)round_up(window_bytes < table->file_bytes ? window_bytes : table->file_bytes + 1);
    scan->cache = block_cache_new(INDEX_CACHE_BYTES);
    read_ctx_init(&scan->ctx, scan->cache);
    block_iter_init(&scan->data);
    return scan;
}

void
table_scan_free(struct table_scan *scan)
{
    if (scan == NULL)
        return;
    block_iter_deinit(&scan->data);
    if (scan->index_ready)
        index_iter_deinit(&scan->index);
    read_ctx_deinit(&scan->ctx);
    block_cache_free(scan->cache);
    file_close(scan->io, scan->fd);
    buffer_deinit(&scan->key);
    buffer_deinit(&scan->last);
    free(scan->block);
    free(scan->window);
    table_reader_unref(scan->table);
    free(scan);
}

struct iter *
table_scan_iter(struct table_scan *scan)
{
    return &scan->iter;
}

enum kv_status
table_scan_tombstones(struct table_scan *scan, const struct range_tombstone **tombstones_out,
                      size_t *count_out)
{
    const enum kv_status st = prepare(scan);

    if (st != KV_OK)
        return st;
    return table_reader_tombstones(scan->table, &scan->ctx, tombstones_out, count_out);
}

uint64_t
table_scan_bytes_done(const struct table_scan *scan)
{
    return scan->bytes_done;
}

struct slice
table_scan_last_key(const struct table_scan *scan)
{
    return buffer_slice(&scan->last);
}
