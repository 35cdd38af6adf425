/* sim_execute.c - what each operation does to the simulated files, and what goes wrong with it. */
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "support/sim_internal.h"

enum { COLLECT_EVERY_UNLINK_COUNT = 64 };

static const uint64_t FILE_BYTES_MAX = UINT64_C(1) << 32;

struct sim_fd *
sim_fd_find(struct sim_io *sim, int fd)
{
    struct sim_fd *found;

    if (fd < SIM_FD_FIRST || (uint32_t)(fd - SIM_FD_FIRST) >= sim->fd_count)
        return NULL;
    found = &sim->fds[fd - SIM_FD_FIRST];
    return found->node != NULL ? found : NULL;
}

static int
fd_new(struct sim_io *sim, struct sim_node *node, int open_flags)
{
    if (sim->fd_count == sim->fd_capacity) {
        sim->fd_capacity = sim->fd_capacity == 0 ? 64 : sim->fd_capacity * 2;
        sim->fds = kv_realloc(sim->fds, sim->fd_capacity * sizeof(sim->fds[0]));
    }
    node->open_count++;
    sim->fds[sim->fd_count] = (struct sim_fd){.node = node, .open_flags = open_flags};
    return SIM_FD_FIRST + (int)sim->fd_count++;
}

uint32_t
sim_io_open_count(const struct sim_io *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->fd_count; i++)
        count += sim->fds[i].node != NULL;
    return count;
}

const char *
sim_path_of(struct sim_io *sim, const struct io_request *request)
{
    const struct sim_fd *fd;

    if (request->path != NULL)
        return request->path;
    fd = sim_fd_find(sim, request->fd);
    return fd != NULL ? fd->node->path : "?";
}

const char *
sim_io_path(struct sim_io *sim, const struct io_request *request)
{
    return sim_path_of(sim, request);
}

bool
sim_has_suffix(const char *path, const char *suffix)
{
    const size_t path_size = strlen(path);
    const size_t size = suffix == NULL ? 0 : strlen(suffix);

    return size == 0 || (path_size >= size && strcmp(path + path_size - size, suffix) == 0);
}

/* -- space ------------------------------------------------------------------------------- */

uint64_t
sim_io_used_bytes(const struct sim_io *sim)
{
    return sim_tree_used_bytes(&sim->tree);
}

/* How far the file may reach, up to `end`. */
static uint64_t
room_up_to(struct sim_io *sim, const struct sim_file *file, uint64_t end)
{
    const uint64_t own = sim_file_bytes_used(file);
    uint64_t used, room;

    if (sim->options.capacity_bytes == 0 || end <= own)
        return end;
    used = sim_io_used_bytes(sim);
    room = sim->options.capacity_bytes > used ? sim->options.capacity_bytes - used : 0;
    return end - own <= room ? end : own + room;
}

/* -- faults ------------------------------------------------------------------------------ */

static int
planned_fault(struct sim_io *sim, const struct io_request *request)
{
    const char *path = sim_path_of(sim, request);
    int result;

    for (uint32_t i = 0; i < sim->fault_count; i++) {
        struct sim_fault *fault = &sim->faults[i];

        if (fault->op != request->op || !sim_has_suffix(path, fault->path_suffix))
            continue;
        if (fault->path_part != NULL && strstr(path, fault->path_part) == NULL)
            continue;
        if (fault->skip_count > 0) {
            fault->skip_count--;
            continue;
        }
        result = fault->error == 0 ? SIM_FAULT_SHORT : fault->error;
        if (fault->fail_count == 1) {
            sim->fault_count--;
            memmove(fault, fault + 1, (sim->fault_count - i) * sizeof(*fault));
        } else if (fault->fail_count > 1) {
            fault->fail_count--;
        }
        return result;
    }
    return SIM_FAULT_NONE;
}

static bool
strikes(struct sim_io *sim, uint32_t permille)
{
    return permille > 0 && sim_draw(sim, 1000) < permille;
}

