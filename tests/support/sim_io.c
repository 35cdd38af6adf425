/* sim_io.c - requests, time and faults of the simulated machine.
 *
 * A submitted request takes effect at the moment when it completes, so an order of completions
 * is an order of effects.  A cut or a kill in between makes it take effect by chance, wholly or
 * in part.
 */
#include "support/sim_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "io/io_guard.h"
#include "io/timer_heap.h"
#include "support/sim_tree.h"

enum {
    FD_FIRST = 1000,
    LATENCY_US_MAX_DEFAULT = 100,
    COLLECT_EVERY_UNLINK_COUNT = 64,
};

struct sim_fd {
    struct sim_node *node; /* NULL: closed */
    int open_flags;
};

/* In struct io_request's private. */
struct sim_op {
    uint64_t due_us;
    uint64_t order;
    uint32_t crc; /* of what a write brings */
};

struct sim_io {
    struct io io; /* first */
    struct sim_options options;
    struct random schedule; /* latencies, faults, cuts */
    struct random dice;     /* what io_random gives */
    struct sim_tree tree;
    struct sim_fd *fds; /* owned; fds[i] is descriptor FD_FIRST + i */
    uint32_t fd_count, fd_capacity;
    struct list in_flight;
    uint32_t in_flight_count;
    struct timer_heap timers;
    uint64_t now_us;
    int64_t wall_shift_us;
    uint64_t order;
    uint64_t op_count, cut_at;
    uint64_t hash;
    uint32_t unlink_count;
    bool down;
    struct sim_fault faults[SIM_FAULT_COUNT_MAX];
    uint32_t fault_count;
};

static const uint64_t WALL_START_US = UINT64_C(1700000000) * 1000000;

static const char *const op_names[] = {
    [IO_OPEN] = "open",         [IO_CLOSE] = "close",       [IO_READ] = "read",
    [IO_WRITE] = "write",       [IO_FSYNC] = "fsync",       [IO_FDATASYNC] = "fdatasync",
    [IO_ALLOCATE] = "allocate", [IO_TRUNCATE] = "truncate", [IO_STAT] = "stat",
    [IO_RENAME] = "rename",     [IO_UNLINK] = "unlink",     [IO_MKDIR] = "mkdir",
    [IO_SYNC_DIR] = "sync_dir",
};

static struct sim_io *
sim_of(struct io *io)
{
    return KV_CONTAINER_OF(io, struct sim_io, io);
}

static struct sim_op *
op_of(struct io_request *request)
{
    return (struct sim_op *)(void *)request->private;
}

/* A number off the schedule, below `bound`. */
static uint64_t
draw(struct sim_io *sim, uint64_t bound)
{
    return random_below(&sim->schedule, bound);
}

static struct sim_fd *
fd_find(struct sim_io *sim, int fd)
{
    const int index = fd - FD_FIRST;

    if (index < 0 || (uint32_t)index >= sim->fd_count || sim->fds[index].node == NULL)
        return NULL;
    return &sim->fds[index];
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
    return FD_FIRST + (int)sim->fd_count++;
}

/* The name that faults and the trace know the request by. */
static const char *
path_of(struct sim_io *sim, const struct io_request *request)
{
    const struct sim_fd *fd;

    if (request->path != NULL)
        return request->path;
    fd = fd_find(sim, request->fd);
    return fd != NULL ? fd->node->path : "?";
}

static bool
has_suffix(const char *path, const char *suffix)
{
    const size_t path_size = strlen(path);
    const size_t size = suffix == NULL ? 0 : strlen(suffix);

    return size == 0 || (path_size >= size && strcmp(path + path_size - size, suffix) == 0);
}

/* -- space ------------------------------------------------------------------------------- */

uint64_t
sim_io_used_bytes(const struct sim_io *sim)
{
    uint64_t used = 0;

    for (size_t i = 0; i < sim->tree.node_count; i++)
        used += sim->tree.nodes[i]->file.cache.size;
    return used;
}

