/* endpoint.c - written beside and renamed, so that a reader finds all of it or nothing.
 *
 * It says what is true while this process lives, so it need not survive a power cut: no fsync.
 */
#include "daemon/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

static const char NAME[] = "kvd.endpoint";
static const char NAME_TEMPORARY[] = "kvd.endpoint.tmp";

/* An abstract one has no path; a relative one is made absolute, since readers are elsewhere. */
static bool
format_unix(const struct sockaddr_un *address, socklen_t size, char *text)
{
    char path[sizeof(address->sun_path) + 1] = "", absolute[PATH_MAX];
    const size_t room = size > offsetof(struct sockaddr_un, sun_path)
                            ? (size_t)size - offsetof(struct sockaddr_un, sun_path)
                            : 0;

    memcpy(path, address->sun_path, room < sizeof(path) ? room : sizeof(path) - 1);
    if (path[0] == '\0' || realpath(path, absolute) == NULL || strchr(absolute, '\n') != NULL)
        return false;
    return snprintf(text, ENDPOINT_TEXT_BYTES, "unix %s", absolute) < ENDPOINT_TEXT_BYTES;
}

bool
endpoint_format(const struct sockaddr *address, socklen_t size, char *text)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    char host[INET6_ADDRSTRLEN];

    KV_ASSERT(address != NULL && text != NULL);
    switch (address->sa_family) {
    case AF_UNIX:
        return format_unix((const struct sockaddr_un *)(const void *)address, size, text);
    case AF_INET:
        if (inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host)) == NULL)
            return false;
        if (in4->sin_addr.s_addr == htonl(INADDR_ANY))
            memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
        (void)snprintf(text, ENDPOINT_TEXT_BYTES, "tcp %s %u", host, ntohs(in4->sin_port));
        return true;
    case AF_INET6:
        if (inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)) == NULL)
            return false;
        if (IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
            memcpy(host, "::1", sizeof("::1"));
        (void)snprintf(text, ENDPOINT_TEXT_BYTES, "tcp %s %u", host, ntohs(in6->sin6_port));
        return true;
    default:
        return false;
    }
}

static bool
write_all(int fd, const char *text, size_t size)
{
    return write(fd, text, size) == (ssize_t)size;
}

void
endpoint_write(const char *dir, const char *text)
{
    char content[ENDPOINT_TEXT_BYTES + 32];
    const int size = snprintf(content, sizeof(content), "%d\n%s\n", (int)getpid(), text);
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = -1, failed = errno;
    bool is_written = false;

    KV_ASSERT(size > 0 && (size_t)size < sizeof(content));
    if (dir_fd < 0)
        goto done;
    fd =
        openat(dir_fd, NAME_TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    is_written = fd >= 0 && write_all(fd, content, (size_t)size) &&
                 renameat(dir_fd, NAME_TEMPORARY, dir_fd, NAME) == 0;
    failed = errno;
done:
    if (!is_written)
        kv_log(LOG_LEVEL_WARNING, "%s/%s cannot be written, so --path does not find this kvd: %s",
               dir, NAME, strerror(failed));
    if (fd >= 0)
        (void)close(fd);
    if (dir_fd >= 0)
        (void)close(dir_fd);
}

void
endpoint_remove(const char *dir)
{
    char path[PATH_MAX];
    FILE *file;
    int pid = 0;

    if (snprintf(path, sizeof(path), "%s/%s", dir, NAME) >= (int)sizeof(path))
        return;
    file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%d", &pid) == 1 && pid == (int)getpid())
        (void)unlink(path);
    (void)fclose(file);
}