static int
random_fault(struct sim_io *sim, const struct io_request *request)
{
    const struct sim_options *options = &sim->options;

    switch (request->op) {
    case IO_READ:
        if (strikes(sim, options->read_error_permille))
            return EIO;
        return strikes(sim, options->short_permille) ? SIM_FAULT_SHORT : SIM_FAULT_NONE;
    case IO_WRITE:
        if (strikes(sim, options->write_error_permille))
            return EIO;
        return strikes(sim, options->short_permille) ? SIM_FAULT_SHORT : SIM_FAULT_NONE;
    case IO_FSYNC:
    case IO_FDATASYNC:
    case IO_SYNC_DIR:
        return strikes(sim, options->sync_error_permille) ? EIO : SIM_FAULT_NONE;
    default:
        return SIM_FAULT_NONE;
    }
}

int
sim_choose_fault(struct sim_io *sim, const struct io_request *request)
{
    const int fault = planned_fault(sim, request);

    return fault != SIM_FAULT_NONE ? fault : random_fault(sim, request);
}

/* At least one step and not all of `size`; all if that is impossible. */
static size_t
shortened(struct sim_io *sim, size_t size, bool direct)
{
    const size_t step = direct ? SIM_SECTOR_BYTES : 1;

    if (size <= step)
        return size;
    return step * (1 + (size_t)sim_draw(sim, (size - 1) / step));
}

/* -- operations -------------------------------------------------------------------------- */

