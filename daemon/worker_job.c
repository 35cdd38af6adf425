/* worker_job.c - a job on its way to workers and back.
 *
 *     WAITING -> RUNNING -> CHECKING -> (next part: WAITING) -> on_done(KV_OK)
 *                   |          |
 *                   +----------+----> CLEANING -> PAUSING -> WAITING
 *                                         +----> on_done(error)
 *
 * A flush with more outputs than a message holds is given out in parts, one after the other.  A
 * failed part is tried again as it was; the finished ones stay finished.  A compaction is tried
 * once: when it fails the engine may have a better plan.  A file is looked at (there, of the size,
 * with the footer) before its part counts.
 *
 * What flushes and compactions do differently is in worker_job_flush.c and worker_job_compact.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/worker_pool_internal.h"
#include "mem/memtable.h"

static void check_next(struct worker_job *job);
static void clean_next(struct worker_job *job);

/* --- making and ending --- */

static void
on_retry_timer(struct io_timer *timer)
{
    struct worker_job *job = KV_CONTAINER_OF(timer, struct worker_job, retry_timer);

    KV_ASSERT(job->state == JOB_PAUSING);
    if (job->ending != KV_OK) {
        worker_job_end(job, job->ending);
        return;
    }
    job->state = JOB_WAITING;
    list_push_front(job->waiting, &job->wait_link);
    worker_pool_dispatch(job->pool);
}

void
worker_job_begin(struct worker_job *job, struct worker_pool *pool, struct list *waiting)
{
    job->pool = pool;
    job->waiting = waiting;
    job->fd = -1;
    job->retry_timer.on_expire = on_retry_timer;
    list_push_back(&pool->jobs, &job->link);
    list_init(&job->wait_link);
    list_push_back(waiting, &job->wait_link);
}

/* From the loop, since on_done may not be called from inside start or cancel. */
void
worker_job_end_soon(struct worker_job *job, enum kv_status ending)
{
    KV_ASSERT(job->state == JOB_WAITING);
    list_remove(&job->wait_link);
    job->ending = ending;
    job->state = JOB_PAUSING;
    io_timer_start(job->pool->io, &job->retry_timer, io_now_us(job->pool->io));
}

static void
forget_tables(struct worker_job *job, uint32_t first)
{
    for (uint32_t i = first; i < job->done_count + job->received_count; i++) {
        table_summary_deinit(&job->tables[i]);
        job->tables[i] = (struct table_summary){0};
    }
    job->received_count = 0;
}

void
worker_job_end(struct worker_job *job, enum kv_status st)
{
    KV_ASSERT(job->worker == NULL);
    KV_ASSERT(!job->request_in_flight);
    io_timer_stop(job->pool->io, &job->retry_timer);
    list_remove(&job->link);
    list_remove(&job->wait_link);
    job->kind->report(job, st);
    forget_tables(job, 0);
    free(job->tables);
    free(job->families);
    free(job);
}

/* --- results --- */

enum kv_status
worker_job_take_table(struct worker_job *job, struct worker_table *table)
{
    enum kv_status st;

    KV_ASSERT(job->state == JOB_RUNNING);
    st = job->kind->check_table(job, table);
    if (st != KV_OK)
        return st;
    job->tables[job->done_count + job->received_count] = (struct table_summary){
        .file_number = table->file_number,
        .file_bytes = table->file_bytes,
        .smallest = table->smallest, /* both taken over */
        .largest = table->largest,
        .seq_smallest = table->seq_smallest,
        .seq_largest = table->seq_largest,
        .entry_count = table->entry_count,
        .deletion_count = table->deletion_count,
        .range_tombstone_count = table->range_tombstone_count,
        .superseded_count = table->superseded_count,
        .deadlines = table->deadlines,
        .checksum_crc32c = table->checksum_crc32c,
    };
    table->smallest = table->largest = (struct buffer){0};
    job->received_count++;
    return KV_OK;
}

