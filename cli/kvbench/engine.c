/* engine.c - the engine, its loop and its workers in this process, and the operations under way.
 *
 * An operation is in exactly one place:
 *
 *     PUT, DELETE:  gathering (its record is in the batch) -> held (until durable) -> done
 *                   waiting (no room for a batch that is there) -> gathering
 *     GET, SCAN:    the block fetch that it waits for -> done
 *     FLUSH:        the engine -> done
 *
 * While a batch finds no room, it stays as it is and later writes wait in their order.
 */
#include "cli/kvbench/engine.h"

#include <sysexits.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cli/kvbench/engine_internal.h"
#include "daemon/config.h"
#include "daemon/scan_work.h"
#include "daemon/server.h"
#include "daemon/worker_pool.h"

enum {
    RING_ENTRY_COUNT = 4096,
    IDLE_TURN_COUNT_MAX = 3000,
    IDLE_TURN_US = 10 * 1000,
    SETTLE_TURN_US = 10 * 1000,
    SETTLE_CALM_COUNT = 20, /* turns without work in the background */
    ENTRIES_BETWEEN_LOOKS = 1024,
    QUIET_TURN_COUNT_MAX = 64, /* turns without a look at the ring, when nothing waits for it */
};

/* --- the engine's events --- */

static void
end_op(struct engine_op *op, enum kv_status st)
{
    KV_ASSERT(op->engine->busy_count > 0);
    op->st = st;
    op->engine->busy_count--;
    list_push_back(&op->engine->done, &op->link);
}

static void
on_durable(void *owner, uint64_t seq)
{
    struct engine *engine = owner;

    while (!list_empty(&engine->held)) {
        struct engine_op *op = LIST_ENTRY(engine->held.next, struct engine_op, link);

        if (op->seq > seq)
            return;
        list_remove(&op->link);
        end_op(op, KV_OK);
    }
}

static void
on_write_failed(void *owner, uint64_t seq_durable)
{
    struct engine *engine = owner;

    on_durable(engine, seq_durable);
    while (!list_empty(&engine->held)) {
        struct engine_op *op = LIST_ENTRY(engine->held.next, struct engine_op, link);

        list_remove(&op->link);
        end_op(op, KV_IO);
    }
}

static void
on_writable(void *owner)
{
    struct engine *engine = owner;

    engine->is_full = false;
}

/* --- writing --- */

/* The batch goes to the engine; whoever has a record in it waits for its durability. */
static void
commit(struct engine *engine)
{
    uint64_t seq;
    enum kv_status st;

    if (engine->is_full || list_empty(&engine->gathering))
        return;
    st = db_write(engine->db, &engine->batch, &seq);
    if (st == KV_BUSY) {
        engine->is_full = true;
        return;
    }
    while (!list_empty(&engine->gathering)) {
        struct engine_op *op = LIST_ENTRY(engine->gathering.next, struct engine_op, link);

        list_remove(&op->link);
        op->seq = seq;
        if (st == KV_OK)
            list_push_back(&engine->held, &op->link);
        else
            end_op(op, st);
    }
    write_batch_clear(&engine->batch);
}

static void
gather(struct engine_op *op)
{
    struct engine *engine = op->engine;

    if (op->kind == ENGINE_PUT)
        write_batch_put(&engine->batch, CF_DEFAULT, op->key, op->value);
    else
        write_batch_delete(&engine->batch, CF_DEFAULT, op->key);
    list_push_back(&engine->gathering, &op->link);
    if (write_batch_count(&engine->batch) >= engine->batch_count)
        commit(engine);
}

/* Those that came while there was no room, until there is none again. */
static void
resume_writers(struct engine *engine)
{
    commit(engine);
    while (!engine->is_full && !list_empty(&engine->waiting)) {
        struct engine_op *op = LIST_ENTRY(engine->waiting.next, struct engine_op, link);

        list_remove(&op->link);
        gather(op);
    }
    commit(engine);
}

/* --- reading --- */

static enum kv_status
get(struct engine_op *op)
{
    struct lookup found;
    enum kv_status st = db_get(op->engine->db, &op->ctx, CF_DEFAULT, op->key, SEQUENCE_MAX, &found);

    if (st == KV_OK && found.kind == LOOKUP_VALUE) {
        op->entry_count = 1;
        op->value_bytes = found.value.size;
        if (op->read_value != NULL) {
            buffer_clear(op->read_value);
            buffer_append_slice(op->read_value, found.value);
        }
    }
    return st;
}

