/* worker_pool.c - the pool as a whole: who is in it, what waits, who listens, who watches. */
#include "daemon/worker_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/worker_pool_internal.h"

enum {
    TIMEOUT_US_DEFAULT = 10 * 1000 * 1000,
    CLOSE_TURN_US = 100 * 1000,
    CLOSE_TURN_COUNT_MAX = 100,
    LISTEN_BACKLOG = 16,
    NAME_ROOM_BYTES = 64, /* behind the directory, in a path */
};

/* --- jobs --- */

static struct worker *
find_idle(struct worker_pool *pool)
{
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next) {
        struct worker *worker = LIST_ENTRY(node, struct worker, link);

        if (worker->state == WORKER_IDLE)
            return worker;
    }
    return NULL;
}

static bool
any_alive(const struct worker_pool *pool)
{
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next)
        if (LIST_ENTRY(node, struct worker, link)->state != WORKER_DOWN)
            return true;
    return false;
}

/* Who can take a job now or has one, and how many of them compact. */
static uint32_t
count_ready(const struct worker_pool *pool, uint32_t *compacting_out)
{
    uint32_t ready = 0;

    *compacting_out = 0;
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next) {
        const struct worker *worker = LIST_ENTRY(node, struct worker, link);

        if (worker->state == WORKER_IDLE || worker->state == WORKER_BUSY)
            ready++;
        if (worker->state == WORKER_BUSY &&
            (worker->set_aside != NULL || worker_job_is_compaction(worker->job)))
            (*compacting_out)++;
    }
    return ready;
}

static uint32_t
count_workers(const struct worker_pool *pool)
{
    uint32_t count = 0;

    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next)
        count++;
    return count;
}

/* One worker is left for flushes, unless there is but one at all. */
static bool
may_compact(const struct worker_pool *pool)
{
    uint32_t compacting;
    const uint32_t ready = count_ready(pool, &compacting);

    return compacting + 1 < ready || (compacting == 0 && count_workers(pool) == 1);
}

/* A flush waits for no compaction: if all workers compact, one does it in between. */
static struct worker *
find_for_flush(struct worker_pool *pool)
{
    struct worker *idle = find_idle(pool);
    uint32_t compacting;

    if (idle != NULL || count_ready(pool, &compacting) != compacting)
        return idle;
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next) {
        struct worker *worker = LIST_ENTRY(node, struct worker, link);

        if (worker_may_be_interrupted(worker))
            return worker;
    }
    return NULL;
}

/* False: there is nobody for it now. */
static bool
give_first(struct worker_pool *pool, struct list *waiting, struct worker *worker)
{
    struct worker_job *job = LIST_ENTRY(waiting->next, struct worker_job, wait_link);

    if (worker == NULL)
        return false;
    KV_ASSERT(job->state == JOB_WAITING);
    if (worker_give(worker, job) == KV_OK)
        list_remove(&job->wait_link);
    pool->said_no_worker = false;
    return true;
}

void
worker_pool_dispatch(struct worker_pool *pool)
{
    if (pool->closing)
        return;
    while (!list_empty(&pool->waiting) && give_first(pool, &pool->waiting, find_for_flush(pool)))
        continue;
    while (!list_empty(&pool->compactions) && may_compact(pool) &&
           give_first(pool, &pool->compactions, find_idle(pool)))
        continue;
    if (!list_empty(&pool->waiting) && !any_alive(pool) && !pool->said_no_worker) {
        kv_log(LOG_LEVEL_WARNING, "no worker runs: memtables stay in memory until one does");
        pool->said_no_worker = true;
    }
}

static void
start_flush(struct job_port *port, struct flush_job *job)
{
    struct worker_pool *pool = KV_CONTAINER_OF(port, struct worker_pool, port);

    KV_ASSERT(job->on_done != NULL);
    KV_ASSERT(job->port_private == NULL);
    worker_job_new_flush(pool, job);
    worker_pool_dispatch(pool);
}

static void
start_compact(struct job_port *port, struct compact_job *job)
{
    struct worker_pool *pool = KV_CONTAINER_OF(port, struct worker_pool, port);

    KV_ASSERT(job->on_done != NULL);
    KV_ASSERT(job->port_private == NULL);
    worker_job_new_compact(pool, job);
    worker_pool_dispatch(pool);
}

