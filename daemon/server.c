/* server.c - the loop, and the order of starting and stopping.
 *
 * A turn:  completions (they run commands, which write to the engine and leave replies) ->
 *          clients whose share of an earlier turn was used up -> the engine's turn (one WAL write
 *          for all that the turn wrote) -> sends -> closed clients are retired.
 * The sends and the WAL write are queued, not made: the next ring_turn submits them with one
 * system call.  A turn of many commands leaves the other completions to the next.
 *
 * Invariant: a client is in at most one of busy_clients and runnable_clients (by its `wait`), and
 * in held_clients exactly while it has a held reply.
 */
#include "daemon/server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "base/log.h"
#include "daemon/command_durability.h"
#include "daemon/cpu_slice.h"
#include "daemon/endpoint.h"
#include "daemon/listener.h"
#include "daemon/notify.h"
#include "daemon/pause.h"
#include "daemon/receive_buffers.h"
#include "daemon/scan_cursors.h"
#include "daemon/signals.h"

enum {
    RING_ENTRY_COUNT = 4096,
    TICK_US = 100 * 1000,
    DRAIN_US = 10 * 1000 * 1000,
    /* Half a millisecond of work: with long pipelines of many clients a turn of all of them would
     * leave the disk and the clients without work for as long as it takes, and be left without any
     * while the log is written. */
    TURN_COMMANDS_ENOUGH = 512,
    STOP_TURN_COUNT_MAX = 1000,
    STOP_TURN_US = 10 * 1000,
};

static const char TEXT_WRITE_FAILED[] =
    "-MISCONF Errors writing to the write-ahead log: it is not known whether this command's "
    "write will survive a restart\r\n";

/* --- opening --- */

/* One client is one descriptor; files and workers need some too. */
void
server_raise_client_limit(struct server *server)
{
    const uint64_t wanted = server->config.maxclients + SERVER_RESERVED_DESCRIPTORS;
    struct rlimit limit;

    server->client_count_max = (uint32_t)server->config.maxclients;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return;
    server->client_count_max = limit.rlim_cur > 2 * SERVER_RESERVED_DESCRIPTORS
                                   ? (uint32_t)limit.rlim_cur - SERVER_RESERVED_DESCRIPTORS
                                   : SERVER_RESERVED_DESCRIPTORS;
    kv_log(LOG_LEVEL_WARNING,
           "maxclients is lowered to %u: the limit of open files is %llu (LimitNOFILE, ulimit -n)",
           server->client_count_max, (unsigned long long)limit.rlim_cur);
}

