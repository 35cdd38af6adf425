/* io_system.h - the parts of struct io that io_blocking and io_ring do alike: they are plain
 * system calls that never wait for a disk (clocks, chance, locks) or are rare (a directory).
 */
#ifndef KV_IO_IO_SYSTEM_H
#define KV_IO_IO_SYSTEM_H

#include <fcntl.h>

#include "io/io.h"

struct random;

enum {
    IO_MODE_FILE = 0640,
    IO_MODE_DIR = 0750,
    /* The kernel moves at most this much in one read or write (MAX_RW_COUNT); more is asked for
     * in pieces, as after any short count.  A multiple of every O_DIRECT alignment. */
    IO_TRANSFER_BYTES_MAX = 0x7ffff000,
};

static inline size_t
io_system_transfer_bytes(const struct io_request *request)
{
    return request->size < IO_TRANSFER_BYTES_MAX ? request->size : IO_TRANSFER_BYTES_MAX;
}

/* What syncs is never tried again, not even after EINTR: the first failure may have taken the
 * report of a lost page with it.  Neither is a close, which has closed the descriptor. */
static inline bool
io_system_may_retry(const struct io_request *request)
{
    return request->op != IO_FSYNC && request->op != IO_FDATASYNC && request->op != IO_SYNC_DIR &&
           request->op != IO_CLOSE && !(request->op == IO_WRITE && request->write_sync);
}

/* Of IO_ALLOCATE and IO_PUNCH. */
static inline int
io_system_allocate_mode(const struct io_request *request)
{
    if (request->op == IO_PUNCH)
        return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return request->keeps_size ? FALLOC_FL_KEEP_SIZE : 0;
}

uint64_t io_system_now_us(struct io *io);
uint64_t io_system_wall_us(struct io *io);
int io_system_list_dir(struct io *io, const char *path, io_name_fn *on_name, void *owner);
int io_system_lock_file(struct io *io, int fd);
/* Seeds from getrandom. */
void io_system_seed(struct random *random);

#endif
