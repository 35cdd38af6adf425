/* io_ring.c - struct io over the ring.
 *
 * A request is one submission entry, with three exceptions: IO_SYNC_DIR is open, fsync and close
 * in a row; IO_TRUNCATE and IO_SPACE have no opcode in Linux 6.1 and are done in place; and what
 * cannot be an entry (an offset that io_uring would read as "the file position") fails in place.
 * Results that are known in place are deferred to the next turn like all others.
 *
 * Reads of files go to the kernel and to their owners a few at a time.  A disk that is given work
 * early does it while the rest is made ready, and owners that run early have sent replies and asked
 * for more before the last one is looked at.  All at once, the disk would stand still while this
 * program works and the other way round: disks, virtual ones above all, often end many reads with
 * one interrupt.
 *
 * The kernel may give up on a request for reasons that are not the file's.  -EINTR and -EAGAIN
 * are tried again where that is safe.  -ECANCELED means that no kernel thread could be made
 * (RLIMIT_NPROC), hence that nothing was started, so the request runs in place.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "io/io_blocking.h"
#include "io/io_guard.h"
#include "io/io_system.h"
#include "io/ring_internal.h"

enum {
    RETRY_COUNT_MAX = 100,
    READ_BATCH_COUNT = 4,
    LINE_BYTES = 64,
    NEAR_BYTES_MAX = 8192,
    STAT_MASK = STATX_SIZE | STATX_NLINK,
};

enum sync_dir_step { SYNC_DIR_OPEN, SYNC_DIR_FSYNC, SYNC_DIR_CLOSE };

/* Lives in struct io_request's private. */
struct ring_op {
    struct ring_event event; /* first */
    struct ring *ring;
    struct statx *stat; /* owned, IO_STAT only */
    int64_t sync_result;
    int dir_fd;
    enum sync_dir_step step;
    uint32_t retry_count;
};

static_assert(sizeof(struct ring_op) <= sizeof(((struct io_request *)0)->private),
              "a ring_op fits into a request");

static struct ring_op *
op_of(struct io_request *request)
{
    return (struct ring_op *)(void *)request->private;
}

static struct io_request *
request_of(struct ring_event *event)
{
    return KV_CONTAINER_OF(event, struct io_request, private);
}

static struct ring *
ring_of(struct io *io)
{
    return KV_CONTAINER_OF(io, struct ring, io);
}

static void
prepare_stat(struct io_uring_sqe *sqe, struct io_request *request)
{
    struct ring_op *op = op_of(request);

    if (op->stat == NULL)
        op->stat = kv_alloc(sizeof(*op->stat));
    if (request->path != NULL)
        io_uring_prep_statx(sqe, AT_FDCWD, request->path, 0, STAT_MASK, op->stat);
    else
        io_uring_prep_statx(sqe, request->fd, "", AT_EMPTY_PATH, STAT_MASK, op->stat);
}

static void
prepare_sync_dir(struct io_uring_sqe *sqe, const struct io_request *request,
                 const struct ring_op *op)
{
    switch (op->step) {
    case SYNC_DIR_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, request->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        break;
    case SYNC_DIR_FSYNC:
        io_uring_prep_fsync(sqe, op->dir_fd, 0);
        break;
    case SYNC_DIR_CLOSE:
        io_uring_prep_close(sqe, op->dir_fd);
        break;
    }
}

static void
prepare_write(struct io_uring_sqe *sqe, const struct io_request *request)
{
    io_uring_prep_write(sqe, request->fd, request->buffer,
                        (unsigned)io_system_transfer_bytes(request), request->offset);
    if (request->write_sync)
        sqe->rw_flags = RWF_DSYNC;
}

/* The kernel closes in place; a file that goes with it would hold up the loop. */
static void
prepare_close(struct io_uring_sqe *sqe, const struct io_request *request)
{
    io_uring_prep_close(sqe, request->fd);
    if (request->is_last)
        io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
}

