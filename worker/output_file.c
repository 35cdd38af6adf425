/* output_file.c - one file, two descriptors.
 *
 * The plain descriptor makes the file and writes the part block at its end; the direct one writes
 * all whole blocks.  That way nothing has to be cut off afterwards, so the jail need not allow
 * truncation, and a file system that refuses O_DIRECT (some do so after having made the file)
 * costs nothing but the second descriptor.
 */
#include "worker/output_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "worker/give_way.h"
#include "worker/page_cache.h"

enum {
    BLOCK_BYTES = 512 * 1024,
    DIRECT_READ_BYTES = 1024 * 1024,
    CACHED_READ_BYTES = 128 * 1024, /* see read_back */
    BLOCK_ALIGNMENT = 4096,
    SYNC_INTERVAL_BYTES = 16 * 1024 * 1024, /* without O_DIRECT: no sync may take long */
};

static_assert(BLOCK_BYTES % BLOCK_ALIGNMENT == 0, "direct writes are whole sectors");

/* A refusal is no failure here, and so is not logged as one. */
static int
try_open_direct(struct io *io, const char *path, int open_flags)
{
    struct io_request request = {
        .op = IO_OPEN, .path = path, .open_flags = open_flags | O_DIRECT | O_CLOEXEC};
    const int64_t fd = io_call(io, &request);

    if (fd >= 0)
        return (int)fd;
    kv_log(LOG_LEVEL_VERBOSE, "%s: no O_DIRECT here (%s)", path, strerror((int)-fd));
    return -1;
}

enum kv_status
output_file_open(struct output_file *file, struct io *io, struct heartbeat *heartbeat,
                 const char *path)
{
    const size_t length = strlen(path);
    enum kv_status st;

    KV_ASSERT(io != NULL && heartbeat != NULL);
    if (length >= sizeof(file->path))
        return KV_FAIL(KV_LIMIT, "a path of %zu bytes", length);
    *file = (struct output_file){.io = io, .heartbeat = heartbeat, .fd = -1, .fd_direct = -1};
    memcpy(file->path, path, length + 1);
    st = file_open(io, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, &file->fd);
    if (st != KV_OK)
        return st;
    file->fd_direct = try_open_direct(io, path, O_WRONLY);
    file->block = kv_alloc_aligned(BLOCK_ALIGNMENT, BLOCK_BYTES);
    return KV_OK;
}

static enum kv_status
sync_when_due(struct output_file *file)
{
    enum kv_status st;

    if (file->fd_direct >= 0 || file->offset - file->synced < SYNC_INTERVAL_BYTES)
        return KV_OK;
    st = file_sync(file->io, file->fd);
    file->synced = file->offset;
    return st;
}

static enum kv_status
write_block(struct output_file *file)
{
    const bool whole = file->fill == BLOCK_BYTES;
    const int fd = whole && file->fd_direct >= 0 ? file->fd_direct : file->fd;
    enum kv_status st;

    st = file_write(file->io, fd, file->offset, file->block, file->fill);
    if (st != KV_OK)
        return st;
    file->offset += file->fill;
    file->heartbeat->bytes_done += file->fill;
    file->fill = 0;
    st = sync_when_due(file);
    if (st != KV_OK)
        return st;
    return heartbeat_beat(file->heartbeat);
}

enum kv_status
output_file_append(struct output_file *file, struct slice bytes)
{
    enum kv_status st;

    KV_ASSERT(file->fd >= 0);
    give_way(file->io);
    while (bytes.size > 0) {
        const size_t room = BLOCK_BYTES - file->fill;
        const size_t take = bytes.size < room ? bytes.size : room;

        memcpy(file->block + file->fill, bytes.data, take);
        file->fill += take;
        bytes = slice_of(bytes.data + take, bytes.size - take);
        if (file->fill < BLOCK_BYTES)
            continue;
        st = write_block(file);
        if (st != KV_OK)
            return st;
    }
    return KV_OK;
}

