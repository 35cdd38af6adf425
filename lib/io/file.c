/* file.c - loops over short counts, and the one place where a failed io_call becomes a line in
 * the log.
 */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* A request that names a path and failed; `result` is its negative errno. */
static enum kv_status
fail_path(const char *verb, const char *path, int64_t result)
{
    return KV_FAIL(kv_status_from_errno((int)result), "cannot %s %s: %s", verb, path,
                   strerror((int)-result));
}

static enum kv_status
fail_fd(const char *verb, const struct io_request *request)
{
    return KV_FAIL(kv_status_from_errno((int)request->result),
                   "cannot %s descriptor %d, offset %" PRIu64 ", %zu bytes: %s", verb, request->fd,
                   request->offset, request->size, strerror((int)-request->result));
}

enum kv_status
file_path(const char *dir, const char *name, char *path_out, size_t size)
{
    const int used = snprintf(path_out, size, "%s/%s", dir, name);

    KV_ASSERT(used > 0);
    if ((size_t)used >= size)
        return KV_FAIL(KV_LIMIT, "path of %d bytes is too long: %.100s.../%.100s", used, dir, name);
    return KV_OK;
}

enum kv_status
file_exists(struct io *io, const char *path, bool *exists_out)
{
    struct io_request request = {.op = IO_STAT, .path = path};
    const int64_t result = io_call(io, &request);

    *exists_out = result == 0;
    if (result == 0 || result == -ENOENT)
        return KV_OK;
    return fail_path("look for", path, result);
}

enum kv_status
file_open(struct io *io, const char *path, int open_flags, int *fd_out)
{
    struct io_request request = {.op = IO_OPEN, .path = path, .open_flags = open_flags};
    const int64_t result = io_call(io, &request);

    *fd_out = -1;
    if (result < 0)
        return fail_path("open", path, result);
    *fd_out = (int)result;
    return KV_OK;
}

/* What a close reports is about data that nobody synced, so nobody relied on it. */
void
file_close(struct io *io, int fd)
{
    struct io_request request = {.op = IO_CLOSE, .fd = fd};

    if (fd < 0)
        return;
    if (io_call(io, &request) < 0)
        (void)fail_fd("close", &request);
}

enum kv_status
file_size(struct io *io, int fd, uint64_t *size_out)
{
    struct io_request request = {.op = IO_STAT, .fd = fd};

    *size_out = 0;
    if (io_call(io, &request) < 0)
        return fail_fd("stat", &request);
    *size_out = request.size_out;
    return KV_OK;
}

enum kv_status
file_read(struct io *io, int fd, uint64_t offset, void *target, size_t size)
{
    size_t done_bytes = 0;

    KV_ASSERT(target != NULL || size == 0);
    while (done_bytes < size) {
        struct io_request request = {
            .op = IO_READ,
            .fd = fd,
            .buffer = (uint8_t *)target + done_bytes,
            .size = size - done_bytes,
            .offset = offset + done_bytes,
        };
        const int64_t result = io_call(io, &request);

        if (result < 0)
            return fail_fd("read", &request);
        if (result == 0)
            return KV_FAIL(KV_CORRUPT,
                           "descriptor %d ends at %" PRIu64 ", %zu bytes wanted at %" PRIu64, fd,
                           request.offset, size, offset);
        KV_ASSERT((uint64_t)result <= request.size);
        done_bytes += (size_t)result;
    }
    return KV_OK;
}

enum kv_status
file_write(struct io *io, int fd, uint64_t offset, const void *data, size_t size)
{
    size_t done_bytes = 0;

    KV_ASSERT(data != NULL || size == 0);
    while (done_bytes < size) {
        struct io_request request = {
            .op = IO_WRITE,
            .fd = fd,
            .buffer = (uint8_t *)(uintptr_t)data + done_bytes, /* IO_WRITE only reads it */
            .size = size - done_bytes,
            .offset = offset + done_bytes,
        };
        const int64_t result = io_call(io, &request);

        if (result == 0)
            request.result = -EIO;
        if (result <= 0)
            return fail_fd("write", &request);
        KV_ASSERT((uint64_t)result <= request.size);
        done_bytes += (size_t)result;
    }
    return KV_OK;
}

