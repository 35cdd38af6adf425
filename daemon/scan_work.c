#include "daemon/scan_work.h"

#include "base/alloc.h"
#include "daemon/server.h"

enum { KEYS_BETWEEN_CLOCKS = 32 };

static void
reset(struct scan_work *work)
{
    db_iter_free(work->iter);
    work->iter = NULL;
    db_view_unpin(&work->view);
    buffer_clear(&work->items);
    buffer_clear(&work->lower);
    buffer_clear(&work->upper);
    buffer_clear(&work->next);
    buffer_clear(&work->last);
    work->has_last = false;
    work->count = work->item_count = 0;
    work->seq_seen = 0;
}

static void
work_free(struct command_work *base)
{
    struct scan_work *work = KV_CONTAINER_OF(base, struct scan_work, base);

    reset(work);
    buffer_deinit(&work->items);
    buffer_deinit(&work->lower);
    buffer_deinit(&work->upper);
    buffer_deinit(&work->next);
    buffer_deinit(&work->last);
    free(work);
}

void
scan_forget(struct command_call *call)
{
    struct client *client = call->client;

    if (client->work != NULL)
        client->work->free(client->work);
    client->work = NULL;
}

static void
begin(struct scan_work *work, struct command_call *call, const struct scan_request *request)
{
    work->db = call->server->db;
    work->request = *request;
    buffer_append_slice(&work->lower, request->lower);
    buffer_append_slice(&work->upper, request->upper);
    work->has_upper = request->has_upper;
    work->is_from_first = request->lower.size == 0;
    db_view_pin(&work->view, work->db, call->cf_id, call->seq_max);
}

static struct scan_work *
work_of(struct command_call *call, const struct scan_request *request)
{
    struct client *client = call->client;
    struct scan_work *work;

    if (client->work != NULL) {
        work = KV_CONTAINER_OF(client->work, struct scan_work, base);
        if (db_view_holds(&work->view, work->db))
            return work;
        reset(work);
    } else {
        work = kv_alloc_zero(sizeof(*work));
        work->base.free = work_free;
        client->work = &work->base;
    }
    begin(work, call, request);
    return work;
}

static void
open_iter(struct scan_work *work, struct command_call *call)
{
    const struct db_iter_options options = {
        .view = &work->view,
        .cf_id = call->cf_id,
        .seq_max = call->seq_max,
        .lower = buffer_slice(&work->lower),
        .upper = buffer_slice(&work->upper),
        .has_upper = work->has_upper,
        .keys_only = work->request.keys_only,
        .ahead_bytes_max = SCAN_AHEAD_BYTES_MAX,
        .skip_count_max = SCAN_SLICE_SKIP_COUNT,
    };

    if (work->iter != NULL)
        return;
    work->iter = db_iter_new(work->db, call->ctx, &options);
    work->has_started = false;
}

/* Where the walk goes on after the iterator's last answer. */
static void
note_place(struct scan_work *work, struct slice key, bool is_passed)
{
    buffer_clear(&work->next);
    buffer_append_slice(&work->next, key);
    work->next_is_open = is_passed;
}

/* Cuts off what has been passed, for the next slice's iterator. */
static void
cut_bounds(struct scan_work *work)
{
    const bool reverse = work->request.is_reverse;
    struct buffer *bound = reverse ? &work->upper : &work->lower;

    buffer_clear(bound);
    buffer_append_slice(bound, buffer_slice(&work->next));
    if (reverse != work->next_is_open)
        buffer_append_byte(bound, 0); /* the next possible key */
    if (reverse)
        work->has_upper = true;
}

static void
take_sequences(struct scan_work *work)
{
    const uint64_t seq = db_iter_seq_seen(work->iter);

    if (seq > work->seq_seen)
        work->seq_seen = seq;
}

/* Lets go of the blocks that the walk has passed, and so of the iterator that stands on others. */
static void
let_go(struct scan_work *work, struct command_call *call)
{
    cut_bounds(work);
    take_sequences(work);
    db_iter_free(work->iter);
    work->iter = NULL;
    read_ctx_deinit(call->ctx);
    read_ctx_init(call->ctx, db_block_cache(work->db));
}