enum kv_status
worker_job_take_done(struct worker_job *job, const struct worker_done *done)
{
    KV_ASSERT(job->state == JOB_RUNNING);
    if (job->kind->part_is_open)
        job->part_count = job->received_count;
    if (done->table_count != job->part_count || job->received_count != job->part_count)
        return KV_FAIL(KV_CORRUPT, "a worker was asked for %u tables, sent %u and counts %u",
                       job->part_count, job->received_count, done->table_count);
    if (done->expired_count >
        (job->compact != NULL ? done->entries_read : memtable_entry_count(job->flush->memtable)))
        return KV_FAIL(KV_CORRUPT, "a worker has seen more dead values than there are entries");
    if (job->compact != NULL)
        job->compact->entries_read = done->entries_read;
    job->expired_count = done->expired_count;
    job->state = JOB_CHECKING;
    job->file_index = job->done_count;
    check_next(job);
    return KV_OK;
}

/* --- looking at the files --- */

static void
submit(struct worker_job *job, io_done_fn *on_done)
{
    KV_ASSERT(!job->request_in_flight);
    job->request.owner = job;
    job->request.done = on_done;
    job->request_in_flight = true;
    io_submit(job->pool->io, &job->request);
}

static void
set_path(struct worker_job *job)
{
    const bool fits = worker_output_path(job->path, sizeof(job->path), job->pool->dir,
                                         job->kind->number(job, job->file_index));

    KV_ASSERT(fits); /* worker_pool_open has left room */
}

static void
on_reject_closed(struct io_request *request)
{
    struct worker_job *job = request->owner;
    struct worker *worker = job->worker;

    job->request_in_flight = false;
    job->fd = -1;
    /* Back to RUNNING: the job fails when the worker is gone, or at once if it is already. */
    job->state = JOB_RUNNING;
    if (worker != NULL)
        worker_kill(worker);
    else
        worker_job_lose(job);
}

/* The file is not what the worker says: it is not to be believed in anything. */
static void
reject_file(struct worker_job *job, const char *what, int64_t result)
{
    (void)KV_FAIL(KV_CORRUPT, "%s is not what worker process says: %s (%" PRId64 ")", job->path,
                  what, result);
    job->request = (struct io_request){.op = IO_CLOSE, .fd = job->fd};
    if (job->fd >= 0) {
        submit(job, on_reject_closed);
        return;
    }
    job->request.owner = job;
    on_reject_closed(&job->request);
}

static void
on_checked(struct io_request *request)
{
    struct worker_job *job = request->owner;

    job->request_in_flight = false;
    job->fd = -1;
    job->file_index++;
    check_next(job);
}

static void
on_footer(struct io_request *request)
{
    struct worker_job *job = request->owner;

    job->request_in_flight = false;
    if (request->result != TABLE_FOOTER_BYTES ||
        !worker_result_footer_is_ours(slice_of(job->footer, sizeof(job->footer)))) {
        reject_file(job, "footer", request->result);
        return;
    }
    job->request = (struct io_request){.op = IO_CLOSE, .fd = job->fd};
    submit(job, on_checked);
}

static void
on_stat(struct io_request *request)
{
    struct worker_job *job = request->owner;
    const uint64_t bytes = job->tables[job->file_index].file_bytes;

    job->request_in_flight = false;
    if (request->result < 0 || request->size_out != bytes) {
        reject_file(job, "size",
                    request->result < 0 ? request->result : (int64_t)request->size_out);
        return;
    }
    job->request = (struct io_request){.op = IO_READ,
                                       .fd = job->fd,
                                       .buffer = job->footer,
                                       .size = sizeof(job->footer),
                                       .offset = bytes - sizeof(job->footer)};
    submit(job, on_footer);
}

static void
on_open(struct io_request *request)
{
    struct worker_job *job = request->owner;

    job->request_in_flight = false;
    if (request->result < 0) {
        reject_file(job, "cannot be opened", request->result);
        return;
    }
    job->fd = (int)request->result;
    job->request = (struct io_request){.op = IO_STAT, .fd = job->fd};
    submit(job, on_stat);
}

