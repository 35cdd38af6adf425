/* client.c - the life of a connection, and its bytes in and out.
 *
 *     open -> armed receive <-> commands -> replies -> send        close -> at rest -> retired
 *
 * Closing only shuts the socket down, which makes the kernel give back what it has of us; the
 * server retires the client at the end of a turn in which nothing is in flight any more.  So no
 * function here frees a client under its caller.
 *
 * Invariant: query[query_offset..] is exactly what was received and not run, while a command
 * waits; otherwise it is at most one incomplete command.
 */
#include "daemon/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/client_internal.h"
#include "daemon/listener.h"
#include "daemon/monitor.h"
#include "daemon/receive_buffers.h"
#include "daemon/server.h"

static const char TEXT_FULL[] = "-ERR max number of clients reached\r\n";
static const char TEXT_PROTECTED[] =
    "-DENIED kvd is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. To connect from elsewhere set a password with requirepass, or switch this check "
    "off with 'CONFIG SET protected-mode no' from this machine.\r\n";

/* --- opening --- */

static bool
describe_address(const struct sockaddr_storage *address, char *text)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)address;

        (void)inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
        (void)snprintf(text, CLIENT_ADDRESS_BYTES, "%s:%u", host, ntohs(in4->sin_port));
        return (ntohl(in4->sin_addr.s_addr) >> 24) == 127;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        (void)snprintf(text, CLIENT_ADDRESS_BYTES, "[%s]:%u", host, ntohs(in6->sin6_port));
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    (void)snprintf(text, CLIENT_ADDRESS_BYTES, "?:0");
    return false;
}

/* Fills in both addresses.  Returns whether the peer is on this machine. */
static bool
learn_addresses(struct client *client)
{
    struct sockaddr_storage peer = {0}, local = {0};
    socklen_t peer_size = sizeof(peer), local_size = sizeof(local);

    if (client->is_unix) {
        const char *path = client->server->config.unixsocket;

        (void)snprintf(client->address, sizeof(client->address), "%.100s:0", path);
        (void)snprintf(client->local_address, sizeof(client->local_address), "%.100s:0", path);
        return true;
    }
    (void)getpeername(client->fd, (struct sockaddr *)&peer, &peer_size);
    (void)getsockname(client->fd, (struct sockaddr *)&local, &local_size);
    (void)describe_address(&local, client->local_address);
    return describe_address(&peer, client->address);
}

static void
set_socket_options(const struct client *client)
{
    const uint64_t keepalive_s = client->server->config.tcp_keepalive_us / 1000000;
    const int yes = 1;
    const int idle_s = (int)keepalive_s;
    const int interval_s = idle_s / 3 > 0 ? idle_s / 3 : 1;
    const int probe_count = 3;

    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (keepalive_s == 0)
        return;
    (void)setsockopt(client->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_KEEPCNT, &probe_count, sizeof(probe_count));
}

static struct client *
take_from_pool(struct server *server)
{
    struct client *client;

    if (list_empty(&server->client_pool)) {
        client = kv_alloc_zero(sizeof(*client));
        resp_parser_init(&client->parser);
        list_init(&client->all_link);
    } else {
        client = LIST_ENTRY(server->client_pool.next, struct client, all_link);
        list_remove(&client->all_link);
        server->pool_count--;
    }
    list_init(&client->held_link);
    list_init(&client->wait_link);
    list_init(&client->send_link);
    list_init(&client->monitor_link);
    return client;
}

static void on_received(struct ring_event *event, int32_t result, uint32_t flags);
static void on_sent(struct ring_event *event, int32_t result, uint32_t flags);

static void
arm_receive(struct client *client)
{
    struct io_uring_sqe *sqe;

    KV_ASSERT(!client->recv_armed && !client->is_closing);
    sqe = ring_get_sqe(client->server->ring, &client->recv_event);
    io_uring_prep_recv_multishot(sqe, client->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RECEIVE_BUFFER_GROUP;
    client->recv_armed = true;
}

/* Says no in one packet; nobody waits for a client that does not read it. */
static void
turn_away(struct server *server, int fd, const char *text)
{
    server->stats.rejected_connection_count++;
    (void)send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)close(fd);
}

