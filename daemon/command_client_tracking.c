/* command_client_tracking.c - CLIENT TRACKING and its like, as Redis answers when it is off.
 *
 * kvd does not keep who has read which key, so a client that wants to be told of changes is
 * refused; it may subscribe to keyspace events.
 */
#include "daemon/command_client.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

/* Redis reads the options first, whatever they are good for.  False: replied. */
static bool
read_options(struct command_call *call)
{
    static const char *const plain[] = {"bcast", "optin", "optout", "noloop"};

    for (uint32_t i = 3; i < call->arg_count; i++) {
        const bool has_more = i + 1 < call->arg_count;
        bool is_known = false;

        for (size_t j = 0; j < sizeof(plain) / sizeof(plain[0]); j++)
            is_known = is_known || argument_is(call->args[i], plain[j]);
        if (!is_known && has_more &&
            (argument_is(call->args[i], "redirect") || argument_is(call->args[i], "prefix"))) {
            is_known = true;
            i++;
        }
        if (!is_known) {
            resp_error(&call->reply, "ERR syntax error");
            return false;
        }
    }
    return true;
}

enum kv_status
client_tracking(struct command_call *call)
{
    if (!read_options(call))
        return KV_OK;
    if (argument_is(call->args[2], "off"))
        resp_simple(&call->reply, "OK");
    else if (argument_is(call->args[2], "on"))
        resp_error(&call->reply, "ERR kvd does not track keys: CLIENT TRACKING can only be OFF");
    else
        resp_error(&call->reply, "ERR syntax error");
    return KV_OK;
}

enum kv_status
client_trackinginfo(struct command_call *call)
{
    resp_map(&call->reply, 3);
    resp_bulk_text(&call->reply, "flags");
    resp_set(&call->reply, 1);
    resp_bulk_text(&call->reply, "off");
    resp_bulk_text(&call->reply, "redirect");
    resp_integer(&call->reply, -1);
    resp_bulk_text(&call->reply, "prefixes");
    resp_array(&call->reply, 0);
    return KV_OK;
}

enum kv_status
client_getredir(struct command_call *call)
{
    resp_integer(&call->reply, -1);
    return KV_OK;
}

enum kv_status
client_caching(struct command_call *call)
{
    resp_error(&call->reply, "ERR CLIENT CACHING can be called only when the client is in tracking "
                             "mode with OPTIN or OPTOUT mode enabled");
    return KV_OK;
}
