/* io_blocking.c - requests as plain system calls.
 *
 * A signal handler makes no request fail but those that must not be tried again.
 */
#include "io/io_blocking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "io/io_guard.h"
#include "io/io_system.h"
#include "io/timer_heap.h"

struct io_blocking {
    struct io io; /* first */
    struct list completed;
    struct timer_heap timers;
    struct random random;
};

static struct io_blocking *
io_blocking_of(struct io *io)
{
    return KV_CONTAINER_OF(io, struct io_blocking, io);
}

static int64_t
execute_write(const struct io_request *request)
{
    const struct iovec piece = {
        .iov_base = request->buffer,
        .iov_len = io_system_transfer_bytes(request),
    };

    if (!request->write_sync)
        return pwrite(request->fd, piece.iov_base, piece.iov_len, (off_t)request->offset);
    return pwritev2(request->fd, &piece, 1, (off_t)request->offset, RWF_DSYNC);
}

static int
execute_stat(struct io_request *request)
{
    struct stat found;
    const int failed =
        request->path != NULL ? stat(request->path, &found) : fstat(request->fd, &found);

    if (failed != 0)
        return failed;
    request->size_out = (uint64_t)found.st_size;
    request->link_count_out = found.st_nlink;
    return 0;
}

static uint64_t
times(uint64_t count, uint64_t unit_bytes)
{
    return unit_bytes > 0 && count > UINT64_MAX / unit_bytes ? UINT64_MAX : count * unit_bytes;
}

/* What is left for this user: a file system keeps some for root.  Some of those without a size
 * say 0 of 0. */
static int
execute_space(struct io_request *request)
{
    struct statvfs found;
    const int failed = statvfs(request->path, &found);

    if (failed != 0)
        return failed;
    request->total_out = found.f_blocks > 0 ? times(found.f_blocks, found.f_frsize) : UINT64_MAX;
    request->size_out = found.f_blocks > 0 ? times(found.f_bavail, found.f_frsize) : UINT64_MAX;
    return 0;
}

static int
execute_sync_dir(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed, failed_errno;

    if (fd < 0)
        return -1;
    failed = fsync(fd);
    failed_errno = errno;
    close(fd);
    errno = failed_errno;
    return failed;
}

static int
execute_close(int fd)
{
    const int failed = close(fd);

    return failed != 0 && errno == EINTR ? 0 : failed;
}

/* As a system call: -1 and errno. */
static int64_t
execute_once(struct io_request *request)
{
    switch (request->op) {
    case IO_OPEN:
        return open(request->path, request->open_flags | O_CLOEXEC, IO_MODE_FILE);
    case IO_CLOSE:
        return execute_close(request->fd);
    case IO_READ:
        return pread(request->fd, request->buffer, io_system_transfer_bytes(request),
                     (off_t)request->offset);
    case IO_WRITE:
        return execute_write(request);
    case IO_FSYNC:
        return fsync(request->fd);
    case IO_FDATASYNC:
        return fdatasync(request->fd);
    case IO_ALLOCATE:
    case IO_PUNCH:
        return fallocate(request->fd, io_system_allocate_mode(request), (off_t)request->offset,
                         (off_t)request->size);
    case IO_TRUNCATE:
        return ftruncate(request->fd, (off_t)request->size);
    case IO_STAT:
        return execute_stat(request);
    case IO_SPACE:
        return execute_space(request);
    case IO_RENAME:
        return rename(request->path, request->path_to);
    case IO_UNLINK:
        return unlink(request->path);
    case IO_LINK:
        return link(request->path, request->path_to);
    case IO_MKDIR:
        return mkdir(request->path, IO_MODE_DIR);
    case IO_RMDIR:
        return rmdir(request->path);
    case IO_SYNC_DIR:
        return execute_sync_dir(request->path);
    }
    KV_ASSERT(false && "an op of enum io_op");
    return -1;
}

int64_t
io_blocking_execute(struct io_request *request)
{
    int64_t result;

    do {
        result = execute_once(request);
    } while (result < 0 && errno == EINTR && io_system_may_retry(request));
    KV_ASSERT(result >= 0 || errno > 0);
    return result < 0 ? -errno : result;
}

static int64_t
blocking_call(struct io *io, struct io_request *request)
{
    (void)io;
    return io_blocking_execute(request);
}

static void
blocking_submit(struct io *io, struct io_request *request)
{
    KV_ASSERT(request->done != NULL);
    request->result = io_blocking_execute(request);
    io_guard_submitted(request); /* its bytes are there, but nobody may know yet */
    list_push_back(&io_blocking_of(io)->completed, &request->link);
}

static uint64_t
blocking_random(struct io *io)
{
    return random_next(&io_blocking_of(io)->random);
}

static void
blocking_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    timer_heap_start(&io_blocking_of(io)->timers, timer, deadline_us);
}

static void
blocking_timer_stop(struct io *io, struct io_timer *timer)
{
    timer_heap_stop(&io_blocking_of(io)->timers, timer);
}

static const struct io_ops blocking_ops = {
    .call = blocking_call,
    .submit = blocking_submit,
    .list_dir = io_system_list_dir,
    .lock_file = io_system_lock_file,
    .now_us = io_system_now_us,
    .wall_us = io_system_wall_us,
    .random = blocking_random,
    .timer_start = blocking_timer_start,
    .timer_stop = blocking_timer_stop,
};

struct io *
io_blocking_new(void)
{
    struct io_blocking *blocking = kv_alloc_zero(sizeof(*blocking));

    blocking->io.ops = &blocking_ops;
    list_init(&blocking->completed);
    io_system_seed(&blocking->random);
    return &blocking->io;
}

void
io_blocking_free(struct io *io)
{
    struct io_blocking *blocking;

    if (io == NULL)
        return;
    blocking = io_blocking_of(io);
    KV_ASSERT(io->ops == &blocking_ops);
    KV_ASSERT(list_empty(&blocking->completed));
    timer_heap_deinit(&blocking->timers);
    free(blocking);
}

bool
io_blocking_turn(struct io *io)
{
    struct io_blocking *blocking = io_blocking_of(io);
    struct list batch; /* what a handler submits waits for the next turn */
    bool any;

    KV_ASSERT(io->ops == &blocking_ops);
    list_insert_before(&blocking->completed, &batch);
    list_remove(&blocking->completed);
    any = !list_empty(&batch);
    while (!list_empty(&batch)) {
        struct io_request *request = LIST_ENTRY(batch.next, struct io_request, link);

        list_remove(&request->link);
        io_guard_completed(request);
        request->done(request);
    }
    return timer_heap_expire(&blocking->timers, io_system_now_us(io)) > 0 || any;
}
