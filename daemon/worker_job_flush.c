/* worker_job_flush.c - what is particular to a flush: a memtable goes along, and which tables come
 * back is known beforehand. */
#include <inttypes.h>

#include "base/alloc.h"
#include "daemon/worker_pool_internal.h"
#include "mem/memtable.h"

/* The memtable's counts for each output, in the outputs' order. */
static void
count_families(struct worker_job *job)
{
    const struct flush_job *flush = job->flush;
    const uint32_t count = memtable_families(flush->memtable, NULL, 0);
    struct memtable_family *families = kv_alloc_zero(((size_t)count + 1) * sizeof(*families));
    uint32_t f = 0;

    (void)memtable_families(flush->memtable, families, count);
    job->families = kv_alloc_zero(flush->output_count * sizeof(*job->families));
    for (uint32_t i = 0; i < flush->output_count; i++) {
        while (f < count && families[f].cf_id < flush->outputs[i].cf_id)
            f++;
        KV_ASSERT(f < count && families[f].cf_id == flush->outputs[i].cf_id);
        job->families[i] = families[f];
    }
    free(families);
}

static bool
texts_fit(const struct flush_job *flush)
{
    bool fit = strlen(flush->db_identity) <= WORKER_TEXT_BYTES_MAX;

    for (uint32_t i = 0; i < flush->output_count; i++)
        fit = fit && strlen(flush->outputs[i].cf_name) <= WORKER_TEXT_BYTES_MAX &&
              strlen(flush->outputs[i].merge_operator) <= WORKER_TEXT_BYTES_MAX;
    return fit;
}

static void
put_text(struct buffer *target, const char *text)
{
    buffer_append(target, text, strlen(text));
}

static void
describe_output(const struct flush_output *output, struct worker_flush_output *described)
{
    described->cf_id = output->cf_id;
    described->file_number = output->file_number;
    described->compression = (uint32_t)output->compression;
    described->block_bytes = output->block_bytes;
    described->bloom_bits_per_key = output->bloom_bits_per_key;
    put_text(&described->cf_name, output->cf_name);
    put_text(&described->merge_operator, output->merge_operator);
}

static void
describe_snapshots(const struct flush_job *flush, struct worker_flush *described)
{
    const size_t bytes = flush->snapshot_count * sizeof(described->snapshots[0]);

    if (bytes == 0)
        return;
    described->snapshots = kv_alloc(bytes);
    memcpy(described->snapshots, flush->snapshots, bytes);
    described->snapshot_count = flush->snapshot_count;
}

static void
describe(struct worker_job *job, struct worker_msg *msg)
{
    const struct flush_job *flush = job->flush;
    const uint32_t left = flush->output_count - job->done_count;
    struct worker_flush *described = &msg->flush;

    KV_ASSERT(left > 0);
    job->part_count = left < WORKER_JOB_OUTPUT_COUNT_MAX ? left : WORKER_JOB_OUTPUT_COUNT_MAX;
    *msg = (struct worker_msg){.kind = WORKER_MSG_FLUSH};
    described->job_id = flush->job_id;
    described->creation_time_s = flush->creation_time_s;
    described->now_ms = flush->now_ms;
    described->seq_first = memtable_seq_first(flush->memtable);
    described->seq_last = memtable_seq_last(flush->memtable);
    put_text(&described->db_identity, flush->db_identity);
    if (job->pool->session_identity != NULL)
        put_text(&described->session_identity, job->pool->session_identity);
    describe_snapshots(flush, described);
    described->output_count = job->part_count;
    described->outputs = kv_alloc_zero(job->part_count * sizeof(*described->outputs));
    for (uint32_t i = 0; i < job->part_count; i++)
        describe_output(&flush->outputs[job->done_count + i], &described->outputs[i]);
}

static enum kv_status
check_table(struct worker_job *job, const struct worker_table *table)
{
    const uint32_t index = job->done_count + job->received_count;
    struct worker_result_bounds bounds;

    if (job->received_count == job->part_count)
        return KV_FAIL(KV_CORRUPT, "a worker reports more tables than were asked for");
    bounds = (struct worker_result_bounds){.file_number = job->flush->outputs[index].file_number,
                                           .entry_count_max = job->families[index].entry_count,
                                           .range_tombstone_count =
                                               job->families[index].range_tombstone_count,
                                           .seq_first = memtable_seq_first(job->flush->memtable),
                                           .seq_last = memtable_seq_last(job->flush->memtable)};
    return worker_result_check(table, &bounds);
}

static uint64_t
id_of(const struct worker_job *job)
{
    return job->flush->job_id;
}

static int
descriptor_of(const struct worker_job *job)
{
    return memtable_fd(job->flush->memtable);
}

static uint64_t
number_of(const struct worker_job *job, uint32_t index)
{
    return job->flush->outputs[index].file_number;
}

static void
report(struct worker_job *job, enum kv_status st)
{
    struct flush_job *flush = job->flush;

    flush->port_private = NULL;
    flush->on_done(flush, st, st == KV_OK ? job->tables : NULL);
}

static const struct worker_job_kind flush_kind = {
    .name = "flush",
    .id = id_of,
    .describe = describe,
    .descriptor = descriptor_of,
    .check_table = check_table,
    .number = number_of,
    .report = report,
};

void
worker_job_new_flush(struct worker_pool *pool, struct flush_job *flush)
{
    struct worker_job *job = kv_alloc_zero(sizeof(*job));

    KV_ASSERT(flush->output_count > 0);
    KV_ASSERT(flush->job_id != 0);
    KV_ASSERT(flush->snapshot_count <= WORKER_JOB_SNAPSHOT_COUNT_MAX);
    job->kind = &flush_kind;
    job->flush = flush;
    job->output_count = flush->output_count;
    job->tables = kv_alloc_zero(flush->output_count * sizeof(*job->tables));
    worker_job_begin(job, pool, &pool->waiting);
    count_families(job);
    flush->port_private = job;
    flush->expired_count = 0;
    if (!texts_fit(flush))
        worker_job_end_soon(
            job, KV_FAIL(KV_LIMIT, "flush %" PRIu64 ": a name is too long", flush->job_id));
}
