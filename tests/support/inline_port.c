#include "support/inline_port.h"

#include "base/alloc.h"
#include "compact/compaction_run.h"
#include "compact/flush_build.h"
#include "io/file.h"
#include "version/file_name.h"

struct inline_job {
    struct list link;
    struct inline_port *port;
    struct flush_job *flush;     /* one of the two */
    struct compact_job *compact; /* the other */
    enum kv_status refusal;      /* of the compaction; KV_OK: it is done */
    struct io_timer timer;
};

static enum kv_status
build_one(struct inline_port *port, const struct flush_job *job, const struct flush_output *output,
          struct table_summary *summary)
{
    const struct table_build_options options = {
        .file_number = output->file_number,
        .cf_id = output->cf_id,
        .cf_name = output->cf_name,
        .db_identity = job->db_identity,
        .session_identity = "",
        .merge_operator = output->merge_operator,
        .compression = output->compression,
        .block_bytes = output->block_bytes,
        .bloom_bits_per_key = output->bloom_bits_per_key,
        .creation_time_s = job->creation_time_s,
    };
    const struct flush_build build = {
        .memtable = job->memtable,
        .options = &options,
        .snapshots = job->snapshots,
        .snapshot_count = job->snapshot_count,
        .now_ms = job->now_ms,
    };
    char path[PATH_BYTES_MAX];

    file_name_format(path, job->dir, FILE_TABLE, output->file_number);
    return flush_build_file(&build, port->io, path, summary);
}

static enum kv_status
build_all(struct inline_port *port, const struct flush_job *job, struct table_summary *tables,
          uint32_t *built_out)
{
    enum kv_status st = KV_OK;

    *built_out = 0;
    for (uint32_t i = 0; i < job->output_count; i++) {
        st = build_one(port, job, &job->outputs[i], &tables[i]);
        if (st != KV_OK)
            return st;
        (*built_out)++;
        if (port->fail_count > 0) {
            port->fail_count--;
            return KV_CANCELLED;
        }
    }
    return file_sync_dir(port->io, job->dir);
}

/* As kvd does when a worker ran out of space; numbers are taken one after the other. */
static void
delete_outputs(struct inline_port *port, const char *dir, uint64_t first, uint32_t count)
{
    char path[PATH_BYTES_MAX];

    for (uint32_t i = 0; i < count; i++) {
        struct io_request request = {.op = IO_UNLINK, .path = path};

        file_name_format(path, dir, FILE_TABLE, first + i);
        if (io_call(port->io, &request) < 0)
            return;
    }
}

static void
run_flush(struct inline_port *port, struct flush_job *job)
{
    struct table_summary *tables = kv_alloc_zero(sizeof(tables[0]) * job->output_count);
    uint32_t built;
    const enum kv_status st = build_all(port, job, tables, &built);

    port->done_count++;
    job->expired_count = 0;
    for (uint32_t i = 0; i < built; i++)
        job->expired_count += tables[i].expired_count;
    for (uint32_t i = 0; st == KV_NO_SPACE && i < job->output_count; i++)
        delete_outputs(port, job->dir, job->outputs[i].file_number, 1);
    job->on_done(job, st, tables);
    for (uint32_t i = 0; i < built; i++)
        table_summary_deinit(&tables[i]);
    free(tables);
}

static void
run_compact(struct inline_port *port, struct compact_job *job, enum kv_status refusal)
{
    const struct compaction_run run = {
        .spec = &job->spec, .io = port->io, .dir = job->dir, .session_identity = ""};
    struct compaction_result result = {0};
    enum kv_status st = refusal;

    if (st == KV_OK) {
        port->is_compacting = true;
        st = compaction_run_files(&run, &result);
        port->is_compacting = false;
        job->bytes_done = result.bytes_read;
        job->entries_read = result.entries_read;
        job->expired_count = result.expired_count;
        job->bad_input_number = result.bad_input_number;
    }
    if (st == KV_OK && port->compact_fail_count > 0) {
        port->compact_fail_count--;
        st = KV_CANCELLED;
    }
    if (st == KV_NO_SPACE)
        delete_outputs(port, job->dir, job->spec.output_number_first,
                       job->spec.output_number_count);
    port->compact_done_count++;
    if (st == KV_OK && port->on_compacted != NULL)
        port->on_compacted(port->owner, job);
    job->on_done(job, st, st == KV_OK ? result.tables : NULL, st == KV_OK ? result.table_count : 0);
    compaction_result_deinit(&result);
}

static void
on_timer(struct io_timer *timer)
{
    const struct inline_job mine = *KV_CONTAINER_OF(timer, struct inline_job, timer);
    struct inline_job *ended = KV_CONTAINER_OF(timer, struct inline_job, timer);

    list_remove(&ended->link);
    free(ended);
    if (mine.flush != NULL)
        run_flush(mine.port, mine.flush);
    else
        run_compact(mine.port, mine.compact, mine.refusal);
}

static void
schedule(struct inline_job *mine)
{
    struct inline_port *port = mine->port;
    uint64_t delay_us = 0;

    if (port->delay_us_max > 0)
        delay_us = io_random(port->io) % port->delay_us_max;
    io_timer_start(port->io, &mine->timer, io_now_us(port->io) + delay_us);
}

static struct inline_job *
take_job(struct inline_port *port)
{
    struct inline_job *mine = kv_alloc_zero(sizeof(*mine));

    mine->port = port;
    mine->timer.on_expire = on_timer;
    list_push_back(&port->jobs, &mine->link);
    return mine;
}

static void
start_flush(struct job_port *base, struct flush_job *job)
{
    struct inline_port *port = KV_CONTAINER_OF(base, struct inline_port, port);
    struct inline_job *mine = take_job(port);

    mine->flush = job;
    if (!port->hold)
        schedule(mine);
}

static void
start_compact(struct job_port *base, struct compact_job *job)
{
    struct inline_port *port = KV_CONTAINER_OF(base, struct inline_port, port);
    struct inline_job *mine = take_job(port);

    mine->compact = job;
    mine->refusal = port->refusal;
    if (!port->hold && !port->hold_compact)
        schedule(mine);
}

static void
cancel_compact(struct job_port *base, struct compact_job *job)
{
    struct inline_port *port = KV_CONTAINER_OF(base, struct inline_port, port);

    for (struct list *node = port->jobs.next; node != &port->jobs; node = node->next) {
        struct inline_job *mine = LIST_ENTRY(node, struct inline_job, link);

        if (mine->compact != job)
            continue;
        mine->refusal = KV_CANCELLED;
        io_timer_start(port->io, &mine->timer, io_now_us(port->io));
    }
}

void
inline_port_init(struct inline_port *port, struct io *io)
{
    *port = (struct inline_port){.port = {.start_flush = start_flush,
                                          .start_compact = start_compact,
                                          .cancel_compact = cancel_compact},
                                 .io = io};
    list_init(&port->jobs);
}

void
inline_port_deinit(struct inline_port *port)
{
    while (!list_empty(&port->jobs)) {
        struct inline_job *mine = LIST_ENTRY(port->jobs.next, struct inline_job, link);

        io_timer_stop(port->io, &mine->timer);
        list_remove(&mine->link);
        free(mine);
    }
}

void
inline_port_release(struct inline_port *port)
{
    port->hold = port->hold_compact = false;
    for (struct list *node = port->jobs.next; node != &port->jobs; node = node->next)
        schedule(LIST_ENTRY(node, struct inline_job, link));
}
