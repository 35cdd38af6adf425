/* give_way.c - sched_yield a few thousand times a second, and a pause where somebody waits.
 *
 * The kernel owes the idle class a three-hundredth of a core that others want as well, and pays in
 * one piece: until the next tick of its clock, four milliseconds, in which kvd waits with all that
 * it was about to answer.  A yield ends the piece at once and gives up what is owed; where nobody
 * waits it changes nothing.  In other classes a worker has a share that it is meant to use.
 *
 * Nor does the kernel always bring those together who could run at once: with most cores in use it
 * does not look for one that the idle class has, and kvd and a client share theirs for up to a
 * second while a worker has the next.  To the worker that looks like more that is ready to run
 * than there are cores (/proc/loadavg, its fourth number).  So it leaves for a moment that is long
 * enough for the kernel to find the core empty.  Where that is so all the time it has a fifteenth
 * of its core left, so only work that was asked for by hand does that: flushes and merges of kvd's
 * own that took so long would make writers wait.
 */
#include "worker/give_way.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/io.h"

enum {
    YIELD_US = 50,
    LOOK_US = 300,
    PAUSE_US = 4000,
    READY_FIELD = 3, /* of /proc/loadavg, from 0: ready/all */
    LOADAVG_BYTES_MAX = 128,
};

/* Of the process, as its class is. */
static int loadavg_fd = -1;
static uint64_t yielded_us, looked_us;
static bool may_leave;

void
give_way_prepare(void)
{
    if (loadavg_fd < 0)
        loadavg_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

void
give_way_leaves_core(bool leaves_core)
{
    may_leave = leaves_core;
}

uint32_t
ready_in_loadavg(const char *text)
{
    char *end;
    unsigned long count;

    for (uint32_t i = 0; i < READY_FIELD; i++) {
        text = strchr(text, ' ');
        if (text == NULL)
            return 0;
        text++;
    }
    count = strtoul(text, &end, 10);
    return end > text && *end == '/' && count < UINT32_MAX ? (uint32_t)count : 0;
}

static bool
somebody_waits(void)
{
    char text[LOADAVG_BYTES_MAX];
    const long core_count = sysconf(_SC_NPROCESSORS_ONLN);
    ssize_t got;

    if (loadavg_fd < 0 || core_count < 1)
        return false;
    got = pread(loadavg_fd, text, sizeof(text) - 1, 0);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return ready_in_loadavg(text) > (uint64_t)core_count;
}

static void
leave_for_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = PAUSE_US * 1000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

void
give_way(struct io *io)
{
    const uint64_t now_us = io_now_us(io);

    if (now_us - yielded_us < YIELD_US)
        return;
    if (sched_getscheduler(0) == SCHED_IDLE) {
        (void)sched_yield();
        if (may_leave && now_us - looked_us >= LOOK_US) {
            if (somebody_waits())
                leave_for_a_moment();
            looked_us = io_now_us(io);
        }
    }
    yielded_us = io_now_us(io);
}
