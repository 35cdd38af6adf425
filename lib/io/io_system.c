#include "io/io_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"

static uint64_t
clock_us(clockid_t clock)
{
    struct timespec now;
    const int failed = clock_gettime(clock, &now);

    KV_ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Everyone subtracts times.  A clock that steps back by a microsecond, as a virtual machine's may
 * when a thread changes its processor, would make half a million years of it. */
uint64_t
io_system_now_us(struct io *io)
{
    static uint64_t latest_us;
    const uint64_t now_us = clock_us(CLOCK_MONOTONIC);

    (void)io;
    if (now_us > latest_us)
        latest_us = now_us;
    return latest_us;
}

uint64_t
io_system_wall_us(struct io *io)
{
    (void)io;
    return clock_us(CLOCK_REALTIME);
}

int
io_system_list_dir(struct io *io, const char *path, io_name_fn *on_name, void *owner)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int result = 0;

    (void)io;
    if (dir == NULL)
        return -errno;
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!on_name(owner, entry->d_name))
            break;
    }
    closedir(dir);
    return result;
}

int
io_system_lock_file(struct io *io, int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    (void)io;
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

void
io_system_seed(struct random *random)
{
    uint64_t seed = 0;
    ssize_t got;

    do {
        got = getrandom(&seed, sizeof(seed), 0);
    } while (got < 0 && errno == EINTR);
    /* A sandbox may forbid getrandom; these numbers guard nothing, so the clock will do. */
    if (got != (ssize_t)sizeof(seed))
        seed = clock_us(CLOCK_REALTIME) ^ clock_us(CLOCK_MONOTONIC) << 20 ^ (uint64_t)getpid();
    random_init(random, seed);
}
