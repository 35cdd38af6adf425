/* sim_liar.c - each request goes on as a copy, so that what the machine is asked and what the
 * engine is told can differ.
 */
#include "support/sim_liar.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"

enum { NEAR_OP_COUNT = 12, AFTERLIFE_FD = 1 << 30 };

struct sim_liar {
    struct io io; /* first */
    struct sim_io *sim;
    struct random random;
    enum sim_lie lie;
    uint64_t lie_count;
    const bool *is_compacting; /* borrowed; NULL: never */
    bool is_after_life;
    bool current_is_renamed; /* and its directory not synced since */
    uint32_t cut_one_in;
    uint32_t in_flight;
};

struct passed_on {
    struct io_request inner;
    struct io_request *outer;
    struct sim_liar *liar;
};

const char *
sim_lie_name(enum sim_lie lie)
{
    static const char *const names[] = {
        [LIE_NONE] = "none",
        [LIE_LOG_UNSYNCED] = "log-unsynced",
        [LIE_CURRENT_UNSYNCED] = "current-unsynced",
        [LIE_TABLE_UNSYNCED] = "table-unsynced",
        [LIE_MANIFEST_UNSYNCED] = "manifest-unsynced",
        [LIE_SYNC_RETRIED] = "sync-retried",
        [LIE_NAMES_UNSYNCED] = "names-unsynced",
        [LIE_SHORT_WRITE_WHOLE] = "short-write-whole",
        [LIE_OUTPUT_UNSYNCED] = "output-unsynced",
        [LIE_INPUT_GONE_EARLY] = "input-gone-early",
    };

    KV_ASSERT((unsigned)lie < SIM_LIE_COUNT);
    return names[lie];
}

static struct sim_liar *
liar_of(struct io *io)
{
    return KV_CONTAINER_OF(io, struct sim_liar, io);
}

static bool
ends_in(const char *path, const char *suffix)
{
    const size_t size = strlen(path), suffix_size = strlen(suffix);

    return size >= suffix_size && strcmp(path + size - suffix_size, suffix) == 0;
}

static bool
is_sync(const struct io_request *request)
{
    return request->op == IO_FSYNC || request->op == IO_FDATASYNC;
}

/* -- before ------------------------------------------------------------------------------ */

/* Instead of a sync: an operation that changes nothing and succeeds. */
static void
drop_sync(struct sim_liar *liar, struct io_request *request)
{
    request->op = IO_STAT;
    liar->lie_count++;
}

static bool
must_drop_sync(struct sim_liar *liar, const struct io_request *request)
{
    const char *path = sim_io_path(liar->sim, request);

    switch (liar->lie) {
    case LIE_TABLE_UNSYNCED:
        return is_sync(request) && ends_in(path, ".sst");
    case LIE_OUTPUT_UNSYNCED:
        return is_sync(request) && liar->is_compacting != NULL && *liar->is_compacting;
    case LIE_MANIFEST_UNSYNCED:
        return request->op == IO_FDATASYNC && strstr(path, "/MANIFEST-") != NULL;
    case LIE_NAMES_UNSYNCED:
        return request->op == IO_SYNC_DIR;
    case LIE_CURRENT_UNSYNCED:
        return request->op == IO_SYNC_DIR && liar->current_is_renamed;
    default:
        return false;
    }
}

static void
twist_question(struct sim_liar *liar, struct io_request *request)
{
    if (liar->is_after_life)
        return;
    if (must_drop_sync(liar, request)) {
        drop_sync(liar, request);
        liar->current_is_renamed = false;
    } else if (liar->lie == LIE_LOG_UNSYNCED && request->op == IO_WRITE && request->write_sync) {
        request->write_sync = false;
        liar->lie_count++;
    }
}

/* -- after ------------------------------------------------------------------------------- */

static void
answer_from_beyond(struct io_request *request)
{
    switch (request->op) {
    case IO_READ:
        request->result = -EIO;
        break;
    case IO_WRITE:
        request->result = (int64_t)request->size;
        break;
    case IO_OPEN:
        request->result = AFTERLIFE_FD;
        break;
    default:
        request->result = 0;
        request->size_out = request->link_count_out = 0;
        break;
    }
}

static void
maybe_cut_soon(struct sim_liar *liar, const struct io_request *request)
{
    if (request->op != IO_RENAME && request->op != IO_UNLINK && request->op != IO_SYNC_DIR)
        return;
    if (liar->cut_one_in > 0 && random_below(&liar->random, liar->cut_one_in) == 0)
        sim_io_cut_at(liar->sim, 1 + random_below(&liar->random, NEAR_OP_COUNT));
}

