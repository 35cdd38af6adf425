/* sim_io.c - requests, time and faults of the simulated machine.
 *
 * A submitted request takes effect at the moment when it completes, so an order of completions
 * is an order of effects.  A cut or a kill in between makes it take effect by chance, wholly or
 * in part.
 */
#include "support/sim_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "io/io_guard.h"
#include "support/sim_internal.h"

enum { LATENCY_US_MAX_DEFAULT = 100 };

/* In struct io_request's private. */
struct sim_op {
    uint64_t due_us;
    uint64_t order;
    uint32_t crc; /* of what a write brings */
};

static const uint64_t WALL_START_US = UINT64_C(1700000000) * 1000000;

static const char *const op_names[] = {
    [IO_OPEN] = "open",         [IO_CLOSE] = "close",       [IO_READ] = "read",
    [IO_WRITE] = "write",       [IO_FSYNC] = "fsync",       [IO_FDATASYNC] = "fdatasync",
    [IO_ALLOCATE] = "allocate", [IO_TRUNCATE] = "truncate", [IO_STAT] = "stat",
    [IO_RENAME] = "rename",     [IO_UNLINK] = "unlink",     [IO_MKDIR] = "mkdir",
    [IO_SYNC_DIR] = "sync_dir", [IO_SPACE] = "space",       [IO_LINK] = "link",
    [IO_RMDIR] = "rmdir",       [IO_PUNCH] = "punch",
};

static struct sim_io *
sim_of(struct io *io)
{
    return KV_CONTAINER_OF(io, struct sim_io, io);
}

static struct sim_op *
op_of(struct io_request *request)
{
    return (struct sim_op *)(void *)request->private;
}

/* -- the trace --------------------------------------------------------------------------- */