static void
prepare(struct io_uring_sqe *sqe, struct io_request *request)
{
    switch (request->op) {
    case IO_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, request->path, request->open_flags | O_CLOEXEC,
                             IO_MODE_FILE);
        return;
    case IO_CLOSE:
        prepare_close(sqe, request);
        return;
    case IO_READ:
        io_uring_prep_read(sqe, request->fd, request->buffer,
                           (unsigned)io_system_transfer_bytes(request), request->offset);
        return;
    case IO_WRITE:
        prepare_write(sqe, request);
        return;
    case IO_FSYNC:
        io_uring_prep_fsync(sqe, request->fd, 0);
        return;
    case IO_FDATASYNC:
        io_uring_prep_fsync(sqe, request->fd, IORING_FSYNC_DATASYNC);
        return;
    case IO_ALLOCATE:
    case IO_PUNCH:
        /* liburing 2.3 declares the 64-bit length as off_t */
        io_uring_prep_fallocate(sqe, request->fd, io_system_allocate_mode(request),
                                (off_t)request->offset, (off_t)request->size);
        return;
    case IO_STAT:
        prepare_stat(sqe, request);
        return;
    case IO_RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, request->path, AT_FDCWD, request->path_to, 0);
        return;
    case IO_UNLINK:
        io_uring_prep_unlinkat(sqe, AT_FDCWD, request->path, 0);
        return;
    case IO_LINK:
        io_uring_prep_linkat(sqe, AT_FDCWD, request->path, AT_FDCWD, request->path_to, 0);
        return;
    case IO_RMDIR:
        io_uring_prep_unlinkat(sqe, AT_FDCWD, request->path, AT_REMOVEDIR);
        return;
    case IO_MKDIR:
        io_uring_prep_mkdirat(sqe, AT_FDCWD, request->path, IO_MODE_DIR);
        return;
    case IO_SYNC_DIR:
        prepare_sync_dir(sqe, request, op_of(request));
        return;
    case IO_TRUNCATE:
    case IO_SPACE:
        break;
    }
    KV_ASSERT(false && "an op that has an opcode");
}

static void
enqueue(struct io_request *request)
{
    struct ring_op *op = op_of(request);

    prepare(ring_get_sqe(op->ring, &op->event), request);
}

/* A file system may not know how many names a file has: then there may be one. */
static void
take_stat(struct io_request *request, const struct statx *found)
{
    request->size_out = found->stx_size;
    request->link_count_out = (found->stx_mask & STATX_NLINK) != 0 ? found->stx_nlink : 1;
}

static void
finish(struct io_request *request, int64_t result)
{
    struct ring_op *op = op_of(request);

    if (request->op == IO_STAT && result == 0)
        take_stat(request, op->stat);
    free(op->stat);
    op->stat = NULL;
    io_guard_completed(request);
    request->result = result;
    if (request->op == IO_READ)
        list_push_back(&op->ring->arrived, &request->link);
    else
        request->done(request);
}

/* The result of the fsync is the request's; the close tells nothing more. */
static void
step_sync_dir(struct io_request *request, int32_t result)
{
    struct ring_op *op = op_of(request);

    switch (op->step) {
    case SYNC_DIR_OPEN:
        if (result < 0) {
            finish(request, result);
            return;
        }
        op->dir_fd = result;
        op->step = SYNC_DIR_FSYNC;
        enqueue(request);
        return;
    case SYNC_DIR_FSYNC:
        op->sync_result = result;
        op->step = SYNC_DIR_CLOSE;
        enqueue(request);
        return;
    case SYNC_DIR_CLOSE:
        finish(request, op->sync_result);
        return;
    }
}

/* In place, for a request of which nothing was started. */
static int32_t
run_step_in_place(struct io_request *request)
{
    const struct ring_op *op = op_of(request);
    struct io_request step = *request;

    io_guard_completed(request); /* the buffer is written by this process now */
    if (request->op == IO_SYNC_DIR && op->step == SYNC_DIR_OPEN)
        step = (struct io_request){
            .op = IO_OPEN, .path = request->path, .open_flags = O_RDONLY | O_DIRECTORY};
    else if (request->op == IO_SYNC_DIR)
        step = (struct io_request){.op = op->step == SYNC_DIR_FSYNC ? IO_FSYNC : IO_CLOSE,
                                   .fd = op->dir_fd};
    if (request->op == IO_STAT) {
        const int64_t result = io_blocking_execute(&step);

        op->stat->stx_size = step.size_out;
        op->stat->stx_nlink = (uint32_t)step.link_count_out;
        op->stat->stx_mask = STAT_MASK;
        return (int32_t)result;
    }
    return (int32_t)io_blocking_execute(&step);
}

