/* command_slowlog.c - SLOWLOG GET, LEN, RESET. */
#include "daemon/command_handlers.h"
#include "daemon/server.h"
#include "daemon/slowlog.h"
#include "resp/resp_number.h"

enum { GET_COUNT_DEFAULT = 10 };

/* Redis's six elements, and behind them where the time went. */
static void
reply_entry(struct resp_writer *reply, const struct slowlog_entry *entry)
{
    const char *address = (const char *)entry->client.data;

    resp_array(reply, 7);
    resp_integer(reply, (int64_t)entry->id);
    resp_integer(reply, (int64_t)(entry->begun_wall_us / 1000000));
    resp_integer(reply, (int64_t)(entry->run_us + entry->wait_us));
    buffer_append_slice(reply->target, buffer_slice(&entry->args));
    resp_bulk_text(reply, address);
    resp_bulk_text(reply, address + strlen(address) + 1);
    resp_map(reply, 2);
    resp_bulk_text(reply, "run");
    resp_integer(reply, (int64_t)entry->run_us);
    resp_bulk_text(reply, "wait");
    resp_integer(reply, (int64_t)entry->wait_us);
}

static enum kv_status
slowlog_get(struct command_call *call)
{
    const struct slowlog *log = &call->server->slowlog;
    const struct slowlog_entry *entry = log->newest;
    int64_t count = GET_COUNT_DEFAULT;
    uint64_t shown;

    if (call->arg_count > 3) {
        resp_error_format(&call->reply,
                          "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                          "SLOWLOG HELP.",
                          (int)call->args[1].size, (const char *)call->args[1].data);
        return KV_OK;
    }
    if (call->arg_count == 3 && !resp_parse_int64(call->args[2], &count))
        count = INT64_MIN;
    if (count < -1) {
        resp_error(&call->reply, "ERR count should be greater than or equal to -1");
        return KV_OK;
    }
    shown = count == -1 || (uint64_t)count > log->length ? log->length : (uint64_t)count;
    resp_array(&call->reply, shown);
    for (uint64_t i = 0; i < shown; i++, entry = entry->older)
        reply_entry(&call->reply, entry);
    return KV_OK;
}

static enum kv_status
slowlog_len(struct command_call *call)
{
    resp_integer(&call->reply, (int64_t)call->server->slowlog.length);
    return KV_OK;
}

static enum kv_status
slowlog_do_reset(struct command_call *call)
{
    slowlog_reset(&call->server->slowlog);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

const struct subcommand slowlog_subcommands[] = {
    {"get", slowlog_get, -2,
     "GET [<count>]\nThe latest slow commands (default 10; -1: all): id, when it began, "
     "microseconds, "
     "arguments, client's address and name, and how long it ran and waited."},
    {"len", slowlog_len, 2, "LEN\nHow many are kept."},
    {"reset", slowlog_do_reset, 2, "RESET\nForget them."},
    {NULL, NULL, 0, NULL},
};
