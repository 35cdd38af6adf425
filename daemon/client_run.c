/* client_run.c - from the bytes of a client to the replies of its commands, in order.
 *
 * A command may be tried several times.  Its first try is made on the bytes where they are; when
 * it has to wait, the bytes are kept in the query, and each further try parses them anew from
 * there, which costs less than keeping arguments alive while buffers move.  What a try must not
 * lose between is in client->ctx: the blocks that it found.
 *
 * While a command waits for a block, the blocks of the commands behind it come along
 * (read_ahead.h). They are in the same ctx, which for that outlives the command, but never a stay
 * in client_run in which nothing is left to wait for.
 *
 * The admission checks (known, arity, authentication) are made by the first try only: what a
 * client was allowed to begin, it may end.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/client_gate.h"
#include "daemon/client_internal.h"
#include "daemon/client_push.h"
#include "daemon/command_family.h"
#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_snapshot_at.h"
#include "daemon/command_value.h"
#include "daemon/monitor.h"
#include "daemon/pause.h"
#include "daemon/server.h"

enum { TOLD_BYTES_MAX = 128, BATCH_BYTES_KEPT = 1024 * 1024 };

static void
wait_in(struct client *client, enum client_wait wait, struct list *list)
{
    KV_ASSERT(client->wait == CLIENT_READY);
    client->wait = wait;
    if (list != NULL) {
        list_remove(&client->wait_link);
        list_push_back(list, &client->wait_link);
    }
}

/* Redis's words for a command that it does not know. */
static void
reply_unknown(struct resp_writer *reply, const struct slice *args, uint32_t arg_count)
{
    char told[2 * TOLD_BYTES_MAX] = "";
    size_t size = 0;

    for (uint32_t i = 1; i < arg_count && size < TOLD_BYTES_MAX; i++) {
        const size_t room = TOLD_BYTES_MAX - size;
        const size_t shown = strnlen((const char *)args[i].data, args[i].size);

        size += (size_t)snprintf(told + size, sizeof(told) - size, "'%.*s' ",
                                 (int)(shown < room ? shown : room), (const char *)args[i].data);
    }
    resp_error_format(reply, "ERR unknown command '%.*s', with args beginning with: %s",
                      (int)(args[0].size < TOLD_BYTES_MAX ? args[0].size : TOLD_BYTES_MAX),
                      (const char *)args[0].data, told);
}

/* A browser can be made to send a request here, whose body would be commands: as in Redis, such a
 * connection ends before they run. */
static bool
is_http(struct slice name)
{
    return argument_is(name, "post") || argument_is(name, "host:");
}

/* Whether the command may run; else the reply says why not. */
static bool
admit(struct command_call *call)
{
    const struct command *command = call->command;
    const int64_t count = call->arg_count;

    if (command == NULL) {
        reply_unknown(&call->reply, call->args, call->arg_count);
        return false;
    }
    if ((command->arity > 0 && count != command->arity) || count < -(int64_t)command->arity) {
        resp_error_format(&call->reply, "ERR wrong number of arguments for '%s' command",
                          command->name);
        return false;
    }
    if (command->subcommands != NULL && count > 1 && !subcommand_check(call))
        return false;
    if (!call->client->is_authenticated && !(command->flags & COMMAND_NO_AUTH)) {
        resp_error(&call->reply, "NOAUTH Authentication required.");
        return false;
    }
    if (call->client->gate != 0 && !client_gate_admits(call))
        return false;
    return command_has_family(call);
}

static void
note_slow(const struct command_call *call, uint64_t run_us, uint64_t wait_us)
{
    const struct config *config = &call->server->config;

    latency_note(call->server,
                 call->command->flags & COMMAND_FAST ? LATENCY_FAST_COMMAND : LATENCY_COMMAND,
                 run_us + wait_us);
    if (run_us + wait_us >= config->slowlog_us && !(call->command->flags & COMMAND_SKIP_SLOWLOG))
        slowlog_add(&call->server->slowlog, call, run_us, wait_us, config->slowlog_length_max);
}

void
client_count_command(const struct command_call *call, struct slice reply, uint64_t run_us,
                     uint64_t wait_us)
{
    struct server *server = call->server;
    struct command_stats *stats = &server->stats.commands[command_index(call->command)];

    stats->call_count++;
    stats->time_us += run_us;
    server->stats.command_count++;
    call->client->command_count++;
    if (reply.size > 0 && reply.data[0] == '-') {
        stats->failed_count++;
        server_count_error(server, slice_of(reply.data + 1, reply.size - 1));
    }
    if (server->config.latency_tracking)
        latency_histogram_add(&server->histograms[command_index(call->command)], run_us);
    if (run_us + wait_us >= server->slow_us)
        note_slow(call, run_us, wait_us);
}

