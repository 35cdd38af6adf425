/* jail.c - no_new_privs, limits, Landlock, seccomp, in this order.
 *
 * The order matters.  no_new_privs is what lets an unprivileged process do the other two.
 * Landlock needs open() and its own system calls, which seccomp then takes away.  Landlock
 * looks at paths only when they are opened and seccomp does not see what an io_uring does, so a
 * descriptor or a ring from before would walk round both: none is left open.
 *
 * A file may be made, read and written under the directory; not removed, renamed or truncated,
 * since the worker never does so (kvd removes what a failed job leaves).
 *
 * Denied system calls fail with EPERM instead of killing: a new libc that tries a newer call
 * first goes on with the older one.
 */
#include "worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

enum {
    STDERR_KEPT = 2,
    OPEN_FILE_COUNT_MAX = 4096, /* a compaction of level 0 has two for each table */
    LANDLOCK_FS_ABI1 = 0x1fff,  /* every right to files that ABI 1 knows, and so on */
    LANDLOCK_FS_ABI2 = 0x3fff,
    LANDLOCK_FS_ABI3 = 0x7fff,
    LANDLOCK_FS_ABI5 = 0xffff,
    LANDLOCK_NET_TCP = 0x3,    /* bind, connect */
    LANDLOCK_SCOPE_BOTH = 0x3, /* abstract sockets, signals */
};

/* landlock_ruleset_attr of ABI 6; the distribution's header stops at ABI 2. */
struct ruleset {
    uint64_t fs, net, scoped;
};

static enum kv_status
refused(const char *what)
{
    return KV_FAIL(KV_UNSUPPORTED,
                   "the jail cannot be built: %s: %s (a kernel with Landlock and seccomp is "
                   "needed, and under systemd SystemCallFilter=landlock_create_ruleset "
                   "landlock_add_rule landlock_restrict_self seccomp; --no-jail runs without)",
                   what, strerror(errno));
}

/* Everything of the highest ABI here is handled, so denied where no rule allows it. */
static size_t
ruleset_for_abi(long abi, struct ruleset *ruleset)
{
    const uint64_t fs = abi >= 5   ? LANDLOCK_FS_ABI5
                        : abi >= 3 ? LANDLOCK_FS_ABI3
                        : abi == 2 ? LANDLOCK_FS_ABI2
                                   : LANDLOCK_FS_ABI1;

    ruleset->fs = fs;
    ruleset->net = abi >= 4 ? LANDLOCK_NET_TCP : 0;
    ruleset->scoped = abi >= 6 ? LANDLOCK_SCOPE_BOTH : 0;
    return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

static enum kv_status
restrict_paths(const char *dir)
{
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                          LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG,
        .parent_fd = -1};
    struct ruleset ruleset = {0};
    enum kv_status st = KV_OK;
    long abi, fd = -1;

    abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return refused("no Landlock");
    fd = syscall(SYS_landlock_create_ruleset, &ruleset, ruleset_for_abi(abi, &ruleset), 0);
    if (fd < 0)
        return refused("landlock_create_ruleset");
    beneath.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (beneath.parent_fd < 0)
        st = KV_FAIL(KV_NO_FILE, "%s: %s", dir, strerror(errno));
    else if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
        st = refused("landlock_add_rule");
    else if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        st = refused("landlock_restrict_self");
    if (beneath.parent_fd >= 0)
        close(beneath.parent_fd);
    close((int)fd);
    return st;
}

/* What io_blocking, the memtable's mapping, the channel, the log and malloc need. */
static const int allowed_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fallocate),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(lseek),
    SCMP_SYS(getdents64),
    SCMP_SYS(fadvise64),
    SCMP_SYS(readahead),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(ppoll),
    SCMP_SYS(poll),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_getres),
};

enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_MASK = 7 << 13, IOPRIO_CLASS_BE = 2 << 13 };

/* Its own priority at the disk: what a compaction gives up and takes back. */
static int
add_priority_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp process = {
        .arg = 0, .op = SCMP_CMP_EQ, .datum_a = IOPRIO_WHO_PROCESS};
    const struct scmp_arg_cmp this_one = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = 0};
    const struct scmp_arg_cmp best_effort = {.arg = 2,
                                             .op = SCMP_CMP_MASKED_EQ,
                                             .datum_a = IOPRIO_CLASS_MASK,
                                             .datum_b = IOPRIO_CLASS_BE};

    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioprio_set), 3, process, this_one,
                            best_effort);
}

static int
add_rules(scmp_filter_ctx filter)
{
    /* Written out, since libseccomp's macros leave a field to chance. */
    const struct scmp_arg_cmp not_exec = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    const struct scmp_arg_cmp own_process = {
        .arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
    const struct scmp_arg_cmp get_seals = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = F_GET_SEALS};
    const struct scmp_arg_cmp get_flags = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = F_GETFL};
    int failed = add_priority_rules(filter);

    for (size_t i = 0; i < sizeof(allowed_calls) / sizeof(allowed_calls[0]); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_exec);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_exec);
    /* abort() of a failed assertion signals its own thread; no other can be named. */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own_process);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, get_seals);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, get_flags);
    return failed;
}

static enum kv_status
restrict_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int failed;

    if (filter == NULL)
        return refused("seccomp_init");
    failed = add_rules(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 ? KV_OK : refused("seccomp");
}

static void
lower_limits(void)
{
    const struct rlimit no_core = {0, 0}, few_files = {OPEN_FILE_COUNT_MAX, OPEN_FILE_COUNT_MAX};

    /* Both only make an attacker's life harder; a stricter limit that is there already is fine. */
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setrlimit(RLIMIT_NOFILE, &few_files);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

enum kv_status
jail_close_others(int socket)
{
    const unsigned first = STDERR_KEPT + 1, kept = (unsigned)socket;

    KV_ASSERT(socket > STDERR_KEPT);
    if (kept > first && close_range(first, kept - 1, 0) != 0)
        return refused("close_range");
    if (close_range(kept + 1, ~0u, 0) != 0)
        return refused("close_range");
    return KV_OK;
}

enum kv_status
jail_enter(const char *dir)
{
    enum kv_status st;

    KV_ASSERT(dir[0] == '/');
    tzset(); /* the log's time stamps read a file that is out of reach from now on */
    lower_limits();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refused("no_new_privs");
    st = restrict_paths(dir);
    if (st == KV_OK)
        st = restrict_calls();
    return st;
}
