/* core_watch.c - asked of /proc, a few hundred times a second at most, and only while a worker
 * works.
 *
 * A move is a change of affinity that is taken back at once.  What the affinity was is read each
 * time, since an administrator may change it.
 *
 * The workers leave the core before kvd comes.  A process that has had more than its share where it
 * was brings that debt with it, and the kernel weighs it by what is in the new queue: beside a lone
 * process of the idle class it becomes some three hundred times as much (place_entity in Linux's
 * fair.c), to be paid to the first who wants this core as well.  kvd was seen to wait for 89 ms.
 * In an empty queue no debt counts.
 */
#include "daemon/core_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "daemon/worker_pool.h"

enum {
    LOOK_US = 4000,
    WAITED_SHARE = 5,     /* a move is worth its cost from a fifth of the time on */
    STAT_CORE_FIELD = 36, /* of /proc/PID/stat, behind the name; proc(5) calls it the 39th */
    STAT_BYTES_MAX = 1024,
};

void
core_watch_open(struct core_watch *watch)
{
    *watch = (struct core_watch){.fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)};
}

void
core_watch_close(struct core_watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
}

/* Its second number. */
static bool
read_waited(const struct core_watch *watch, uint64_t *waited_ns_out)
{
    char text[128], *end;
    const ssize_t got = pread(watch->fd, text, sizeof(text) - 1, 0);

    if (got <= 0)
        return false;
    text[got] = '\0';
    (void)strtoull(text, &end, 10);
    *waited_ns_out = strtoull(end, NULL, 10);
    return true;
}

int
core_of_process(pid_t pid)
{
    char path[32], text[STAT_BYTES_MAX];
    const char *at;
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (got <= 0)
        return -1;
    text[got] = '\0';
    at = strrchr(text, ')'); /* the name may have spaces */
    for (uint32_t i = 0; at != NULL && i <= STAT_CORE_FIELD; i++)
        at = strchr(at + 1, ' ');
    return at != NULL ? atoi(at + 1) : -1;
}

struct binding {
    pid_t pid; /* 0: the calling thread */
    cpu_set_t before;
};

static bool
bind_to(pid_t pid, int core, struct binding *binding)
{
    cpu_set_t there;

    binding->pid = pid;
    if (core < 0 || core >= CPU_SETSIZE ||
        sched_getaffinity(pid, sizeof(binding->before), &binding->before) != 0 ||
        !CPU_ISSET((size_t)core, &binding->before))
        return false;
    CPU_ZERO(&there);
    CPU_SET((size_t)core, &there);
    return sched_setaffinity(pid, sizeof(there), &there) == 0;
}

static void
unbind(struct binding *binding)
{
    const size_t size = sizeof(binding->before);

    if (sched_setaffinity(binding->pid, size, &binding->before) == 0)
        return;
    /* What was allowed has changed in between: all that is allowed now.  Or it has died. */
    memset(&binding->before, 0xff, size);
    if (sched_setaffinity(binding->pid, size, &binding->before) != 0 && errno != ESRCH)
        kv_log(LOG_LEVEL_WARNING, "%s cannot leave its core any more: %s",
               binding->pid == 0 ? "kvd" : "a worker", strerror(errno));
}

bool
core_exchange(const pid_t *pids, uint32_t pid_count)
{
    const int here = sched_getcpu();
    struct binding own, others[CORE_WATCH_PIDS_MAX];
    uint32_t other_count = 0;
    int there = -1;
    bool has_moved;

    KV_ASSERT(pid_count <= CORE_WATCH_PIDS_MAX);
    for (uint32_t i = 0; i < pid_count; i++) {
        const int core = core_of_process(pids[i]);

        if (there < 0 && core != here)
            there = core;
        if (there >= 0 && core == there)
            other_count += bind_to(pids[i], here, &others[other_count]);
    }
    has_moved = bind_to(0, there, &own);
    if (has_moved)
        unbind(&own);
    for (uint32_t i = 0; i < other_count; i++)
        unbind(&others[i]);
    return has_moved;
}

void
core_watch_turn(struct core_watch *watch, const struct worker_pool *pool, uint64_t now_us)
{
    const uint64_t looked_us = watch->looked_us, waited_before_ns = watch->waited_ns;
    pid_t pids[CORE_WATCH_PIDS_MAX];
    uint32_t pid_count;

    if (watch->fd < 0 || pool == NULL || now_us - looked_us < LOOK_US)
        return;
    watch->looked_us = 0;
    pid_count = worker_pool_busy_pids(pool, pids, CORE_WATCH_PIDS_MAX);
    if (pid_count == 0 || !read_waited(watch, &watch->waited_ns))
        return;
    watch->looked_us = now_us;
    /* Longer ago it was another time. */
    if (now_us - looked_us > 10 * (uint64_t)LOOK_US)
        return;
    if (watch->waited_ns - waited_before_ns > (now_us - looked_us) * 1000 / WAITED_SHARE)
        watch->exchange_count += core_exchange(pids, pid_count);
}
