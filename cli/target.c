/* target.c - the lock decides: it cannot be stale, while a file or a socket can. */
#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/local_server.h"
#include "resp/resp_number.h"

#define ENDPOINT_FILE "kvd.endpoint"

/* The text up to `end`, which must be there. */
static bool
take_until(struct slice *rest, char end, struct slice *part_out)
{
    const uint8_t *at = rest->size == 0 ? NULL : memchr(rest->data, end, rest->size);

    if (at == NULL)
        return false;
    *part_out = slice_of(rest->data, (size_t)(at - rest->data));
    *rest = slice_of(at + 1, rest->size - part_out->size - 1);
    return true;
}

static bool
keep_text(struct target *target, struct slice text)
{
    if (text.size == 0 || text.size >= sizeof(target->path) ||
        memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(target->path, text.data, text.size);
    target->path[text.size] = '\0';
    return true;
}

bool
target_parse_endpoint(struct target *target, struct slice text, int64_t *pid_out)
{
    struct slice pid, kind, host, place;
    int64_t port;

    if (!take_until(&text, '\n', &pid) || !resp_parse_int64(pid, pid_out) || *pid_out <= 0)
        return false;
    if (!take_until(&text, ' ', &kind) || !take_until(&text, '\n', &place) || text.size > 0)
        return false;
    target->endpoint = (struct endpoint){0};
    if (slice_equal(kind, slice_from_text("unix"))) {
        target->endpoint.socket_path = target->path;
        return keep_text(target, place) && target->path[0] == '/';
    }
    if (!slice_equal(kind, slice_from_text("tcp")) || !take_until(&place, ' ', &host) ||
        !resp_parse_int64(place, &port) || port < 1 || port > UINT16_MAX)
        return false;
    target->endpoint.host = target->path;
    target->endpoint.port = (uint16_t)port;
    return keep_text(target, host);
}

/* *pid_out: who has the lock; 0: nobody; -1: a process that this one cannot see. */
static enum exit_code
find_lock_owner(const char *data_dir, int64_t *pid_out)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_BYTES_MAX];
    int fd, failed, error;

    *pid_out = 0;
    if (file_path(data_dir, "LOCK", path, sizeof(path)) != KV_OK)
        return EXIT_NO_CONNECTION;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return EXIT_OK;
    failed = fd < 0 ? -1 : fcntl(fd, F_GETLK, &lock);
    error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (failed != 0) {
        complain("cannot look at %s: %s", path, strerror(error));
        return EXIT_NO_CONNECTION;
    }
    if (lock.l_type != F_UNLCK)
        *pid_out = lock.l_pid > 0 ? lock.l_pid : -1;
    return EXIT_OK;
}

/* The endpoint file's content, or nothing. */
static struct slice
read_endpoint(const char *data_dir, char *text, size_t size)
{
    char path[PATH_BYTES_MAX];
    ssize_t got;
    int fd;

    if (file_path(data_dir, ENDPOINT_FILE, path, sizeof(path)) != KV_OK)
        return slice_of(NULL, 0);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    got = fd < 0 ? 0 : read(fd, text, size);
    if (fd >= 0)
        (void)close(fd);
    return slice_of(text, got > 0 ? (size_t)got : 0);
}

/* The kvd that holds the lock. */
static enum exit_code
find_running(struct target *target, const char *data_dir, int64_t owner)
{
    char text[PATH_BYTES_MAX + 64];
    const struct slice content = read_endpoint(data_dir, text, sizeof(text));
    int64_t pid;

    KV_ASSERT(owner != 0);
    if (content.size > 0 && target_parse_endpoint(target, content, &pid) &&
        (owner < 0 || pid == owner))
        return EXIT_OK;
    if (owner > 0)
        complain("%s is in use by process %lld, and %s/%s does not tell where that listens; if it "
                 "is a kvd, name its address with -h and -p or -s",
                 data_dir, (long long)owner, data_dir, ENDPOINT_FILE);
    else
        complain("%s is in use by a process in another container or on another machine", data_dir);
    return EXIT_NO_CONNECTION;
}

static enum exit_code
check_dir(const struct options *options)
{
    struct stat info;

    if (stat(options->data_dir, &info) != 0) {
        if (errno == ENOENT && options->create)
            return EXIT_OK;
        complain("%s: %s%s", options->data_dir, strerror(errno),
                 errno == ENOENT ? "; --create makes a new database there" : "");
        return EXIT_NO_CONNECTION;
    }
    if (!S_ISDIR(info.st_mode)) {
        complain("%s is not a directory; kvctl inspect prints single files", options->data_dir);
        return EXIT_NO_CONNECTION;
    }
    return EXIT_OK;
}

/* A slip in the name must not make a database in some directory that has other things in it. */
static enum exit_code
check_database(const struct options *options)
{
    char path[PATH_BYTES_MAX];

    if (file_path(options->data_dir, "CURRENT", path, sizeof(path)) != KV_OK)
        return EXIT_NO_CONNECTION;
    if (options->create || access(path, F_OK) == 0)
        return EXIT_OK;
    complain("%s has no database (no file CURRENT); --create makes one", options->data_dir);
    return EXIT_NO_CONNECTION;
}

enum exit_code
target_find(struct target *target, const struct options *options)
{
    int64_t owner;
    enum exit_code code;

    *target = (struct target){.endpoint = {.socket_path = options->socket_path,
                                           .host = options->host,
                                           .port = options->port}};
    if (options->data_dir == NULL)
        return EXIT_OK;
    code = check_dir(options);
    if (code == EXIT_OK)
        code = find_lock_owner(options->data_dir, &owner);
    if (code == EXIT_OK && owner != 0)
        return find_running(target, options->data_dir, owner);
    if (code == EXIT_OK)
        code = check_database(options);
    if (code != EXIT_OK)
        return code;
    target->endpoint = (struct endpoint){0};
    target->is_private = true;
    return local_server_start(options->data_dir, options->kvd_path, &target->endpoint.socket_path);
}