static int64_t
execute_open(struct sim_io *sim, const struct io_request *request)
{
    const int flags = request->open_flags;
    struct sim_node *node = sim_tree_find(&sim->tree, request->path);

    KV_ASSERT((flags & O_APPEND) == 0);
    if ((flags & O_DIRECT) != 0 && sim->options.no_direct_io)
        return -EINVAL;
    if (node != NULL && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)
        return -EEXIST;
    if (node == NULL && (flags & O_CREAT) != 0)
        node = sim_tree_create(&sim->tree, request->path, false);
    if (node == NULL)
        return -ENOENT;
    if ((flags & O_DIRECTORY) == O_DIRECTORY && !node->is_dir)
        return -ENOTDIR;
    if (node->is_dir && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if ((flags & O_TRUNC) != 0)
        sim_file_resize(&node->file, 0);
    return fd_new(sim, node, flags);
}

static int64_t
execute_close(struct sim_io *sim, int fd)
{
    struct sim_fd *found = sim_fd_find(sim, fd);

    if (found == NULL)
        return -EBADF;
    KV_ASSERT(found->node->open_count > 0);
    found->node->open_count--;
    if (found->node->lock_fd != 0) /* POSIX: closing any descriptor of the file gives it up */
        found->node->lock_fd = 0;
    found->node = NULL;
    return 0;
}

static bool
is_misaligned(const struct sim_fd *fd, const struct io_request *request)
{
    return (fd->open_flags & O_DIRECT) != 0 &&
           (((uintptr_t)request->buffer | request->offset | request->size) % SIM_SECTOR_BYTES) != 0;
}

static bool
is_too_large(const struct io_request *request)
{
    return request->offset > FILE_BYTES_MAX || request->size > FILE_BYTES_MAX - request->offset;
}

static int64_t
execute_read(struct sim_io *sim, const struct io_request *request, int fault)
{
    const struct sim_fd *fd = sim_fd_find(sim, request->fd);
    const bool direct = fd != NULL && (fd->open_flags & O_DIRECT) != 0;
    size_t size = request->size;

    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (fd->node->is_dir)
        return -EISDIR;
    if (request->offset > INT64_MAX || is_misaligned(fd, request))
        return -EINVAL;
    if (fault > 0)
        return -fault;
    if (fault == SIM_FAULT_SHORT)
        size = shortened(sim, size, direct);
    return (int64_t)sim_file_read(&fd->node->file, request->offset, request->buffer, size, direct);
}

/* A write that fails may have written its beginning, and promises nothing about it. */
static void
write_in_part(struct sim_io *sim, struct sim_file *file, const struct io_request *request)
{
    const size_t size = request->size == 0 ? 0 : (size_t)sim_draw(sim, request->size + 1);

    if (room_up_to(sim, file, request->offset + size) == request->offset + size)
        sim_file_write(file, request->offset, request->buffer, size, false);
}

static int64_t
execute_write(struct sim_io *sim, const struct io_request *request, int fault)
{
    const struct sim_fd *fd = sim_fd_find(sim, request->fd);
    const bool direct = fd != NULL && (fd->open_flags & O_DIRECT) != 0;
    size_t size = request->size;
    uint64_t end;

    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (request->offset > INT64_MAX || is_misaligned(fd, request))
        return -EINVAL;
    if (is_too_large(request))
        return -EFBIG;
    if (fault > 0) {
        write_in_part(sim, &fd->node->file, request);
        if (request->write_sync && !direct)
            sim_file_fail_sync(&fd->node->file, &sim->schedule);
        return -fault;
    }
    if (fault == SIM_FAULT_SHORT)
        size = shortened(sim, size, direct);
    end = room_up_to(sim, &fd->node->file, request->offset + size);
    if (end <= request->offset && size > 0)
        return -ENOSPC;
    size = (size_t)(end - request->offset);
    if (direct)
        size -= size % SIM_SECTOR_BYTES;
    if (size == 0 && request->size > 0)
        return -ENOSPC;
    sim_file_write(&fd->node->file, request->offset, request->buffer, size, request->write_sync);
    return (int64_t)size;
}

static int64_t
execute_sync(struct sim_io *sim, const struct io_request *request, int fault)
{
    const struct sim_fd *fd = sim_fd_find(sim, request->fd);

    if (fd == NULL)
        return -EBADF;
    if (fd->node->is_dir && fault <= 0)
        sim_tree_sync_dir(&sim->tree, fd->node);
    else if (!fd->node->is_dir && fault <= 0)
        sim_file_sync(&fd->node->file);
    else if (!fd->node->is_dir)
        sim_file_fail_sync(&fd->node->file, &sim->schedule);
    return fault > 0 ? -fault : 0;
}

static int64_t
execute_resize(struct sim_io *sim, const struct io_request *request)
{
    const struct sim_fd *fd = sim_fd_find(sim, request->fd);
    const bool allocates = request->op == IO_ALLOCATE;
    const uint64_t size = allocates ? request->offset + request->size : request->size;

    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (size > INT64_MAX || (allocates && request->size == 0))
        return -EINVAL;
    if (size > FILE_BYTES_MAX)
        return -EFBIG;
    if (allocates && size <= fd->node->file.cache.size)
        return 0;
    if (room_up_to(sim, &fd->node->file, size) != size)
        return -ENOSPC;
    if (request->keeps_size) {
        fd->node->file.kept_bytes = size;
        return 0;
    }
    sim_file_resize(&fd->node->file, size);
    return 0;
}

static int64_t
execute_punch(struct sim_io *sim, const struct io_request *request)
{
    const struct sim_fd *fd = sim_fd_find(sim, request->fd);

    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (request->offset > INT64_MAX || request->size == 0)
        return -EINVAL;
    if (is_too_large(request))
        return -EFBIG;
    sim_file_punch(&fd->node->file, request->offset, request->size);
    return 0;
}

static int64_t
execute_stat(struct sim_io *sim, struct io_request *request)
{
    const struct sim_fd *fd = request->path == NULL ? sim_fd_find(sim, request->fd) : NULL;
    const struct sim_node *node =
        request->path != NULL ? sim_tree_find(&sim->tree, request->path) : NULL;

    if (request->path == NULL && fd == NULL)
        return -EBADF;
    if (request->path != NULL && node == NULL)
        return -ENOENT;
    node = fd != NULL ? fd->node : node;
    request->size_out = node->file.cache.size;
    request->link_count_out = sim_tree_link_count(&sim->tree, node);
    return 0;
}

static int64_t
execute_space(struct sim_io *sim, struct io_request *request)
{
    const uint64_t capacity = sim->options.capacity_bytes, used = sim_io_used_bytes(sim);

    if (sim_tree_find(&sim->tree, request->path) == NULL)
        return -ENOENT;
    request->total_out = capacity == 0 ? UINT64_MAX : capacity;
    request->size_out = capacity == 0 ? UINT64_MAX : capacity > used ? capacity - used : 0;
    return 0;
}

static int64_t
execute_mkdir(struct sim_io *sim, const struct io_request *request)
{
    if (sim_tree_find(&sim->tree, request->path) != NULL)
        return -EEXIST;
    return sim_tree_create(&sim->tree, request->path, true) != NULL ? 0 : -ENOENT;
}

static int64_t
execute_unlink(struct sim_io *sim, const struct io_request *request)
{
    const int result = sim_tree_unlink(&sim->tree, request->path);

    if (++sim->unlink_count % COLLECT_EVERY_UNLINK_COUNT == 0)
        sim_tree_collect(&sim->tree);
    return result;
}

static int64_t
execute_sync_dir(struct sim_io *sim, const struct io_request *request, int fault)
{
    struct sim_node *dir = sim_tree_find(&sim->tree, request->path);

    if (dir == NULL)
        return -ENOENT;
    if (!dir->is_dir)
        return -ENOTDIR;
    if (fault > 0)
        return -fault;
    sim_tree_sync_dir(&sim->tree, dir);
    return 0;
}

int64_t
sim_execute(struct sim_io *sim, struct io_request *request, int fault)
{
    switch (request->op) {
    case IO_READ:
        return execute_read(sim, request, fault);
    case IO_WRITE:
        return execute_write(sim, request, fault);
    case IO_FSYNC:
    case IO_FDATASYNC:
        return execute_sync(sim, request, fault);
    case IO_SYNC_DIR:
        return execute_sync_dir(sim, request, fault);
    case IO_CLOSE:
        return execute_close(sim, request->fd);
    default:
        break;
    }
    if (fault > 0)
        return -fault;
    switch (request->op) {
    case IO_OPEN:
        return execute_open(sim, request);
    case IO_ALLOCATE:
    case IO_TRUNCATE:
        return execute_resize(sim, request);
    case IO_PUNCH:
        return execute_punch(sim, request);
    case IO_STAT:
        return execute_stat(sim, request);
    case IO_SPACE:
        return execute_space(sim, request);
    case IO_RENAME:
        return sim_tree_rename(&sim->tree, request->path, request->path_to);
    case IO_UNLINK:
        return execute_unlink(sim, request);
    case IO_LINK:
        return sim_tree_link(&sim->tree, request->path, request->path_to);
    case IO_RMDIR:
        return sim_tree_rmdir(&sim->tree, request->path);
    case IO_MKDIR:
        return execute_mkdir(sim, request);
    default:
        break;
    }
    KV_ASSERT(false && "an op of enum io_op");
    return -EINVAL;
}

void
sim_interrupt(struct sim_io *sim, const struct io_request *request)
{
    struct io_request part = *request;
    const struct sim_fd *fd = sim_fd_find(sim, request->fd);

    if (sim_draw(sim, 3) == 0 || request->op == IO_READ || request->op == IO_CLOSE)
        return;
    if (request->op != IO_WRITE) {
        (void)sim_execute(sim, &part, SIM_FAULT_NONE);
        return;
    }
    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY || is_misaligned(fd, request))
        return;
    if (is_too_large(request))
        return;
    part.write_sync = false; /* nobody was told */
    if (sim_draw(sim, 2) == 0)
        (void)execute_write(sim, &part, SIM_FAULT_NONE);
    else
        write_in_part(sim, &fd->node->file, &part);
}

void
sim_close_all(struct sim_io *sim)
{
    for (uint32_t i = 0; i < sim->fd_count; i++)
        (void)execute_close(sim, SIM_FD_FIRST + (int)i);
}