static void
twist_answer(struct sim_liar *liar, struct io_request *request)
{
    if (liar->is_after_life) {
        answer_from_beyond(request);
        return;
    }
    if (sim_io_is_down(liar->sim))
        return;
    maybe_cut_soon(liar, request);
    if (request->op == IO_RENAME && request->result == 0 && ends_in(request->path_to, "/CURRENT"))
        liar->current_is_renamed = true;
    if (liar->lie == LIE_SYNC_RETRIED && is_sync(request) && request->result < 0) {
        (void)io_call(sim_io_base(liar->sim), request);
        liar->lie_count++;
    }
    if (liar->lie == LIE_SHORT_WRITE_WHOLE && request->op == IO_WRITE && request->write_sync &&
        request->result > 0 && (size_t)request->result < request->size) {
        request->result = (int64_t)request->size;
        liar->lie_count++;
    }
}

/* -- struct io --------------------------------------------------------------------------- */

static int64_t
liar_call(struct io *io, struct io_request *request)
{
    struct sim_liar *liar = liar_of(io);
    struct io_request inner = *request;

    twist_question(liar, &inner);
    (void)io_call(sim_io_base(liar->sim), &inner);
    twist_answer(liar, &inner);
    request->size_out = inner.size_out;
    request->total_out = inner.total_out;
    request->link_count_out = inner.link_count_out;
    return inner.result;
}

static void
on_done(struct io_request *inner)
{
    struct passed_on *passed = inner->owner;
    struct io_request *outer = passed->outer;
    struct sim_liar *liar = passed->liar;

    twist_answer(liar, inner);
    outer->result = inner->result;
    outer->size_out = inner->size_out;
    outer->total_out = inner->total_out;
    outer->link_count_out = inner->link_count_out;
    liar->in_flight--;
    free(passed);
    outer->done(outer);
}

static void
liar_submit(struct io *io, struct io_request *request)
{
    struct sim_liar *liar = liar_of(io);
    struct passed_on *passed = kv_alloc_zero(sizeof(*passed));

    passed->inner = *request;
    passed->inner.done = on_done;
    passed->inner.owner = passed;
    passed->outer = request;
    passed->liar = liar;
    twist_question(liar, &passed->inner);
    liar->in_flight++;
    io_submit(sim_io_base(liar->sim), &passed->inner);
}

static int
liar_list_dir(struct io *io, const char *path, io_name_fn *on_name, void *owner)
{
    return io_list_dir(sim_io_base(liar_of(io)->sim), path, on_name, owner);
}

static int
liar_lock_file(struct io *io, int fd)
{
    return io_lock_file(sim_io_base(liar_of(io)->sim), fd);
}

static uint64_t
liar_now_us(struct io *io)
{
    return io_now_us(sim_io_base(liar_of(io)->sim));
}

static uint64_t
liar_wall_us(struct io *io)
{
    return io_wall_us(sim_io_base(liar_of(io)->sim));
}

static uint64_t
liar_random(struct io *io)
{
    return io_random(sim_io_base(liar_of(io)->sim));
}

static void
liar_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    io_timer_start(sim_io_base(liar_of(io)->sim), timer, deadline_us);
}

static void
liar_timer_stop(struct io *io, struct io_timer *timer)
{
    io_timer_stop(sim_io_base(liar_of(io)->sim), timer);
}

static const struct io_ops liar_ops = {
    .call = liar_call,
    .submit = liar_submit,
    .list_dir = liar_list_dir,
    .lock_file = liar_lock_file,
    .now_us = liar_now_us,
    .wall_us = liar_wall_us,
    .random = liar_random,
    .timer_start = liar_timer_start,
    .timer_stop = liar_timer_stop,
};

struct sim_liar *
sim_liar_new(struct sim_io *sim, enum sim_lie lie)
{
    struct sim_liar *liar = kv_alloc_zero(sizeof(*liar));

    KV_ASSERT(sim != NULL && (unsigned)lie < SIM_LIE_COUNT);
    liar->io.ops = &liar_ops;
    liar->sim = sim;
    liar->lie = lie;
    random_init(&liar->random, sim_io_options(sim)->seed ^ UINT64_C(0x11e));
    return liar;
}

void
sim_liar_free(struct sim_liar *liar)
{
    KV_ASSERT(liar == NULL || liar->in_flight == 0);
    free(liar);
}

struct io *
sim_liar_base(struct sim_liar *liar)
{
    return &liar->io;
}

uint64_t
sim_liar_lie_count(const struct sim_liar *liar)
{
    return liar->lie_count;
}

void
sim_liar_watch_compaction(struct sim_liar *liar, const bool *is_compacting)
{
    liar->is_compacting = is_compacting;
}

void
sim_liar_remove(struct sim_liar *liar, const char *path, const char *dir)
{
    struct io_request unlink = {.op = IO_UNLINK, .path = path};
    struct io_request sync = {.op = IO_SYNC_DIR, .path = dir};

    KV_ASSERT(liar->lie == LIE_INPUT_GONE_EARLY);
    (void)io_call(sim_liar_base(liar), &unlink);
    (void)io_call(sim_liar_base(liar), &sync);
    liar->lie_count++;
}

void
sim_liar_set_afterlife(struct sim_liar *liar, bool is_on)
{
    liar->is_after_life = is_on;
}

void
sim_liar_cut_near_names(struct sim_liar *liar, uint32_t one_in)
{
    liar->cut_one_in = one_in;
}