/* How far the file may reach, up to `end`. */
static uint64_t
room_up_to(struct sim_io *sim, const struct sim_file *file, uint64_t end)
{
    uint64_t used, room;

    if (sim->options.capacity_bytes == 0 || end <= file->cache.size)
        return end;
    sim_tree_collect(&sim->tree);
    used = sim_io_used_bytes(sim);
    room = sim->options.capacity_bytes > used ? sim->options.capacity_bytes - used : 0;
    return end - file->cache.size <= room ? end : file->cache.size + room;
}

/* -- faults ------------------------------------------------------------------------------ */

enum { FAULT_NONE = 0, FAULT_SHORT = -1 };

static int
planned_fault(struct sim_io *sim, const struct io_request *request)
{
    const char *path = path_of(sim, request);

    for (uint32_t i = 0; i < sim->fault_count; i++) {
        struct sim_fault *fault = &sim->faults[i];

        if (fault->op != request->op || !has_suffix(path, fault->path_suffix))
            continue;
        if (fault->skip_count > 0) {
            fault->skip_count--;
            continue;
        }
        if (fault->fail_count == 1)
            fault->fail_count = UINT32_MAX; /* spent */
        else if (fault->fail_count == UINT32_MAX)
            continue;
        else if (fault->fail_count > 0)
            fault->fail_count--;
        return fault->error == 0 ? FAULT_SHORT : fault->error;
    }
    return FAULT_NONE;
}

static bool
strikes(struct sim_io *sim, uint32_t permille)
{
    return permille > 0 && draw(sim, 1000) < permille;
}

static int
random_fault(struct sim_io *sim, const struct io_request *request)
{
    const struct sim_options *options = &sim->options;

    switch (request->op) {
    case IO_READ:
        if (strikes(sim, options->read_error_permille))
            return EIO;
        return strikes(sim, options->short_permille) ? FAULT_SHORT : FAULT_NONE;
    case IO_WRITE:
        if (strikes(sim, options->write_error_permille))
            return EIO;
        return strikes(sim, options->short_permille) ? FAULT_SHORT : FAULT_NONE;
    case IO_FSYNC:
    case IO_FDATASYNC:
    case IO_SYNC_DIR:
        return strikes(sim, options->sync_error_permille) ? EIO : FAULT_NONE;
    default:
        return FAULT_NONE;
    }
}

