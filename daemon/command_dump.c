/* command_dump.c - DUMP and RESTORE: a value with a checksum, to be carried to another server. */
#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/rdb_payload.h"
#include "daemon/server.h"
#include "daemon/value_deadline.h"

enum kv_status
command_dump(struct command_call *call)
{
    struct buffer payload = {0};
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st != KV_OK)
        return st;
    if (!exists) {
        resp_null(&call->reply);
        return KV_OK;
    }
    rdb_payload_append(&payload, value);
    resp_bulk(&call->reply, buffer_slice(&payload));
    buffer_deinit(&payload);
    return KV_OK;
}

/* --- RESTORE --- */

struct restore {
    bool replaces, is_absolute;
    bool has_idle_time, has_frequency; /* they change nothing: nothing is evicted */
    int64_t ttl_ms;
};

/* The number behind IDLETIME or FREQ.  False: the error reply has been written. */
static bool
parse_usage(struct command_call *call, struct slice text, bool is_frequency)
{
    int64_t number;

    if (!value_parse_int64(call, text, &number))
        return false;
    if (number >= 0 && (!is_frequency || number <= UINT8_MAX))
        return true;
    resp_error(&call->reply, is_frequency ? "ERR Invalid FREQ value, must be >= 0 and <= 255"
                                          : "ERR Invalid IDLETIME value, must be >= 0");
    return false;
}

static bool
parse_options(struct command_call *call, struct restore *restore)
{
    for (uint32_t i = 4; i < call->arg_count; i++) {
        const struct slice word = call->args[i];
        const bool has_more = i + 1 < call->arg_count;

        if (argument_is(word, "replace")) {
            restore->replaces = true;
        } else if (argument_is(word, "absttl")) {
            restore->is_absolute = true;
        } else if (argument_is(word, "idletime") && has_more && !restore->has_frequency) {
            restore->has_idle_time = true;
            if (!parse_usage(call, call->args[++i], false))
                return false;
        } else if (argument_is(word, "freq") && has_more && !restore->has_idle_time) {
            restore->has_frequency = true;
            if (!parse_usage(call, call->args[++i], true))
                return false;
        } else {
            resp_error(&call->reply, "ERR syntax error");
            return false;
        }
    }
    return true;
}

/* False: the error reply has been written. */
static bool
parse_ttl(struct command_call *call, struct restore *restore)
{
    if (!value_parse_int64(call, call->args[2], &restore->ttl_ms))
        return false;
    if (restore->ttl_ms < 0)
        resp_error(&call->reply, "ERR Invalid TTL value, must be >= 0");
    return restore->ttl_ms >= 0;
}

/* Redis takes any sum; here the last possible time is the last. */
static uint64_t
deadline_of(struct command_call *call, const struct restore *restore)
{
    const uint64_t ttl_ms = (uint64_t)restore->ttl_ms;
    const uint64_t base_ms = restore->is_absolute ? 0 : db_now_ms(call->server->db);

    if (ttl_ms == 0)
        return DEADLINE_NONE;
    return ttl_ms <= INT64_MAX - base_ms ? base_ms + ttl_ms : INT64_MAX;
}

/* What has died on its way is not restored, and what it would replace goes, if such a key can be
 * there. */
static bool
put_restored(struct command_call *call, const struct restore *restore, struct slice value)
{
    const uint64_t deadline_ms = deadline_of(call, restore);

    if (deadline_ms > db_now_ms(call->server->db))
        return value_put_until(call, call->args[1], value, deadline_ms);
    if (restore->replaces && call->args[1].size <= KEY_BYTES_MAX)
        write_batch_delete(call->batch, call->cf_id, call->args[1]);
    return true;
}

static void
reply_verdict(struct command_call *call, enum rdb_payload_verdict verdict)
{
    KV_ASSERT(verdict != RDB_PAYLOAD_GOOD);
    if (verdict == RDB_PAYLOAD_DAMAGED)
        resp_error(&call->reply, "ERR DUMP payload version or checksum are wrong");
    else if (verdict == RDB_PAYLOAD_OTHER_TYPE)
        resp_error(&call->reply, "ERR the payload is no string, and kvd has no other types: "
                                 "nothing was restored");
    else
        resp_error(&call->reply, "ERR Bad data format");
}

static enum kv_status
restore_payload(struct command_call *call, const struct restore *restore)
{
    const size_t bulk_bytes_max = call->server->config.bulk_bytes_max;
    struct buffer scratch = {0};
    struct slice value;
    enum rdb_payload_verdict verdict;
    enum kv_status st = KV_OK;

    verdict = rdb_payload_read(call->args[3],
                               bulk_bytes_max < VALUE_BYTES_MAX ? bulk_bytes_max : VALUE_BYTES_MAX,
                               &scratch, &value);
    if (verdict != RDB_PAYLOAD_GOOD) {
        reply_verdict(call, verdict);
    } else if (put_restored(call, restore, value)) {
        if (write_batch_count(call->batch) > 0)
            st = command_write(call);
        if (st == KV_OK)
            resp_simple(&call->reply, "OK");
    }
    buffer_deinit(&scratch);
    return st;
}

/* Errors are looked for in Redis's order. */
enum kv_status
command_restore(struct command_call *call)
{
    struct restore restore = {0};
    struct slice old;
    bool exists = false;
    enum kv_status st = KV_OK;

    if (!parse_options(call, &restore))
        return KV_OK;
    if (!restore.replaces)
        st = value_read(call, call->args[1], &exists, &old);
    if (st != KV_OK)
        return st;
    if (exists) {
        resp_error(&call->reply, "BUSYKEY Target key name already exists.");
        return KV_OK;
    }
    return parse_ttl(call, &restore) ? restore_payload(call, &restore) : KV_OK;
}