static enum kv_status
write_rest(struct output_file *file)
{
    KV_ASSERT(file->fd >= 0);
    return file->fill > 0 ? write_block(file) : KV_OK;
}

enum kv_status
output_file_finish(struct output_file *file)
{
    enum kv_status st = write_rest(file);

    if (st == KV_OK)
        st = file_sync(file->io, file->fd);
    return st;
}

enum kv_status
output_file_finish_unsynced(struct output_file *file, int *fd_out)
{
    const enum kv_status st = write_rest(file);

    *fd_out = -1;
    if (st != KV_OK)
        return st;
    *fd_out = file->fd;
    file->fd = -1;
    return KV_OK;
}

void
output_file_close(struct output_file *file)
{
    file_close(file->io, file->fd_direct);
    file_close(file->io, file->fd);
    free(file->block);
    file->fd = file->fd_direct = -1;
    file->block = NULL;
}

/* Whoever fills the page cache works in the kernel, which lets nobody else have the core until a
 * call is over, and reads ahead as much as keeps the disk busy for ten milliseconds.  So the calls
 * are small here, and what is ahead of them is just enough for the disk not to wait for us. */
static enum kv_status
read_back(struct io *io, struct heartbeat *heartbeat, int fd, bool direct, uint8_t *block,
          uint32_t *checksum_out, uint64_t *bytes_out)
{
    struct io_request request = {.op = IO_READ,
                                 .fd = fd,
                                 .buffer = block,
                                 .size = direct ? DIRECT_READ_BYTES : CACHED_READ_BYTES};
    enum kv_status st = KV_OK;
    uint32_t checksum = 0;

    while (st == KV_OK) {
        int64_t got;

        if (!direct)
            page_cache_want(fd, request.offset + CACHED_READ_BYTES, 2 * CACHED_READ_BYTES);
        got = io_call(io, &request);
        if (got == -EINTR)
            continue;
        if (got < 0)
            return KV_FAIL(kv_status_from_errno((int)got), "reading back at %" PRIu64 ": %s",
                           request.offset, strerror((int)-got));
        if (got == 0)
            break;
        checksum = crc32c_extend(checksum, block, (size_t)got);
        request.offset += (uint64_t)got;
        give_way(io);
        st = heartbeat_beat(heartbeat);
    }
    *checksum_out = checksum;
    *bytes_out = request.offset;
    return st;
}

static enum kv_status
open_again(struct io *io, const struct output_expected *expected, int *fd_out, bool *direct_out)
{
    enum kv_status st = KV_OK;

    *fd_out = expected->into_cache ? -1 : try_open_direct(io, expected->path, O_RDONLY);
    *direct_out = *fd_out >= 0;
    if (!*direct_out)
        st = file_open(io, expected->path, O_RDONLY | O_CLOEXEC, fd_out);
    if (st != KV_OK)
        return st;
    page_cache_forget(*fd_out);
    page_cache_read_nothing_ahead(*fd_out);
    return KV_OK;
}

enum kv_status
output_file_verify(struct io *io, struct heartbeat *heartbeat,
                   const struct output_expected *expected)
{
    uint8_t *block = kv_alloc_aligned(BLOCK_ALIGNMENT, DIRECT_READ_BYTES);
    uint32_t checksum = 0;
    uint64_t size = 0;
    enum kv_status st;
    bool direct;
    int fd;

    KV_ASSERT(expected->bytes > 0);
    st = open_again(io, expected, &fd, &direct);
    if (st == KV_OK)
        st = read_back(io, heartbeat, fd, direct, block, &checksum, &size);
    if (st == KV_OK && (size != expected->bytes || checksum != expected->checksum_crc32c))
        st = KV_FAIL(KV_CORRUPT,
                     "%s: wrote %" PRIu64 " bytes (crc32c %08x), reads as %" PRIu64
                     " bytes (crc32c %08x)",
                     expected->path, expected->bytes, expected->checksum_crc32c, size, checksum);
    file_close(io, fd);
    free(block);
    return st;
}