/* As a command of kvd's reads a range: a new iterator goes on where the one before let go. */
static void
open_scan(struct engine_op *op)
{
    const struct db_iter_options options = {
        .view = &op->view,
        .seq_max = SEQUENCE_MAX,
        .ahead_bytes_max = SCAN_AHEAD_BYTES_MAX,
    };

    if (op->scan != NULL)
        return;
    if (op->entry_count == 0 && op->next.size == 0) {
        db_view_pin(&op->view, op->engine->db, CF_DEFAULT, SEQUENCE_MAX);
        buffer_append_slice(&op->next, op->key);
    }
    op->scan = db_iter_new(op->engine->db, &op->ctx, &options);
}

static void
close_scan(struct engine_op *op)
{
    if (op->scan == NULL)
        return;
    db_iter_free(op->scan);
    op->scan = NULL;
    db_view_unpin(&op->view);
    buffer_deinit(&op->next);
}

/* Blocks that were waited for are held until then. */
static void
let_go_of_blocks(struct engine_op *op)
{
    struct db_iter_stats stats;

    db_iter_get_stats(op->scan, &stats);
    if (stats.block_bytes < SCAN_SLICE_BYTES)
        return;
    buffer_clear(&op->next);
    buffer_append_slice(&op->next, db_iter_key(op->scan));
    buffer_append_byte(&op->next, 0); /* the next possible key */
    db_iter_free(op->scan);
    read_ctx_deinit(&op->ctx);
    read_ctx_init(&op->ctx, db_block_cache(op->engine->db));
    op->scan = NULL;
    op->is_seeked = false;
    open_scan(op);
}

static enum kv_status
scan(struct engine_op *op)
{
    open_scan(op);
    while (op->entry_count < op->entry_count_max) {
        const enum kv_status st = op->is_seeked ? db_iter_next(op->scan)
                                                : db_iter_seek(op->scan, buffer_slice(&op->next));

        if (st != KV_OK || db_iter_state(op->scan) != DB_ITER_AT_KEY)
            return st;
        op->is_seeked = true;
        op->entry_count++;
        op->value_bytes += db_iter_value(op->scan).size;
        if (op->entry_count % ENTRIES_BETWEEN_LOOKS == 0)
            let_go_of_blocks(op);
    }
    return KV_OK;
}

/* One pass, which ends the operation unless a block is missing. */
static void
try_read(struct engine_op *op)
{
    enum kv_status st;

    read_ctx_clear_wants(&op->ctx);
    st = op->kind == ENGINE_GET ? get(op) : scan(op);
    if (st == KV_WANT_BLOCK) {
        op->fetch_count++;
        op->engine->fetching_count++;
        db_fetch(op->engine->db, &op->ctx, &op->waiter);
        return;
    }
    close_scan(op);
    read_ctx_deinit(&op->ctx);
    end_op(op, st);
}

static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct engine_op *op = KV_CONTAINER_OF(waiter, struct engine_op, waiter);

    KV_ASSERT(op->engine->fetching_count > 0);
    op->engine->fetching_count--;
    if (st == KV_OK) {
        try_read(op);
        return;
    }
    close_scan(op);
    read_ctx_deinit(&op->ctx);
    end_op(op, st);
}

/* --- operations --- */

static void
on_flushed(void *owner, enum kv_status st)
{
    end_op(owner, st);
}

void
engine_op_init(struct engine_op *op)
{
    *op = (struct engine_op){.waiter = {.on_arrived = on_arrived}};
    list_init(&op->link);
}

void
engine_start(struct engine *engine, struct engine_op *op)
{
    op->engine = engine;
    op->entry_count = op->value_bytes = op->fetch_count = 0;
    engine->busy_count++;
    switch (op->kind) {
    case ENGINE_GET:
    case ENGINE_SCAN:
        op->is_seeked = false;
        read_ctx_init(&op->ctx, db_block_cache(engine->db));
        try_read(op);
        break;
    case ENGINE_PUT:
    case ENGINE_DELETE:
        if (engine->is_full)
            list_push_back(&engine->waiting, &op->link);
        else
            gather(op);
        break;
    case ENGINE_FLUSH:
        db_flush(engine->db, on_flushed, op);
        break;
    }
}

struct engine_op *
engine_next_done(struct engine *engine)
{
    struct list *node = engine->done.next;

    if (node == &engine->done)
        return NULL;
    list_remove(node);
    return LIST_ENTRY(node, struct engine_op, link);
}

/* A turn without system calls is what a reader of cached blocks gets; the workers are heard now
 * and then all the same. */
