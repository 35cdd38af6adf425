/* network_open.c - what the client loop works with: connections, a ring, buffers; and their end. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/kvbench/dial.h"
#include "cli/kvbench/network.h"
#include "cli/kvbench/server_cpu.h"

enum {
    RING_ENTRY_COUNT = 1024,
    BUFFER_BYTES = 16 * 1024,
    /* Replies are mostly short: buffers whose beginnings fall into the same sets of the CPU's
     * caches would push each other out. */
    BUFFER_STRIDE_BYTES = BUFFER_BYTES + 320,
    BUFFER_COUNT_MIN = 64,
    BUFFER_COUNT_MAX = 4096,
};

uint8_t *
network_buffer(struct network *network, uint32_t index)
{
    return network->buffer_bytes + (size_t)index * BUFFER_STRIDE_BYTES;
}

void
network_return_buffer(struct network *network, uint32_t index)
{
    io_uring_buf_ring_add(network->buffers, network_buffer(network, index), BUFFER_BYTES,
                          (unsigned short)index, io_uring_buf_ring_mask(network->buffer_count), 0);
    io_uring_buf_ring_advance(network->buffers, 1);
}

static bool
network_cpu_ns(struct target *target, uint64_t *cpu_ns_out)
{
    const uint64_t pid = ((struct network *)target)->options->server_pid;

    return pid != 0 && server_cpu_ns(pid, cpu_ns_out);
}

static void
network_close(struct target *target)
{
    struct network *network = (struct network *)target;

    if (network == NULL)
        return;
    for (uint32_t i = 0; i < network->connection_count; i++) {
        struct bench_connection *connection = &network->connections[i];

        if (connection->fd >= 0)
            (void)close(connection->fd);
        reply_parser_deinit(&connection->parser);
        buffer_deinit(&connection->filling);
    }
    observer_close(&network->observer);
    ring_close(network->ring);
    /* The kernel may have read from these until now. */
    for (uint32_t i = 0; i < network->connection_count; i++)
        buffer_deinit(&network->connections[i].sending);
    requests_deinit(&network->requests);
    free(network->buffers);
    free(network->buffer_bytes);
    free(network->pending);
    free(network->connections);
    free(network->ready);
    free(network->room);
    free(network);
}

static uint32_t
power_of_two(uint32_t least)
{
    uint32_t power = 1;

    while (power < least)
        power *= 2;
    return power;
}

static enum exit_code
open_ring(struct network *network)
{
    struct io_uring_buf_reg registration = {.bgid = NETWORK_BUFFER_GROUP};
    uint32_t count = power_of_two(2 * network->connection_count);
    int failed;

    count = count < BUFFER_COUNT_MIN ? BUFFER_COUNT_MIN : count;
    count = count > BUFFER_COUNT_MAX ? BUFFER_COUNT_MAX : count;
    if (ring_open(RING_ENTRY_COUNT, &network->ring) != KV_OK)
        return EXIT_NO_RING;
    ring_set_busy_poll(network->ring, network->options->busy_poll_us);
    network->buffer_count = count;
    network->buffer_bytes = kv_alloc_aligned(4096, (size_t)count * BUFFER_STRIDE_BYTES);
    network->buffers = kv_alloc_aligned(4096, count * sizeof(struct io_uring_buf));
    registration.ring_addr = (uint64_t)(uintptr_t)network->buffers;
    registration.ring_entries = count;
    failed = io_uring_register_buf_ring(ring_uring(network->ring), &registration, 0);
    if (failed != 0) {
        complain("io_uring refuses a ring of buffers: %s", strerror(-failed));
        return EXIT_NO_RING;
    }
    io_uring_buf_ring_init(network->buffers);
    for (uint32_t i = 0; i < count; i++)
        network_return_buffer(network, i);
    return EXIT_OK;
}

/* Not looking a file up for each request is a saving; where it is refused, it is done. */
static void
register_files(struct network *network)
{
    int *fds = kv_alloc(network->connection_count * sizeof(*fds));

    for (uint32_t i = 0; i < network->connection_count; i++)
        fds[i] = network->connections[i].fd;
    network->has_fixed_files =
        io_uring_register_files(ring_uring(network->ring), fds, network->connection_count) == 0;
    free(fds);
}

static enum exit_code
open_connections(struct network *network)
{
    const uint32_t capacity = power_of_two(network->depth);
    enum exit_code code;

    network->pending =
        kv_alloc_zero((size_t)capacity * network->connection_count * sizeof(struct op));
    for (uint32_t i = 0; i < network->connection_count; i++) {
        struct bench_connection *connection = &network->connections[i];

        connection->network = network;
        connection->lane = i;
        connection->pending = network->pending + (size_t)i * capacity;
        connection->capacity = capacity;
        connection->on_receive.on_complete = network_on_receive;
        connection->on_sent.on_complete = network_on_sent;
        reply_parser_init(&connection->parser, network->options->is_verifying);
        code = dial(network->options, &connection->fd);
        if (code != EXIT_OK)
            return code;
    }
    register_files(network);
    for (uint32_t i = 0; i < network->connection_count; i++)
        network_arm_receive(&network->connections[i]);
    return EXIT_OK;
}

/* A descriptor for each connection, and some. */
static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum exit_code
network_open(const struct bench_options *options, struct target **target_out)
{
    struct network *network = kv_alloc_zero(sizeof(*network));
    enum exit_code code;

    *target_out = NULL;
    network->target.class = &network_target;
    network->options = options;
    network->depth = (uint32_t)options->depth;
    network->connection_count = (uint32_t)options->connection_count;
    network->connections = kv_alloc_zero(network->connection_count * sizeof(*network->connections));
    for (uint32_t i = 0; i < network->connection_count; i++)
        network->connections[i].fd = -1;
    network->ready = kv_alloc_zero(network->connection_count * sizeof(*network->ready));
    network->room = kv_alloc_zero(network->connection_count * sizeof(*network->room));
    network->observer.fd = -1;
    raise_file_limit();
    code = requests_init(&network->requests, options);
    if (code == EXIT_OK)
        code = open_ring(network);
    if (code == EXIT_OK)
        code = observer_open(&network->observer, options, network->ring);
    if (code == EXIT_OK)
        code = open_connections(network);
    if (code != EXIT_OK) {
        network_close(&network->target);
        return code;
    }
    *target_out = &network->target;
    return EXIT_OK;
}

const struct target_class network_target = {
    .open = network_open,
    .drive = network_drive,
    .cpu_ns = network_cpu_ns,
    .close = network_close,
};