struct client *
client_open(struct server *server, int fd, bool is_unix)
{
    struct client *client;
    bool is_local;

    KV_ASSERT(fd >= 0);
    server->stats.connection_count++;
    if (server->client_count >= server->client_count_max) {
        turn_away(server, fd, TEXT_FULL);
        return NULL;
    }
    client = take_from_pool(server);
    client->server = server;
    client->fd = fd;
    client->is_unix = is_unix;
    client->id = server->next_client_id++;
    client->created_us = client->active_us = server->now_us;
    client->is_authenticated = server->config.requirepass[0] == '\0';
    client->protocol = 2;
    client->recv_event.on_complete = on_received;
    client->send_event.on_complete = on_sent;
    client->waiter.on_arrived = client_on_arrived;
    is_local = learn_addresses(client);
    list_push_back(&server->clients, &client->all_link);
    server->client_count++;
    if (!is_local && server->config.protected_mode && client->is_authenticated) {
        turn_away(server, dup(fd), TEXT_PROTECTED);
        client_close(client, NULL);
        return NULL;
    }
    if (!is_unix)
        set_socket_options(client);
    arm_receive(client);
    return client;
}

/* --- closing --- */

void
client_close(struct client *client, const char *reason)
{
    struct server *server = client->server;

    if (client->is_closing)
        return;
    KV_ASSERT(server->client_count > 0);
    if (reason != NULL)
        kv_log(LOG_LEVEL_VERBOSE, "client %llu %s closed: %s", (unsigned long long)client->id,
               client->address, reason);
    client->is_closing = true;
    server->client_count--;
    list_remove(&client->all_link);
    list_push_back(&server->closing_clients, &client->all_link);
    list_remove(&client->held_link);
    list_remove(&client->wait_link);
    list_remove(&client->send_link);
    monitor_end(client);
    pubsub_leave(client);
    /* Perhaps much, and never in the kernel's hands.  A command that runs may be writing to it. */
    if (client != server->current_client)
        reply_queue_reset(&client->replies, CLIENT_KEPT_BYTES);
    client_account(client);
    (void)shutdown(client->fd, SHUT_RDWR);
}

void
client_close_with_reset(struct client *client, const char *reason)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    client_close(client, reason);
}

void
client_close_after_reply(struct client *client)
{
    if (client->is_closing)
        return;
    if (client == client->server->current_client) {
        client->ends_after_command = true; /* unless it has to be tried again */
        return;
    }
    KV_ASSERT(!client->fetch_armed);
    list_remove(&client->wait_link);
    client->wait = CLIENT_WAITS_FOR_FLUSH;
    client_want_flush(client);
}

bool
client_is_at_rest(const struct client *client)
{
    return !client->recv_armed && !client->send_armed && !client->fetch_armed;
}

static void
shrink(struct buffer *buffer)
{
    if (buffer->capacity > CLIENT_KEPT_BYTES)
        buffer_deinit(buffer);
    buffer_clear(buffer);
}

/* Keeps what is costly to make again: the arrays of the parser and small buffers. */
void
client_retire(struct client *client)
{
    struct server *server = client->server;
    struct client kept;

    KV_ASSERT(client->is_closing && client_is_at_rest(client) && client->subscriber == NULL);
    if (client->command_started)
        client_abandon_command(client);
    (void)close(client->fd);
    listeners_resume(server->listeners);
    list_remove(&client->all_link);
    if (server->pool_count == CLIENT_POOL_COUNT_MAX) {
        client_free(client);
        return;
    }
    transaction_reset(&client->transaction);
    shrink(&client->query);
    shrink(&client->sending);
    reply_queue_reset(&client->replies, CLIENT_KEPT_BYTES);
    resp_parser_restart(&client->parser);
    kept = *client;
    memset(client, 0, sizeof(*client));
    client->parser = kept.parser;
    client->query = kept.query;
    client->sending = kept.sending;
    client->replies = kept.replies;
    list_init(&client->all_link);
    list_push_front(&server->client_pool, &client->all_link);
    server->pool_count++;
}