enum kv_status
file_sync(struct io *io, int fd)
{
    struct io_request request = {.op = IO_FSYNC, .fd = fd};

    return io_call(io, &request) < 0 ? fail_fd("sync", &request) : KV_OK;
}

enum kv_status
file_sync_all(struct io *io, const int *fds, uint32_t count)
{
    struct io_request *requests = kv_alloc_zero(sizeof(requests[0]) * (count + 1));
    enum kv_status st = KV_OK;

    KV_ASSERT(count <= FILE_SYNC_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++)
        requests[i] = (struct io_request){.op = IO_FSYNC, .fd = fds[i]};
    io_sync_all(io, requests, count);
    for (uint32_t i = 0; i < count; i++) {
        const enum kv_status failed =
            requests[i].result < 0 ? fail_fd("sync", &requests[i]) : KV_OK;

        st = st == KV_OK ? failed : st;
    }
    free(requests);
    return st;
}

enum kv_status
file_sync_dir(struct io *io, const char *path)
{
    struct io_request request = {.op = IO_SYNC_DIR, .path = path};
    const int64_t result = io_call(io, &request);

    return result < 0 ? fail_path("sync directory", path, result) : KV_OK;
}

enum kv_status
file_rename(struct io *io, const char *from, const char *to)
{
    struct io_request request = {.op = IO_RENAME, .path = from, .path_to = to};
    const int64_t result = io_call(io, &request);

    if (result < 0)
        return KV_FAIL(kv_status_from_errno((int)result), "cannot rename %s to %s: %s", from, to,
                       strerror((int)-result));
    return KV_OK;
}

enum kv_status
file_unlink(struct io *io, const char *path)
{
    struct io_request request = {.op = IO_UNLINK, .path = path};
    const int64_t result = io_call(io, &request);

    return result < 0 ? fail_path("remove", path, result) : KV_OK;
}

enum kv_status
file_read_all(struct io *io, const char *path, size_t size_max, struct buffer *content)
{
    uint64_t size;
    int fd;
    enum kv_status st = file_open(io, path, O_RDONLY, &fd);

    if (st != KV_OK)
        return st;
    st = file_size(io, fd, &size);
    if (st != KV_OK)
        goto done;
    if (size > size_max) {
        st = KV_FAIL(KV_LIMIT, "%s has %" PRIu64 " bytes, at most %zu can be read", path, size,
                     size_max);
        goto done;
    }
    if (size == 0)
        goto done;
    buffer_reserve(content, (size_t)size);
    st = file_read(io, fd, 0, content->data + content->size, (size_t)size);
    if (st == KV_OK)
        content->size += (size_t)size;
done:
    file_close(io, fd);
    return st;
}

static enum kv_status
write_new_file(struct io *io, const char *path, struct slice content)
{
    int fd;
    enum kv_status st = file_open(io, path, O_WRONLY | O_CREAT | O_TRUNC, &fd);

    if (st != KV_OK)
        return st;
    st = file_write(io, fd, 0, content.data, content.size);
    if (st == KV_OK)
        st = file_sync(io, fd);
    file_close(io, fd);
    return st;
}

enum kv_status
file_replace(struct io *io, const char *dir, const char *path_tmp, const char *path,
             struct slice content)
{
    struct io_request cleanup = {.op = IO_UNLINK, .path = path_tmp};
    enum kv_status st = write_new_file(io, path_tmp, content);

    if (st == KV_OK)
        st = file_rename(io, path_tmp, path);
    if (st != KV_OK) {
        (void)io_call(io, &cleanup); /* what failed has been logged; this is tidiness */
        return st;
    }
    return file_sync_dir(io, dir);
}
