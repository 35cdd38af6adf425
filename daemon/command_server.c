/* command_server.c - what the server says of itself: INFO, DBSIZE, KV.STATS. */
#include "base/alloc.h"
#include "daemon/command_handlers.h"
#include "daemon/info.h"
#include "daemon/server.h"
#include "daemon/worker_pool.h"

enum kv_status
command_info(struct command_call *call)
{
    struct buffer text = {0};

    info_format(call->server, call->args + 1, call->arg_count - 1, &text);
    resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}

enum kv_status
command_dbsize(struct command_call *call)
{
    struct db_key_counts counts;
    const enum kv_status st = db_count_keys(call->server->db, call->ctx, call->cf_id, &counts);

    if (st == KV_OK)
        resp_integer(&call->reply, (int64_t)counts.key_count);
    return st;
}

/* The sections of INFO that are about the engine, alone. */
enum kv_status
command_kv_stats(struct command_call *call)
{
    static const char *const names[] = {"memory", "persistence", "kvd", "compaction"};
    struct slice sections[4];
    struct buffer text = {0};

    for (size_t i = 0; i < 4; i++)
        sections[i] = slice_from_text(names[i]);
    info_format(call->server, sections, 4, &text);
    resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}

static void
reply_worker(struct resp_writer *reply, const struct worker_info *worker)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"id", worker->id},
        {"pid", (uint64_t)worker->pid},
        {"external", worker->external},
        {"job", worker->job_id},
        {"job-bytes-done", worker->job_bytes_done},
        {"bytes-per-second", worker->bytes_per_s},
        {"jobs-done", worker->jobs_done},
        {"jobs-failed", worker->jobs_failed},
        {"bytes-written", worker->bytes_written},
        {"restarts", worker->restart_count},
        {"heartbeat-age-usec", worker->heartbeat_age_us},
    };
    const size_t count = sizeof(numbers) / sizeof(numbers[0]);

    resp_map(reply, count + 1);
    resp_bulk_text(reply, "state");
    resp_bulk_text(reply, worker->state);
    for (size_t i = 0; i < count; i++) {
        resp_bulk_text(reply, numbers[i].name);
        resp_integer(reply, (int64_t)numbers[i].value);
    }
}

enum kv_status
command_kv_workers(struct command_call *call)
{
    const uint32_t count = worker_pool_info(call->server->pool, NULL, 0);
    struct worker_info *workers = kv_alloc_zero(sizeof(workers[0]) * (count + 1));

    worker_pool_info(call->server->pool, workers, count);
    resp_array(&call->reply, count);
    for (uint32_t i = 0; i < count; i++)
        reply_worker(&call->reply, &workers[i]);
    free(workers);
    return KV_OK;
}