void
client_free(struct client *client)
{
    KV_ASSERT(client_is_at_rest(client));
    list_remove(&client->all_link);
    resp_parser_deinit(&client->parser);
    buffer_deinit(&client->query);
    buffer_deinit(&client->sending);
    reply_queue_deinit(&client->replies);
    free(client);
}

/* --- in --- */

static size_t
unparsed_bytes(const struct client *client)
{
    return client->query.size - client->query_offset;
}

/* Nobody is left for whom the command waits. */
static void
end_idle_wait(struct client *client)
{
    client_abandon_command(client);
    client_close_after_reply(client);
}

/* All input is run: what is left to do is to reply. */
static void
finish_ended(struct client *client)
{
    if (client->is_ended && client->wait == CLIENT_READY)
        client_close_after_reply(client);
    else if (client->is_ended && client->work != NULL && client->work->is_idle)
        end_idle_wait(client);
}

/* A big argument that is done with must not leave its memory behind. */
static void
drop_parsed(struct client *client)
{
    const struct buffer old = client->query;
    const size_t left = unparsed_bytes(client);

    if (old.capacity > CLIENT_SOFT_BYTES_MAX && left < old.capacity / 4) {
        client->query = (struct buffer){0};
        buffer_append(&client->query, old.data + client->query_offset, left);
        free(old.data);
    } else {
        buffer_consume(&client->query, client->query_offset);
    }
    client->query_offset = 0;
}

/* Keeps what was not run.  The size of a big argument is known: room for it is made at once. */
static void
keep(struct client *client, struct slice rest)
{
    const struct config *config = &client->server->config;
    size_t missing;

    if (client->query_offset > client->query.size / 2)
        drop_parsed(client);
    if (rest.size + unparsed_bytes(client) > config->query_buffer_bytes_max) {
        client->server->stats.query_limit_close_count++;
        client_close_with_reset(client, "over client-query-buffer-limit");
        return;
    }
    buffer_append_slice(&client->query, rest);
    missing = client->wait == CLIENT_READY
                  ? resp_parser_bytes_missing(&client->parser, unparsed_bytes(client))
                  : 0;
    if (missing > client->query.capacity - client->query.size &&
        missing <= config->query_buffer_bytes_max)
        (void)buffer_reserve(&client->query, missing);
}

static void
run_query(struct client *client)
{
    const struct slice input =
        slice_of(client->query.data + client->query_offset, unparsed_bytes(client));
    const size_t taken = client_run(client, input);

    client->query_offset += taken;
    KV_ASSERT(client->query_offset <= client->query.size);
    if (client->query_offset == client->query.size) {
        shrink(&client->query);
        client->query_offset = 0;
    }
}

/* A client that waits must not fill our memory: TCP holds it back. */
static void
pause_or_go_on(struct client *client)
{
    const bool waits = client->wait != CLIENT_READY || client->server->shutdown != SHUTDOWN_NONE;
    const bool is_full = waits && unparsed_bytes(client) > client->server->client_soft_bytes;

    if (client->is_closing || client->is_ended)
        return;
    if (is_full && client->recv_armed && !client->recv_paused) {
        client->recv_paused = true;
        io_uring_prep_cancel(ring_get_sqe(client->server->ring, NULL), &client->recv_event, 0);
    } else if (!is_full && !client->recv_armed) {
        client->recv_paused = false;
        arm_receive(client);
    }
}

static void
receive(struct client *client, struct slice bytes)
{
    struct server *server = client->server;

    client->net_in_bytes += bytes.size;
    server->stats.net_in_bytes += bytes.size;
    client->active_us = server->now_us;
    list_remove(&client->all_link);
    list_push_back(&server->clients, &client->all_link);
    if (client->wait == CLIENT_WAITS_FOR_FLUSH)
        return;
    if (client->wait == CLIENT_READY && client->query.size == 0) {
        const size_t taken = client_run(client, bytes);

        if (taken < bytes.size && !client->is_closing)
            keep(client, slice_of(bytes.data + taken, bytes.size - taken));
        return;
    }
    keep(client, bytes);
    if (client->wait == CLIENT_READY && !client->is_closing)
        run_query(client);
}

