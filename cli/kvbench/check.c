/* check.c - after a crash: is everything that was acknowledged still there?
 *
 * Keys are read with pipelined GETs over one blocking connection.  Nothing writes meanwhile, so the
 * bounds of each key are those of the journal: what was acknowledged at least, what was sent at
 * most.
 */
#include "cli/kvbench/check.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <string.h>
#include <sys/time.h>

#include "base/assert.h"
#include "cli/kvbench/journal.h"

enum { PIPELINE_DEPTH = 64, SHOWN_FAULT_COUNT_MAX = 20 };

struct check {
    FILE *target;
    redisContext *context; /* owned */
    struct journal_head head;
    struct ledger ledger;
    struct check_report report;
};

static enum kv_status
fail_lost(const struct check *check)
{
    return KV_FAIL(KV_BUSY, "the connection to the server was lost: %s", check->context->errstr);
}

static enum kv_status
connect_to(struct check *check, const struct check_target *server)
{
    const struct timeval limit = {.tv_sec = server->timeout_ms / 1000,
                                  .tv_usec = (suseconds_t)(server->timeout_ms % 1000) * 1000};
    const bool has_limit = server->timeout_ms > 0;

    if (server->socket_path != NULL)
        check->context = has_limit ? redisConnectUnixWithTimeout(server->socket_path, limit)
                                   : redisConnectUnix(server->socket_path);
    else
        check->context = has_limit ? redisConnectWithTimeout(server->host, server->port, limit)
                                   : redisConnect(server->host, server->port);
    if (check->context == NULL)
        return KV_FAIL(KV_LIMIT, "no memory for a connection");
    if (check->context->err != 0 ||
        (has_limit && redisSetTimeout(check->context, limit) != REDIS_OK))
        return KV_FAIL(KV_BUSY, "cannot connect to the server: %s", check->context->errstr);
    return KV_OK;
}

