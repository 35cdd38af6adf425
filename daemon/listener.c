/* listener.c - bind early, accept late.
 *
 * Sockets are bound before the data is recovered and listen from then on, so clients that connect
 * during a long recovery wait in the kernel's queue; accepting starts when kvd can answer.
 *
 * When accepting fails, mostly for lack of descriptors, a listener is left alone until one may have
 * become free: a client has gone, or at the next tick.  However often that is tried, the lack is
 * told when it begins, and when nothing has failed for a while.
 */
#include "daemon/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/endpoint.h"
#include "daemon/server.h"

enum {
    BIND_PAUSE_MS = 10,
    BIND_ATTEMPT_COUNT_MAX = 200,
    LACK_OVER_US = 1000 * 1000, /* after so long without a failure */
};

struct listener {
    struct listener_set *set; /* borrowed */
    struct ring_event event;
    int fd;
    bool is_unix, is_armed;
};

struct listener_set {
    struct server *server; /* borrowed */
    struct listener listeners[LISTENER_COUNT_MAX];
    uint32_t count;
    bool is_started, is_stopping;
    bool owns_unix_path; /* made by us, so removed by us */

    /* Of a lack that is not over; 0: there is none. */
    uint64_t failure_count;
    uint64_t first_failure_us, latest_failure_us;
};

static void
add(struct listener_set *set, int fd, bool is_unix)
{
    struct listener *listener = &set->listeners[set->count];

    KV_ASSERT(set->count < LISTENER_COUNT_MAX);
    *listener = (struct listener){.set = set, .fd = fd, .is_unix = is_unix};
    set->count++;
}

static enum kv_status
adopt_activated(struct listener_set *set, int count)
{
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        if (set->count == LISTENER_COUNT_MAX)
            return KV_FAIL(KV_LIMIT, "the service manager passed more than %d sockets",
                           LISTENER_COUNT_MAX);
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return KV_FAIL(KV_INVALID, "descriptor %d of the service manager does not listen", fd);
        add(set, fd, sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0);
    }
    kv_log(LOG_LEVEL_NOTICE, "listening on %d sockets of the service manager", count);
    return KV_OK;
}

/* A socket file that nobody listens on is left from a crash. */
static bool
remove_stale(const struct sockaddr *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    struct stat info;
    bool is_stale;

    if (fd < 0)
        return false;
    is_stale = lstat(path, &info) == 0 && S_ISSOCK(info.st_mode) &&
               connect(fd, address, sizeof(struct sockaddr_un)) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return is_stale && unlink(path) == 0;
}

/* A kvd that was killed a moment ago may still be listening: the kernel ends its io_uring, and
 * with it the accept, some time after the process.  0, or an errno. */
static int
bind_patiently(int fd, const struct sockaddr *address, socklen_t size)
{
    const struct timespec pause = {.tv_nsec = BIND_PAUSE_MS * 1000 * 1000};

    for (uint32_t attempt = 0; bind(fd, address, size) != 0; attempt++) {
        if (errno != EADDRINUSE || attempt == BIND_ATTEMPT_COUNT_MAX)
            return errno;
        if (address->sa_family != AF_UNIX || !remove_stale(address))
            (void)nanosleep(&pause, NULL);
    }
    return 0;
}