static uint64_t
block_bytes(const struct scan_work *work)
{
    struct db_iter_stats stats;

    db_iter_get_stats(work->iter, &stats);
    return stats.block_bytes;
}

/* What finding the place has cost is paid again by the next iterator, so it may be walked as far
 * as that at least: large blocks must not make a walk that does nothing but find its place. */
static bool
holds_too_much(const struct scan_work *work)
{
    const uint64_t walked = block_bytes(work) - work->start_bytes;

    return walked >= SCAN_SLICE_BYTES && walked >= work->start_bytes;
}

/* The time of one slice. */
struct slice_use {
    uint64_t started_us;
    uint32_t key_count; /* since the clock was asked */
};

static bool
slice_is_used(const struct command_call *call, struct slice_use *use, bool paused)
{
    if (!paused && ++use->key_count < KEYS_BETWEEN_CLOCKS)
        return false;
    use->key_count = 0;
    return io_now_us(call->server->io) - use->started_us >= SCAN_SLICE_US;
}

static bool
budget_is_used(const struct scan_work *work, const struct command_call *call)
{
    return work->request.budget_us > 0 &&
           io_now_us(call->server->io) - call->client->begun_us >= work->request.budget_us;
}

static void
remember_last(struct scan_work *work, struct slice key)
{
    buffer_clear(&work->last);
    buffer_append_slice(&work->last, key);
    work->has_last = true;
}

/* One key, or a pause, or the end.  *done: the walk is over. */
static enum kv_status
walk_on(struct scan_work *work, bool *done)
{
    enum kv_status st =
        work->request.is_reverse ? db_iter_prev(work->iter) : db_iter_next(work->iter);
    enum scan_verdict verdict;
    struct slice key;

    *done = false;
    if (st != KV_OK)
        return st;
    key = db_iter_key(work->iter);
    switch (db_iter_state(work->iter)) {
    case DB_ITER_AT_END:
        work->is_at_end = *done = true;
        return KV_OK;
    case DB_ITER_PAUSED:
        note_place(work, key, db_iter_is_past_key(work->iter));
        return KV_OK;
    case DB_ITER_AT_KEY:
        break;
    }
    verdict = work->request.visit(
        work, key, work->request.keys_only ? slice_of(NULL, 0) : db_iter_value(work->iter));
    note_place(work, key, verdict != SCAN_STOP_BEFORE);
    if (verdict != SCAN_STOP_BEFORE)
        remember_last(work, key);
    *done = verdict != SCAN_GO_ON;
    return KV_OK;
}

static enum kv_status
finish(struct scan_work *work, struct command_call *call)
{
    if (work->iter != NULL)
        take_sequences(work);
    if (work->seq_seen > call->seq_wait)
        call->seq_wait = work->seq_seen;
    db_iter_free(work->iter);
    work->iter = NULL;
    return KV_OK;
}

enum kv_status
scan_run(struct command_call *call, const struct scan_request *request, struct scan_work **work_out)
{
    struct scan_work *work = work_of(call, request);
    struct slice_use use = {.started_us = io_now_us(call->server->io)};
    bool done = false, has_place = work->next.size > 0 || work->has_last;

    *work_out = work;
    work->pattern = request->pattern;
    open_iter(work, call);
    while (!done) {
        const enum kv_status st = walk_on(work, &done);
        const bool paused = st == KV_OK && db_iter_state(work->iter) == DB_ITER_PAUSED;

        /* A page that has something does not wait for the disk when its time is over. */
        if (st == KV_WANT_BLOCK && has_place && budget_is_used(work, call)) {
            read_ctx_clear_wants(call->ctx);
            break;
        }
        if (st != KV_OK)
            return st;
        has_place = true;
        if (!work->has_started)
            work->start_bytes = block_bytes(work);
        work->has_started = true;
        if (done)
            break;
        if (holds_too_much(work))
            let_go(work, call);
        else if (!slice_is_used(call, &use, paused))
            continue;
        if (budget_is_used(work, call))
            break;
        work->base.has_yielded = true;
        return KV_BUSY;
    }
    return finish(work, call);
}
