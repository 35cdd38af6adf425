/* command_snapshot_at.c - reading as of a snapshot.
 *
 * A command outside of MULTI pins its lease by the first try, in client->lease, until it is over:
 * so the versions that it reads stay, whatever becomes of the lease between two tries.  EXEC is
 * tried as a whole, with nothing between, so its commands look their leases up each time.
 */
#include "daemon/command_snapshot_at.h"

#include "daemon/command_family.h"
#include "daemon/command_handlers.h"
#include "daemon/command_inner.h"
#include "daemon/server.h"
#include "db/db_snapshot.h"

bool
command_is_at_snapshot(const struct command_call *call)
{
    return call->seq_max != SEQUENCE_MAX;
}

static struct snapshot_lease *
find_lease(struct command_call *call, struct slice snapshot)
{
    struct client *client = call->client;
    struct snapshot_lease *lease = client->lease;

    if (lease != NULL)
        return lease;
    lease = snapshot_lease_find(&call->server->leases, snapshot);
    if (lease != NULL && !call->is_in_transaction) {
        snapshot_lease_pin(lease);
        client->lease = lease;
    }
    return lease;
}

bool
command_read_at(struct command_call *call, struct slice snapshot)
{
    struct snapshot_lease *lease;

    if (command_is_at_snapshot(call)) {
        resp_error(&call->reply, "ERR a command reads at one snapshot only");
        return false;
    }
    lease = find_lease(call, snapshot);
    if (lease == NULL) {
        resp_error_format(
            &call->reply,
            "NOSNAPSHOT no such snapshot: '%.*s'; it was dropped, or its time is over",
            (int)(snapshot.size < 128 ? snapshot.size : 128), (const char *)snapshot.data);
        return false;
    }
    if (lease->is_taken_back) {
        resp_error(&call->reply, "NOSNAPSHOT the snapshot has shown writes that could not be made "
                                 "durable and were taken back");
        return false;
    }
    call->seq_max = lease->seq;
    db_read_at(call->server->db, lease->snapshot);
    if (lease->seq > call->seq_wait)
        call->seq_wait = lease->seq; /* that there is such a snapshot */
    return true;
}

void
command_end_snapshot(struct client *client)
{
    snapshot_lease_unpin(&client->server->leases, client->lease);
    client->lease = NULL;
}

/* Numbers of the server's are of now. */
bool
command_may_run_at_snapshot(const struct command *command)
{
    return (command->flags & COMMAND_READONLY) != 0 && command->subcommands == NULL &&
           strcmp(command->group, "server") != 0;
}

enum kv_status
command_kv_at(struct command_call *call)
{
    const struct command *inner = command_find_inner(call, 2);

    if (inner == NULL)
        return KV_OK;
    if (!command_may_run_at_snapshot(inner) && inner->run != command_kv_in) {
        resp_error_format(&call->reply,
                          "ERR KV.AT runs commands that read keys and change nothing: '%s' is none",
                          inner->name);
        return KV_OK;
    }
    call->command = inner;
    /* A walk that has begun goes on with what it holds, also when the family is gone. */
    if (call->cf_id == CF_NONE && call->client->work == NULL && inner->run != command_kv_in &&
        !command_has_family(call))
        return KV_OK;
    if (!command_read_at(call, call->args[1]))
        return KV_OK;
    return command_run_inner(call, inner, 2);
}