/* At least one step and not all of `size`; all if that is impossible. */
static size_t
shortened(struct sim_io *sim, size_t size, bool direct)
{
    const size_t step = direct ? SIM_SECTOR_BYTES : 1;

    if (size <= step)
        return size;
    return step * (1 + (size_t)draw(sim, (size - 1) / step));
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
    struct sim_fd *found = fd_find(sim, fd);

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

static int64_t
execute_read(struct sim_io *sim, const struct io_request *request, int fault)
{
    const struct sim_fd *fd = fd_find(sim, request->fd);
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
    if (fault == FAULT_SHORT)
        size = shortened(sim, size, direct);
    return (int64_t)sim_file_read(&fd->node->file, request->offset, request->buffer, size, direct);
}

/* A write that fails may have written its beginning, and promises nothing about it. */
static void
write_in_part(struct sim_io *sim, struct sim_file *file, const struct io_request *request)
{
    const size_t size = request->size == 0 ? 0 : (size_t)draw(sim, request->size + 1);

    if (room_up_to(sim, file, request->offset + size) == request->offset + size)
        sim_file_write(file, request->offset, request->buffer, size, false);
}

static int64_t
execute_write(struct sim_io *sim, const struct io_request *request, int fault)
{
    const struct sim_fd *fd = fd_find(sim, request->fd);
    const bool direct = fd != NULL && (fd->open_flags & O_DIRECT) != 0;
    size_t size = request->size;
    uint64_t end;

    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (request->offset > INT64_MAX || is_misaligned(fd, request))
        return -EINVAL;
    if (fault > 0) {
        write_in_part(sim, &fd->node->file, request);
        if (request->write_sync && !direct)
            sim_file_fail_sync(&fd->node->file, &sim->schedule);
        return -fault;
    }
    if (fault == FAULT_SHORT)
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
    const struct sim_fd *fd = fd_find(sim, request->fd);

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
    const struct sim_fd *fd = fd_find(sim, request->fd);
    const bool allocates = request->op == IO_ALLOCATE;
    const uint64_t size = allocates ? request->offset + request->size : request->size;

    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (size > INT64_MAX || (allocates && request->size == 0))
        return -EINVAL;
    if (allocates && size <= fd->node->file.cache.size)
        return 0;
    if (room_up_to(sim, &fd->node->file, size) != size)
        return -ENOSPC;
    sim_file_resize(&fd->node->file, size);
    return 0;
}

static int64_t
execute_stat(struct sim_io *sim, struct io_request *request)
{
    const struct sim_fd *fd = request->path == NULL ? fd_find(sim, request->fd) : NULL;
    const struct sim_node *node =
        request->path != NULL ? sim_tree_find(&sim->tree, request->path) : NULL;

    if (request->path == NULL && fd == NULL)
        return -EBADF;
    if (request->path != NULL && node == NULL)
        return -ENOENT;
    request->size_out = (fd != NULL ? fd->node : node)->file.cache.size;
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

static int64_t
execute_with_fault(struct sim_io *sim, struct io_request *request, int fault)
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
    case IO_STAT:
        return execute_stat(sim, request);
    case IO_RENAME:
        return sim_tree_rename(&sim->tree, request->path, request->path_to);
    case IO_UNLINK:
        return execute_unlink(sim, request);
    case IO_MKDIR:
        return execute_mkdir(sim, request);
    default:
        break;
    }
    KV_ASSERT(false && "an op of enum io_op");
    return -EINVAL;
}

/* -- the trace --------------------------------------------------------------------------- */