static void
make_run_id(char *run_id)
{
    uint8_t bytes[RUN_ID_CHARS / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        memset(bytes, 0, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(run_id + 2 * i, 3, "%02x", bytes[i]);
}

static void
init_lists(struct server *server)
{
    list_init(&server->clients);
    list_init(&server->closing_clients);
    list_init(&server->client_pool);
    list_init(&server->held_clients);
    list_init(&server->busy_clients);
    list_init(&server->runnable_clients);
    list_init(&server->sending_clients);
    list_init(&server->flush_tickets);
    list_init(&server->paused_clients);
    list_init(&server->monitors);
    list_init(&server->seq_waits);
}

static int
exit_code_of_listening(enum kv_status st)
{
    if (st == KV_LOCKED)
        return EX_UNAVAILABLE;
    return st == KV_INVALID || st == KV_LIMIT ? EX_CONFIG : EX_NOPERM;
}

int
server_open(struct server *server, const struct config *config)
{
    enum kv_status st;

    KV_ASSERT(server->ring == NULL);
    init_lists(server);
    config_copy(&server->config, config);
    server_find_slow(server);
    write_batch_init(&server->batch);
    server->next_client_id = 1;
    make_run_id(server->run_id);
    server_raise_client_limit(server);
    cpu_slice_shorten_own(); /* the ring's threads inherit it */
    if (ring_open(RING_ENTRY_COUNT, &server->ring) != KV_OK)
        return EX_OSERR;
    ring_set_busy_poll(server->ring, server->config.busy_poll_us);
    server->io = ring_io(server->ring);
    server->cursors = scan_cursors_new(io_random(server->io));
    pubsub_init(&server->pubsub, io_random(server->io));
    server->started_us = server->now_us = io_now_us(server->io);
    server->started_wall_us = io_wall_us(server->io);
    if (receive_buffers_open(server->ring, &server->buffers) != KV_OK)
        return EX_OSERR;
    st = listeners_open(server, &server->listeners);
    if (st != KV_OK)
        return exit_code_of_listening(st);
    return signals_open(server, &server->signals) == KV_OK ? 0 : EX_OSERR;
}

/* --- the engine's events --- */

struct reply_progress
server_reply_progress(const struct server *server, enum reply_level level)
{
    struct reply_progress progress = {.seqs = {[REPLY_DURABLE] = db_durable_seq(server->db)}};

    if (level == REPLY_SUBMITTED)
        progress.seqs[REPLY_SUBMITTED] = db_submitted_seq(server->db);
    if (level == REPLY_SYNCED)
        progress.seqs[REPLY_SYNCED] = db_synced_seq(server->db);
    return progress;
}

static struct reply_progress
whole_progress(const struct server *server)
{
    return (struct reply_progress){.seqs = {[REPLY_DURABLE] = db_durable_seq(server->db),
                                            [REPLY_SUBMITTED] = db_submitted_seq(server->db),
                                            [REPLY_SYNCED] = db_synced_seq(server->db)}};
}

static void
release_replies(struct server *server)
{
    const struct reply_progress progress = whole_progress(server);

    server->has_submit_waiter = false;
    for (struct list *node = server->held_clients.next, *next; node != &server->held_clients;
         node = next) {
        struct client *client = LIST_ENTRY(node, struct client, held_link);

        next = node->next;
        reply_queue_release(&client->replies, &progress);
        if (client->replies.free_bytes > 0)
            client_want_flush(client);
        if (!reply_queue_is_held(&client->replies))
            list_remove(&client->held_link);
        else
            server->has_submit_waiter |=
                reply_queue_first_level(&client->replies) == REPLY_SUBMITTED;
    }
}

void
server_on_durable(void *owner, uint64_t seq)
{
    struct server *server = owner;

    (void)seq;
    if (server->db == NULL)
        return;
    if (server->config.latency_threshold_us > 0)
        latency_note_wal(server);
    release_replies(server);
    if (!list_empty(&server->seq_waits))
        command_wake_seq_waits(server);
}

void
server_on_synced(void *owner, uint64_t seq)
{
    server_on_durable(owner, seq);
}

/* The log's write of this turn is on its way, in front of the replies. */
static void
release_submitted(struct server *server)
{
    if (server->has_submit_waiter)
        release_replies(server);
}

void
server_on_write_failed(void *owner, uint64_t seq_durable)
{
    struct server *server = owner;
    const struct reply_progress progress = whole_progress(server);
    uint64_t failed_count = 0;

    snapshot_leases_take_back(&server->leases, seq_durable);
    command_fail_seq_waits(server, seq_durable);
    while (!list_empty(&server->held_clients)) {
        struct client *client = LIST_ENTRY(server->held_clients.next, struct client, held_link);

        KV_ASSERT(client != server->current_client);
        list_remove(&client->held_link);
        failed_count +=
            reply_queue_fail(&client->replies, &progress,
                             slice_of(TEXT_WRITE_FAILED, sizeof(TEXT_WRITE_FAILED) - 1));
        client_want_flush(client);
    }
    server->stats.write_failure_count += failed_count;
    for (uint64_t i = 0; i < failed_count; i++)
        server_count_error(server, slice_from_text("MISCONF "));
    kv_log(LOG_LEVEL_WARNING, "%llu commands got an error: their writes may be lost",
           (unsigned long long)failed_count);
}

void
server_on_writable(void *owner)
{
    struct server *server = owner;

    server->is_full = false;
}

/* --- the loop --- */

/* Those that are there now: a client that uses up its share again waits for the next turn. */
static void
run_runnable(struct server *server)
{
    struct list now;

    if (list_empty(&server->runnable_clients))
        return;
    list_init(&now);
    list_insert_before(server->runnable_clients.next, &now);
    list_remove(&server->runnable_clients);
    while (!list_empty(&now))
        client_resume(LIST_ENTRY(now.next, struct client, wait_link));
}

/* One write each, the longest waiting first, until there is no room again.  A pipeline's next
 * write goes to the end of the line, and whoever comes new does too, so nobody starves. */
static void
run_writers(struct server *server)
{
    while (!server->is_full && !list_empty(&server->busy_clients)) {
        struct client *client = LIST_ENTRY(server->busy_clients.next, struct client, wait_link);

        KV_ASSERT(client->wait == CLIENT_WAITS_FOR_WRITABLE);
        client->is_first_writer = true;
        client_resume(client);
    }
}

static bool
has_work(const struct server *server)
{
    return !list_empty(&server->runnable_clients) ||
           (!server->is_full && !list_empty(&server->busy_clients));
}

static void
flush_clients(struct server *server)
{
    while (!list_empty(&server->sending_clients)) {
        struct client *client = LIST_ENTRY(server->sending_clients.next, struct client, send_link);

        list_remove(&client->send_link);
        client_flush(client);
    }
}

static void
retire_closed(struct server *server)
{
    for (struct list *node = server->closing_clients.next, *next; node != &server->closing_clients;
         node = next) {
        struct client *client = LIST_ENTRY(node, struct client, all_link);

        next = node->next;
        if (client_is_at_rest(client))
            client_retire(client);
    }
}

void
server_end_long_turn(struct server *server)
{
    if (server->stats.command_count - server->turn_began_at >= TURN_COMMANDS_ENOUGH)
        ring_cut_turn(server->ring);
}

static void
turn(struct server *server, uint64_t timeout_us)
{
    const struct ring_turn_times *times = ring_turn_times(server->ring);
    struct turn_watch *watch = &server->stats.turn_watch;

    server->stats.turn_count++;
    server->turn_began_at = server->stats.command_count;
    server_share_client_memory(server);
    (void)ring_turn(server->ring, has_work(server) ? 0 : timeout_us);
    server->now_us = times->done_us;
    turn_watch_mark(watch, TURN_COMPLETIONS, times->timers_us);
    turn_watch_mark(watch, TURN_TIMERS, times->done_us);
    run_writers(server);
    run_runnable(server);
    turn_watch_mark(watch, TURN_WRITERS, io_now_us(server->io));
    if (server->db != NULL)
        db_turn(server->db);
    turn_watch_mark(watch, TURN_ENGINE, io_now_us(server->io));
    release_submitted(server);
    flush_clients(server);
    retire_closed(server);
    turn_watch_mark(watch, TURN_SENDS, io_now_us(server->io));
    turn_watch_end(watch, times->woken_us);
}

/* The list is in the order of activity, so this looks at no more than it closes. */
static void
close_idle(struct server *server)
{
    while (server->config.timeout_us > 0 && !list_empty(&server->clients)) {
        struct client *client = LIST_ENTRY(server->clients.next, struct client, all_link);

        if (server->now_us < client->active_us + server->config.timeout_us)
            return;
        if (client_is_busy(client) || client->command_started || client->gate != 0 ||
            client->wait == CLIENT_WAITS_FOR_UNPAUSE) {
            client->active_us = server->now_us;
            list_remove(&client->all_link);
            list_push_back(&server->clients, &client->all_link);
            continue;
        }
        server->stats.timeout_close_count++;
        client_close(client, "idle for longer than timeout");
    }
}

static void
sample_ops(struct server *server)
{
    struct server_stats *stats = &server->stats;
    const uint64_t elapsed_us = server->now_us - stats->ops_sampled_us;
    const uint64_t count = stats->command_count - stats->ops_sampled_count;

    if (elapsed_us == 0)
        return;
    stats->ops_samples[stats->ops_sample_index] = count * 1000000 / elapsed_us;
    stats->ops_sample_index = (stats->ops_sample_index + 1) % 16;
    stats->ops_sampled_count = stats->command_count;
    stats->ops_sampled_us = server->now_us;
}

static void
on_tick(struct io_timer *timer)
{
    struct server *server = KV_CONTAINER_OF(timer, struct server, tick_timer);

    server->now_us = io_now_us(server->io);
    server->tick_count++;
    sample_ops(server);
    checkpoint_keeper_tick(&server->keeper);
    close_idle(server);
    listeners_resume(server->listeners);
    /* A flush can put on stable storage what a failed log has left unsynced, and tells nobody. */
    if (!list_empty(&server->seq_waits))
        command_wake_seq_waits(server);
    if (server->tick_count % 16 == 0)
        (void)server_client_memory_bytes(server);
    if (server->watchdog_us > 0 &&
        server->now_us - server->watchdog_told_us >= server->watchdog_us / 3) {
        notify_alive();
        server->watchdog_told_us = server->now_us;
    }
    io_timer_start(server->io, timer, server->now_us + TICK_US);
}

/* Nobody is owed a reply. */
static bool
is_drained(const struct server *server)
{
    for (const struct list *node = server->clients.next; node != &server->clients;
         node = node->next) {
        if (client_is_busy(LIST_ENTRY(node, const struct client, all_link)))
            return false;
    }
    return true;
}

static bool
may_leave(const struct server *server)
{
    if (server->shutdown == SHUTDOWN_NONE)
        return false;
    return server->shutdown == SHUTDOWN_NOW || server->now_us >= server->shutdown_deadline_us ||
           is_drained(server);
}

static void
publish_endpoint(const struct server *server)
{
    char text[ENDPOINT_TEXT_BYTES];

    if (listeners_format_endpoint(server->listeners, text))
        endpoint_write(server->config.dir, text);
}

int
server_run(struct server *server)
{
    KV_ASSERT(server->db != NULL);
    server->now_us = io_now_us(server->io);
    server->tick_timer.on_expire = on_tick;
    io_timer_start(server->io, &server->tick_timer, server->now_us + TICK_US);
    server->watchdog_us = notify_watchdog_us();
    listeners_start(server->listeners);
    publish_endpoint(server);
    notify_ready();
    kv_log(LOG_LEVEL_NOTICE, "ready to accept connections");
    while (!may_leave(server))
        turn(server, UINT64_C(1000000));
    notify_stopping();
    endpoint_remove(server->config.dir);
    return 0;
}

void
server_begin_shutdown(struct server *server, bool is_now)
{
    if (is_now || server->shutdown == SHUTDOWN_DRAINING) {
        server->shutdown = SHUTDOWN_NOW;
        return;
    }
    if (server->shutdown != SHUTDOWN_NONE)
        return;
    server->shutdown = SHUTDOWN_DRAINING;
    server->shutdown_deadline_us = server->now_us + DRAIN_US;
}

bool
server_abort_shutdown(struct server *server)
{
    if (server->shutdown == SHUTDOWN_NONE)
        return false;
    server->shutdown = SHUTDOWN_NONE;
    for (struct list *node = server->clients.next; node != &server->clients; node = node->next) {
        struct client *client = LIST_ENTRY(node, struct client, all_link);

        if (client->wait == CLIENT_READY && client != server->current_client) {
            client->wait = CLIENT_WAITS_FOR_TURN;
            list_push_back(&server->runnable_clients, &client->wait_link);
        }
    }
    return true;
}

/* --- closing --- */

static bool
is_at_rest(const struct server *server)
{
    return list_empty(&server->closing_clients) && listeners_is_at_rest(server->listeners) &&
           signals_is_at_rest(server->signals);
}

/* Takes back all that the kernel has of the daemon; the engine looks after its own. */
static void
stop_io(struct server *server)
{
    listeners_stop(server->listeners);
    signals_stop(server->signals);
    io_timer_stop(server->io, &server->tick_timer);
    pause_end(server);
    while (!list_empty(&server->clients))
        client_close(LIST_ENTRY(server->clients.next, struct client, all_link), NULL);
    for (int i = 0; i < STOP_TURN_COUNT_MAX && !is_at_rest(server); i++)
        turn(server, STOP_TURN_US);
    if (!is_at_rest(server))
        kv_log(LOG_LEVEL_WARNING, "some requests did not come back before the stop");
}

static void
free_pool(struct server *server)
{
    while (!list_empty(&server->client_pool))
        client_free(LIST_ENTRY(server->client_pool.next, struct client, all_link));
    server->pool_count = 0;
}

int
server_close(struct server *server)
{
    int code = 0;

    if (server->ring != NULL) {
        stop_io(server);
        code = server_close_data(server);
        free_pool(server);
        if (is_at_rest(server)) {
            listeners_close(server->listeners);
            signals_close(server->signals);
            receive_buffers_close(server->buffers);
            ring_close(server->ring);
        }
    }
    write_batch_deinit(&server->batch);
    pubsub_deinit(&server->pubsub);
    key_expiry_deinit(&server->expiry);
    buffer_deinit(&server->own_pushes);
    scan_cursors_free(server->cursors);
    slowlog_reset(&server->slowlog);
    server_free_histograms(server);
    config_deinit(&server->config);
    return code;
}