static void
cancel_compact(struct job_port *port, struct compact_job *job)
{
    (void)port;
    KV_ASSERT(job->port_private != NULL);
    worker_job_cancel(job->port_private);
}

static void
update_priorities(struct worker_pool *pool)
{
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next)
        worker_update_priority(LIST_ENTRY(node, struct worker, link));
}

static void
set_urgency(struct job_port *port, enum job_urgency urgency)
{
    struct worker_pool *pool = KV_CONTAINER_OF(port, struct worker_pool, port);

    pool->urgency = urgency;
    update_priorities(pool);
}

static void
set_flush_urgency(struct job_port *port, enum job_urgency urgency)
{
    struct worker_pool *pool = KV_CONTAINER_OF(port, struct worker_pool, port);

    pool->flush_urgency = urgency;
    update_priorities(pool);
}

/* --- workers from outside --- */

/* Ours or root's; 0600 on the socket says the same, but not everywhere. */
static bool
peer_is_trusted(int fd, pid_t *pid_out)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *pid_out = peer.pid;
    if (peer.uid == geteuid() || peer.uid == 0)
        return true;
    kv_log(LOG_LEVEL_WARNING, "worker-socket: process %d of user %u is refused", (int)peer.pid,
           (unsigned)peer.uid);
    return false;
}