static struct slice
reply_since(const struct client *client, size_t reply_start)
{
    const struct buffer *bytes = &client->replies.bytes;

    return slice_of(bytes->data + reply_start, bytes->size - reply_start);
}

static void
count_rejected(struct client *client, const struct command *command, size_t reply_start)
{
    struct server *server = client->server;
    const struct slice reply = reply_since(client, reply_start);

    if (command != NULL)
        server->stats.commands[command_index(command)].rejected_count++;
    server_count_error(server, slice_of(reply.data + 1, reply.size - 1));
}

/* The reply is complete: it goes, or is held until what it tells is durable.  CLIENT REPLY does not
 * silence pushes. */
static void
commit_reply(struct client *client, size_t reply_start, uint64_t seq_wait, enum reply_level level,
             bool is_push)
{
    struct server *server = client->server;
    struct reply_progress progress;

    if ((client->replies_off || client->skips_reply) && !is_push) {
        reply_queue_take_back(&client->replies, reply_start);
        seq_wait = 0;
    }
    client->skips_reply = client->skips_next_reply;
    client->skips_next_reply = false;
    if (client->replies.bytes.size == reply_start)
        return;
    progress = server_reply_progress(server, level);
    reply_queue_commit(&client->replies, seq_wait, level, &progress);
    if (reply_queue_is_held(&client->replies)) {
        list_remove(&client->held_link);
        list_push_back(&server->held_clients, &client->held_link);
        if (level == REPLY_SYNCED)
            db_sync_to(server->db, seq_wait);
        server->has_submit_waiter |= level == REPLY_SUBMITTED;
    } else {
        client_want_flush(client);
    }
    if (client_output_bytes(client) > server->config.output_buffer_bytes_max) {
        server->stats.output_limit_close_count++;
        client_close(client, "over client-output-buffer-limit");
    } else {
        client_account(client);
    }
}

/* The command is over; the blocks that were found for the next ones stay. */
static void
end_command(struct client *client)
{
    KV_ASSERT(client->command_started && !client->fetch_armed);
    if (client->work != NULL)
        client->work->free(client->work);
    client->work = NULL;
    flush_ticket_drop(client->flush);
    client->flush = NULL;
    command_end_snapshot(client);
    client->command_started = client->is_first_writer = false;
    client->try_count = 0;
    client->command_us = 0;
    if (!read_wave_step(&client->wave)) {
        read_ctx_deinit(&client->ctx);
        read_wave_end(&client->wave, &client->server->ahead);
    }
}

/* Between two commands. */
static void
end_wave(struct client *client)
{
    KV_ASSERT(!client->command_started);
    if (client->wave.is_alive)
        read_ctx_deinit(&client->ctx);
    read_wave_end(&client->wave, &client->server->ahead);
}

void
client_abandon_command(struct client *client)
{
    end_command(client);
    end_wave(client);
}

static bool
has_yielded(const struct client *client)
{
    return client->work != NULL && client->work->has_yielded;
}

static void
wait_for_blocks(struct client *client, struct slice input_behind)
{
    struct server *server = client->server;

    KV_ASSERT(client->ctx.want_count > 0);
    server->stats.fetch_count++;
    client->is_cold = true;
    wait_in(client, CLIENT_WAITS_FOR_BLOCK, NULL);
    read_wave_grow(&client->wave, &server->ahead, server->db, client->cf_id, &client->ctx,
                   input_behind);
    client->fetch_armed = true;
    client->fetch_begun_us = server->now_us;
    db_fetch(server->db, &client->ctx, &client->waiter);
}

/* The command has to be tried again.  True: it waits; false: it has had its tries. */
static bool
wait_for(struct client *client, enum kv_status st, struct slice input_behind)
{
    struct server *server = client->server;

    client->try_count++;
    if (client->try_count > READ_PASS_COUNT_MAX) {
        kv_log(LOG_LEVEL_WARNING, "client %llu: a command makes no progress after %u tries",
               (unsigned long long)client->id, client->try_count);
        return false;
    }
    if (st == KV_WANT_BLOCK) {
        wait_for_blocks(client, input_behind);
    } else if (client->flush != NULL) {
        wait_in(client, CLIENT_WAITS_FOR_TABLES, NULL);
    } else if (has_yielded(client)) {
        client->work->has_yielded = false;
        client->try_count = 0;
        wait_in(client, CLIENT_WAITS_FOR_TURN, &server->runnable_clients);
    } else {
        server->stats.busy_count++;
        wait_in(client, CLIENT_WAITS_FOR_WRITABLE, NULL);
        if (client->is_first_writer)
            list_push_front(&server->busy_clients, &client->wait_link);
        else
            list_push_back(&server->busy_clients, &client->wait_link);
    }
    return true;
}

