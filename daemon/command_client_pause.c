/* command_client_pause.c - CLIENT PAUSE, UNPAUSE and UNBLOCK, and MONITOR. */
#include "daemon/command_client.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/monitor.h"
#include "daemon/pause.h"
#include "daemon/server.h"
#include "resp/resp_number.h"

static enum kv_status
reply_too_many(struct command_call *call)
{
    resp_error_format(&call->reply,
                      "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT "
                      "HELP.",
                      (int)call->args[1].size, (const char *)call->args[1].data);
    return KV_OK;
}

/* False: replied. */
static bool
read_timeout(struct command_call *call, uint64_t *end_us_out)
{
    int64_t ms, us, end_us;

    if (!resp_parse_int64(call->args[2], &ms)) {
        resp_error(&call->reply, "ERR timeout is not an integer or out of range");
        return false;
    }
    if (ms < 0) {
        resp_error(&call->reply, "ERR timeout is negative");
        return false;
    }
    if (__builtin_mul_overflow(ms, INT64_C(1000), &us) ||
        __builtin_add_overflow(us, (int64_t)call->server->now_us, &end_us)) {
        resp_error(&call->reply, "ERR timeout is out of range");
        return false;
    }
    *end_us_out = (uint64_t)end_us;
    return true;
}

enum kv_status
client_pause(struct command_call *call)
{
    bool is_all = true;
    uint64_t end_us;

    if (call->arg_count > 4)
        return reply_too_many(call);
    if (call->arg_count == 4) {
        is_all = argument_is(call->args[3], "all");
        if (!is_all && !argument_is(call->args[3], "write")) {
            resp_error(&call->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            return KV_OK;
        }
    }
    if (!read_timeout(call, &end_us))
        return KV_OK;
    pause_begin(call->server, end_us, is_all);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

enum kv_status
client_unpause(struct command_call *call)
{
    pause_end(call->server);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

/* No command here waits for another client's. */
enum kv_status
client_unblock(struct command_call *call)
{
    int64_t id;

    if (call->arg_count > 4)
        return reply_too_many(call);
    if (call->arg_count == 4 && !argument_is(call->args[3], "timeout") &&
        !argument_is(call->args[3], "error")) {
        resp_error(&call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return KV_OK;
    }
    if (!value_parse_int64(call, call->args[2], &id))
        return KV_OK;
    resp_integer(&call->reply, 0);
    return KV_OK;
}

enum kv_status
command_monitor(struct command_call *call)
{
    if (call->is_in_transaction) {
        resp_error(&call->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return KV_OK;
    }
    if (call->client->gate & CLIENT_GATE_MONITOR)
        return KV_OK; /* without a reply, as in Redis */
    monitor_begin(call->client);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}
