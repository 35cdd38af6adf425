/* worker_peer_message.c - what a worker says, and whether it may say so now.
 *
 * A message that its state does not allow ends the worker: nothing that it says can be trusted
 * after that.  It may have two jobs, a flush and the compaction that was set aside for it, and
 * each result says whose it is.
 */
#include <inttypes.h>

#include "base/log.h"
#include "daemon/worker_pool_internal.h"

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
    /* A beat of before may have been under way when the job went out, and the other way round. */
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
on_done(struct worker *worker, struct worker_job *job, const struct worker_done *done)
{
    worker->bytes_per_s =
        done->wall_us > 0 ? (uint64_t)((double)done->bytes_written * 1e6 / (double)done->wall_us)
                          : 0;
    for (uint32_t i = 0; i < job->received_count; i++)
        worker->bytes_written += job->tables[job->done_count + i].file_bytes;
    return worker_job_take_done(job, done);
}

static enum kv_status
on_failed(struct worker *worker, struct worker_job *job, const struct worker_failed *failed)
{
    kv_log(job->cancelled ? LOG_LEVEL_VERBOSE : LOG_LEVEL_WARNING,
           "worker %u (process %d): %s %" PRIu64 ": %s", worker->id, (int)worker->process.pid,
           job->kind->name, failed->job_id, (const char *)failed->reason.data);
    worker_release_job(job, false);
    if (worker_job_is_compaction(job)) {
        job->compact->bad_input_number = failed->bad_input_number;
        worker_job_fail(job, failed->status);
    } else {
        worker_job_fail(job, failed->status == KV_NO_SPACE ? KV_NO_SPACE : KV_OK);
    }
    worker_pool_dispatch(worker->pool);
    return KV_OK;
}

static bool
owes(const struct worker_job *job, uint64_t job_id)
{
    return job != NULL && job->state == JOB_RUNNING && job->kind->id(job) == job_id;
}

/* The job that a result names, if the worker has it and owes one; else NULL. */
static struct worker_job *
find_job(const struct worker *worker, uint64_t job_id)
{
    if (worker->state != WORKER_BUSY)
        return NULL;
    if (owes(worker->job, job_id))
        return worker->job;
    return owes(worker->set_aside, job_id) ? worker->set_aside : NULL;
}

static enum kv_status
on_message(struct worker *worker, struct worker_msg *msg)
{
    struct worker_job *job;

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
        job = find_job(worker, msg->table.job_id);
        return job != NULL ? worker_job_take_table(job, &msg->table) : unexpected(worker, msg);
    case WORKER_MSG_DONE:
        job = find_job(worker, msg->done.job_id);
        return job != NULL ? on_done(worker, job, &msg->done) : unexpected(worker, msg);
    case WORKER_MSG_FAILED:
        job = find_job(worker, msg->failed.job_id);
        return job != NULL ? on_failed(worker, job, &msg->failed) : unexpected(worker, msg);
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

void
worker_read_messages(struct worker *worker)
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
