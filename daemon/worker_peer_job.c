/* worker_peer_job.c - what a worker has to do, and how urgent that is.
 *
 *     idle --COMPACT--> job --FLUSH--> job: the flush, set_aside: the compaction
 *                        ^                     |
 *                        `----DONE, FAILED-----'
 *
 * A flush keeps writers waiting and takes a fraction of a second; a compaction keeps nobody waiting
 * and takes long.  So a flush for which nobody else is left is done in between, by a worker that
 * compacts, and nothing of the compaction is lost.
 */
#include "base/log.h"
#include "daemon/worker_pool_internal.h"

bool
worker_may_be_interrupted(const struct worker *worker)
{
    return worker->state == WORKER_BUSY && worker->set_aside == NULL &&
           worker->job->state == JOB_RUNNING && worker_job_is_compaction(worker->job) &&
           !worker->job->cancelled;
}

enum kv_status
worker_give(struct worker *worker, struct worker_job *job)
{
    struct worker_msg msg;
    enum kv_status st;

    KV_ASSERT(worker->state == WORKER_IDLE ||
              (worker_may_be_interrupted(worker) && !worker_job_is_compaction(job)));
    KV_ASSERT(job->worker == NULL);
    job->kind->describe(job, &msg);
    st = worker_channel_send(worker->process.socket, CHANNEL_NOWAIT, &msg,
                             job->kind->descriptor(job));
    worker_msg_deinit(&msg);
    if (st != KV_OK) {
        worker_kill(worker);
        return st;
    }
    worker->state = WORKER_BUSY;
    worker->set_aside = worker->job;
    worker->job = job;
    worker->progress = (struct worker_progress){0};
    job->worker = worker;
    job->given_outside = worker->external;
    job->given_us = io_now_us(worker->pool->io);
    job->is_starved = false;
    job->state = JOB_RUNNING;
    worker_update_priority(worker);
    return KV_OK;
}

void
worker_release_job(struct worker_job *job, bool done)
{
    struct worker *worker = job->worker;

    KV_ASSERT(worker != NULL && (worker->job == job || worker->set_aside == job));
    job->worker = NULL;
    if (worker->job == job)
        worker->job = worker->set_aside;
    worker->set_aside = NULL;
    worker->progress = (struct worker_progress){0};
    worker->jobs_done += done ? 1 : 0;
    worker->jobs_failed += done ? 0 : 1;
    if (worker->state == WORKER_BUSY && worker->job == NULL)
        worker->state = WORKER_IDLE;
    worker_update_priority(worker);
}

void
worker_return_jobs(struct worker *worker)
{
    struct worker_job *const jobs[] = {worker->job, worker->set_aside};

    KV_ASSERT(worker->state == WORKER_DYING);
    worker->job = worker->set_aside = NULL;
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (jobs[i] == NULL)
            continue;
        worker->jobs_failed++;
        jobs[i]->worker = NULL;
        /* When it is being checked the result was complete; the files will tell. */
        if (jobs[i]->state != JOB_CHECKING)
            worker_job_lose(jobs[i]);
    }
}

static enum worker_priority
priority_of(const struct worker *worker)
{
    const struct worker_job *job = worker->job;

    if (job == NULL || job->cancelled)
        return WORKER_PRIORITY_NORMAL;
    if (!worker_job_is_compaction(job))
        return job->is_starved || worker->pool->flush_urgency == JOB_PRESSING
                   ? WORKER_PRIORITY_NORMAL
                   : WORKER_PRIORITY_IDLE;
    if (job->is_starved || worker->pool->urgency == JOB_PRESSING)
        return WORKER_PRIORITY_BATCH;
    return WORKER_PRIORITY_IDLE;
}

void
worker_update_priority(struct worker *worker)
{
    enum worker_priority priority = priority_of(worker);

    if (worker->state != WORKER_IDLE && worker->state != WORKER_BUSY)
        return;
    if (priority == WORKER_PRIORITY_IDLE && worker->priority != WORKER_PRIORITY_IDLE &&
        !worker_priority_may_return(worker->process.pid))
        priority = WORKER_PRIORITY_BATCH;
    if (priority != worker->priority && worker_priority_set(worker->process.pid, priority))
        worker->priority = priority;
}