static void
hash_add(struct sim_io *sim, uint64_t value)
{
    sim->hash = (sim->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    sim->hash ^= sim->hash >> 29;
}

static void
trace(struct sim_io *sim, const struct io_request *request, const char *path, int64_t result)
{
    uint32_t crc = crc32c_extend(0, path, strlen(path));

    if ((request->op == IO_READ || request->op == IO_WRITE) && result > 0)
        crc = crc32c_extend(crc, request->buffer, (size_t)result);
    hash_add(sim, sim->now_us);
    hash_add(sim, (uint64_t)request->op << 32 | crc);
    hash_add(sim, request->offset);
    hash_add(sim, request->size);
    hash_add(sim, (uint64_t)result);
    if (sim->options.trace)
        fprintf(stderr, "%10" PRIu64 " us  %-9s %s @%" PRIu64 "+%zu%s%s%s = %" PRId64 "\n",
                sim->now_us, op_names[request->op], path, request->offset, request->size,
                request->write_sync ? " sync" : "", request->path_to != NULL ? " to " : "",
                request->path_to != NULL ? request->path_to : "", result);
}

static void
trace_event(struct sim_io *sim, const char *what)
{
    hash_add(sim, crc32c_extend(0, what, strlen(what)));
    hash_add(sim, sim->now_us);
    if (sim->options.trace)
        fprintf(stderr, "%10" PRIu64 " us  --- %s ---\n", sim->now_us, what);
}

/* -- running requests -------------------------------------------------------------------- */

/* The machine or the process stops in the middle of it. */
static void
interrupt(struct sim_io *sim, struct io_request *request)
{
    struct io_request part = *request;
    const struct sim_fd *fd = fd_find(sim, request->fd);

    if (draw(sim, 3) == 0 || request->op == IO_READ || request->op == IO_CLOSE)
        return;
    if (request->op != IO_WRITE) {
        (void)execute_with_fault(sim, &part, FAULT_NONE);
        return;
    }
    if (fd == NULL || (fd->open_flags & O_ACCMODE) == O_RDONLY || is_misaligned(fd, request))
        return;
    part.write_sync = false; /* nobody was told */
    if (draw(sim, 2) == 0)
        (void)execute_write(sim, &part, FAULT_NONE);
    else
        write_in_part(sim, &fd->node->file, &part);
}

/* What was in flight has had its effect, if any; it will complete with -EIO. */
static void
interrupt_all(struct sim_io *sim)
{
    for (struct list *node = sim->in_flight.next; node != &sim->in_flight; node = node->next) {
        struct io_request *request = LIST_ENTRY(node, struct io_request, link);

        interrupt(sim, request);
        op_of(request)->due_us = sim->now_us;
    }
    sim->down = true;
}

static int64_t
execute(struct sim_io *sim, struct io_request *request)
{
    char path[256];
    int64_t result;
    int fault;

    if (sim->down)
        return request->op == IO_CLOSE ? 0 : -EIO;
    sim->op_count++;
    if (sim->op_count == sim->cut_at) {
        interrupt(sim, request);
        sim_io_power_cut(sim);
        return -EIO;
    }
    snprintf(path, sizeof(path), "%s", path_of(sim, request));
    fault = planned_fault(sim, request);
    if (fault == FAULT_NONE)
        fault = random_fault(sim, request);
    result = execute_with_fault(sim, request, fault);
    trace(sim, request, path, result);
    return result;
}

static int64_t
sim_call(struct io *io, struct io_request *request)
{
    io_guard_submitted(request);
    io_guard_completed(request);
    return execute(sim_of(io), request);
}

static uint64_t
draw_latency_us(struct sim_io *sim)
{
    const uint64_t max_us =
        sim->options.latency_us_max > 0 ? sim->options.latency_us_max : LATENCY_US_MAX_DEFAULT;
    const uint64_t latency_us = 1 + draw(sim, max_us);

    return draw(sim, 32) == 0 ? latency_us * 20 : latency_us;
}

static void
sim_submit(struct io *io, struct io_request *request)
{
    struct sim_io *sim = sim_of(io);
    struct sim_op *op = op_of(request);

    KV_ASSERT(request->done != NULL);
    *op = (struct sim_op){.due_us = sim->now_us + draw_latency_us(sim), .order = sim->order++};
    if (request->op == IO_WRITE)
        op->crc = crc32c_extend(0, request->buffer, request->size);
    io_guard_submitted(request);
    list_push_back(&sim->in_flight, &request->link);
    sim->in_flight_count++;
}

static void
complete(struct sim_io *sim, struct io_request *request)
{
    list_remove(&request->link);
    sim->in_flight_count--;
    io_guard_completed(request);
    if (request->op == IO_WRITE)
        KV_ASSERT(op_of(request)->crc == crc32c_extend(0, request->buffer, request->size));
    request->result = execute(sim, request);
    request->done(request);
}

static struct io_request *
next_due(struct sim_io *sim)
{
    struct io_request *found = NULL;

    for (struct list *node = sim->in_flight.next; node != &sim->in_flight; node = node->next) {
        struct io_request *request = LIST_ENTRY(node, struct io_request, link);

        if (found == NULL || op_of(request)->due_us < op_of(found)->due_us ||
            (op_of(request)->due_us == op_of(found)->due_us &&
             op_of(request)->order < op_of(found)->order))
            found = request;
    }
    return found;
}

/* The next event, if it is due by limit_us. */
static bool
turn_until(struct sim_io *sim, uint64_t limit_us)
{
    struct io_request *request = next_due(sim);
    const uint64_t timer_us = timer_heap_next_us(&sim->timers);
    const uint64_t request_us = request != NULL ? op_of(request)->due_us : UINT64_MAX;
    const uint64_t event_us = request_us <= timer_us ? request_us : timer_us;

    if (event_us == UINT64_MAX || event_us > limit_us)
        return false;
    if (event_us > sim->now_us)
        sim->now_us = event_us;
    if (request_us <= timer_us)
        complete(sim, request);
    else
        timer_heap_expire(&sim->timers, sim->now_us);
    return true;
}

bool
sim_io_turn(struct sim_io *sim)
{
    return turn_until(sim, UINT64_MAX);
}

void
sim_io_advance(struct sim_io *sim, uint64_t duration_us)
{
    const uint64_t limit_us = sim->now_us + duration_us;

    while (turn_until(sim, limit_us))
        continue;
    sim->now_us = limit_us;
}

void
sim_io_drain(struct sim_io *sim)
{
    while (sim->in_flight_count > 0)
        (void)sim_io_turn(sim);
}

/* -- power ------------------------------------------------------------------------------- */

void
sim_io_power_cut(struct sim_io *sim)
{
    if (sim->down)
        return;
    trace_event(sim, "power cut");
    interrupt_all(sim);
    sim->tree.harsh = sim->options.harsh_directories;
    sim->fd_count = 0; /* before their files go */
    sim_tree_power_cut(&sim->tree, &sim->schedule);
}

void
sim_io_kill(struct sim_io *sim)
{
    if (sim->down)
        return;
    trace_event(sim, "kill");
    interrupt_all(sim);
    for (uint32_t i = 0; i < sim->fd_count; i++)
        (void)execute_close(sim, FD_FIRST + (int)i);
    sim_tree_collect(&sim->tree);
}

void
sim_io_cut_at(struct sim_io *sim, uint64_t op_number)
{
    sim->cut_at = op_number == 0 ? 0 : sim->op_count + op_number;
}

void
sim_io_boot(struct sim_io *sim)
{
    if (!sim->down)
        sim_io_power_cut(sim);
    trace_event(sim, "boot");
    while (!list_empty(&sim->in_flight)) {
        struct io_request *request = LIST_ENTRY(sim->in_flight.next, struct io_request, link);

        list_remove(&request->link);
        io_guard_completed(request);
    }
    sim->in_flight_count = 0;
    timer_heap_deinit(&sim->timers);
    sim->cut_at = 0;
    sim->down = false;
}

/* -- the rest ---------------------------------------------------------------------------- */

static int
sim_list_dir(struct io *io, const char *path, io_name_fn *on_name, void *owner)
{
    struct sim_io *sim = sim_of(io);
    const struct sim_node *dir = sim_tree_find(&sim->tree, path);

    if (sim->down)
        return -EIO;
    if (dir == NULL)
        return -ENOENT;
    if (!dir->is_dir)
        return -ENOTDIR;
    for (size_t i = 0; i < dir->seen.count; i++) {
        if (!on_name(owner, dir->seen.list[i].name))
            break;
    }
    return 0;
}

static int
sim_lock_file(struct io *io, int fd)
{
    struct sim_io *sim = sim_of(io);
    const struct sim_fd *found = fd_find(sim, fd);

    if (sim->down)
        return -EIO;
    if (found == NULL)
        return -EBADF;
    if (found->node->lock_fd != 0 && found->node->lock_fd != fd)
        return -EAGAIN;
    found->node->lock_fd = fd;
    return 0;
}

static uint64_t
sim_now_us(struct io *io)
{
    return sim_of(io)->now_us;
}

static uint64_t
sim_wall_us(struct io *io)
{
    const struct sim_io *sim = sim_of(io);

    return WALL_START_US + sim->now_us + (uint64_t)sim->wall_shift_us;
}

static uint64_t
sim_random(struct io *io)
{
    return random_next(&sim_of(io)->dice);
}

static void
sim_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    timer_heap_start(&sim_of(io)->timers, timer, deadline_us);
}