static void
hash_add(struct sim_io *sim, uint64_t value)
{
    sim->hash = (sim->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    sim->hash ^= sim->hash >> 29;
}

static void
trace(struct sim_io *sim, const struct io_request *request, const char *path, int64_t result)
{
    uint32_t crc = crc32c_extend(0, path, strlen(path));

    if ((request->op == IO_READ || request->op == IO_WRITE) && result > 0)
        crc = crc32c_extend(crc, request->buffer, (size_t)result);
    hash_add(sim, sim->now_us);
    hash_add(sim, (uint64_t)request->op << 32 | crc);
    hash_add(sim, request->offset);
    hash_add(sim, request->size);
    hash_add(sim, (uint64_t)result);
    if (sim->options.trace)
        fprintf(stderr, "%10" PRIu64 " us  %-9s %s @%" PRIu64 "+%zu%s%s%s = %" PRId64 "\n",
                sim->now_us, op_names[request->op], path, request->offset, request->size,
                request->write_sync ? " sync" : "", request->path_to != NULL ? " to " : "",
                request->path_to != NULL ? request->path_to : "", result);
}

static void
trace_event(struct sim_io *sim, const char *what)
{
    hash_add(sim, crc32c_extend(0, what, strlen(what)));
    hash_add(sim, sim->now_us);
    if (sim->options.trace)
        fprintf(stderr, "%10" PRIu64 " us  --- %s ---\n", sim->now_us, what);
}

/* -- running requests -------------------------------------------------------------------- */

/* What was in flight has had its effect, if any; it will complete with -EIO. */
static void
interrupt_all(struct sim_io *sim)
{
    for (struct list *node = sim->in_flight.next; node != &sim->in_flight; node = node->next) {
        struct io_request *request = LIST_ENTRY(node, struct io_request, link);

        sim_interrupt(sim, request);
        op_of(request)->due_us = sim->now_us;
    }
    sim->down = true;
}

static int64_t
execute(struct sim_io *sim, struct io_request *request)
{
    char path[256];
    int64_t result;

    if (sim->down)
        return request->op == IO_CLOSE ? 0 : -EIO;
    sim->op_count++;
    if (sim->op_count == sim->cut_at) {
        sim_interrupt(sim, request);
        sim_io_power_cut(sim);
        return -EIO;
    }
    snprintf(path, sizeof(path), "%s", sim_path_of(sim, request));
    sim->tree.harsh = sim->options.harsh_directories;
    result = sim_execute(sim, request, sim_choose_fault(sim, request));
    trace(sim, request, path, result);
    return result;
}

static int64_t
sim_call(struct io *io, struct io_request *request)
{
    io_guard_submitted(request);
    io_guard_completed(request);
    return execute(sim_of(io), request);
}

static uint64_t
draw_latency_us(struct sim_io *sim)
{
    const uint64_t max_us =
        sim->options.latency_us_max > 0 ? sim->options.latency_us_max : LATENCY_US_MAX_DEFAULT;
    const uint64_t latency_us = 1 + sim_draw(sim, max_us);

    return sim_draw(sim, 32) == 0 ? latency_us * 20 : latency_us;
}

static void
sim_submit(struct io *io, struct io_request *request)
{
    struct sim_io *sim = sim_of(io);
    struct sim_op *op = op_of(request);

    KV_ASSERT(request->done != NULL);
    *op = (struct sim_op){.due_us = sim->now_us + draw_latency_us(sim), .order = sim->order++};
    if (request->op == IO_WRITE)
        op->crc = crc32c_extend(0, request->buffer, request->size);
    io_guard_submitted(request);
    list_push_back(&sim->in_flight, &request->link);
    sim->in_flight_count++;
}

static void
complete(struct sim_io *sim, struct io_request *request)
{
    list_remove(&request->link);
    sim->in_flight_count--;
    io_guard_completed(request);
    if (request->op == IO_WRITE)
        KV_ASSERT(op_of(request)->crc == crc32c_extend(0, request->buffer, request->size));
    request->result = execute(sim, request);
    request->done(request);
}

static struct io_request *
next_due(struct sim_io *sim)
{
    struct io_request *found = NULL;

    for (struct list *node = sim->in_flight.next; node != &sim->in_flight; node = node->next) {
        struct io_request *request = LIST_ENTRY(node, struct io_request, link);

        if (found == NULL || op_of(request)->due_us < op_of(found)->due_us ||
            (op_of(request)->due_us == op_of(found)->due_us &&
             op_of(request)->order < op_of(found)->order))
            found = request;
    }
    return found;
}

/* The next event, if it is due by limit_us. */
static bool
turn_until(struct sim_io *sim, uint64_t limit_us)
{
    struct io_request *request = next_due(sim);
    const uint64_t timer_us = timer_heap_next_us(&sim->timers);
    const uint64_t request_us = request != NULL ? op_of(request)->due_us : UINT64_MAX;
    const uint64_t event_us = request_us <= timer_us ? request_us : timer_us;

    if (event_us == UINT64_MAX || event_us > limit_us)
        return false;
    if (event_us > sim->now_us)
        sim->now_us = event_us;
    if (request_us <= timer_us)
        complete(sim, request);
    else
        timer_heap_expire(&sim->timers, sim->now_us);
    return true;
}

bool
sim_io_turn(struct sim_io *sim)
{
    return turn_until(sim, UINT64_MAX);
}

void
sim_io_advance(struct sim_io *sim, uint64_t duration_us)
{
    const uint64_t limit_us = sim->now_us + duration_us;

    while (turn_until(sim, limit_us))
        continue;
    sim->now_us = limit_us;
}

void
sim_io_drain(struct sim_io *sim)
{
    while (sim->in_flight_count > 0)
        (void)sim_io_turn(sim);
}

/* -- power ------------------------------------------------------------------------------- */

void
sim_io_power_cut(struct sim_io *sim)
{
    if (sim->down)
        return;
    trace_event(sim, "power cut");
    interrupt_all(sim);
    sim->tree.harsh = sim->options.harsh_directories;
    sim_close_all(sim);
    sim_tree_power_cut(&sim->tree, &sim->schedule);
}

void
sim_io_kill(struct sim_io *sim)
{
    if (sim->down)
        return;
    trace_event(sim, "kill");
    interrupt_all(sim);
    sim_close_all(sim);
    sim_tree_collect(&sim->tree);
}

void
sim_io_cut_at(struct sim_io *sim, uint64_t op_number)
{
    sim->cut_at = op_number == 0 ? 0 : sim->op_count + op_number;
}

void
sim_io_boot(struct sim_io *sim)
{
    if (!sim->down)
        sim_io_power_cut(sim);
    trace_event(sim, "boot");
    while (!list_empty(&sim->in_flight)) {
        struct io_request *request = LIST_ENTRY(sim->in_flight.next, struct io_request, link);

        list_remove(&request->link);
        io_guard_completed(request);
    }
    sim->in_flight_count = 0;
    timer_heap_deinit(&sim->timers);
    sim->cut_at = 0;
    sim->down = false;
}

/* -- the rest ---------------------------------------------------------------------------- */

static int
sim_list_dir(struct io *io, const char *path, io_name_fn *on_name, void *owner)
{
    struct sim_io *sim = sim_of(io);
    const struct sim_node *dir = sim_tree_find(&sim->tree, path);

    if (sim->down)
        return -EIO;
    if (dir == NULL)
        return -ENOENT;
    if (!dir->is_dir)
        return -ENOTDIR;
    for (size_t i = 0; i < dir->seen.count; i++) {
        if (!on_name(owner, dir->seen.list[i].name))
            break;
    }
    return 0;
}

static int
sim_lock_file(struct io *io, int fd)
{
    struct sim_io *sim = sim_of(io);
    const struct sim_fd *found = sim_fd_find(sim, fd);

    if (sim->down)
        return -EIO;
    if (found == NULL)
        return -EBADF;
    if (found->node->lock_fd != 0 && found->node->lock_fd != fd)
        return -EAGAIN;
    found->node->lock_fd = fd;
    return 0;
}

static uint64_t
sim_now_us(struct io *io)
{
    return sim_of(io)->now_us;
}

static uint64_t
sim_wall_us(struct io *io)
{
    const struct sim_io *sim = sim_of(io);

    return WALL_START_US + sim->now_us + (uint64_t)sim->wall_shift_us;
}

static uint64_t
sim_random(struct io *io)
{
    return random_next(&sim_of(io)->dice);
}

static void
sim_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    timer_heap_start(&sim_of(io)->timers, timer, deadline_us);
}

