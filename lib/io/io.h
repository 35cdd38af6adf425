/* io.h - the only door from the engine to the operating system: files, clocks and chance.
 *
 * Everything is one struct io_request, which can be run in two ways:
 *
 *     io_call    now, in place; for open, recovery, the worker and the tools
 *     io_submit  queued; `done` is called later from io's own turn, never from inside io_submit
 *
 * and files that were written one after the other are synced side by side, in place, by
 * io_sync_all.
 *
 * Implementations: io_blocking (pread/pwrite; the worker and the tools), io_ring (io_uring; kvd),
 * and the simulator of the tests, in which power fails and disks lie.  Requests that are in
 * flight together may complete in any order; an order that matters is made by submitting the
 * second from the first one's `done`.
 *
 * All results are as in a CQE: bytes, a descriptor or 0, or a negative errno.  A read or write
 * may be short; file.h has the loops.
 */
#ifndef KV_IO_IO_H
#define KV_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/status.h"

struct io;
struct io_request;
struct io_timer;

enum io_op {
    IO_OPEN,      /* path, open_flags (O_*), mode 0640 -> descriptor */
    IO_CLOSE,     /* fd, is_last */
    IO_READ,      /* fd, buffer, size, offset -> bytes */
    IO_WRITE,     /* fd, buffer, size, offset, write_sync -> bytes */
    IO_FSYNC,     /* fd */
    IO_FDATASYNC, /* fd */
    IO_ALLOCATE,  /* fd, offset, size, keeps_size: posix_fallocate without changing what is there */
    IO_TRUNCATE,  /* fd, size */
    IO_PUNCH,     /* fd, offset, size: the space of this part is freed, it reads as zeros */
    IO_STAT,      /* fd or path -> size_out, link_count_out; result 0 */
    IO_SPACE,     /* path -> size_out: bytes its file system still takes, total_out; result 0 */
    IO_RENAME,    /* path, path_to */
    IO_UNLINK,    /* path */
    IO_LINK,      /* path, path_to: another name of the same file */
    IO_MKDIR,     /* path, mode 0750; -EEXIST is a failure like others */
    IO_RMDIR,     /* path, an empty directory */
    IO_SYNC_DIR,  /* path: makes creations, renames and removals in it durable */
};

typedef void io_done_fn(struct io_request *request);

/* Zeroed and filled by the caller, who keeps it, its paths and its buffer alive and untouched
 * until `done`.  One request may be in flight once. */
struct io_request {
    enum io_op op;
    int fd;
    int open_flags;
    bool write_sync; /* IO_WRITE: durable when it completes (RWF_DSYNC) */
    bool keeps_size; /* IO_ALLOCATE: what is behind the end is only kept for later writes */
    bool is_last;    /* IO_CLOSE: this frees the file, which takes time */
    const char *path;
    const char *path_to;
    void *buffer;
    size_t size;
    uint64_t offset;
    io_done_fn *done; /* io_submit only */
    void *owner;      /* the caller's */

    int64_t result;          /* set before `done` */
    uint64_t size_out;       /* IO_STAT, IO_SPACE */
    uint64_t total_out;      /* IO_SPACE */
    uint64_t link_count_out; /* IO_STAT: names of the file; 0: it has lost the last one */

    struct list link; /* the implementation's, as is all below */
    uint64_t private[8];
};

typedef void io_timer_fn(struct io_timer *timer);

/* Embedded in its owner; zeroed is idle. */
struct io_timer {
    io_timer_fn *on_expire;
    uint64_t deadline_us; /* of io_now_us */
    uint64_t heap_index;  /* the implementation's; 0: idle */
};

/* `name` is valid during the call only.  Return false to stop. */
typedef bool io_name_fn(void *owner, const char *name);

struct io_ops {
    int64_t (*call)(struct io *io, struct io_request *request);
    void (*submit)(struct io *io, struct io_request *request);
    void (*sync_all)(struct io *io, struct io_request *requests, uint32_t count); /* or NULL */
    int (*list_dir)(struct io *io, const char *path, io_name_fn *on_name, void *owner);
    int (*lock_file)(struct io *io, int fd); /* -EAGAIN: another process has it */
    uint64_t (*now_us)(struct io *io);
    uint64_t (*wall_us)(struct io *io);
    uint64_t (*random)(struct io *io);
    void (*timer_start)(struct io *io, struct io_timer *timer, uint64_t deadline_us);
    void (*timer_stop)(struct io *io, struct io_timer *timer);
};

/* The first member of every implementation's own struct. */
struct io {
    const struct io_ops *ops;
};

/* Runs the request now and returns its result, which is also left in request->result. */
static inline int64_t
io_call(struct io *io, struct io_request *request)
{
    request->result = io->ops->call(io, request);
    return request->result;
}

/* Queues the request; request->done follows, from the implementation's turn. */
static inline void
io_submit(struct io *io, struct io_request *request)
{
    io->ops->submit(io, request);
}

/* Runs IO_FSYNC requests of different files now, at the same time if the implementation can: their
 * journal's commits and the disk's flushes are then shared.  Results are left in the requests. */
static inline void
io_sync_all(struct io *io, struct io_request *requests, uint32_t count)
{
    if (io->ops->sync_all != NULL && count > 1) {
        io->ops->sync_all(io, requests, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        (void)io_call(io, &requests[i]);
}

/* Monotonic, for deadlines and durations. */
static inline uint64_t
io_now_us(struct io *io)
{
    return io->ops->now_us(io);
}

/* Since 1970; may jump. */
static inline uint64_t
io_wall_us(struct io *io)
{
    return io->ops->wall_us(io);
}

static inline uint64_t
io_random(struct io *io)
{
    return io->ops->random(io);
}

/* Calls on_name for each entry but "." and "..", in no order.  0 or a negative errno. */
static inline int
io_list_dir(struct io *io, const char *path, io_name_fn *on_name, void *owner)
{
    return io->ops->list_dir(io, path, on_name, owner);
}

/* RocksDB's lock (FORMAT.md section 1.3), held until the descriptor is closed. */
static inline int
io_lock_file(struct io *io, int fd)
{
    return io->ops->lock_file(io, fd);
}

/* (Re)starts; a deadline in the past expires at the next turn. */
static inline void
io_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    io->ops->timer_start(io, timer, deadline_us);
}

/* An idle timer may be stopped. */
static inline void
io_timer_stop(struct io *io, struct io_timer *timer)
{
    io->ops->timer_stop(io, timer);
}

#endif