static void
sim_timer_stop(struct io *io, struct io_timer *timer)
{
    timer_heap_stop(&sim_of(io)->timers, timer);
}

static const struct io_ops sim_ops = {
    .call = sim_call,
    .submit = sim_submit,
    .list_dir = sim_list_dir,
    .lock_file = sim_lock_file,
    .now_us = sim_now_us,
    .wall_us = sim_wall_us,
    .random = sim_random,
    .timer_start = sim_timer_start,
    .timer_stop = sim_timer_stop,
};

struct sim_io *
sim_io_new(const struct sim_options *options)
{
    struct sim_io *sim = kv_alloc_zero(sizeof(*sim));

    sim->io.ops = &sim_ops;
    if (options != NULL)
        sim->options = *options;
    sim->now_us = 1000000;
    random_init(&sim->schedule, sim->options.seed);
    random_init(&sim->dice, sim->options.seed ^ UINT64_C(0xd1ce));
    list_init(&sim->in_flight);
    sim_tree_init(&sim->tree);
    return sim;
}

void
sim_io_free(struct sim_io *sim)
{
    if (sim == NULL)
        return;
    KV_ASSERT(sim->down || sim->in_flight_count == 0);
    if (sim->down)
        sim_io_boot(sim);
    timer_heap_deinit(&sim->timers);
    sim_tree_deinit(&sim->tree);
    free(sim->fds);
    free(sim);
}