bool
client_has_to_stand_in_line(const struct client *client, const struct command *command)
{
    return (command->flags & COMMAND_WRITE || command->run == command_exec) &&
           !client->is_first_writer && client->flush == NULL &&
           !list_empty(&client->server->busy_clients);
}

static void
end_staged(const struct command_call *call, enum kv_status st)
{
    if (st == KV_OK)
        pubsub_send_staged(call->server, call->seq_wait);
    else
        pubsub_drop_staged(call->client);
}

/* One try.  KV_OK, or the status that it ended with, the reply taken back. */
static enum kv_status
try_command(struct client *client, struct command_call *call, size_t reply_start)
{
    struct server *server = client->server;
    enum kv_status st = client->fetch_status;

    if (client_has_to_stand_in_line(client, call->command))
        return KV_BUSY;
    client->fetch_status = KV_OK;
    client->ends_after_command = false;
    read_ctx_clear_wants(&client->ctx);
    write_batch_clear(&server->batch);
    db_let_time_pass(server->db);
    if (st == KV_OK) {
        server->current_client = client;
        st = call->command->run(call);
        if (server->gate & GATE_STAGED)
            end_staged(call, st);
        server->current_client = NULL;
    }
    /* One that has to stand in line, as others carry it (KV.IN), has not asked the engine. */
    if (st == KV_BUSY && client->flush == NULL && !has_yielded(client) &&
        !client_has_to_stand_in_line(client, call->command))
        server->is_full = true;
    if (st != KV_OK)
        reply_queue_take_back(&client->replies, reply_start);
    return st;
}

uint64_t
client_clock_lap(struct server *server)
{
    const uint64_t before_us = server->now_us;

    server->now_us = io_now_us(server->io);
    return server->now_us - before_us;
}

/* A command that is not run now: it has been refused, with the error as the reply so far, or the
 * open transaction takes it.  One that it does not get spoils it; if that is EXEC itself, it is
 * over. */
static void
refuse_or_queue(struct command_call *call, size_t reply_start)
{
    struct client *client = call->client;
    struct transaction *transaction = &client->transaction;
    const bool is_refused = client->replies.bytes.size > reply_start;

    if (is_refused || !transaction_queue(call)) {
        count_rejected(client, call->command, reply_start);
        transaction->is_broken = transaction->is_open;
        if (is_refused && call->command != NULL && call->command->run == command_exec)
            transaction_abort(call, reply_start);
    }
    commit_reply(client, reply_start, 0, REPLY_DURABLE, false);
}

/* Runs the parsed command; `input_behind` follows it.  False: it waits, and is run again from its
 * bytes. */
static bool
execute(struct client *client, struct slice input_behind)
{
    struct server *server = client->server;
    size_t reply_start = client->replies.bytes.size;
    struct command_call call = {
        .server = server,
        .client = client,
        .command = command_find(client->parser.args[0]),
        .args = client->parser.args,
        .arg_count = client->parser.arg_count,
        .cf_id = client->cf_id,
        .seq_max = SEQUENCE_MAX,
        .ctx = &client->ctx,
        .batch = &server->batch,
        .reply = {.target = &client->replies.bytes, .protocol = client->protocol},
    };
    uint64_t waited_us;
    bool is_admitted;
    enum kv_status st;

    if (!client->command_started) {
        if (call.command == NULL && is_http(call.args[0])) {
            kv_log(LOG_LEVEL_WARNING, "client %llu %s speaks HTTP: a cross-protocol attack?",
                   (unsigned long long)client->id, client->address);
            client_close(client, "speaks HTTP");
            return true;
        }
        is_admitted = admit(&call);
        if (is_admitted && server->gate != 0 && pause_holds(&call)) {
            wait_in(client, CLIENT_WAITS_FOR_UNPAUSE, &server->paused_clients);
            return false;
        }
        if (!is_admitted || transaction_takes(&client->transaction, call.command)) {
            refuse_or_queue(&call, reply_start);
            return true;
        }
        if (!client->wave.is_alive)
            read_ctx_init(&client->ctx, db_block_cache(server->db));
        client->command_started = true;
        client->begun_us = server->now_us;
        client->last_command = call.command;
    }
    st = try_command(client, &call, reply_start);
    client->command_us += client_clock_lap(server);
    if ((st == KV_WANT_BLOCK || st == KV_BUSY) && wait_for(client, st, input_behind))
        return false;
    client->is_cold = client->is_cold && (client->try_count > 0 || client->wave.is_alive);
    if (st != KV_OK)
        client_reply_status(server, &call.reply, st);
    if (server->gate & GATE_OWN_PUSHES)
        reply_start = client_place_pushes(client, reply_start);
    waited_us = server->now_us - client->begun_us - client->command_us;
    client_count_command(&call, reply_since(client, reply_start), client->command_us, waited_us);
    end_command(client);
    if (server->batch.bytes.capacity > BATCH_BYTES_KEPT) {
        write_batch_deinit(&server->batch);
        write_batch_init(&server->batch);
    }
    if (!client->is_closing)
        commit_reply(client, reply_start, call.leaves_at_once ? 0 : call.seq_wait, call.level,
                     call.command->flags & COMMAND_PUSHES);
    if (server->gate & GATE_MONITORS)
        monitor_show_parsed(client);
    if (client->ends_after_command)
        client_close_after_reply(client);
    return true;
}

