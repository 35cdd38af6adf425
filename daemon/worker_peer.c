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

static void
return_job(struct worker *worker)
{
    struct worker_job *job = worker->job;

    if (job == NULL)
        return;
    worker->job = NULL;
    worker->jobs_failed++;
    job->worker = NULL;
    if (job->state == JOB_CHECKING)
        return; /* the result was complete; the files will tell */
    worker_job_fail(job, KV_OK);
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
    return_job(worker);
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

/* --- messages --- */

static enum kv_status
unexpected(const struct worker *worker, const struct worker_msg *msg)
{
    return KV_FAIL(KV_CORRUPT, "worker %u (process %d) sent %s while %s", worker->id,
                   (int)worker->process.pid, worker_msg_name(msg->kind),
                   worker_state_name(worker->state));
}

static enum kv_status
on_hello(struct worker *worker, const struct worker_hello *hello)
{
    const struct worker_pool *pool = worker->pool;
    struct worker_msg welcome = {.kind = WORKER_MSG_WELCOME};
    enum kv_status st;

    if (hello->protocol_version != WORKER_PROTOCOL_VERSION)
        return KV_FAIL(KV_UNSUPPORTED, "worker %u (process %d, %s) speaks protocol %u, not %d",
                       worker->id, (int)worker->process.pid, hello->build, hello->protocol_version,
                       WORKER_PROTOCOL_VERSION);
    welcome.welcome.worker_id = worker->id;
    welcome.welcome.heartbeat_ms = (uint32_t)(pool->timeout_us / 4000) + 1;
    buffer_append(&welcome.welcome.dir, pool->dir, strlen(pool->dir));
    st = worker_channel_send(worker->process.socket, CHANNEL_NOWAIT, &welcome, -1);
    worker_msg_deinit(&welcome);
    worker->state = WORKER_GREETED;
    return st;
}

static enum kv_status
on_progress(struct worker *worker, const struct worker_progress *progress)
{
    if (worker->state == WORKER_GREETED) {
        worker->state = WORKER_IDLE;
        kv_log(LOG_LEVEL_NOTICE, "worker %u (process %d) is ready", worker->id,
               (int)worker->process.pid);
        worker_pool_dispatch(worker->pool);
        return KV_OK;
    }
    /* An idle beat may have been under way when the job went out, and the other way round. */
    if (worker->job == NULL || progress->job_id != worker->job->kind->id(worker->job))
        return KV_OK;
    worker->progress = *progress;
    if (worker_job_is_compaction(worker->job)) {
        worker->job->compact->bytes_done = progress->bytes_done;
        worker->job->compact->bytes_per_s = progress->bytes_per_s;
    }
    return KV_OK;
}

static enum kv_status
on_done(struct worker *worker, const struct worker_done *done)
{
    enum kv_status st;

    worker->bytes_per_s =
        done->wall_us > 0 ? (uint64_t)((double)done->bytes_written * 1e6 / (double)done->wall_us)
                          : 0;
    for (uint32_t i = 0; i < worker->job->received_count; i++)
        worker->bytes_written += worker->job->tables[worker->job->done_count + i].file_bytes;
    st = worker_job_take_done(worker->job, done);
    return st;
}

static enum kv_status
on_failed(struct worker *worker, const struct worker_failed *failed)
{
    struct worker_job *job = worker->job;

    kv_log(job->cancelled ? LOG_LEVEL_VERBOSE : LOG_LEVEL_WARNING,
           "worker %u (process %d): %s %" PRIu64 ": %s", worker->id, (int)worker->process.pid,
           job->kind->name, failed->job_id, (const char *)failed->reason.data);
    worker_release_job(worker, false);
    if (worker_job_is_compaction(job)) {
        job->compact->bad_input_number = failed->bad_input_number;
        worker_job_fail(job, failed->status);
    } else {
        worker_job_fail(job, failed->status == KV_NO_SPACE ? KV_NO_SPACE : KV_OK);
    }
    worker_pool_dispatch(worker->pool);
    return KV_OK;
}

/* The job that a result names, if the worker has it and owes one. */
static bool
owes(const struct worker *worker, uint64_t job_id)
{
    return worker->state == WORKER_BUSY && worker->job->state == JOB_RUNNING &&
           worker->job->kind->id(worker->job) == job_id;
}

static enum kv_status
on_message(struct worker *worker, struct worker_msg *msg)
{
    switch (msg->kind) {
    case WORKER_MSG_HELLO:
        if (worker->state != WORKER_STARTING)
            return unexpected(worker, msg);
        return on_hello(worker, &msg->hello);
    case WORKER_MSG_PROGRESS:
        if (worker->state == WORKER_STARTING)
            return unexpected(worker, msg);
        return on_progress(worker, &msg->progress);
    case WORKER_MSG_TABLE:
        if (!owes(worker, msg->table.job_id))
            return unexpected(worker, msg);
        return worker_job_take_table(worker->job, &msg->table);
    case WORKER_MSG_DONE:
        if (!owes(worker, msg->done.job_id))
            return unexpected(worker, msg);
        return on_done(worker, &msg->done);
    case WORKER_MSG_FAILED:
        if (!owes(worker, msg->failed.job_id))
            return unexpected(worker, msg);
        return on_failed(worker, &msg->failed);
    case WORKER_MSG_NONE:
    case WORKER_MSG_WELCOME:
    case WORKER_MSG_FLUSH:
    case WORKER_MSG_SHUTDOWN:
    case WORKER_MSG_COMPACT:
    case WORKER_MSG_CANCEL:
    case WORKER_MSG_LARGE:
        break;
    }
    return unexpected(worker, msg);
}

/* Reads and handles what has arrived.  A worker that breaks the rules is killed here. */
static void
read_messages(struct worker *worker)
{
    enum kv_status st = KV_OK;
    struct worker_msg msg;

    while (st == KV_OK && worker->state != WORKER_DYING) {
        st = worker_channel_receive(worker->process.socket, CHANNEL_NOWAIT, &msg, NULL);
        if (st != KV_OK)
            break;
        worker->heard_us = io_now_us(worker->pool->io);
        st = on_message(worker, &msg);
        worker_msg_deinit(&msg);
    }
    if (st != KV_OK && st != KV_BUSY && worker->state != WORKER_DYING) {
        kv_log(LOG_LEVEL_WARNING, "worker %u (process %d): connection %s while %s", worker->id,
               (int)worker->process.pid, st == KV_CANCELLED ? "ended" : "cut",
               worker_state_name(worker->state));
        worker_kill(worker);
    }
}

static void
on_socket(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct worker *worker = KV_CONTAINER_OF(event, struct worker, socket_event);

    (void)result; /* reading tells what poll has seen */
    (void)flags;
    KV_ASSERT(worker->socket_armed);
    worker->socket_armed = false;
    if (worker->state != WORKER_DYING)
        read_messages(worker);
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
        read_messages(worker);
    if (!worker->pool->closing)
        kv_log(LOG_LEVEL_WARNING, "worker %u (process %d) is gone: %s", worker->id,
               (int)worker->process.pid, how);
    if (worker->state != WORKER_DYING)
        worker_kill(worker);
    worker_bury(worker);
}

void
worker_watch(struct worker *worker)
{
    const struct worker_job *job = worker->job;
    uint64_t allowed_us = worker->pool->timeout_us;

    if (worker->state == WORKER_DOWN || worker->state == WORKER_DYING)
        return;
    /* If kvd itself was held up, the beats lie in the socket. */
    read_messages(worker);
    if (worker->state == WORKER_DYING)
        return;
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

/* --- jobs --- */

enum kv_status
worker_give(struct worker *worker, struct worker_job *job)
{
    struct worker_msg msg;
    enum kv_status st;

    KV_ASSERT(worker->state == WORKER_IDLE);
    KV_ASSERT(worker->job == NULL && job->worker == NULL);
    job->kind->describe(job, &msg);
    st = worker_channel_send(worker->process.socket, CHANNEL_NOWAIT, &msg,
                             job->kind->descriptor(job));
    worker_msg_deinit(&msg);
    if (st != KV_OK) {
        worker_kill(worker);
        return st;
    }
    worker->state = WORKER_BUSY;
    worker->job = job;
    worker->progress = (struct worker_progress){0};
    job->worker = worker;
    job->given_outside = worker->external;
    job->state = JOB_RUNNING;
    return KV_OK;
}

void
worker_release_job(struct worker *worker, bool done)
{
    KV_ASSERT(worker->job != NULL && worker->job->worker == worker);
    worker->job->worker = NULL;
    worker->job = NULL;
    worker->progress = (struct worker_progress){0};
    worker->jobs_done += done ? 1 : 0;
    worker->jobs_failed += done ? 0 : 1;
    if (worker->state == WORKER_BUSY)
        worker->state = WORKER_IDLE;
}
