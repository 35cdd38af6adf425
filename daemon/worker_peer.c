/* worker_peer.c - one worker as kvd sees it.
 *
 *     DOWN -> STARTING -HELLO-> GREETED -PROGRESS-> IDLE <-> BUSY
 *       ^                    any of them, at any time         |
 *       +------------------------ DYING <---------------------+
 *
 * The one rule: a job is given out again only after its worker is gone for certain, for two
 * writers of one file would make a table of neither.  So a worker that is not wanted any more is
 * killed and then waited for (the pidfd turns readable), however long that takes; its job
 * comes back from worker_bury alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/worker_pool_internal.h"

static void on_socket(struct ring_event *event, int32_t result, uint32_t flags);
static void on_exit_event(struct ring_event *event, int32_t result, uint32_t flags);
static void on_restart_timer(struct io_timer *timer);

const char *
worker_state_name(enum worker_state state)
{
    static const char *const names[] = {"down", "starting", "greeted", "idle", "busy", "dying"};

    KV_ASSERT((size_t)state < sizeof(names) / sizeof(names[0]));
    return names[state];
}

struct worker *
worker_new(struct worker_pool *pool, bool external)
{
    struct worker *worker = kv_alloc_zero(sizeof(*worker));

    worker->pool = pool;
    worker->external = external;
    worker->id = pool->worker_id_next++;
    worker->process = (struct worker_process){.pidfd = -1, .socket = -1};
    worker->socket_event.on_complete = on_socket;
    worker->exit_event.on_complete = on_exit_event;
    worker->restart_timer.on_expire = on_restart_timer;
    list_push_back(&pool->workers, &worker->link);
    return worker;
}

/* --- starting --- */

static void
arm(struct worker *worker, struct ring_event *event, int fd, bool *armed)
{
    struct io_uring_sqe *sqe = ring_get_sqe(worker->pool->ring, event);

    KV_ASSERT(!*armed && fd >= 0);
    io_uring_prep_poll_add(sqe, fd, POLLIN);
    io_uring_sqe_set_data(sqe, event);
    *armed = true;
}

static void
begin(struct worker *worker)
{
    worker->state = WORKER_STARTING;
    worker->started_us = worker->heard_us = io_now_us(worker->pool->io);
    worker->progress = (struct worker_progress){0};
    worker->priority = WORKER_PRIORITY_NORMAL;
    if (!worker->external) /* it has kvd's slice */
        (void)worker_priority_set(worker->process.pid, WORKER_PRIORITY_NORMAL);
    arm(worker, &worker->socket_event, worker->process.socket, &worker->socket_armed);
    if (worker->process.pidfd >= 0)
        arm(worker, &worker->exit_event, worker->process.pidfd, &worker->exit_armed);
}

static void
restart_later(struct worker *worker)
{
    uint64_t delay_us = RETRY_US_MIN;

    for (uint32_t i = 0; i < worker->bad_start_count && delay_us < RETRY_US_MAX; i++)
        delay_us *= 2;
    if (delay_us > RETRY_US_MAX)
        delay_us = RETRY_US_MAX;
    worker->bad_start_count++;
    worker->state = WORKER_DOWN;
    if (!worker->pool->closing)
        io_timer_start(worker->pool->io, &worker->restart_timer,
                       io_now_us(worker->pool->io) + delay_us);
}

void
worker_start(struct worker *worker)
{
    KV_ASSERT(worker->state == WORKER_DOWN);
    KV_ASSERT(!worker->external);
    if (worker_process_spawn(&worker->pool->spawn, &worker->process) == KV_OK)
        begin(worker);
    else
        restart_later(worker);
}

static void
on_restart_timer(struct io_timer *timer)
{
    struct worker *worker = KV_CONTAINER_OF(timer, struct worker, restart_timer);

    worker->restart_count++;
    worker_start(worker);
}

void
worker_adopt(struct worker *worker, int socket, pid_t pid)
{
    KV_ASSERT(worker->external);
    worker->process.socket = socket;
    worker->process.pid = pid;
    worker_channel_prepare(socket);
    begin(worker);
}

/* --- ending --- */

void
worker_kill(struct worker *worker)
{
    if (worker->state == WORKER_DYING || worker->state == WORKER_DOWN)
        return;
    /* Dying takes time on a core too. */
    if (worker->priority != WORKER_PRIORITY_NORMAL)
        (void)worker_priority_set(worker->process.pid, WORKER_PRIORITY_NORMAL);
    worker->state = WORKER_DYING;
    if (worker->process.pidfd >= 0)
        worker_process_kill(&worker->process);
    /* Wakes our own poll, and tells a worker from outside. */
    (void)shutdown(worker->process.socket, SHUT_RDWR);
}

