/* jail_selftest.c - tries the jail from inside; kvd-worker --jail-selftest DIR, for the tests and
 * for an administrator who wants to know what holds on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/jail.h"

enum { SELFTEST_PATH_BYTES = 4096 };

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
try_permitted(const char *dir, const char *path)
{
    int wrong = 0, fd;

    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    wrong += report("make a file in the directory", true, fd);
    wrong += report("write to it", true, write(fd, "x", 1));
    wrong += report("sync it", true, fsync(fd));
    close(fd);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    wrong += report("sync the directory", true, fsync(fd));
    close(fd);
    return wrong;
}

static int
try_priorities(pid_t parent)
{
    const struct sched_param none = {0}, some = {.sched_priority = 1};
    int wrong = 0;

    wrong += report("become a batch process", false, sched_setscheduler(0, SCHED_BATCH, &none));
    wrong += report("become an ordinary one", false, sched_setscheduler(0, SCHED_OTHER, &none));
    wrong += report("become a real-time one", false, sched_setscheduler(0, SCHED_FIFO, &some));
    wrong +=
        report("the same of the parent", false, sched_setscheduler(parent, SCHED_BATCH, &none));
    wrong += report("lower the I/O priority", true, syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7));
    wrong += report("raise it", true, syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
    wrong += report("real-time I/O", false, syscall(SYS_ioprio_set, 1, 0, 1 << 13));
    return wrong;
}

static int
try_paths(const char *dir, const char *path)
{
    char outside[SELFTEST_PATH_BYTES];
    int wrong = 0;

    snprintf(outside, sizeof(outside), "%s/../x", dir);
    wrong += report("read /etc/passwd", false, open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    wrong += report("make a file beside the directory", false,
                    open(outside, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    wrong += report("open /proc/self/mem", false, open("/proc/self/mem", O_RDWR | O_CLOEXEC));
    wrong += report("remove a file", false, unlink(path));
    wrong += report("rename a file", false, rename(path, outside));
    wrong += report("truncate a file", false, truncate(path, 0));
    wrong += report("make a subdirectory", false, mkdirat(AT_FDCWD, outside, 0700));
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

static int
try_all(const char *dir, const char *path, int socket, int other)
{
    const pid_t parent = getppid();
    int wrong;

    if (jail_close_others(socket) != KV_OK || jail_enter(dir) != KV_OK)
        return 1;
    wrong = report("use another descriptor from before", false, write(other, "x", 1));
    wrong += try_permitted(dir, path);
    wrong += try_priorities(parent);
    wrong += try_paths(dir, path);
    wrong += try_calls(parent);
    printf("%d wrong\n", wrong);
    return wrong;
}

/* In a child, since nobody comes out of the jail to remove the file. */
int
jail_selftest(const char *dir)
{
    char path[SELFTEST_PATH_BYTES];
    int pair[2], ended = 0;
    pid_t child;

    setvbuf(stdout, NULL, _IONBF, 0);
    if (dir[0] != '/' || snprintf(path, sizeof(path), "%s/.jail-selftest.%d", dir, (int)getpid()) >=
                             (int)sizeof(path)) {
        fputs("the directory must be an absolute path\n", stderr);
        return 1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        perror("socketpair");
        return 1;
    }
    child = fork();
    if (child == 0)
        _exit(try_all(dir, path, pair[0], pair[1]) == 0 ? 0 : 1);
    if (child < 0 || waitpid(child, &ended, 0) != child)
        perror("fork");
    unlink(path);
    return WIFEXITED(ended) && WEXITSTATUS(ended) == 0 && child > 0 ? 0 : 1;
}
