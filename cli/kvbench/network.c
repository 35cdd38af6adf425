/* network.c - the client loop: connections, what is in flight on each, one io_uring.
 *
 * A turn of the loop is one system call.  In it all requests of the turn go out, and all replies
 * that have come in meanwhile are handed over.
 *
 *     start operations -> requests into `filling` -> (flush) -> `sending` -> server
 *     server -> provided buffer -> reply parser, in place -> the oldest operation in flight ends
 *
 * A connection is sent to in batches, and has one send in flight at most, or a partly sent batch
 * could be overtaken by the next.  Closed loop: the next batch goes when the last one is answered,
 * which proves that it was sent, so that a send needs no completion of its own, and each turn waits
 * for replies only.  Open loop: an operation goes at once, so sends do report.
 *
 * Latencies: what starts in a turn starts at the moment of the system call, and what ended, ended
 * when it returned.  So the work of this program on one connection counts for the others, as a
 * real client's would.
 */
#include "cli/kvbench/network.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/assert.h"

/* The series and the interrupt flag are looked at so often at least. */
enum { TURN_US_MAX = 50000 };

/* Open loop: what is due within a hundredth of the lateness that is allowed starts together.  A
 * turn for each operation would keep a core busy, which on a small machine is one of the server's.
 */
enum { LATE_SHARE_TOGETHER = 100, TOGETHER_NS_MAX = 100000 };

static const uint64_t DRAIN_NS_MAX = 1000000000; /* after an interrupt */

static uint64_t
now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One reading for all that came with one system call. */
static uint64_t
turn_ns(struct network *network)
{
    if (network->turn_ns == 0)
        network->turn_ns = now_ns();
    return network->turn_ns;
}

static void
set_fixed(struct network *network, struct io_uring_sqe *sqe)
{
    if (network->has_fixed_files)
        sqe->flags |= IOSQE_FIXED_FILE;
}

static int
handle_of(const struct network *network, const struct bench_connection *connection)
{
    return network->has_fixed_files ? (int)connection->lane : connection->fd;
}