static void
on_received(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct client *client = KV_CONTAINER_OF(event, struct client, recv_event);
    struct receive_buffers *buffers = client->server->buffers;

    KV_ASSERT(client->recv_armed);
    if (!(flags & IORING_CQE_F_MORE))
        client->recv_armed = false;
    if (flags & IORING_CQE_F_BUFFER) {
        if (result > 0 && !client->is_closing)
            receive(client, slice_of(receive_buffers_at(buffers, flags), (size_t)result));
        receive_buffers_give_back(buffers, flags);
    }
    client_account(client);
    if (client->is_closing)
        return;
    if (result == 0) {
        client->is_ended = true;
        finish_ended(client);
    } else if (result < 0 && result != -ENOBUFS && result != -EINTR && result != -ECANCELED) {
        client_close(client, strerror(-result));
    } else {
        pause_or_go_on(client);
    }
}

void
client_resume(struct client *client)
{
    if (client->is_closing || client->wait == CLIENT_WAITS_FOR_FLUSH)
        return;
    KV_ASSERT(!client->fetch_armed);
    list_remove(&client->wait_link);
    client->wait = CLIENT_READY;
    run_query(client);
    finish_ended(client);
    client_account(client);
    pause_or_go_on(client);
}

/* --- out --- */

void
client_want_flush(struct client *client)
{
    list_remove(&client->send_link);
    list_push_back(&client->server->sending_clients, &client->send_link);
}

static void
arm_send(struct client *client)
{
    struct io_uring_sqe *sqe;

    KV_ASSERT(!client->send_armed && client->sent_bytes < client->sending.size);
    sqe = ring_get_sqe(client->server->ring, &client->send_event);
    io_uring_prep_send(sqe, client->fd, client->sending.data + client->sent_bytes,
                       client->sending.size - client->sent_bytes, MSG_NOSIGNAL);
    client->send_armed = true;
}

void
client_flush(struct client *client)
{
    if (client->is_closing || client->send_armed)
        return;
    KV_ASSERT(client->sending.size == 0);
    if (client->replies.free_bytes > 0) {
        reply_queue_move_free(&client->replies, &client->sending);
        client->sent_bytes = 0;
        arm_send(client);
        client_account(client);
    } else if (client->wait == CLIENT_WAITS_FOR_FLUSH && client->replies.bytes.size == 0) {
        client_close(client, NULL);
    }
}

static void
on_sent(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct client *client = KV_CONTAINER_OF(event, struct client, send_event);

    (void)flags;
    KV_ASSERT(client->send_armed);
    client->send_armed = false;
    if (client->is_closing)
        return;
    if (result < 0 && result != -EINTR && result != -EAGAIN) {
        client_close(client, strerror(-result));
        return;
    }
    if (result > 0) {
        client->sent_bytes += (size_t)result;
        client->net_out_bytes += (uint64_t)result;
        client->server->stats.net_out_bytes += (uint64_t)result;
    }
    if (client->sent_bytes < client->sending.size) {
        arm_send(client);
        return;
    }
    shrink(&client->sending);
    client->sent_bytes = 0;
    client_account(client);
    if (client->wait == CLIENT_WAITS_FOR_OUTPUT &&
        client_output_bytes(client) <= client->server->client_soft_bytes)
        client_resume(client);
    if (client->is_closing)
        return;
    if (client->replies.free_bytes > 0 || client->wait == CLIENT_WAITS_FOR_FLUSH)
        client_want_flush(client);
}

bool
client_is_busy(const struct client *client)
{
    const bool is_idle = client->work != NULL && client->work->is_idle;

    return client->send_armed || client->fetch_armed || (client->command_started && !is_idle) ||
           client->replies.bytes.size > 0;
}

size_t
client_output_bytes(const struct client *client)
{
    return client->replies.bytes.size + client->sending.size - client->sent_bytes;
}
