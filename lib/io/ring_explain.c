/* ring_explain.c - why the system refuses io_uring.
 *
 * Whoever meets this has just installed kvd in a container or on an old kernel.  The errno alone
 * is ambiguous (EPERM is a sysctl or seccomp), so what decides it is looked up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "io/ring_internal.h"

enum { KERNEL_MAJOR_MIN = 6, KERNEL_MINOR_MIN = 1 };

static bool
is_kernel_too_old(const char *release)
{
    unsigned major, minor;

    if (sscanf(release, "%u.%u", &major, &minor) != 2)
        return false;
    return major < KERNEL_MAJOR_MIN || (major == KERNEL_MAJOR_MIN && minor < KERNEL_MINOR_MIN);
}

static const char *
explain_permission(const struct ring_refusal *refusal)
{
    if (refusal->sysctl_disabled == 2)
        return "the sysctl kernel.io_uring_disabled is 2, which forbids it to everyone; set it to "
               "0 (sysctl -w kernel.io_uring_disabled=0, and in /etc/sysctl.d)";
    if (refusal->sysctl_disabled == 1)
        return "the sysctl kernel.io_uring_disabled is 1, which forbids it to users outside the "
               "group of kernel.io_uring_group; set it to 0 or add kvd's user to that group";
    if (refusal->seccomp)
        return "a seccomp filter forbids it, as the default profile of Docker, Podman and "
               "containerd does; run the container with a profile that allows io_uring_setup, "
               "io_uring_enter and io_uring_register";
    return "a security module (SELinux, AppArmor) forbids it; look for a denial in the audit log";
}

static const char *
explain_absence(const struct ring_refusal *refusal)
{
    if (is_kernel_too_old(refusal->kernel_release))
        return "the kernel is too old; kvd needs Linux 6.1 or later";
    if (refusal->seccomp)
        return "a seccomp filter hides it; run the container with a profile that allows "
               "io_uring_setup, io_uring_enter and io_uring_register";
    return "this kernel was built without CONFIG_IO_URING, or a sandbox such as gVisor hides it; "
           "use another kernel or runtime";
}

static const char *
explain_cause(const struct ring_refusal *refusal)
{
    switch (refusal->error) {
    case EPERM:
    case EACCES:
        return explain_permission(refusal);
    case ENOSYS:
        return explain_absence(refusal);
    case EINVAL:
        return is_kernel_too_old(refusal->kernel_release)
                   ? "the kernel lacks SINGLE_ISSUER or DEFER_TASKRUN; kvd needs Linux 6.1 or later"
                   : "the kernel knows io_uring but refuses SINGLE_ISSUER or DEFER_TASKRUN; kvd "
                     "needs Linux 6.1 or later, unpatched in this respect";
    case ENOMEM:
        return "not enough memory may be locked; raise RLIMIT_MEMLOCK (ulimit -l, or "
               "LimitMEMLOCK= in the systemd unit) or the memory limit of the container";
    case EMFILE:
    case ENFILE:
        return "no file descriptor is left; raise RLIMIT_NOFILE (ulimit -n, or LimitNOFILE=)";
    default:
        return "this is not a refusal that kvd knows";
    }
}

void
ring_explain(const struct ring_refusal *refusal, char *text, size_t size)
{
    KV_ASSERT(refusal->error > 0);
    KV_ASSERT(refusal->kernel_release != NULL);
    snprintf(text, size, "cannot use io_uring (%s, Linux %s): %s", strerror(refusal->error),
             refusal->kernel_release, explain_cause(refusal));
}

static int
read_sysctl(void)
{
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    int value = -1;

    if (file == NULL)
        return -1;
    if (fscanf(file, "%d", &value) != 1)
        value = -1;
    fclose(file);
    return value;
}

static bool
has_seccomp_filter(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    int mode = 0;

    if (file == NULL)
        return false;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Seccomp: %d", &mode) == 1)
            break;
    }
    fclose(file);
    return mode == 2;
}

void
ring_explain_here(int error)
{
    struct utsname system;
    struct ring_refusal refusal = {
        .error = error,
        .sysctl_disabled = read_sysctl(),
        .seccomp = has_seccomp_filter(),
        .kernel_release = uname(&system) == 0 ? system.release : "unknown",
    };
    char text[512];

    ring_explain(&refusal, text, sizeof(text));
    kv_log(LOG_LEVEL_WARNING, "%s", text);
}