static void
accept_all(struct worker_pool *pool)
{
    pid_t pid = 0;
    int fd;

    while ((fd = accept4(pool->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (!peer_is_trusted(fd, &pid)) {
            close(fd);
        } else if (pool->external_count >= EXTERNAL_WORKER_COUNT_MAX) {
            kv_log(LOG_LEVEL_WARNING, "worker-socket: more than %d workers",
                   EXTERNAL_WORKER_COUNT_MAX);
            close(fd);
        } else {
            pool->external_count++;
            worker_adopt(worker_new(pool, true), fd, pid);
        }
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        kv_log(LOG_LEVEL_WARNING, "worker-socket: accept: %s", strerror(errno));
}

static void
arm_listen(struct worker_pool *pool)
{
    struct io_uring_sqe *sqe = ring_get_sqe(pool->ring, &pool->listen_event);

    io_uring_prep_poll_add(sqe, pool->listen_fd, POLLIN);
    io_uring_sqe_set_data(sqe, &pool->listen_event);
    pool->listen_armed = true;
}

static void
on_listen(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct worker_pool *pool = KV_CONTAINER_OF(event, struct worker_pool, listen_event);

    (void)result;
    (void)flags;
    pool->listen_armed = false;
    if (pool->closing)
        return;
    accept_all(pool);
    /* Out of descriptors, say: the watch arms it again, so this does not spin. */
    if (errno == EAGAIN)
        arm_listen(pool);
}

/* What a kvd that is no more has left behind is removed; what a living one uses is not. */
static enum kv_status
remove_stale(const struct sockaddr_un *address)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat old;
    int error = 0;

    if (fd < 0 || lstat(address->sun_path, &old) != 0 || !S_ISSOCK(old.st_mode)) {
        if (fd >= 0)
            close(fd);
        return KV_OK; /* bind says what is wrong, if anything is */
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        error = errno;
    close(fd);
    if (error != ECONNREFUSED)
        return KV_FAIL(KV_LOCKED, "worker-socket %s: another process listens there",
                       address->sun_path);
    (void)unlink(address->sun_path);
    return KV_OK;
}

static enum kv_status
bind_socket(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum kv_status st;
    mode_t mask;
    int failed;

    if (strlen(path) >= sizeof(address.sun_path))
        return KV_FAIL(KV_LIMIT, "worker-socket %s: too long for the path of a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    st = remove_stale(&address);
    if (st != KV_OK)
        return st;
    mask = umask(0177);
    failed = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (failed != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return KV_FAIL(KV_IO, "worker-socket %s: %s", path, strerror(errno));
    return KV_OK;
}

static enum kv_status
listen_for_workers(struct worker_pool *pool)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    enum kv_status st;

    if (fd < 0)
        return KV_FAIL(KV_IO, "worker-socket: %s", strerror(errno));
    st = bind_socket(fd, pool->socket_path);
    if (st != KV_OK) {
        close(fd);
        return st;
    }
    pool->listen_fd = fd;
    pool->listen_event.on_complete = on_listen;
    arm_listen(pool);
    return KV_OK;
}

/* --- the watch --- */

static void
start_watch(struct worker_pool *pool)
{
    io_timer_start(pool->io, &pool->watch_timer, io_now_us(pool->io) + pool->timeout_us / 4);
}

static void
on_watch(struct io_timer *timer)
{
    struct worker_pool *pool = KV_CONTAINER_OF(timer, struct worker_pool, watch_timer);
    struct list *next;

    /* worker_watch frees nobody: the dead are buried by their own events. */
    for (struct list *node = pool->workers.next; node != &pool->workers; node = next) {
        next = node->next;
        worker_watch(LIST_ENTRY(node, struct worker, link));
    }
    if (pool->listen_fd >= 0 && !pool->listen_armed)
        arm_listen(pool);
    worker_pool_dispatch(pool);
    start_watch(pool);
}

/* --- opening and closing --- */

static char *
copy_text(const char *text)
{
    char *copy;

    if (text == NULL || text[0] == '\0')
        return NULL;
    copy = kv_alloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static void
pool_free(struct worker_pool *pool)
{
    while (!list_empty(&pool->workers)) {
        struct worker *worker = LIST_ENTRY(pool->workers.next, struct worker, link);

        KV_ASSERT(worker->state == WORKER_DOWN);
        io_timer_stop(pool->io, &worker->restart_timer);
        list_remove(&worker->link);
        free(worker);
    }
    free(pool->dir);
    free(pool->session_identity);
    free(pool->binary_path);
    free(pool->merge_library);
    free(pool->socket_path);
    free(pool);
}

static void
set_options(struct worker_pool *pool, const struct worker_pool_options *options)
{
    pool->port.start_flush = start_flush;
    pool->port.start_compact = start_compact;
    pool->port.cancel_compact = cancel_compact;
    pool->port.set_urgency = set_urgency;
    pool->port.set_flush_urgency = set_flush_urgency;
    pool->flush_urgency = JOB_PRESSING;
    pool->ring = options->ring;
    pool->io = ring_io(options->ring);
    pool->session_identity = copy_text(options->session_identity);
    pool->binary_path = copy_text(options->binary_path);
    pool->socket_path = copy_text(options->socket_path);
    pool->timeout_us = options->timeout_us != 0 ? options->timeout_us : TIMEOUT_US_DEFAULT;
    pool->merge_library = copy_text(options->merge_library);
    pool->spawn = (struct worker_process_options){
        .binary = pool->binary_path, .no_jail = options->no_jail, .journal = options->journal};
    pool->spawn.merge_library = pool->merge_library;
    pool->worker_id_next = 1;
    pool->listen_fd = -1;
    pool->watch_timer.on_expire = on_watch;
    list_init(&pool->workers);
    list_init(&pool->jobs);
    list_init(&pool->waiting);
    list_init(&pool->compactions);
}

/* Absolute, since a worker has its own idea of the current directory; it need not exist yet. */
static enum kv_status
set_dir(struct worker_pool *pool, const char *dir)
{
    char current[PATH_BYTES_MAX], joined[2 * PATH_BYTES_MAX];

    pool->dir = realpath(dir, NULL);
    if (pool->dir == NULL && errno == ENOENT && dir[0] == '/') {
        pool->dir = copy_text(dir);
    } else if (pool->dir == NULL && errno == ENOENT && getcwd(current, sizeof(current)) != NULL) {
        snprintf(joined, sizeof(joined), "%s/%s", current, dir);
        pool->dir = copy_text(joined);
    }
    if (pool->dir == NULL)
        return KV_FAIL(kv_status_from_errno(-errno), "%s: %s", dir, strerror(errno));
    if (strlen(pool->dir) + NAME_ROOM_BYTES > PATH_BYTES_MAX)
        return KV_FAIL(KV_LIMIT, "%s: too long a path", pool->dir);
    return KV_OK;
}

enum kv_status
worker_pool_open(const struct worker_pool_options *options, struct worker_pool **pool_out)
{
    struct worker_pool *pool = kv_alloc_zero(sizeof(*pool));
    enum kv_status st;

    *pool_out = NULL;
    set_options(pool, options);
    KV_ASSERT(options->session_identity == NULL ||
              strlen(options->session_identity) <= WORKER_TEXT_BYTES_MAX);
    st = set_dir(pool, options->dir);
    if (st == KV_OK && pool->socket_path != NULL)
        st = listen_for_workers(pool);
    if (st != KV_OK) {
        pool_free(pool);
        return st;
    }
    for (uint32_t i = 0; i < options->worker_count; i++)
        worker_start(worker_new(pool, false));
    start_watch(pool);
    *pool_out = pool;
    return KV_OK;
}

static bool
is_busy(const struct worker_pool *pool)
{
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next)
        if (LIST_ENTRY(node, struct worker, link)->state != WORKER_DOWN)
            return true;
    for (struct list *node = pool->jobs.next; node != &pool->jobs; node = node->next)
        if (LIST_ENTRY(node, struct worker_job, link)->request_in_flight)
            return true;
    return pool->listen_armed;
}

static void
stop_listening(struct worker_pool *pool)
{
    if (pool->listen_fd < 0)
        return;
    (void)shutdown(pool->listen_fd, SHUT_RDWR); /* wakes the poll */
    (void)unlink(pool->socket_path);
}

void
worker_pool_close(struct worker_pool *pool)
{
    struct list *next;

    if (pool == NULL)
        return;
    pool->closing = true;
    io_timer_stop(pool->io, &pool->watch_timer);
    stop_listening(pool);
    for (struct list *node = pool->workers.next; node != &pool->workers; node = next) {
        struct worker *worker = LIST_ENTRY(node, struct worker, link);

        next = node->next;
        io_timer_stop(pool->io, &worker->restart_timer);
        worker_dismiss(worker);
    }
    for (uint32_t i = 0; i < CLOSE_TURN_COUNT_MAX && is_busy(pool); i++)
        (void)ring_turn(pool->ring, CLOSE_TURN_US);
    if (is_busy(pool)) {
        /* What the kernel may still write to must not be freed; the process ends anyway. */
        kv_log(LOG_LEVEL_WARNING, "a worker process cannot be killed; leaving it");
        return;
    }
    if (pool->listen_fd >= 0)
        close(pool->listen_fd);
    while (!list_empty(&pool->jobs))
        worker_job_end(LIST_ENTRY(pool->jobs.next, struct worker_job, link), KV_CANCELLED);
    pool_free(pool);
}

struct job_port *
worker_pool_port(struct worker_pool *pool)
{
    return &pool->port;
}

/* --- looking in --- */

static void
fill_info(const struct worker *worker, struct worker_info *info)
{
    *info = (struct worker_info){
        .id = worker->id,
        .pid = worker->process.pid,
        .state = worker_state_name(worker->state),
        .external = worker->external,
        .job_id = worker->job != NULL ? worker->job->kind->id(worker->job) : 0,
        .job_bytes_done = worker->progress.bytes_done,
        .bytes_per_s =
            worker->progress.bytes_per_s > 0 ? worker->progress.bytes_per_s : worker->bytes_per_s,
        .jobs_done = worker->jobs_done,
        .jobs_failed = worker->jobs_failed,
        .bytes_written = worker->bytes_written,
        .restart_count = worker->restart_count,
        .heartbeat_age_us =
            worker->heard_us != 0 ? io_now_us(worker->pool->io) - worker->heard_us : 0,
    };
}

uint32_t
worker_pool_info(const struct worker_pool *pool, struct worker_info *infos, uint32_t max)
{
    uint32_t count = 0;

    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next) {
        if (count < max)
            fill_info(LIST_ENTRY(node, struct worker, link), &infos[count]);
        count++;
    }
    return count;
}

uint32_t
worker_pool_waiting_count(const struct worker_pool *pool)
{
    uint32_t count = 0;

    for (struct list *node = pool->jobs.next; node != &pool->jobs; node = node->next)
        if (LIST_ENTRY(node, struct worker_job, link)->worker == NULL)
            count++;
    return count;
}
