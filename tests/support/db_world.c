#include "support/db_world.h"

#include <CUnit/Basic.h>
#include <string.h>

#include "io/io_blocking.h"

static void
on_durable(void *owner, uint64_t seq)
{
    struct db_world *world = owner;

    CU_ASSERT_TRUE(seq >= world->durable_seq);
    world->durable_seq = seq;
}

static void
on_write_failed(void *owner, uint64_t seq_durable)
{
    ((struct db_world *)owner)->failed_above = seq_durable;
}

static void
on_writable(void *owner)
{
    ((struct db_world *)owner)->writable_count++;
}

void
db_world_init(struct db_world *world)
{
    memset(world, 0, sizeof(*world));
    scratch_dir_make(world->dir, NULL);
    world->io = io_blocking_new();
    world->failed_above = UINT64_MAX;
    world->options = (struct db_options){
        .io = world->io,
        .dir = world->dir,
        .create_if_missing = true,
        .memory_limit_bytes = 64 << 20,
        .memtable_bytes = 1 << 20,
        .wal_bytes_max = 4 << 20,
        .wal_sync = WAL_SYNC_ALWAYS,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compression = COMPRESSION_LZ4,
        .bloom_bits_per_key = 10,
        .owner = world,
        .on_durable = on_durable,
        .on_write_failed = on_write_failed,
        .on_writable = on_writable,
    };
}

void
db_world_deinit(struct db_world *world)
{
    db_world_close(world);
    io_blocking_free(world->io);
    scratch_dir_remove(world->dir);
}

enum kv_status
db_world_open(struct db_world *world)
{
    inline_port_init(&world->port, world->io);
    world->options.port = &world->port.port;
    return db_open(&world->options, &world->db);
}

void
db_world_turn(struct db_world *world)
{
    db_turn(world->db);
    io_blocking_turn(world->io);
}

void
db_world_settle(struct db_world *world)
{
    do
        db_world_turn(world);
    while (db_durable_seq(world->db) < db_last_seq(world->db) || !db_is_idle(world->db));
}

void
db_world_close(struct db_world *world)
{
    if (world->db == NULL)
        return;
    inline_port_deinit(&world->port);
    while (!db_is_idle(world->db))
        io_blocking_turn(world->io);
    CU_ASSERT_EQUAL(db_close(world->db), KV_OK);
    world->db = NULL;
}

enum kv_status
db_world_wait(struct db_world *world, const struct outcome *outcome)
{
    while (!outcome->is_here)
        db_world_turn(world);
    return outcome->st;
}

void
db_world_flush(struct db_world *world)
{
    struct outcome outcome = {0};

    db_flush(world->db, outcome_note, &outcome);
    CU_ASSERT_EQUAL(db_world_wait(world, &outcome), KV_OK);
}

void
db_world_compact(struct db_world *world, bool is_forced)
{
    const struct db_compact_request request = {.cf_id = CF_DEFAULT, .is_forced = is_forced};
    struct outcome outcome = {0};

    (void)db_compact(world->db, &request, outcome_note, &outcome);
    CU_ASSERT_EQUAL(db_world_wait(world, &outcome), KV_OK);
}

void
db_world_wait_until(struct db_world *world, uint64_t time_ms)
{
    for (;;) {
        db_let_time_pass(world->db);
        if (db_now_ms(world->db) > time_ms)
            return;
        db_world_turn(world);
    }
}

void
db_world_write(struct db_world *world, struct write_batch *batch)
{
    uint64_t seq;
    enum kv_status st;

    while ((st = db_write(world->db, batch, &seq)) == KV_BUSY)
        db_world_turn(world);
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
    write_batch_deinit(batch);
}

void
db_world_put(struct db_world *world, const char *key, const char *value)
{
    struct write_batch batch;

    write_batch_init(&batch);
    if (value != NULL)
        write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_from_text(value));
    else
        write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    db_world_write(world, &batch);
}

enum kv_status
db_world_fetch(struct db_world *world, struct read_ctx *ctx)
{
    struct arrival arrival = ARRIVAL;

    db_fetch(world->db, ctx, &arrival.waiter);
    while (!arrival.is_here)
        db_world_turn(world);
    return arrival.st;
}

bool
db_world_step(struct db_world *world, struct db_iter *iter, struct read_ctx *ctx, bool forward)
{
    enum kv_status st;

    while ((st = forward ? db_iter_next(iter) : db_iter_prev(iter)) == KV_WANT_BLOCK)
        CU_ASSERT_EQUAL_FATAL(db_world_fetch(world, ctx), KV_OK);
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
    return db_iter_state(iter) == DB_ITER_AT_KEY;
}

enum kv_status
db_world_find(struct db_world *world, const char *key, struct read_ctx *ctx, struct lookup *found)
{
    enum kv_status st;

    read_ctx_init(ctx, db_block_cache(world->db));
    do {
        st = db_get(world->db, ctx, CF_DEFAULT, slice_from_text(key), SEQUENCE_MAX, found);
    } while (st == KV_WANT_BLOCK && (st = db_world_fetch(world, ctx)) == KV_OK);
    return st;
}

const char *
db_world_get(struct db_world *world, const char *key)
{
    static char value[64 * 1024];
    struct read_ctx ctx;
    struct lookup found;

    CU_ASSERT_EQUAL(db_world_find(world, key, &ctx, &found), KV_OK);
    if (found.kind == LOOKUP_VALUE) {
        CU_ASSERT_FATAL(found.value.size < sizeof(value));
        memcpy(value, found.value.data, found.value.size);
        value[found.value.size] = '\0';
    }
    read_ctx_deinit(&ctx);
    return found.kind == LOOKUP_VALUE ? value : NULL;
}