static void
on_complete(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct io_request *request = request_of(event);
    struct ring_op *op = op_of(request);

    KV_ASSERT((flags & IORING_CQE_F_MORE) == 0);
    KV_ASSERT(op->ring != NULL);
    if ((result == -EINTR || result == -EAGAIN) && io_system_may_retry(request) &&
        op->retry_count < RETRY_COUNT_MAX) {
        op->retry_count++;
        enqueue(request);
        return;
    }
    if (result == -EINTR && request->op == IO_CLOSE)
        result = 0; /* it is closed */
    if (result == -ECANCELED)
        result = run_step_in_place(request);
    if (request->op == IO_SYNC_DIR)
        step_sync_dir(request, result);
    else
        finish(request, result);
}

static bool
has_opcode(const struct io_request *request)
{
    return request->op != IO_TRUNCATE && request->op != IO_SPACE;
}

static void
ring_submit(struct io *io, struct io_request *request)
{
    struct ring_op *op = op_of(request);

    KV_ASSERT(request->done != NULL);
    *op = (struct ring_op){.event.on_complete = on_complete, .ring = ring_of(io), .dir_fd = -1};
    io_guard_submitted(request);
    if (has_opcode(request) && request->offset <= INT64_MAX) {
        enqueue(request);
        if ((request->op == IO_READ && ++op->ring->queued_read_count >= READ_BATCH_COUNT) ||
            (request->op == IO_WRITE && request->write_sync))
            ring_push(op->ring);
        return;
    }
    request->result = has_opcode(request) ? -EINVAL : io_blocking_execute(request);
    list_push_back(&op->ring->deferred, &request->link);
}

/* What the disk has written is in no cache of this processor. */
static void
prefetch_bytes(const struct io_request *request)
{
    const int64_t bytes = request->result < NEAR_BYTES_MAX ? request->result : NEAR_BYTES_MAX;

    for (int64_t at = 0; at < bytes; at += LINE_BYTES)
        __builtin_prefetch((const uint8_t *)request->buffer + at);
}

static uint32_t
deliver_reads(struct ring *ring)
{
    uint32_t called_count = 0;

    for (; called_count < READ_BATCH_COUNT && !list_empty(&ring->arrived); called_count++) {
        struct io_request *request = LIST_ENTRY(ring->arrived.next, struct io_request, link);

        list_remove(&request->link);
        KV_ASSERT(op_of(request)->ring == ring && request->op == IO_READ);
        if (!list_empty(&ring->arrived))
            prefetch_bytes(LIST_ENTRY(ring->arrived.next, struct io_request, link));
        request->done(request);
    }
    return called_count;
}

uint32_t
io_ring_deliver(struct ring *ring)
{
    struct list batch; /* what a handler submits waits for the next turn */
    uint32_t called_count = 0;

    list_insert_before(&ring->deferred, &batch);
    list_remove(&ring->deferred);
    while (!list_empty(&batch)) {
        struct io_request *request = LIST_ENTRY(batch.next, struct io_request, link);

        list_remove(&request->link);
        KV_ASSERT(op_of(request)->ring == ring);
        io_guard_completed(request);
        request->done(request);
        called_count++;
    }
    return called_count + deliver_reads(ring);
}

static int64_t
ring_call(struct io *io, struct io_request *request)
{
    (void)io;
    return io_blocking_execute(request);
}

static uint64_t
ring_random(struct io *io)
{
    return random_next(&ring_of(io)->random);
}

static void
ring_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    timer_heap_start(&ring_of(io)->timers, timer, deadline_us);
}

static void
ring_timer_stop(struct io *io, struct io_timer *timer)
{
    timer_heap_stop(&ring_of(io)->timers, timer);
}

static const struct io_ops ring_ops = {
    .call = ring_call,
    .submit = ring_submit,
    .sync_all = ring_sync_all,
    .list_dir = io_system_list_dir,
    .lock_file = io_system_lock_file,
    .now_us = io_system_now_us,
    .wall_us = io_system_wall_us,
    .random = ring_random,
    .timer_start = ring_timer_start,
    .timer_stop = ring_timer_stop,
};

void
io_ring_init(struct ring *ring)
{
    KV_ASSERT(ring->io.ops == NULL);
    ring->io.ops = &ring_ops;
    list_init(&ring->deferred);
    list_init(&ring->arrived);
    io_system_seed(&ring->random);
}