void
network_arm_receive(struct bench_connection *connection)
{
    struct network *network = connection->network;
    struct io_uring_sqe *sqe = ring_get_sqe(network->ring, &connection->on_receive);

    io_uring_prep_recv_multishot(sqe, handle_of(network, connection), NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = NETWORK_BUFFER_GROUP;
    set_fixed(network, sqe);
}

static struct op *
pending_at(struct bench_connection *connection, uint32_t index)
{
    return &connection->pending[(connection->first + index) & (connection->capacity - 1)];
}

/* What is in flight will have no reply. */
static void
give_up(struct bench_connection *connection, const char *why)
{
    struct network *network = connection->network;

    for (uint32_t i = 0; i < connection->pending_count; i++)
        run_failed(network->run, pending_at(connection, i), slice_from_text(why), now_ns());
    network->pending_count -= connection->pending_count;
    connection->pending_count = connection->unsent_count = 0;
}

static void
lose(struct bench_connection *connection, const char *why)
{
    struct network *network = connection->network;

    if (connection->is_lost)
        return;
    connection->is_lost = true;
    if (network->lost_count++ == 0)
        complain("connection %u is lost: %s", connection->lane, why);
    give_up(connection, "the connection was lost");
    run_stop(network->run);
}

static void
mark_ready(struct bench_connection *connection)
{
    struct network *network = connection->network;

    if (connection->is_marked || connection->unsent_count == 0 || connection->is_lost)
        return;
    KV_ASSERT(network->ready_count < network->connection_count);
    connection->is_marked = true;
    network->ready[network->ready_count++] = connection;
}

/* The request of the operation at the end of the queue. */
static void
push(struct bench_connection *connection, const struct op *op)
{
    struct network *network = connection->network;
    struct op *last;

    KV_ASSERT(connection->pending_count < connection->capacity);
    last = pending_at(connection, connection->pending_count++);
    *last = *op;
    network->pending_count++;
    connection->unsent_count++;
    requests_append(&network->requests, network->run, last, &connection->filling);
}

static void
swap_buffers(struct bench_connection *connection)
{
    const struct buffer sent = connection->sending;

    connection->sending = connection->filling;
    connection->filling = sent;
    buffer_clear(&connection->filling);
}

/* Closed loop: a new batch.  What was sent has been answered, so its buffer is free, and it is the
 * one that the CPU's cache knows. */
static void
refill(struct bench_connection *connection)
{
    struct network *network = connection->network;
    const uint64_t at_ns = turn_ns(network);
    struct op op;

    if (connection->filling.size == 0)
        swap_buffers(connection);
    while (connection->pending_count < network->depth && !connection->is_lost) {
        if (run_next(network->run, connection->lane, at_ns, &op) != RUN_START)
            break;
        push(connection, &op);
    }
    mark_ready(connection);
}

/* Open loop: which connections have room, the one that has waited longest first. */
static void
offer_room(struct bench_connection *connection)
{
    struct network *network = connection->network;

    if (connection->is_offered || connection->is_lost ||
        connection->pending_count >= network->depth)
        return;
    if (network->room_count == 0)
        network->able_ns = turn_ns(network);
    KV_ASSERT(network->room_count < network->connection_count);
    network->room[(network->room_first + network->room_count++) % network->connection_count] =
        connection;
    connection->is_offered = true;
}

static struct bench_connection *
take_room(struct network *network)
{
    struct bench_connection *connection = network->room[network->room_first];

    KV_ASSERT(network->room_count > 0);
    network->room_first = (network->room_first + 1) % network->connection_count;
    network->room_count--;
    connection->is_offered = false;
    return connection;
}

static uint64_t
together_span_ns(const struct network *network)
{
    const uint64_t span_ns = network->options->late_ns_max / LATE_SHARE_TOGETHER;

    return span_ns < TOGETHER_NS_MAX ? span_ns : TOGETHER_NS_MAX;
}

/* Open loop: together with what is due a little later, but no wait adds to that for room. */
static uint64_t
next_start_ns(const struct network *network)
{
    const uint64_t due_ns = run_due_ns(network->run);
    uint64_t latest_ns;

    if (due_ns >= network->together_ns)
        return due_ns;
    latest_ns = due_ns + together_span_ns(network);
    return latest_ns < network->together_ns ? latest_ns : network->together_ns;
}

/* Everything that is due and finds room. */
static void
start_due(struct network *network)
{
    uint64_t at_ns;

    if (network->room_count == 0)
        return;
    at_ns = now_ns();
    if (at_ns < network->together_ns && next_start_ns(network) > at_ns)
        return;
    while (network->room_count > 0 && network->lost_count == 0) {
        struct bench_connection *connection = network->room[network->room_first];
        struct op op;

        if (run_next(network->run, connection->lane, at_ns, &op) != RUN_START)
            return;
        network->together_ns = at_ns + together_span_ns(network);
        (void)take_room(network);
        run_started(network->run, &op, network->able_ns, at_ns);
        push(connection, &op);
        if (!connection->is_sending)
            mark_ready(connection);
        offer_room(connection);
    }
}

/* The reply in the parser is that of the oldest operation. */
static void
end_oldest(struct bench_connection *connection)
{
    struct network *network = connection->network;
    const struct reply_parser *reply = &connection->parser;
    struct op op = *pending_at(connection, 0);

    connection->first = (connection->first + 1) & (connection->capacity - 1);
    connection->pending_count--;
    network->pending_count--;
    if (reply->is_error) {
        run_failed(network->run, &op, reply->error, turn_ns(network));
    } else if (op.kind == OP_RMW && op.phase == 0) {
        (void)run_done_reading(network->run, &op, !reply->is_null, reply->bulk);
        op.phase = 1;
        push(connection, &op);
    } else {
        run_done(network->run, &op, !reply->is_null, reply->bulk, turn_ns(network));
    }
}

static void
parse(struct bench_connection *connection, struct slice input)
{
    for (;;) {
        const enum reply_parse parsed = reply_parser_next(&connection->parser, &input);

        if (parsed == REPLY_MORE)
            return;
        if (parsed == REPLY_BROKEN) {
            lose(connection, connection->parser.broken);
            return;
        }
        if (connection->pending_count == connection->unsent_count) {
            lose(connection, "a reply came that belongs to no request");
            return;
        }
        end_oldest(connection);
    }
}

void
network_on_receive(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct bench_connection *connection =
        KV_CONTAINER_OF(event, struct bench_connection, on_receive);
    struct network *network = connection->network;

    if (result > 0) {
        const uint32_t index = flags >> IORING_CQE_BUFFER_SHIFT;

        network->heard_ns = turn_ns(network);
        if (!connection->is_lost)
            parse(connection, slice_of(network_buffer(network, index), (size_t)result));
        network_return_buffer(network, index);
    } else if (result != -ENOBUFS) {
        lose(connection, result == 0 ? "the server closed it" : strerror(-result));
        return;
    }
    if (connection->is_lost)
        return;
    if (!(flags & IORING_CQE_F_MORE))
        network_arm_receive(connection);
    if (run_is_open_loop(network->run)) {
        if (!connection->is_sending)
            mark_ready(connection);
        offer_room(connection);
    } else if (connection->pending_count == connection->unsent_count) {
        refill(connection);
    }
}

void
network_on_sent(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct bench_connection *connection = KV_CONTAINER_OF(event, struct bench_connection, on_sent);

    (void)flags;
    connection->is_sending = false;
    if (result < 0 || (size_t)result != connection->sending.size)
        lose(connection, result < 0 ? strerror(-result) : "a request was cut");
    if (run_is_open_loop(connection->network->run))
        mark_ready(connection);
}

static void
send_batch(struct bench_connection *connection, uint64_t at_ns)
{
    struct network *network = connection->network;
    const bool is_open_loop = run_is_open_loop(network->run);
    struct io_uring_sqe *sqe;

    connection->is_marked = false;
    if (connection->is_lost)
        return;
    if (!is_open_loop) {
        for (uint32_t i = connection->pending_count - connection->unsent_count;
             i < connection->pending_count; i++) {
            struct op *op = pending_at(connection, i);

            if (op->phase == 0)
                op->start_ns = at_ns;
        }
    }
    connection->unsent_count = 0;
    swap_buffers(connection);
    sqe = ring_get_sqe(network->ring, &connection->on_sent);
    io_uring_prep_send(sqe, handle_of(network, connection), connection->sending.data,
                       connection->sending.size, MSG_NOSIGNAL | MSG_WAITALL);
    set_fixed(network, sqe);
    if (is_open_loop)
        connection->is_sending = true;
    else
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

/* False: what must be noted first cannot be. */
static bool
send_ready(struct network *network)
{
    uint64_t at_ns;

    if (network->ready_count == 0)
        return true;
    if (!run_may_send(network->run))
        return false;
    at_ns = now_ns();
    for (uint32_t i = 0; i < network->ready_count; i++)
        send_batch(network->ready[i], at_ns);
    network->ready_count = 0;
    return true;
}

static uint64_t
wait_us(const struct network *network)
{
    uint64_t start_ns, at_ns;

    if (!run_is_open_loop(network->run) || network->room_count == 0)
        return TURN_US_MAX;
    start_ns = next_start_ns(network);
    at_ns = now_ns();
    if (start_ns <= at_ns)
        return 0;
    return (start_ns - at_ns) / 1000 < TURN_US_MAX ? (start_ns - at_ns) / 1000 : TURN_US_MAX;
}

/* True: nothing will come of waiting longer. */
static bool
is_hopeless(const struct network *network, bool is_interrupted)
{
    const uint64_t at_ns = now_ns();

    if (network->lost_count > 0 || is_interrupted)
        return at_ns - network->stopped_ns > DRAIN_NS_MAX;
    if (network->pending_count == 0 || at_ns - network->heard_ns <= network->options->timeout_ns)
        return false;
    complain("the server has not answered for %.0f s", (double)network->options->timeout_ns / 1e9);
    return true;
}

static void
begin_run(struct network *network, struct run *run)
{
    network->run = run;
    network->turn_ns = network->heard_ns = network->able_ns = network->stopped_ns = now_ns();
    network->room_first = network->room_count = 0;
    network->together_ns = 0;
    for (uint32_t i = 0; i < network->connection_count; i++) {
        network->connections[i].is_offered = false;
        if (run_is_open_loop(run))
            offer_room(&network->connections[i]);
        else
            refill(&network->connections[i]);
    }
}

enum exit_code
network_drive(struct target *target, struct run *run, const volatile bool *interrupted)
{
    struct network *network = (struct network *)target;
    bool was_stopped = false, may_send = true, is_given_up = false;

    KV_ASSERT(network->pending_count == 0);
    begin_run(network, run);
    while (may_send) {
        if ((*interrupted || network->lost_count > 0) && !was_stopped) {
            was_stopped = true;
            run_stop(run);
            network->stopped_ns = now_ns();
        }
        if (run_is_open_loop(run))
            start_due(network);
        if (network->pending_count == 0 &&
            (!run_is_open_loop(run) || run_due_ns(run) == UINT64_MAX))
            break;
        may_send = send_ready(network);
        network->turn_ns = 0;
        (void)ring_turn(network->ring, wait_us(network));
        if (network->turn_ns == 0 && is_hopeless(network, *interrupted)) {
            is_given_up = true;
            break;
        }
        run_tick(run, turn_ns(network));
        observer_turn(&network->observer, run, turn_ns(network));
    }
    for (uint32_t i = 0; i < network->connection_count; i++)
        give_up(&network->connections[i], "no reply");
    if (network->lost_count > 0)
        return EXIT_NO_CONNECTION;
    if (!may_send)
        return EXIT_IO;
    return is_given_up && !*interrupted ? EXIT_NO_CONNECTION : EXIT_OK;
}
