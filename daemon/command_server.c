/* command_server.c - what the server says of itself: INFO, DBSIZE, KV.STATS. */
#include "daemon/command_handlers.h"
#include "daemon/info.h"
#include "daemon/server.h"

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
    resp_integer(&call->reply, (int64_t)db_key_count_estimate(call->server->db, call->cf_id));
    return KV_OK;
}

/* The sections of INFO that are about the engine, alone. */
enum kv_status
command_kv_stats(struct command_call *call)
{
    static const char *const names[] = {"memory", "persistence", "kvd"};
    struct slice sections[3];
    struct buffer text = {0};

    for (size_t i = 0; i < 3; i++)
        sections[i] = slice_from_text(names[i]);
    info_format(call->server, sections, 3, &text);
    resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}
