/* worker_process.c - posix_spawn with one descriptor.
 *
 * The child gets 0, 1, 2 and its end of a socket pair as 3, nothing else, whatever others forgot
 * to mark close-on-exec.  Its signals are as at birth.  The child is our own and unreaped, so its
 * pid cannot be another's when the pidfd is opened.
 */
#include "daemon/worker_process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "ipc/worker_channel.h"

extern char **environ;

enum { CHILD_SOCKET = 3 };

/* The folder that this program was started from, and "kvd-worker". */
static enum kv_status
default_binary(char *path, size_t size)
{
    static const char name[] = "kvd-worker";
    const ssize_t length = readlink("/proc/self/exe", path, size - 1);
    char *slash;

    if (length <= 0)
        return KV_FAIL(KV_NO_FILE, "/proc/self/exe: %s; set worker-path", strerror(errno));
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash + 1 - path) + sizeof(name) > size)
        return KV_FAIL(KV_LIMIT, "the path of this program is too long; set worker-path");
    memcpy(slash + 1, name, sizeof(name));
    return KV_OK;
}

static void
set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* 0 or an errno. */
static int
spawn(const char *path, const struct worker_process_options *options, int child_socket,
      pid_t *pid_out)
{
    static char fd_option[] = "--fd", fd_text[] = "3", no_jail[] = "--no-jail",
                journal[] = "--journal", library[] = "--merge-library", name[] = "kvd-worker";
    char *args[8] = {name, fd_option, fd_text};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    size_t arg_count = 3;
    int failed;

    if (options->no_jail)
        args[arg_count++] = no_jail;
    if (options->journal)
        args[arg_count++] = journal;
    if (options->merge_library != NULL) {
        args[arg_count++] = library;
        args[arg_count++] = (char *)(uintptr_t)options->merge_library; /* argv lacks const */
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    set_signals(&attributes);
    failed = posix_spawn_file_actions_adddup2(&actions, child_socket, CHILD_SOCKET);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_SOCKET + 1);
    if (failed == 0)
        failed = posix_spawn(pid_out, path, &actions, &attributes, args, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static enum kv_status
spawn_on(const char *path, const struct worker_process_options *options, int child_socket,
         struct worker_process *process)
{
    const int failed = spawn(path, options, child_socket, &process->pid);

    if (failed != 0)
        return KV_FAIL(failed == ENOENT || failed == EACCES ? KV_NO_FILE : KV_IO,
                       "cannot start %s: %s; memtables stay in memory until a worker runs "
                       "(worker-path says where it is)",
                       path, strerror(failed));
    process->pidfd = pidfd_open(process->pid, 0);
    if (process->pidfd >= 0)
        return KV_OK;
    (void)KV_FAIL(KV_IO, "pidfd_open: %s", strerror(errno));
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    return KV_IO;
}

enum kv_status
worker_process_spawn(const struct worker_process_options *options,
                     struct worker_process *process_out)
{
    char path[PATH_MAX];
    int pair[2];
    enum kv_status st;

    *process_out = (struct worker_process){.pidfd = -1, .socket = -1};
    if (options->binary == NULL) {
        st = default_binary(path, sizeof(path));
        if (st != KV_OK)
            return st;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return KV_FAIL(KV_IO, "socketpair: %s", strerror(errno));
    worker_channel_prepare(pair[0]);
    st = spawn_on(options->binary != NULL ? options->binary : path, options, pair[1], process_out);
    close(pair[1]);
    if (st != KV_OK) {
        close(pair[0]);
        *process_out = (struct worker_process){.pidfd = -1, .socket = -1};
        return st;
    }
    process_out->socket = pair[0];
    return KV_OK;
}

void
worker_process_kill(const struct worker_process *process)
{
    KV_ASSERT(process->pidfd >= 0);
    /* ESRCH: it is gone already. */
    if (pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0) != 0 && errno != ESRCH)
        kv_log(LOG_LEVEL_WARNING, "cannot kill worker process %d: %s", (int)process->pid,
               strerror(errno));
}

bool
worker_process_reap(const struct worker_process *process, char *how, size_t how_size)
{
    siginfo_t info = {0};

    KV_ASSERT(process->pidfd >= 0);
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) != 0) {
        /* ECHILD: somebody else has reaped it, which also means that it is gone. */
        snprintf(how, how_size, "gone (%s)", strerror(errno));
        return errno == ECHILD;
    }
    if (info.si_pid == 0)
        return false;
    if (info.si_code == CLD_EXITED)
        snprintf(how, how_size, "exited with %d", info.si_status);
    else
        snprintf(how, how_size, "killed by signal %d (%s)", info.si_status,
                 strsignal(info.si_status));
    return true;
}