struct io *
sim_io_base(struct sim_io *sim)
{
    return &sim->io;
}

struct sim_options *
sim_io_options(struct sim_io *sim)
{
    return &sim->options;
}

uint64_t
sim_io_now(const struct sim_io *sim)
{
    return sim->now_us;
}

void
sim_io_jump_wall(struct sim_io *sim, int64_t shift_us)
{
    sim->wall_shift_us += shift_us;
}

uint32_t
sim_io_in_flight_count(const struct sim_io *sim)
{
    return sim->in_flight_count;
}

uint64_t
sim_io_op_count(const struct sim_io *sim)
{
    return sim->op_count;
}

bool
sim_io_is_down(const struct sim_io *sim)
{
    return sim->down;
}

uint64_t
sim_io_trace_hash(const struct sim_io *sim)
{
    return sim->hash;
}

void
sim_io_add_fault(struct sim_io *sim, const struct sim_fault *fault)
{
    KV_ASSERT(sim->fault_count < SIM_FAULT_COUNT_MAX);
    KV_ASSERT(fault->error >= 0);
    sim->faults[sim->fault_count++] = *fault;
}

void
sim_io_clear_faults(struct sim_io *sim)
{
    sim->fault_count = 0;
}

void
sim_io_drop_caches(struct sim_io *sim)
{
    for (size_t i = 0; i < sim->tree.node_count; i++)
        sim_file_drop_cache(&sim->tree.nodes[i]->file);
}

bool
sim_io_flip_bit(struct sim_io *sim, const char *path, uint64_t bit_offset)
{
    struct sim_node *node = sim_tree_find(&sim->tree, path);

    if (node == NULL || node->file.cache.size == 0)
        return false;
    sim_file_flip_bit(&node->file, bit_offset % (node->file.cache.size * 8));
    trace_event(sim, "bit rot");
    return true;
}

bool
sim_io_flip_random_bit(struct sim_io *sim, const char *path_suffix)
{
    uint64_t total = 0, target;

    for (size_t i = 0; i < sim->tree.node_count; i++) {
        if (has_suffix(sim->tree.nodes[i]->path, path_suffix))
            total += sim->tree.nodes[i]->file.cache.size;
    }
    if (total == 0)
        return false;
    target = draw(sim, total);
    for (size_t i = 0; i < sim->tree.node_count; i++) {
        struct sim_node *node = sim->tree.nodes[i];

        if (!has_suffix(node->path, path_suffix))
            continue;
        if (target < node->file.cache.size) {
            sim_file_flip_bit(&node->file, target * 8 + draw(sim, 8));
            trace_event(sim, "bit rot");
            return true;
        }
        target -= node->file.cache.size;
    }
    return false;
}
