/* cpu_slice.c - sched_setattr, for which the C library has no name yet. */
#include "daemon/cpu_slice.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

/* The first version of the kernel's struct; <linux/sched/types.h> and <sched.h> exclude each other.
 */
struct sched_attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice_value;
    uint32_t priority;
    uint64_t runtime_ns; /* of the classes here: the slice */
    uint64_t deadline_ns, period_ns;
};

bool
cpu_slice_set(pid_t pid, int policy, uint32_t slice_us)
{
    struct sched_attributes attributes = {
        .size = sizeof(attributes),
        .policy = (uint32_t)policy,
        .runtime_ns = (uint64_t)slice_us * 1000,
    };

    KV_ASSERT(pid >= 0);
    KV_ASSERT(slice_us >= CPU_SLICE_SHORT_US && slice_us <= CPU_SLICE_LONG_US);
    errno = 0;
    attributes.nice_value = getpriority(PRIO_PROCESS, (id_t)pid);
    if (errno != 0)
        return false;
    return syscall(SYS_sched_setattr, pid, &attributes, 0) == 0;
}

void
cpu_slice_shorten_own(void)
{
    if (sched_getscheduler(0) != SCHED_OTHER)
        return;
    if (!cpu_slice_set(0, SCHED_OTHER, CPU_SLICE_SHORT_US))
        kv_log(LOG_LEVEL_VERBOSE, "sched_setattr: %s", strerror(errno));
}
