/* sim_call.c - requests to a simulated machine, written short. */
#include "support/sim_call.h"

#include <fcntl.h>
#include <string.h>

int64_t
sim_call(struct sim_io *sim, struct io_request request)
{
    return io_call(sim_io_base(sim), &request);
}

int
sim_open(struct sim_io *sim, const char *path, int flags)
{
    return (int)sim_call(sim,
                         (struct io_request){.op = IO_OPEN, .path = path, .open_flags = flags});
}

int64_t
sim_write_text(struct sim_io *sim, int fd, uint64_t offset, const char *text)
{
    return sim_call(sim, (struct io_request){.op = IO_WRITE,
                                             .fd = fd,
                                             .buffer = (void *)(uintptr_t)text,
                                             .size = strlen(text),
                                             .offset = offset});
}

int64_t
sim_sync(struct sim_io *sim, int fd)
{
    return sim_call(sim, (struct io_request){.op = IO_FSYNC, .fd = fd});
}

int64_t
sim_sync_dir(struct sim_io *sim, const char *path)
{
    return sim_call(sim, (struct io_request){.op = IO_SYNC_DIR, .path = path});
}

bool
sim_file_holds(struct sim_io *sim, const char *path, const char *text)
{
    char found[64];
    const int fd = sim_open(sim, path, O_RDONLY);
    int64_t size;

    if (fd < 0)
        return false;
    size = sim_call(
        sim, (struct io_request){.op = IO_READ, .fd = fd, .buffer = found, .size = sizeof(found)});
    sim_call(sim, (struct io_request){.op = IO_CLOSE, .fd = fd});
    return size == (int64_t)strlen(text) && memcmp(found, text, strlen(text)) == 0;
}