void
worker_dismiss(struct worker *worker)
{
    const struct worker_msg shutdown_msg = {.kind = WORKER_MSG_SHUTDOWN};

    /* If it cannot be sent, the end of the connection says the same. */
    if (worker->external && worker->process.socket >= 0 &&
        worker_channel_send(worker->process.socket, CHANNEL_NOWAIT, &shutdown_msg, -1) != KV_OK)
        kv_log(LOG_LEVEL_VERBOSE, "worker %u has gone before it was told to", worker->id);
    worker_kill(worker);
}

/* Everything of the dead is given back, when nothing waits for it any more. */
static void
worker_bury(struct worker *worker)
{
    struct worker_pool *pool = worker->pool;

    if (worker->state != WORKER_DYING || worker->socket_armed || worker->exit_armed)
        return;
    close(worker->process.socket);
    if (worker->process.pidfd >= 0)
        close(worker->process.pidfd);
    worker->process = (struct worker_process){.pidfd = -1, .socket = -1};
    worker_return_jobs(worker);
    if (io_now_us(pool->io) - worker->started_us >= HEALTHY_US)
        worker->bad_start_count = 0;
    if (!worker->external) {
        restart_later(worker);
        return;
    }
    pool->external_count--;
    list_remove(&worker->link);
    free(worker);
}

/* --- events --- */

static void
on_socket(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct worker *worker = KV_CONTAINER_OF(event, struct worker, socket_event);

    (void)result; /* reading tells what poll has seen */
    (void)flags;
    KV_ASSERT(worker->socket_armed);
    worker->socket_armed = false;
    if (worker->state != WORKER_DYING)
        worker_read_messages(worker);
    if (worker->state != WORKER_DYING)
        arm(worker, &worker->socket_event, worker->process.socket, &worker->socket_armed);
    worker_bury(worker);
}

static void
on_exit_event(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct worker *worker = KV_CONTAINER_OF(event, struct worker, exit_event);
    char how[80];

    (void)flags;
    KV_ASSERT(worker->exit_armed);
    worker->exit_armed = false;
    if (result < 0 || !worker_process_reap(&worker->process, how, sizeof(how))) {
        arm(worker, &worker->exit_event, worker->process.pidfd, &worker->exit_armed);
        return;
    }
    /* Its last words may be a complete result. */
    if (worker->state != WORKER_DYING)
        worker_read_messages(worker);
    if (!worker->pool->closing)
        kv_log(LOG_LEVEL_WARNING, "worker %u (process %d) is gone: %s", worker->id,
               (int)worker->process.pid, how);
    if (worker->state != WORKER_DYING)
        worker_kill(worker);
    worker_bury(worker);
}

/* One that gets no time at all cannot even beat, so it must not be taken for hung. */
static void
look_for_starvation(struct worker *worker)
{
    struct worker_job *job = worker->job;
    const uint64_t now_us = io_now_us(worker->pool->io);

    if (worker->priority != WORKER_PRIORITY_IDLE || worker->state != WORKER_BUSY)
        return;
    if (now_us - job->given_us > worker_job_patience_us(job) ||
        now_us - worker->heard_us > worker->pool->timeout_us / 4)
        job->is_starved = true;
    worker_update_priority(worker);
}

void
worker_watch(struct worker *worker)
{
    const struct worker_job *job = worker->job;
    uint64_t allowed_us = worker->pool->timeout_us;

    if (worker->state == WORKER_DOWN || worker->state == WORKER_DYING)
        return;
    /* If kvd itself was held up, the beats lie in the socket. */
    worker_read_messages(worker);
    if (worker->state == WORKER_DYING)
        return;
    look_for_starvation(worker);
    if (job != NULL && worker->job == job)
        allowed_us <<=
            job->timeout_count < TIMEOUT_DOUBLING_MAX ? job->timeout_count : TIMEOUT_DOUBLING_MAX;
    if (io_now_us(worker->pool->io) - worker->heard_us <= allowed_us)
        return;
    kv_log(LOG_LEVEL_WARNING, "worker %u (process %d) was silent for %" PRIu64 " ms while %s",
           worker->id, (int)worker->process.pid, allowed_us / 1000,
           worker_state_name(worker->state));
    if (worker->job != NULL)
        worker->job->timeout_count++;
    worker_kill(worker);
}
