/* command_jobs.c - KV.COMPACT and KV.JOBS: work in the background, asked for and looked after. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "daemon/command_family.h"
#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "resp/resp_number.h"

/* --- KV.COMPACT [family] [from to] [FORCE] [ASYNC] --- */

/* "-" and "+" are no bounds; "[key" and "(key" are keys, as in KV.RANGE, and so is a bare one.
 * Whole tables are compacted, so whether a bound belongs to the range makes no difference. */
static struct slice
parse_bound(struct slice text)
{
    if (argument_is(text, "-") || argument_is(text, "+"))
        return (struct slice){0};
    if (text.size > 0 && (text.data[0] == '[' || text.data[0] == '('))
        return slice_of(text.data + 1, text.size - 1);
    return text;
}

/* False: the error reply has been written. */
static bool
parse_compact(struct command_call *call, struct db_compact_request *request, bool *is_async)
{
    uint32_t count = call->arg_count, first;

    *request = (struct db_compact_request){.cf_id = call->cf_id};
    *is_async = count > 1 && argument_is(call->args[count - 1], "async");
    count -= *is_async;
    request->is_forced = count > 1 && argument_is(call->args[count - 1], "force");
    count -= request->is_forced;
    if (count > 4) {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    first = count % 2 == 0 ? 2 : 1; /* behind the family, if there is one */
    if (count - first == 2) {
        request->begin = parse_bound(call->args[first]);
        request->end = parse_bound(call->args[first + 1]);
    }
    return first == 1 || call->client->flush != NULL ||
           command_find_family(call, call->args[1], &request->cf_id);
}

/* What has been compacted until then stays so. */
static void
reply_no_compaction(struct command_call *call, enum kv_status why)
{
    struct db_space_info space;

    if (why == KV_CANCELLED) {
        resp_error(&call->reply, "ERR the compaction was cancelled");
        return;
    }
    db_get_space(call->server->db, &space);
    resp_error_format(&call->reply,
                      "ERR the compaction has no space on the disk: %" PRIu64
                      " MB are free, %" PRIu64
                      " MB are kept to flush and compact. Give the disk more room, or delete data: "
                      "FLUSHALL, FLUSHDB and KV.DELRANGE free whole tables without any; then try "
                      "again. KV.JOBS shows what waits.",
                      space.free_bytes >> 20, (space.kept_bytes >> 20) + 1);
}

enum kv_status
command_kv_compact(struct command_call *call)
{
    struct db_compact_request request;
    bool is_async;
    uint64_t id;
    enum kv_status st;

    if (!parse_compact(call, &request, &is_async))
        return KV_OK;
    if (is_async) {
        id = db_compact(call->server->db, &request, NULL, NULL);
        resp_integer(&call->reply, (int64_t)id);
        return KV_OK;
    }
    if (call->client->flush == NULL)
        (void)db_compact(call->server->db, &request, flush_ticket_done,
                         flush_ticket_new(call, true));
    st = flush_ticket_take(call);
    if (st == KV_CANCELLED || st == KV_NO_SPACE) {
        reply_no_compaction(call, st);
        return KV_OK;
    }
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}

/* --- KV.JOBS [id] | CANCEL id | PAUSE [id] | RESUME [id] --- */

static void
reply_job(struct command_call *call, const struct db_job_info *job)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"family", job->cf_id},
        {"from-level", job->level_from},
        {"to-level", job->level_to},
        {"parts", job->part_count},
        {"bytes-done", job->bytes_done},
        {"bytes-total", job->bytes_total},
        {"bytes-per-second", job->bytes_per_s},
        {"age-usec", job->age_us},
    };
    const size_t count = sizeof(numbers) / sizeof(numbers[0]);
    struct resp_writer *reply = &call->reply;

    resp_map(reply, count + 5);
    resp_bulk_text(reply, "id");
    resp_integer(reply, (int64_t)job->id);
    resp_bulk_text(reply, "kind");
    resp_bulk_text(reply, job->kind);
    resp_bulk_text(reply, "state");
    resp_bulk_text(reply, job->state);
    resp_bulk_text(reply, "reason");
    resp_bulk_text(reply, job->text);
    for (size_t i = 0; i < count; i++) {
        resp_bulk_text(reply, numbers[i].name);
        resp_integer(reply, (int64_t)numbers[i].value);
    }
    resp_bulk_text(reply, "last-error");
    resp_bulk_text(reply, job->last_error == KV_OK ? "" : kv_status_text(job->last_error));
}

/* All, or the one with this id. */
static void
reply_jobs(struct command_call *call, bool has_id, uint64_t id)
{
    const struct db *db = call->server->db;
    const uint32_t count = db_jobs(db, NULL, 0);
    struct db_job_info *jobs = kv_alloc_zero(sizeof(jobs[0]) * (count + 1));
    uint32_t wanted_count = 0;

    (void)db_jobs(db, jobs, count);
    for (uint32_t i = 0; i < count; i++)
        wanted_count += !has_id || jobs[i].id == id;
    resp_array(&call->reply, wanted_count);
    for (uint32_t i = 0; i < count; i++) {
        if (!has_id || jobs[i].id == id)
            reply_job(call, &jobs[i]);
    }
    free(jobs);
}

static void
reply_change(struct command_call *call, enum kv_status st)
{
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    else if (st == KV_UNSUPPORTED)
        resp_error(&call->reply, "ERR a flush can be neither cancelled nor paused");
    else
        resp_error(&call->reply, "ERR there is no such job");
}

static bool
parse_id(struct command_call *call, uint32_t index, uint64_t *id_out)
{
    int64_t id = 0;

    if (!value_parse_int64(call, call->args[index], &id))
        return false;
    *id_out = id > 0 ? (uint64_t)id : 0;
    return true;
}

static void
pause_jobs(struct command_call *call, bool is_paused)
{
    struct db *db = call->server->db;
    uint64_t id;

    if (call->arg_count == 2) {
        db_compaction_pause(db, is_paused);
        resp_simple(&call->reply, "OK");
    } else if (parse_id(call, 2, &id)) {
        reply_change(call, db_job_pause(db, id, is_paused));
    }
}

enum kv_status
command_kv_jobs(struct command_call *call)
{
    const uint32_t count = call->arg_count;
    const bool has_verb = count == 2 || count == 3;
    uint64_t id;

    if (count == 1)
        reply_jobs(call, false, 0);
    else if (has_verb && argument_is(call->args[1], "pause"))
        pause_jobs(call, true);
    else if (has_verb && argument_is(call->args[1], "resume"))
        pause_jobs(call, false);
    else if (count == 3 && argument_is(call->args[1], "cancel")) {
        if (parse_id(call, 2, &id))
            reply_change(call, db_job_cancel(call->server->db, id));
    } else if (count == 2) {
        if (parse_id(call, 1, &id))
            reply_jobs(call, true, id);
    } else {
        resp_error(&call->reply, "ERR syntax error");
    }
    return KV_OK;
}
