/* jail_selftest.c - tries the jail from inside; kvd-worker --jail-selftest DIR, for the tests and
 * for an administrator who wants to know what holds on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/worker_msg.h"
#include "worker/jail.h"

enum { SELFTEST_PATH_BYTES = 4096, FILE_MADE = 999999 };

/* A line of the report; returns whether the outcome is the wrong one. */
static int
report(const char *what, bool may, long result)
{
    const int error = errno;
    const bool did = result >= 0;

    printf("%-8s %-44s %s\n", did == may ? "ok" : "WRONG", what, did ? "allowed" : strerror(error));
    return did == may ? 0 : 1;
}

static int
try_permitted(const char *dir)
{
    char path[SELFTEST_PATH_BYTES];
    int wrong = 0, fd;

    if (!worker_output_path(path, sizeof(path), dir, FILE_MADE))
        return 1;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    wrong += report("make a table in the directory", true, fd);
    wrong += report("write to it", true, write(fd, "x", 1));
    wrong += report("sync it", true, fsync(fd));
    close(fd);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    wrong += report("sync the directory", true, fsync(fd));
    close(fd);
    return wrong;
}

static int
try_paths(const char *dir)
{
    char path[SELFTEST_PATH_BYTES], outside[SELFTEST_PATH_BYTES + 16];
    int wrong = 0;

    if (!worker_output_path(path, sizeof(path), dir, FILE_MADE))
        return 1;
    snprintf(outside, sizeof(outside), "%s/../x", dir);
    wrong += report("read /etc/passwd", false, open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    wrong += report("make a file beside the directory", false,
                    open(outside, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    wrong += report("open /proc/self/mem", false, open("/proc/self/mem", O_RDWR | O_CLOEXEC));
    wrong += report("remove a table", false, unlink(path));
    wrong += report("rename a table", false, rename(path, outside));
    wrong += report("truncate a table", false, truncate(path, 0));
    wrong += report("make a subdirectory", false, mkdirat(AT_FDCWD, path, 0700));
    wrong += report("make a link", false, symlink("/etc/passwd", outside));
    return wrong;
}

static int
try_calls(pid_t parent)
{
    struct io_uring_params_bytes {
        uint64_t bytes[32];
    } ring = {{0}};
    int wrong = 0;
    long child;

    wrong += report("socket(AF_INET)", false, socket(AF_INET, SOCK_STREAM, 0));
    wrong += report("socket(AF_UNIX)", false, socket(AF_UNIX, SOCK_STREAM, 0));
    wrong += report("execve", false, execl("/bin/true", "true", (char *)NULL));
    child = syscall(SYS_fork);
    if (child == 0)
        _exit(0);
    wrong += report("fork", false, child);
    wrong += report("kill the parent", false, kill(parent, 0));
    wrong += report("ptrace the parent", false, ptrace(PTRACE_ATTACH, parent, NULL, NULL));
    wrong += report("io_uring_setup", false, syscall(SYS_io_uring_setup, 8, &ring));
    wrong += report("bpf", false, syscall(SYS_bpf, 0, NULL, 0));
    wrong += report("userfaultfd", false, syscall(SYS_userfaultfd, 0));
    wrong += report("mount", false, syscall(SYS_mount, "a", "b", "c", 0, NULL));
    wrong += report("keyctl", false, syscall(SYS_keyctl, 0, 0));
    wrong += report("process_vm_writev", false,
                    syscall(SYS_process_vm_writev, parent, NULL, 0, NULL, 0, 0));
    wrong += report("map executable memory", false,
                    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                        ? -1
                        : 0);
    return wrong;
}

int
jail_selftest(const char *dir)
{
    const pid_t parent = getppid();
    int pair[2], wrong;

    setvbuf(stdout, NULL, _IONBF, 0);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        perror("socketpair");
        return 1;
    }
    if (jail_enter(dir, pair[0]) != KV_OK)
        return 1;
    wrong = report("use another descriptor from before", false, write(pair[1], "x", 1));
    wrong += try_permitted(dir);
    wrong += try_paths(dir);
    wrong += try_calls(parent);
    printf("%d wrong\n", wrong);
    return wrong;
}
