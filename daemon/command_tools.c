/* command_tools.c - what tools ask every server for and kvd has nothing of: replicas, a cluster,
 * modules.  They get the answer of a Redis that has none either. */
#include "daemon/command_handlers.h"
#include "daemon/server.h"

static enum kv_status
reply_no_cluster(struct command_call *call)
{
    resp_error(&call->reply, "ERR This instance has cluster support disabled");
    return KV_OK;
}

enum kv_status
command_cluster(struct command_call *call)
{
    return reply_no_cluster(call);
}

enum kv_status
command_readonly(struct command_call *call)
{
    return reply_no_cluster(call);
}

enum kv_status
command_role(struct command_call *call)
{
    resp_array(&call->reply, 3);
    resp_bulk_text(&call->reply, "master");
    resp_integer(&call->reply, 0); /* of a replication stream */
    resp_array(&call->reply, 0);   /* replicas */
    return KV_OK;
}

static enum kv_status
module_list(struct command_call *call)
{
    resp_array(&call->reply, 0);
    return KV_OK;
}

const struct subcommand module_subcommands[] = {
    {"list", module_list, 2, "LIST\nReturn the loaded modules: kvd has none."},
    {NULL, NULL, 0, NULL},
};
