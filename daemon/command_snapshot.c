/* command_snapshot.c - KV.SNAPSHOT: moments of the database that stay readable, for a time. */
#include <stdio.h>

#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

/* Seconds, more than 0 and at most what snapshot-age-max leaves of a snapshot that is `age_us` old.
 * False: the error reply has been written. */
static bool
parse_ttl(struct command_call *call, struct slice text, uint64_t age_us, uint64_t *ttl_us_out)
{
    const uint64_t age_max_us = call->server->config.snapshot_age_max_us;
    int64_t ttl_s;

    if (!value_parse_int64(call, text, &ttl_s))
        return false;
    if (ttl_s < 1 || (uint64_t)ttl_s > age_max_us / 1000000 ||
        (uint64_t)ttl_s * 1000000 + age_us > age_max_us) {
        resp_error_format(&call->reply,
                          "ERR the time must be at least 1 second, and no snapshot may be older "
                          "than snapshot-age-max (%llu seconds)",
                          (unsigned long long)(age_max_us / 1000000));
        return false;
    }
    *ttl_us_out = (uint64_t)ttl_s * 1000000;
    return true;
}

/* KV.SNAPSHOT CREATE [NAME name] TTL seconds */
static bool
parse_create(struct command_call *call, struct snapshot_lease_request *request)
{
    bool has_ttl = false;

    for (uint32_t i = 2; i < call->arg_count; i += 2) {
        const bool has_value = i + 1 < call->arg_count;

        if (has_value && argument_is(call->args[i], "ttl")) {
            has_ttl = true;
            if (!parse_ttl(call, call->args[i + 1], 0, &request->ttl_us))
                return false;
        } else if (has_value && argument_is(call->args[i], "name")) {
            request->name = call->args[i + 1];
            if (!snapshot_lease_may_be_called(request->name)) {
                resp_error_format(&call->reply,
                                  "ERR a snapshot's name has 1 to %d printable characters, no "
                                  "space, and is no number",
                                  LEASE_NAME_BYTES_MAX);
                return false;
            }
        } else {
            has_ttl = false;
            break;
        }
    }
    if (!has_ttl)
        resp_error(&call->reply, "ERR syntax error: KV.SNAPSHOT CREATE [NAME name] TTL seconds");
    return has_ttl;
}

static enum kv_status
create(struct command_call *call)
{
    struct snapshot_lease_request request = {
        .owner_name = call->client->name,
        .owner_address = call->client->address,
        .count_max = (uint32_t)call->server->config.snapshots_max,
    };
    struct snapshot_lease *lease;
    enum kv_status st;

    if (!parse_create(call, &request))
        return KV_OK;
    st = snapshot_lease_create(&call->server->leases, &request, &lease);
    if (st == KV_INVALID) {
        resp_error(&call->reply, "ERR there is a snapshot of this name");
        return KV_OK;
    }
    if (st == KV_LIMIT) {
        resp_error_format(&call->reply, "ERR there are snapshots-max (%u) snapshots already",
                          request.count_max);
        return KV_OK;
    }
    if (st != KV_OK)
        return st;
    resp_integer(&call->reply, (int64_t)lease->id);
    if (lease->seq > call->seq_wait)
        call->seq_wait = lease->seq;
    return KV_OK;
}

static void
reply_text(struct resp_writer *reply, const char *name, const char *text)
{
    resp_bulk_text(reply, name);
    resp_bulk_text(reply, text);
}

static void
reply_lease(struct resp_writer *reply, const struct snapshot_lease *lease, uint64_t now_us,
            uint64_t log_bytes)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"sequence", lease->seq},
        {"age-msec", (now_us - lease->created_us) / 1000},
        {"left-msec", lease->deadline_us > now_us ? (lease->deadline_us - now_us) / 1000 : 0},
        {"written-since-bytes", log_bytes - lease->log_bytes},
        {"readers", lease->pin_count},
    };
    const size_t count = sizeof(numbers) / sizeof(numbers[0]);

    resp_map(reply, count + 4);
    resp_bulk_text(reply, "id");
    resp_integer(reply, (int64_t)lease->id);
    reply_text(reply, "name", lease->name);
    reply_text(reply, "owner", lease->owner_name);
    reply_text(reply, "address", lease->owner_address);
    for (size_t i = 0; i < count; i++) {
        resp_bulk_text(reply, numbers[i].name);
        resp_integer(reply, (int64_t)numbers[i].value);
    }
}

static enum kv_status
list(struct command_call *call)
{
    struct snapshot_leases *leases = &call->server->leases;
    const uint64_t now_us = io_now_us(call->server->io);
    struct db_stats stats;

    db_get_stats(call->server->db, &stats);
    resp_array(&call->reply, leases->count);
    for (struct list *node = leases->all.next; node != &leases->all; node = node->next) {
        const struct snapshot_lease *lease = LIST_ENTRY(node, struct snapshot_lease, link);

        reply_lease(&call->reply, lease, now_us, stats.wal.record_bytes);
        if (lease->seq > call->seq_wait)
            call->seq_wait = lease->seq;
    }
    return KV_OK;
}

/* NULL: the error reply has been written. */
static struct snapshot_lease *
find(struct command_call *call)
{
    const struct slice text = call->args[2];
    struct snapshot_lease *lease = snapshot_lease_find(&call->server->leases, text);

    if (lease == NULL)
        resp_error_format(
            &call->reply,
            "NOSNAPSHOT no such snapshot: '%.*s'; it was dropped, or its time is over",
            (int)(text.size < 128 ? text.size : 128), (const char *)text.data);
    return lease;
}

static enum kv_status
extend(struct command_call *call)
{
    struct snapshot_lease *lease = find(call);
    uint64_t ttl_us;

    if (lease == NULL ||
        !parse_ttl(call, call->args[3], io_now_us(call->server->io) - lease->created_us, &ttl_us))
        return KV_OK;
    snapshot_lease_extend(&call->server->leases, lease, ttl_us);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

static enum kv_status
drop(struct command_call *call)
{
    struct snapshot_lease *lease = find(call);

    if (lease == NULL)
        return KV_OK;
    snapshot_lease_drop(&call->server->leases, lease);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

const struct subcommand snapshot_subcommands[] = {
    {"create", create, -4,
     "CREATE [NAME <name>] TTL <seconds>\nKeeps this moment readable for a time; returns its id."},
    {"drop", drop, 3, "DROP <id|name>\nEnds a snapshot before its time."},
    {"extend", extend, 4, "EXTEND <id|name> <seconds>\nSets how much longer it is readable."},
    {"list", list, 2, "LIST\nReturns all snapshots, the oldest first."},
    {0},
};
