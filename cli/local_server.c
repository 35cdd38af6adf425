/* local_server.c - the child, its directory, and the promise that neither outlives kvctl.
 *
 * What a signal handler needs (pid, paths) is in plain static memory, written before the child
 * exists.  The child has a process group of its own, so that Ctrl-C reaches kvctl alone, and dies
 * with kvctl even if kvctl is killed.
 */
#include "cli/local_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/file.h"

enum { PATH_ROOM = 100, POLL_NS_FIRST = 2000000, POLL_NS_MAX = 50000000, LOG_BYTES_MAX = 16384 };

static struct {
    volatile pid_t pid; /* 0: none */
    char dir[PATH_ROOM - 10];
    char socket_path[PATH_ROOM]; /* fits into sun_path */
    char log_path[PATH_ROOM];
    char program[PATH_BYTES_MAX];
} local;

static void
remove_files(void)
{
    (void)unlink(local.socket_path);
    (void)unlink(local.log_path);
    (void)rmdir(local.dir);
}

/* Only async-signal-safe calls. */
static void
on_signal(int number)
{
    const pid_t pid = local.pid;

    if (pid > 0) {
        (void)kill(pid, SIGTERM);
        (void)waitpid(pid, NULL, 0);
        remove_files();
    }
    _exit(128 + number);
}

void
local_server_handle_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaddset(&action.sa_mask, numbers[i]);
        (void)sigaction(numbers[i], &action, NULL);
    }
    action = (struct sigaction){.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &action, NULL);
}

static enum exit_code
make_dir(void)
{
    const char *base = getenv("TMPDIR");
    int used;

    if (base == NULL || base[0] != '/' || strlen(base) > 60)
        base = "/tmp";
    (void)snprintf(local.dir, sizeof(local.dir), "%s/kvctl.XXXXXX", base);
    if (mkdtemp(local.dir) == NULL) {
        complain("cannot make a directory %s: %s", local.dir, strerror(errno));
        return EXIT_NO_CONNECTION;
    }
    used = snprintf(local.socket_path, sizeof(local.socket_path), "%s/kvd.sock", local.dir);
    KV_ASSERT(used > 0 && (size_t)used < sizeof(local.socket_path));
    used = snprintf(local.log_path, sizeof(local.log_path), "%s/kvd.log", local.dir);
    KV_ASSERT(used > 0 && (size_t)used < sizeof(local.log_path));
    return EXIT_OK;
}

/* `relative` to the folder of this program, if that can be run. */
static bool
find_beside(const char *relative)
{
    char path[PATH_BYTES_MAX];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 32);
    char *slash;

    if (size <= 0)
        return false;
    path[size] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    (void)snprintf(slash + 1, 32, "%s", relative);
    if (access(path, X_OK) != 0)
        return false;
    (void)snprintf(local.program, sizeof(local.program), "%s", path);
    return true;
}

static void
find_program(const char *kvd_path)
{
    if (kvd_path != NULL)
        (void)snprintf(local.program, sizeof(local.program), "%s", kvd_path);
    else if (!find_beside("kvd") && !find_beside("../sbin/kvd"))
        (void)snprintf(local.program, sizeof(local.program), "kvd");
}

_Noreturn static void
become_server(const char *data_dir, pid_t parent)
{
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int log_fd = open(local.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    sigset_t none;

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || null_fd < 0 || log_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(null_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(126);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execlp(local.program, local.program, "--dir", data_dir, "--port", "0", "--unixsocket",
                 local.socket_path, "--unixsocketperm", "0600", "--workers", "1", "--loglevel",
                 "warning", (char *)NULL);
    (void)dprintf(STDERR_FILENO, "cannot start %s: %s; --kvd names the program\n", local.program,
                  strerror(errno));
    _exit(127);
}

/* A signal that comes between the fork and the assignment would leave the child behind. */
static enum exit_code
spawn(const char *data_dir)
{
    const pid_t parent = getpid();
    sigset_t all, before;
    pid_t pid;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become_server(data_dir, parent);
    local.pid = pid > 0 ? pid : 0;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        complain("cannot start a process: %s", strerror(errno));
        remove_files();
        return EXIT_NO_CONNECTION;
    }
    return EXIT_OK;
}

/* What the server wrote, as it is. */
static void
show_log(void)
{
    char bytes[LOG_BYTES_MAX];
    const int fd = open(local.log_path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));

    (void)fflush(stdout);
    if (size > 0)
        (void)fwrite(bytes, 1, (size_t)size, stderr);
    if (fd >= 0)
        (void)close(fd);
}

/* A connection that is accepted and answered: the socket alone may be there long before the
 * directory has been recovered. */
static bool
answers(void)
{
    static const char ping[] = "PING\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;
    bool done;

    if (fd < 0)
        return false;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", local.socket_path);
    done = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           write(fd, ping, sizeof(ping) - 1) == (ssize_t)sizeof(ping) - 1 &&
           read(fd, &byte, 1) == 1;
    (void)close(fd);
    return done;
}

static enum exit_code
wait_until_ready(const char *data_dir)
{
    struct timespec pause = {.tv_nsec = POLL_NS_FIRST};
    int state;

    while (!answers()) {
        if (waitpid(local.pid, &state, WNOHANG) == local.pid) {
            local.pid = 0;
            show_log();
            complain("no kvd could be started on %s", data_dir);
            remove_files();
            return EXIT_NO_CONNECTION;
        }
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < POLL_NS_MAX)
            pause.tv_nsec *= 2;
    }
    return EXIT_OK;
}

enum exit_code
local_server_start(const char *data_dir, const char *kvd_path, const char **socket_path_out)
{
    enum exit_code code;

    KV_ASSERT(local.pid == 0);
    code = make_dir();
    if (code != EXIT_OK)
        return code;
    find_program(kvd_path);
    code = spawn(data_dir);
    if (code == EXIT_OK)
        code = wait_until_ready(data_dir);
    *socket_path_out = local.socket_path;
    return code;
}

enum exit_code
local_server_stop(void)
{
    const pid_t pid = local.pid;
    int state = 0;
    pid_t ended;

    if (pid == 0)
        return EXIT_OK;
    (void)kill(pid, SIGTERM);
    do {
        ended = waitpid(pid, &state, 0);
    } while (ended < 0 && errno == EINTR);
    local.pid = 0;
    show_log();
    remove_files();
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return EXIT_OK;
    if (WIFEXITED(state))
        complain("the private kvd ended with code %d", WEXITSTATUS(state));
    else
        complain("the private kvd was killed by signal %d", WTERMSIG(state));
    return EXIT_SERVER_ERROR;
}