/* Binds and listens.  A negative errno, or the descriptor. */
static int
listen_on(const struct addrinfo *address, int backlog)
{
    const int yes = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = 0;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (address->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    failed = bind_patiently(fd, address->ai_addr, address->ai_addrlen);
    if (failed == 0 && listen(fd, backlog) != 0)
        failed = errno;
    if (failed == 0)
        return fd;
    (void)close(fd);
    return -failed;
}

static bool
is_missing_address(int failed)
{
    return failed == -EADDRNOTAVAIL || failed == -EAFNOSUPPORT || failed == -EPROTONOSUPPORT;
}

/* One word of `bind`. */
static enum kv_status
open_tcp(struct listener_set *set, const char *word)
{
    const struct config *config = &set->server->config;
    const bool is_optional = word[0] == '-';
    const char *host = word + is_optional;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[8];
    int failed, fd = -ENOENT;

    if (set->count == LISTENER_COUNT_MAX)
        return KV_FAIL(KV_LIMIT, "bind: more than %d addresses", LISTENER_COUNT_MAX);
    if (strcmp(host, "*") == 0) {
        host = NULL;
        hints.ai_family = AF_INET;
    } else if (strcmp(host, "::*") == 0) {
        host = NULL;
        hints.ai_family = AF_INET6;
    }
    (void)snprintf(port, sizeof(port), "%u", (unsigned)config->port);
    failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return KV_FAIL(KV_INVALID, "bind %s: %s", word, gai_strerror(failed));
    fd = listen_on(found, (int)config->tcp_backlog);
    freeaddrinfo(found);
    if (fd >= 0) {
        add(set, fd, false);
        return KV_OK;
    }
    if (is_optional && is_missing_address(fd))
        return KV_OK;
    return KV_FAIL(fd == -EADDRINUSE ? KV_LOCKED : KV_IO, "listening on %s port %s: %s", word, port,
                   strerror(-fd));
}

static enum kv_status
open_unix(struct listener_set *set)
{
    const struct config *config = &set->server->config;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct sockaddr *plain = (const struct sockaddr *)&address;
    int fd, failed = 0;

    if (set->count == LISTENER_COUNT_MAX || strlen(config->unixsocket) >= sizeof(address.sun_path))
        return KV_FAIL(KV_INVALID, "unixsocket %s: the path is too long", config->unixsocket);
    memcpy(address.sun_path, config->unixsocket, strlen(config->unixsocket) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return KV_FAIL(KV_IO, "socket: %s", strerror(errno));
    failed = bind_patiently(fd, plain, sizeof(address));
    if (failed == 0 && (chmod(config->unixsocket, (mode_t)config->unixsocketperm) != 0 ||
                        listen(fd, (int)config->tcp_backlog) != 0))
        failed = errno;
    if (failed != 0) {
        (void)close(fd);
        return KV_FAIL(failed == EADDRINUSE ? KV_LOCKED : KV_IO, "unixsocket %s: %s",
                       config->unixsocket, strerror(failed));
    }
    set->owns_unix_path = true;
    add(set, fd, true);
    return KV_OK;
}

static enum kv_status
open_own(struct listener_set *set)
{
    const struct config *config = &set->server->config;
    char *words = strdup(config->bind);
    enum kv_status st = KV_OK;

    KV_ASSERT(words != NULL);
    for (char *word, *rest = words; st == KV_OK && config->port != 0;) {
        word = strsep(&rest, " ");
        if (word == NULL)
            break;
        if (word[0] != '\0')
            st = open_tcp(set, word);
    }
    free(words);
    if (st == KV_OK && config->unixsocket[0] != '\0')
        st = open_unix(set);
    if (st == KV_OK && set->count == 0)
        st = KV_FAIL(KV_INVALID, "none of the addresses of bind exists: %s", config->bind);
    return st;
}

enum kv_status
listeners_open(struct server *server, struct listener_set **set_out)
{
    struct listener_set *set = kv_alloc_zero(sizeof(*set));
    const int activated = sd_listen_fds(1);
    enum kv_status st;

    set->server = server;
    st = activated > 0 ? adopt_activated(set, activated) : open_own(set);
    if (st != KV_OK) {
        listeners_close(set);
        return st;
    }
    *set_out = set;
    return KV_OK;
}

static void on_accept(struct ring_event *event, int32_t result, uint32_t flags);

static void
arm(struct listener *listener)
{
    struct io_uring_sqe *sqe;

    KV_ASSERT(!listener->is_armed);
    listener->event.on_complete = on_accept;
    sqe = ring_get_sqe(listener->set->server->ring, &listener->event);
    io_uring_prep_multishot_accept(sqe, listener->fd, NULL, NULL, SOCK_CLOEXEC);
    listener->is_armed = true;
}

static void
note_failure(struct listener_set *set, int failed)
{
    const uint64_t now_us = io_now_us(set->server->io);

    if (set->failure_count == 0) {
        kv_log(LOG_LEVEL_WARNING,
               "accepting a client failed: %s; it is tried again whenever a client goes, and told "
               "when it works again",
               strerror(failed));
        set->first_failure_us = now_us;
    }
    set->failure_count++;
    set->latest_failure_us = now_us;
    set->server->stats.accept_failure_count++;
}

static void
end_lack(struct listener_set *set)
{
    const uint64_t now_us = io_now_us(set->server->io);

    if (set->failure_count == 0 || now_us - set->latest_failure_us < LACK_OVER_US)
        return;
    kv_log(LOG_LEVEL_NOTICE, "accepting clients again: %llu tries had failed in %llu s",
           (unsigned long long)set->failure_count,
           (unsigned long long)((set->latest_failure_us - set->first_failure_us) / 1000000));
    set->failure_count = 0;
}

static void
on_accept(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct listener *listener = KV_CONTAINER_OF(event, struct listener, event);
    struct listener_set *set = listener->set;

    if (!(flags & IORING_CQE_F_MORE))
        listener->is_armed = false;
    if (result >= 0) {
        if (set->is_stopping)
            (void)close(result);
        else
            (void)client_open(set->server, result, listener->is_unix);
    } else if (result != -ECANCELED) {
        note_failure(set, -result);
        return; /* to try again at once would be a hot loop */
    }
    if (!listener->is_armed && !set->is_stopping)
        arm(listener);
}

void
listeners_start(struct listener_set *set)
{
    KV_ASSERT(!set->is_started);
    set->is_started = true;
    listeners_resume(set);
}

void
listeners_resume(struct listener_set *set)
{
    for (uint32_t i = 0; set->is_started && !set->is_stopping && i < set->count; i++) {
        if (!set->listeners[i].is_armed)
            arm(&set->listeners[i]);
    }
    if (set->is_started)
        end_lack(set);
}

static bool
format_first(const struct listener_set *set, bool is_unix, char *text)
{
    for (uint32_t i = 0; i < set->count; i++) {
        struct sockaddr_storage address = {0};
        struct sockaddr *plain = (struct sockaddr *)&address;
        socklen_t size = sizeof(address);

        if (set->listeners[i].is_unix == is_unix &&
            getsockname(set->listeners[i].fd, plain, &size) == 0 &&
            endpoint_format(plain, size, text))
            return true;
    }
    return false;
}

bool
listeners_format_endpoint(const struct listener_set *set, char *text)
{
    KV_ASSERT(set != NULL);
    return format_first(set, true, text) || format_first(set, false, text);
}

void
listeners_stop(struct listener_set *set)
{
    if (set == NULL || set->is_stopping)
        return;
    set->is_stopping = true;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->listeners[i].is_armed)
            io_uring_prep_cancel(ring_get_sqe(set->server->ring, NULL), &set->listeners[i].event,
                                 0);
    }
}

bool
listeners_is_at_rest(const struct listener_set *set)
{
    for (uint32_t i = 0; set != NULL && i < set->count; i++) {
        if (set->listeners[i].is_armed)
            return false;
    }
    return true;
}

void
listeners_close(struct listener_set *set)
{
    if (set == NULL)
        return;
    KV_ASSERT(listeners_is_at_rest(set));
    for (uint32_t i = 0; i < set->count; i++)
        (void)close(set->listeners[i].fd);
    if (set->owns_unix_path)
        (void)unlink(set->server->config.unixsocket);
    free(set);
}
