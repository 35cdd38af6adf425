/* worker_job_compact.c - what is particular to a compaction: how many tables come back only the
 * worker can tell, and it may be told to stop. */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/worker_pool_internal.h"

static void
describe(struct worker_job *job, struct worker_msg *msg)
{
    const char *session_identity = job->pool->session_identity;

    *msg = (struct worker_msg){.kind = WORKER_MSG_COMPACT};
    msg->compact.job_id = job->compact->job_id;
    msg->compact.session_identity = session_identity != NULL ? session_identity : "";
    msg->compact.spec = job->compact->spec;
    job->part_count = job->output_count;
}

static enum kv_status
check_table(struct worker_job *job, const struct worker_table *table)
{
    const struct table_summary *before =
        job->received_count > 0 ? &job->tables[job->received_count - 1] : NULL;
    enum kv_status st;

    if (job->received_count == job->output_count)
        return KV_FAIL(KV_CORRUPT, "a worker reports more tables than it had numbers for");
    st = worker_result_check_compact(table, &job->bounds, before);
    if (st != KV_OK)
        return st;
    job->bounds.file_number++;
    job->bounds.entry_count_max -= table->entry_count - table->range_tombstone_count;
    if (job->received_count == job->table_capacity) {
        job->table_capacity = job->table_capacity == 0 ? 8 : 2 * job->table_capacity;
        job->tables = kv_realloc(job->tables, job->table_capacity * sizeof(*job->tables));
    }
    return KV_OK;
}

static uint64_t
id_of(const struct worker_job *job)
{
    return job->compact->job_id;
}

static int
descriptor_of(const struct worker_job *job)
{
    (void)job;
    return -1;
}

static uint64_t
number_of(const struct worker_job *job, uint32_t index)
{
    return job->compact->spec.output_number_first + index;
}

static void
report(struct worker_job *job, enum kv_status st)
{
    struct compact_job *compact = job->compact;

    compact->port_private = NULL;
    compact->on_done(compact, st, st == KV_OK ? job->tables : NULL,
                     st == KV_OK ? job->done_count : 0);
}

static const struct worker_job_kind compact_kind = {
    .name = "compaction",
    .part_is_open = true,
    .tried_once = true,
    .id = id_of,
    .describe = describe,
    .descriptor = descriptor_of,
    .check_table = check_table,
    .number = number_of,
    .report = report,
};

void
worker_job_new_compact(struct worker_pool *pool, struct compact_job *compact)
{
    struct worker_job *job = kv_alloc_zero(sizeof(*job));

    KV_ASSERT(compact->job_id != 0);
    job->kind = &compact_kind;
    job->compact = compact;
    compact->port_private = job;
    compact->bytes_done = compact->bytes_per_s = compact->bad_input_number = 0;
    worker_job_begin(job, pool, &pool->compactions);
    if (!worker_compact_fits(&compact->spec)) {
        worker_job_end_soon(job, KV_FAIL(KV_LIMIT,
                                         "compaction %" PRIu64 " of %u tables is outside the "
                                         "limits of a job",
                                         compact->job_id, compact->spec.input_count));
        return;
    }
    job->output_count = compact->spec.output_number_count;
    worker_compact_bounds_init(&job->bounds, &compact->spec);
}

void
worker_job_cancel(struct worker_job *job)
{
    const struct worker_msg msg = {.kind = WORKER_MSG_CANCEL,
                                   .cancel = {.job_id = job->kind->id(job)}};

    if (job->state == JOB_WAITING) {
        worker_job_end_soon(job, KV_CANCELLED);
        return;
    }
    if (job->state != JOB_RUNNING || job->cancelled || job->worker == NULL)
        return; /* its end is near anyway */
    job->cancelled = true;
    if (worker_channel_send(job->worker->process.socket, CHANNEL_NOWAIT, &msg, -1) != KV_OK)
        worker_kill(job->worker);
    else
        worker_update_priority(job->worker);
}

uint64_t
worker_job_patience_us(const struct worker_job *job)
{
    const struct compaction_spec *spec;
    uint64_t bytes = 0;

    if (!worker_job_is_compaction(job))
        return STARVED_US;
    spec = &job->compact->spec;
    for (uint32_t i = 0; i < spec->input_count; i++)
        bytes += spec->inputs[i].file_bytes;
    return STARVED_US +
           bytes / (spec->leaves_core ? STARVED_LEAVING_BYTES_PER_US : STARVED_BYTES_PER_US);
}

bool
worker_job_is_compaction(const struct worker_job *job)
{
    return job->compact != NULL;
}
