/* worker_priority.c - the kernel's scheduling classes.
 *
 * A process of the idle class gives way at once to any other that wakes up, and its core counts as
 * free when the kernel looks for one.  Where a worker is of another class, kvd and its clients are
 * often left together on one core while the worker has the other to itself.  The price is that it
 * may get nothing for as long as both cores are wanted.  In each class a worker has a longer
 * slice than kvd, which therefore need not wait for its end.
 */
#include "daemon/worker_priority.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "daemon/cpu_slice.h"

enum { NICE_LOWEST = 20 };

static bool
has_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(CAP_SYS_NICE)].effective & CAP_TO_MASK(CAP_SYS_NICE)) != 0;
}

bool
worker_priority_may_return(pid_t pid)
{
    struct rlimit limit;
    int nice_now;

    KV_ASSERT(pid > 0);
    if (has_capability())
        return true;
    errno = 0;
    nice_now = getpriority(PRIO_PROCESS, (id_t)pid);
    if (errno != 0 || prlimit(pid, RLIMIT_NICE, NULL, &limit) != 0)
        return false;
    return limit.rlim_cur >= (rlim_t)(NICE_LOWEST - nice_now);
}

bool
worker_priority_set(pid_t pid, enum worker_priority priority)
{
    static const int policies[] = {
        [WORKER_PRIORITY_NORMAL] = SCHED_OTHER,
        [WORKER_PRIORITY_BATCH] = SCHED_BATCH,
        [WORKER_PRIORITY_IDLE] = SCHED_IDLE,
    };

    KV_ASSERT(pid > 0);
    KV_ASSERT((size_t)priority < sizeof(policies) / sizeof(policies[0]));
    if (cpu_slice_set(pid, policies[priority], CPU_SLICE_LONG_US))
        return true;
    kv_log(LOG_LEVEL_VERBOSE, "worker process %d: sched_setattr: %s", (int)pid, strerror(errno));
    return false;
}
