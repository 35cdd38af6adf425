/* signals.c - a signalfd that is read through the ring, one signal at a time. */
#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/server.h"

struct signal_watch {
    struct server *server; /* borrowed */
    struct ring_event event;
    struct signalfd_siginfo info; /* the kernel writes here while is_armed */
    int fd;
    bool is_armed, is_stopping;
};

static void
arm(struct signal_watch *watch)
{
    struct io_uring_sqe *sqe = ring_get_sqe(watch->server->ring, &watch->event);

    KV_ASSERT(!watch->is_armed);
    io_uring_prep_read(sqe, watch->fd, &watch->info, sizeof(watch->info), 0);
    watch->is_armed = true;
}

static void
handle(struct signal_watch *watch)
{
    switch (watch->info.ssi_signo) {
    case SIGTERM:
    case SIGINT:
        kv_log(LOG_LEVEL_NOTICE, "signal %s from process %u: stopping",
               watch->info.ssi_signo == SIGTERM ? "TERM" : "INT", watch->info.ssi_pid);
        server_begin_shutdown(watch->server, false);
        break;
    case SIGHUP:
        server_reload_config(watch->server);
        break;
    case SIGUSR1:
        server_log_stats(watch->server);
        break;
    default:
        break;
    }
}

static void
on_signal(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct signal_watch *watch = KV_CONTAINER_OF(event, struct signal_watch, event);

    (void)flags;
    KV_ASSERT(watch->is_armed);
    watch->is_armed = false;
    if (result == (int32_t)sizeof(watch->info))
        handle(watch);
    else if (result < 0 && result != -ECANCELED && result != -EINTR)
        kv_log(LOG_LEVEL_WARNING, "signalfd: %s", strerror(-result));
    if (!watch->is_stopping)
        arm(watch);
}

enum kv_status
signals_open(struct server *server, struct signal_watch **watch_out)
{
    struct signal_watch *watch = kv_alloc_zero(sizeof(*watch));
    sigset_t set;

    KV_ASSERT(server->ring != NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file size limit is a failed write, not an end */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    watch->server = server;
    watch->event.on_complete = on_signal;
    watch->fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (watch->fd < 0) {
        free(watch);
        return KV_FAIL(KV_IO, "signalfd: %s", strerror(errno));
    }
    arm(watch);
    *watch_out = watch;
    return KV_OK;
}

void
signals_stop(struct signal_watch *watch)
{
    if (watch == NULL || watch->is_stopping)
        return;
    watch->is_stopping = true;
    if (watch->is_armed)
        io_uring_prep_cancel(ring_get_sqe(watch->server->ring, NULL), &watch->event, 0);
}

bool
signals_is_at_rest(const struct signal_watch *watch)
{
    return watch == NULL || !watch->is_armed;
}

void
signals_close(struct signal_watch *watch)
{
    if (watch == NULL)
        return;
    KV_ASSERT(!watch->is_armed);
    (void)close(watch->fd);
    free(watch);
}