static void
sim_timer_stop(struct io *io, struct io_timer *timer)
{
    timer_heap_stop(&sim_of(io)->timers, timer);
}

static const struct io_ops sim_ops = {
    .call = sim_call,
    .submit = sim_submit,
    .list_dir = sim_list_dir,
    .lock_file = sim_lock_file,
    .now_us = sim_now_us,
    .wall_us = sim_wall_us,
    .random = sim_random,
    .timer_start = sim_timer_start,
    .timer_stop = sim_timer_stop,
};

struct sim_io *
sim_io_new(const struct sim_options *options)
{
    struct sim_io *sim = kv_alloc_zero(sizeof(*sim));

    sim->io.ops = &sim_ops;
    if (options != NULL)
        sim->options = *options;
    sim->now_us = 1000000;
    random_init(&sim->schedule, sim->options.seed);
    random_init(&sim->dice, sim->options.seed ^ UINT64_C(0xd1ce));
    list_init(&sim->in_flight);
    sim_tree_init(&sim->tree);
    return sim;
}

void
sim_io_free(struct sim_io *sim)
{
    if (sim == NULL)
        return;
    KV_ASSERT(sim->down || sim->in_flight_count == 0);
    if (sim->down)
        sim_io_boot(sim);
    timer_heap_deinit(&sim->timers);
    sim_tree_deinit(&sim->tree);
    free(sim->fds);
    free(sim);
}

struct io *
sim_io_base(struct sim_io *sim)
{
    return &sim->io;
}

struct sim_options *
sim_io_options(struct sim_io *sim)
{
    return &sim->options;
}

uint64_t
sim_io_now(const struct sim_io *sim)
{
    return sim->now_us;
}

void
sim_io_jump_wall(struct sim_io *sim, int64_t shift_us)
{
    sim->wall_shift_us += shift_us;
}

uint32_t
sim_io_in_flight_count(const struct sim_io *sim)
{
    return sim->in_flight_count;
}

uint64_t
sim_io_op_count(const struct sim_io *sim)
{
    return sim->op_count;
}

bool
sim_io_is_down(const struct sim_io *sim)
{
    return sim->down;
}

uint64_t
sim_io_trace_hash(const struct sim_io *sim)
{
    return sim->hash;
}

void
sim_io_add_fault(struct sim_io *sim, const struct sim_fault *fault)
{
    KV_ASSERT(sim->fault_count < SIM_FAULT_COUNT_MAX);
    KV_ASSERT(fault->error >= 0);
    sim->faults[sim->fault_count++] = *fault;
}

void
sim_io_clear_faults(struct sim_io *sim)
{
    sim->fault_count = 0;
}

void
sim_io_drop_caches(struct sim_io *sim)
{
    for (size_t i = 0; i < sim->tree.node_count; i++)
        sim_file_drop_cache(&sim->tree.nodes[i]->file);
}

bool
sim_io_flip_bit(struct sim_io *sim, const char *path, uint64_t bit_offset)
{
    struct sim_node *node = sim_tree_find(&sim->tree, path);

    if (node == NULL || node->file.cache.size == 0)
        return false;
    sim_file_flip_bit(&node->file, bit_offset % (node->file.cache.size * 8));
    trace_event(sim, "bit rot");
    return true;
}

bool
sim_io_flip_random_bit(struct sim_io *sim, const char *path_suffix)
{
    uint64_t total = 0, target;

    for (size_t i = 0; i < sim->tree.node_count; i++) {
        if (sim_has_suffix(sim->tree.nodes[i]->path, path_suffix))
            total += sim->tree.nodes[i]->file.cache.size;
    }
    if (total == 0)
        return false;
    target = sim_draw(sim, total);
    for (size_t i = 0; i < sim->tree.node_count; i++) {
        struct sim_node *node = sim->tree.nodes[i];

        if (!sim_has_suffix(node->path, path_suffix))
            continue;
        if (target < node->file.cache.size) {
            sim_file_flip_bit(&node->file, target * 8 + sim_draw(sim, 8));
            trace_event(sim, "bit rot");
            return true;
        }
        target -= node->file.cache.size;
    }
    return false;
}