static void
reply_protocol_error(struct client *client)
{
    const size_t reply_start = client->replies.bytes.size;
    struct resp_writer reply = {.target = &client->replies.bytes, .protocol = client->protocol};

    kv_log(LOG_LEVEL_VERBOSE, "client %llu %s: %s", (unsigned long long)client->id, client->address,
           client->parser.error);
    resp_error_format(&reply, "ERR %s", client->parser.error);
    count_rejected(client, NULL, reply_start);
    client->replies_off = client->skips_reply = false;
    commit_reply(client, reply_start, 0, REPLY_DURABLE, false);
    client_close_after_reply(client);
}

/* Whether another command may be begun; else the client waits for something. */
static bool
may_go_on(struct client *client)
{
    struct server *server = client->server;

    if (client->is_closing || client->wait != CLIENT_READY)
        return false;
    if (client->command_started)
        return true;
    if (client_output_bytes(client) > server->client_soft_bytes) {
        wait_in(client, CLIENT_WAITS_FOR_OUTPUT, NULL);
        return false;
    }
    if (client->turn != server->stats.turn_count) {
        client->turn = server->stats.turn_count;
        client->turn_command_count = 0;
    }
    if (client->turn_command_count == CLIENT_COMMANDS_A_TURN_MAX) {
        wait_in(client, CLIENT_WAITS_FOR_TURN, &server->runnable_clients);
        return false;
    }
    client->turn_command_count++;
    return true;
}

/* While a stop waits for the last replies nothing new is begun, but for what calls it off. */
static bool
is_put_off(const struct client *client)
{
    const struct command *command;

    if (client->server->shutdown == SHUTDOWN_NONE || client->command_started)
        return false;
    command = command_find(client->parser.args[0]);
    return command == NULL || command->run != command_shutdown;
}

/* Commands that wait for the disk gain nothing from what is near in memory; those of a wave have
 * waited. */
static void
look_ahead(struct client *client, struct slice input)
{
    struct server *server = client->server;

    if (!client->command_started && (!client->is_cold || client->wave.left > 0))
        read_ahead_look(&server->ahead, server->db, client->cf_id, input);
}

/* Returns how many bytes the commands took. */
static size_t
run_commands(struct client *client, struct slice input)
{
    size_t taken = 0, consumed = 0;

    while (taken < input.size && may_go_on(client)) {
        const struct slice rest = slice_of(input.data + taken, input.size - taken);

        look_ahead(client, rest);
        client->parser.is_anonymous = !client->is_authenticated;
        switch (resp_parser_next(&client->parser, rest, &consumed)) {
        case RESP_PARSE_MORE:
            return taken;
        case RESP_PARSE_ERROR:
            reply_protocol_error(client);
            return input.size;
        case RESP_PARSE_EMPTY:
            break;
        case RESP_PARSE_COMMAND:
            if (is_put_off(client) ||
                !execute(client, slice_of(rest.data + consumed, rest.size - consumed)))
                return taken;
            break;
        }
        taken += consumed;
    }
    return taken;
}

size_t
client_run(struct client *client, struct slice input)
{
    size_t taken;

    (void)client_clock_lap(client->server);
    client_find_family(client);
    read_ahead_forget(&client->server->ahead);
    client->parser.bulk_bytes_max = client->server->config.bulk_bytes_max;
    taken = run_commands(client, input);
    if (!client->command_started)
        end_wave(client);
    server_end_long_turn(client->server);
    /* A client that is about to end has no use for the rest. */
    return client->wait == CLIENT_WAITS_FOR_FLUSH ? input.size : taken;
}

void
client_on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct client *client = KV_CONTAINER_OF(waiter, struct client, waiter);

    KV_ASSERT(client->fetch_armed);
    client->fetch_armed = false;
    if (client->server->config.latency_threshold_us > 0)
        latency_note(client->server, LATENCY_BLOCK_READ,
                     io_now_us(client->server->io) - client->fetch_begun_us);
    if (st != KV_OK && client->wave.left > 0 && !client->wave.is_off) {
        client->wave.is_off = true; /* the block may not have been this command's */
        st = KV_OK;
    }
    client->fetch_status = st;
    client_resume(client);
}