/* A command that must be answered with a status. */
static enum kv_status
run_simple(struct check *check, const char *name, const char *argument)
{
    const char *const words[] = {name, argument};
    redisReply *reply = redisCommandArgv(check->context, 2, (const char **)words, NULL);
    enum kv_status st = KV_OK;

    if (reply == NULL)
        return fail_lost(check);
    if (reply->type != REDIS_REPLY_STATUS)
        st = KV_FAIL(KV_INVALID, "%s: %s", name,
                     reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected reply");
    freeReplyObject(reply);
    return st;
}

static enum kv_status
prepare(struct check *check, const struct check_target *server)
{
    char number[16];
    enum kv_status st = connect_to(check, server);

    if (st == KV_OK && server->password != NULL)
        st = run_simple(check, "AUTH", server->password);
    if (st == KV_OK && server->db_index > 0) {
        (void)snprintf(number, sizeof(number), "%" PRIu32, server->db_index);
        st = run_simple(check, "SELECT", number);
    }
    return st;
}

static void
tell_fault(struct check *check, enum payload_verdict verdict, const struct payload_bounds *bounds,
           const struct payload *found)
{
    char text[PAYLOAD_TEXT_BYTES], name[JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX];

    check->report.fault_count++;
    if (check->report.fault_count > SHOWN_FAULT_COUNT_MAX)
        return;
    (void)journal_key_name(&check->head, bounds->key_id, name);
    payload_explain(verdict, bounds, found, text);
    (void)fprintf(check->target, "%s: %s\n", name, text);
}

/* Looks at the reply to the GET of one key. */
static enum kv_status
judge_reply(struct check *check, uint64_t key_id, const redisReply *reply)
{
    const uint32_t floor = ledger_floor(&check->ledger, key_id);
    const struct payload_bounds bounds = ledger_bounds(&check->ledger, key_id, floor);
    const bool is_in_doubt = bounds.version_max > bounds.version_min;
    bool is_survivor;
    struct payload found = {0};
    enum payload_verdict verdict;

    if (reply->type == REDIS_REPLY_NIL)
        verdict = payload_check_missing(&bounds);
    else if (reply->type == REDIS_REPLY_STRING)
        verdict = payload_check(slice_of(reply->str, (size_t)reply->len), &bounds, &found);
    else
        return KV_FAIL(KV_INVALID, "the server does not answer GET with a value: %s",
                       reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected reply");
    check->report.key_count++;
    check->report.in_doubt_count += is_in_doubt;
    if (verdict != PAYLOAD_GOOD)
        tell_fault(check, verdict, &bounds, &found);
    is_survivor = reply->type == REDIS_REPLY_NIL
                      ? floor > 0 && check->ledger.entries[key_id].deleted > floor
                      : found.run_tag == bounds.run_tag && found.version > floor;
    check->report.survivor_count += verdict == PAYLOAD_GOOD && is_survivor;
    return KV_OK;
}

/* Asks for the keys from *next on, as many as go in one batch; `keys` gets them. */
static enum kv_status
send_batch(struct check *check, uint64_t *next, uint64_t keys[PIPELINE_DEPTH], uint32_t *count_out)
{
    uint32_t count = 0;

    for (; *next < check->ledger.key_count && count < PIPELINE_DEPTH; ++*next) {
        char name[JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX];
        const char *words[] = {"GET", name};
        size_t sizes[] = {3, 0};

        if (check->ledger.entries[*next].sent == 0)
            continue;
        sizes[1] = journal_key_name(&check->head, *next, name);
        if (redisAppendCommandArgv(check->context, 2, words, sizes) != REDIS_OK)
            return fail_lost(check);
        keys[count++] = *next;
    }
    *count_out = count;
    return KV_OK;
}

static enum kv_status
read_batch(struct check *check, const uint64_t *keys, uint32_t count)
{
    enum kv_status st = KV_OK;

    KV_ASSERT(count <= PIPELINE_DEPTH);
    for (uint32_t i = 0; st == KV_OK && i < count; i++) {
        void *reply = NULL;

        if (redisGetReply(check->context, &reply) != REDIS_OK)
            return fail_lost(check);
        st = judge_reply(check, keys[i], reply);
        freeReplyObject(reply);
    }
    return st;
}

static enum kv_status
check_keys(struct check *check)
{
    uint64_t keys[PIPELINE_DEPTH], next = 0;
    uint32_t count = 0;
    enum kv_status st;

    do {
        st = send_batch(check, &next, keys, &count);
        if (st == KV_OK)
            st = read_batch(check, keys, count);
    } while (st == KV_OK && count > 0);
    return st;
}

static enum kv_status
tell_summary(struct check *check, const char *journal_path)
{
    const struct check_report *report = &check->report;

    if (report->fault_count > SHOWN_FAULT_COUNT_MAX)
        (void)fprintf(check->target, "... and %" PRIu64 " more\n",
                      report->fault_count - SHOWN_FAULT_COUNT_MAX);
    (void)fprintf(
        check->target,
        "%" PRIu64 " keys checked, %" PRIu64 " wrong; %" PRIu64
        " with a write that was not acknowledged, of which at most %" PRIu64 " were done\n",
        report->key_count, report->fault_count, report->in_doubt_count, report->survivor_count);
    if (report->torn_bytes > 0)
        (void)fprintf(check->target,
                      "the last %" PRIu64 " bytes of the journal are a write that was cut off: "
                      "ignored\n",
                      report->torn_bytes);
    if (fflush(check->target) != 0)
        return KV_FAIL(KV_IO, "cannot write the report");
    if (report->fault_count > 0)
        return KV_FAIL(KV_CORRUPT, "%" PRIu64 " keys are not as %s says", report->fault_count,
                       journal_path);
    return KV_OK;
}

enum kv_status
check_run(FILE *target, const char *journal_path, const struct check_target *server,
          struct check_report *report_out)
{
    struct check check = {.target = target};
    enum kv_status st;

    *report_out = (struct check_report){0};
    st = journal_read(journal_path, &check.head, &check.ledger, &check.report.torn_bytes);
    if (st != KV_OK)
        return st;
    st = prepare(&check, server);
    if (st == KV_OK)
        st = check_keys(&check);
    if (st == KV_OK)
        st = tell_summary(&check, journal_path);
    *report_out = check.report;
    if (check.context != NULL)
        redisFree(check.context);
    ledger_deinit(&check.ledger);
    return st;
}