static void
part_is_done(struct worker_job *job)
{
    struct worker_pool *pool = job->pool;

    job->done_count += job->part_count;
    job->received_count = job->part_count = 0;
    if (job->compact != NULL)
        job->compact->expired_count = job->expired_count;
    else
        job->flush->expired_count += job->expired_count;
    if (job->worker != NULL)
        worker_release_job(job, true);
    if (job->kind->part_is_open || job->done_count == job->output_count) {
        worker_job_end(job, KV_OK);
    } else {
        job->state = JOB_WAITING;
        list_push_front(job->waiting, &job->wait_link);
    }
    worker_pool_dispatch(pool);
}

static void
check_next(struct worker_job *job)
{
    KV_ASSERT(job->state == JOB_CHECKING);
    if (job->file_index == job->done_count + job->part_count) {
        part_is_done(job);
        return;
    }
    set_path(job);
    job->request = (struct io_request){
        .op = IO_OPEN, .path = job->path, .open_flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW};
    submit(job, on_open);
}

/* --- failing --- */

static uint64_t
retry_delay_us(const struct worker_job *job)
{
    uint64_t delay_us = RETRY_US_MIN;

    for (uint32_t i = 1; i < job->attempt_count && delay_us < RETRY_US_MAX; i++)
        delay_us *= 2;
    return delay_us < RETRY_US_MAX ? delay_us : RETRY_US_MAX;
}

static void
on_cleaned(struct io_request *request)
{
    struct worker_job *job = request->owner;

    job->request_in_flight = false;
    if (request->result < 0 && request->result != -ENOENT)
        kv_log(LOG_LEVEL_WARNING, "%s: cannot remove it: %s", job->path,
               strerror((int)-request->result));
    job->file_index++;
    /* Outputs of which nobody knows how many there are were made in the order of their numbers. */
    if (job->kind->part_is_open && request->result == -ENOENT)
        job->file_index = job->output_count;
    clean_next(job);
}

static void
clean_next(struct worker_job *job)
{
    struct worker_pool *pool = job->pool;

    KV_ASSERT(job->state == JOB_CLEANING);
    if (job->file_index < job->output_count) {
        set_path(job);
        job->request = (struct io_request){.op = IO_UNLINK, .path = job->path};
        submit(job, on_cleaned);
    } else if (job->ending != KV_OK) {
        worker_job_end(job, job->ending);
    } else {
        job->state = JOB_PAUSING;
        io_timer_start(pool->io, &job->retry_timer, io_now_us(pool->io) + retry_delay_us(job));
    }
}

void
worker_job_fail(struct worker_job *job, enum kv_status ending)
{
    KV_ASSERT(job->state == JOB_RUNNING);
    KV_ASSERT(job->worker == NULL);
    job->attempt_count++;
    /* An old file may be in the way, or its writer may still be at it: new numbers then. */
    if (ending == KV_OK && (job->kind->tried_once || job->given_outside ||
                            job->attempt_count >= JOB_ATTEMPT_COUNT_MAX))
        ending = KV_CANCELLED;
    kv_log(job->cancelled ? LOG_LEVEL_VERBOSE : LOG_LEVEL_WARNING,
           "%s %" PRIu64 ": try %u failed; %s", job->kind->name, job->kind->id(job),
           job->attempt_count, ending == KV_OK ? "it is tried again" : "the engine is told");
    job->ending = ending;
    job->state = JOB_CLEANING;
    forget_tables(job, ending == KV_OK ? job->done_count : 0);
    job->file_index = ending == KV_OK ? job->done_count : 0;
    clean_next(job);
}

void
worker_job_lose(struct worker_job *job)
{
    if (worker_job_is_compaction(job))
        job->compact->is_abandoned = job->given_outside;
    worker_job_fail(job, KV_OK);
}
