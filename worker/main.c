/* main.c - kvd-worker: one process, one job at a time.
 *
 * Started by kvd (--fd, the other end of a socket pair) or by a service manager (--socket, where
 * kvd listens).  It owns nothing and may die at any moment.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "merge/merge_library.h"
#include "worker/jail.h"
#include "worker/session.h"

struct arguments {
    const char *socket_path;
    const char *selftest_dir;
    const char *merge_library; /* NULL: none */
    int fd;                    /* -1: none */
    bool jail;
};

static const char usage[] =
    "usage: kvd-worker --socket PATH | --fd N  [--no-jail] [--log-level LEVEL]\n"
    "\n"
    "Builds tables for kvd.  Normally kvd starts its workers itself.\n"
    "\n"
    "  --socket PATH        connect to kvd's worker-socket\n"
    "  --fd N               use this connected SOCK_SEQPACKET socket\n"
    "  --merge-library PATH merge operators of one's own; the same that kvd has\n"
    "  --no-jail            run without Landlock and seccomp\n"
    "  --log-level LEVEL    debug, verbose, notice (default) or warning\n"
    "  --journal            lines for the journal: a priority instead of a time stamp\n"
    "  --jail-selftest DIR  enter the jail on DIR and report what it permits\n"
    "  --version, --help\n";

enum {
    OPTION_SOCKET = 1,
    OPTION_FD,
    OPTION_MERGE_LIBRARY,
    OPTION_NO_JAIL,
    OPTION_LOG_LEVEL,
    OPTION_JOURNAL,
    OPTION_SELFTEST,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"fd", required_argument, NULL, OPTION_FD},
    {"merge-library", required_argument, NULL, OPTION_MERGE_LIBRARY},
    {"no-jail", no_argument, NULL, OPTION_NO_JAIL},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"journal", no_argument, NULL, OPTION_JOURNAL},
    {"jail-selftest", required_argument, NULL, OPTION_SELFTEST},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool
parse_fd(const char *text, int *fd_out)
{
    char *end;
    const long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value <= STDERR_FILENO || value > 1000000)
        return false;
    *fd_out = (int)value;
    return true;
}

static void
set_log_level(const char *name)
{
    enum log_level level;

    if (!log_level_parse(name, &level)) {
        fprintf(stderr, "kvd-worker: unknown log level '%s'\n", name);
        exit(EX_USAGE);
    }
    log_set_level(level);
}

/* Exits on anything that is not to be run. */
static void
parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    int option;

    *arguments = (struct arguments){.fd = -1, .jail = true};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPTION_SOCKET:
            arguments->socket_path = optarg;
            break;
        case OPTION_FD:
            if (!parse_fd(optarg, &arguments->fd)) {
                fprintf(stderr, "kvd-worker: --fd wants a descriptor above 2\n");
                exit(EX_USAGE);
            }
            break;
        case OPTION_MERGE_LIBRARY:
            arguments->merge_library = optarg;
            break;
        case OPTION_NO_JAIL:
            arguments->jail = false;
            break;
        case OPTION_LOG_LEVEL:
            set_log_level(optarg);
            break;
        case OPTION_JOURNAL:
            log_use_journal_prefix(true);
            break;
        case OPTION_SELFTEST:
            arguments->selftest_dir = optarg;
            break;
        case OPTION_VERSION:
            puts("kvd-worker " KV_VERSION);
            exit(EX_OK);
        case OPTION_HELP:
            fputs(usage, stdout);
            exit(EX_OK);
        default:
            fputs(usage, stderr);
            exit(EX_USAGE);
        }
    }
    if (optind != argc || (arguments->selftest_dir == NULL &&
                           (arguments->fd >= 0) == (arguments->socket_path != NULL))) {
        fputs(usage, stderr);
        exit(EX_USAGE);
    }
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        kv_log(LOG_LEVEL_WARNING, "%s: too long for the path of a socket", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        kv_log(LOG_LEVEL_WARNING, "%s: %s", path, strerror(errno));
        return -1;
    }
    return fd;
}

/* A worker that kvd has started ends with kvd and not before: a stop of the service or Ctrl-C
 * reaches both, and kvd may still need a flush.  kvd ends it by closing the socket. */
static void
follow_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

int
main(int argc, char **argv)
{
    struct arguments arguments;
    int socket_fd, code;

    log_set_program("kvd-worker");
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a failed write, not an end */
    parse_arguments(argc, argv, &arguments);
    if (arguments.selftest_dir != NULL)
        _exit(jail_selftest(arguments.selftest_dir) == 0 ? EX_OK : EX_SOFTWARE);
    if (arguments.fd >= 0)
        follow_parent();
    socket_fd = arguments.fd >= 0 ? arguments.fd : connect_to(arguments.socket_path);
    if (socket_fd < 0)
        return EX_UNAVAILABLE;
    /* Before the jail, which forbids new code. */
    if (arguments.merge_library != NULL && merge_library_load(arguments.merge_library) != KV_OK)
        return EX_CONFIG;
    code = session_run(socket_fd, arguments.jail);
    /* Nothing is buffered, and what exit handlers may want to do the jail may not allow. */
    _exit(code);
}