static bool
ring_may_rest(struct engine *engine)
{
    if (!list_empty(&engine->done) && list_empty(&engine->held) && engine->fetching_count == 0 &&
        engine->quiet_turn_count < QUIET_TURN_COUNT_MAX) {
        engine->quiet_turn_count++;
        return true;
    }
    engine->quiet_turn_count = 0;
    return false;
}

void
engine_turn(struct engine *engine, uint64_t timeout_us)
{
    resume_writers(engine);
    db_turn(engine->db);
    if (ring_may_rest(engine))
        return;
    (void)ring_turn(engine->ring, list_empty(&engine->done) ? timeout_us : 0);
}

static bool
has_work(const struct engine *engine)
{
    struct db_stats stats;

    db_get_stats(engine->db, &stats);
    return stats.frozen_count > 0 || !stats.compaction_is_settled;
}

void
engine_settle(struct engine *engine)
{
    struct engine_op flush;
    uint32_t calm_count = 0;

    KV_ASSERT(engine->busy_count == 0);
    engine_op_init(&flush);
    flush.kind = ENGINE_FLUSH;
    engine_start(engine, &flush);
    while (engine_next_done(engine) == NULL)
        engine_turn(engine, SETTLE_TURN_US);
    if (flush.st != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "the flush failed: %s", kv_status_text(flush.st));
    while (calm_count < SETTLE_CALM_COUNT) {
        calm_count = has_work(engine) ? 0 : calm_count + 1;
        engine_turn(engine, SETTLE_TURN_US);
    }
}

uint32_t
engine_busy_count(const struct engine *engine)
{
    return engine->busy_count;
}

struct db *
engine_db(struct engine *engine)
{
    return engine->db;
}

/* --- opening and closing --- */

static enum kv_status
open_pool(struct engine *engine, const struct config *config)
{
    const struct worker_pool_options options = {
        .ring = engine->ring,
        .dir = config->dir,
        .binary_path = config->worker_path[0] == '\0' ? NULL : config->worker_path,
        .worker_count = (uint32_t)config->workers,
        .socket_path = config->worker_socket,
        .no_jail = config->worker_jail == 0,
    };

    return worker_pool_open(&options, &engine->pool);
}

static enum kv_status
open_db(struct engine *engine, const struct config *config)
{
    struct db_options options = server_db_options(config);

    options.io = ring_io(engine->ring);
    options.port = worker_pool_port(engine->pool);
    options.owner = engine;
    options.on_durable = on_durable;
    options.on_write_failed = on_write_failed;
    options.on_writable = on_writable;
    return db_open(&options, &engine->db);
}

int
engine_open(const struct config *config, uint32_t batch_count, struct engine **engine_out)
{
    struct engine *engine = kv_alloc_zero(sizeof(*engine));
    int code = EX_OSERR;

    KV_ASSERT(batch_count > 0);
    engine->batch_count = batch_count;
    list_init(&engine->gathering);
    list_init(&engine->held);
    list_init(&engine->waiting);
    list_init(&engine->done);
    write_batch_init(&engine->batch);
    if (ring_open(RING_ENTRY_COUNT, &engine->ring) != KV_OK)
        goto fail;
    code = EX_IOERR;
    if (open_pool(engine, config) != KV_OK || open_db(engine, config) != KV_OK)
        goto fail;
    *engine_out = engine;
    return 0;

fail:
    (void)engine_close(engine);
    return code;
}

static void
run_until_idle(struct engine *engine)
{
    for (int i = 0; i < IDLE_TURN_COUNT_MAX && !db_is_idle(engine->db); i++) {
        if (engine->pool != NULL)
            db_turn(engine->db);
        (void)ring_turn(engine->ring, IDLE_TURN_US);
    }
}

/* What is in flight, then the workers, then the engine: as in kvd (daemon/server_data.c). */
int
engine_close(struct engine *engine)
{
    int code = 0;

    if (engine == NULL)
        return 0;
    KV_ASSERT(engine->busy_count == 0);
    if (engine->db != NULL) {
        run_until_idle(engine);
        db_stop(engine->db);
    }
    worker_pool_close(engine->pool);
    engine->pool = NULL;
    if (engine->db != NULL) {
        run_until_idle(engine);
        if (!db_is_idle(engine->db)) {
            kv_log(LOG_LEVEL_WARNING, "the disk does not answer; leaving without a clean close");
            return EX_IOERR;
        }
        if (db_close(engine->db) != KV_OK)
            code = EX_IOERR;
    }
    ring_close(engine->ring);
    write_batch_deinit(&engine->batch);
    free(engine);
    return code;
}
