/* Goal: the blocks that a pipeline's next reads lack are wanted together, as far as there is room,
 * and nothing of it is left when the wave ends.
 * Method: a table of many small blocks, over a cold cache, and input as a client sends it. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/buffer.h"
#include "daemon/read_ahead.h"
#include "support/scratch_dir.h"
#include "support/tool_db.h"
#include "support/unit.h"

enum { KEY_COUNT = 4000, KEY_BYTES = 16, VALUE_BYTES = 400, STRIDE = 50 };

struct world {
    struct tool_db tool;
    struct read_ahead ahead;
    struct read_wave wave;
    struct read_ctx ctx;
    struct buffer input;
    char dir[SCRATCH_PATH_BYTES];
};

static struct slice
key_of(unsigned number, char *target)
{
    return slice_of(target, (size_t)snprintf(target, KEY_BYTES, "k%05u", number));
}

static void
world_open(struct world *world)
{
    struct write_batch batch;
    uint8_t value[VALUE_BYTES];
    char key[KEY_BYTES];

    *world = (struct world){0};
    scratch_dir_make(world->dir, NULL);
    tool_db_init(&world->tool, world->dir);
    world->tool.options.block_bytes = 512;
    tool_db_open(&world->tool);
    write_batch_init(&batch);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        memset(value, (int)i, sizeof(value));
        write_batch_put(&batch, CF_DEFAULT, key_of(i, key), slice_of(value, sizeof(value)));
    }
    tool_db_write(&world->tool, &batch);
    write_batch_deinit(&batch);
    tool_db_flush(&world->tool);
}

static void
world_close(struct world *world)
{
    buffer_deinit(&world->input);
    tool_db_close(&world->tool);
    scratch_dir_remove(world->dir);
}

/* Each key in a block of its own. */
static void
add_get(struct world *world, unsigned index)
{
    char text[64];
    const int size =
        snprintf(text, sizeof(text), "*2\r\n$3\r\nGET\r\n$6\r\nk%05u\r\n", index * STRIDE);

    buffer_append(&world->input, text, (size_t)size);
}

static enum kv_status
get(struct world *world, unsigned index)
{
    struct lookup found;
    char key[KEY_BYTES];
    enum kv_status st;

    read_ctx_clear_wants(&world->ctx);
    st = db_get(world->tool.db, &world->ctx, CF_DEFAULT, key_of(index * STRIDE, key), SEQUENCE_MAX,
                &found);
    if (st == KV_OK) {
        CU_ASSERT_EQUAL(found.kind, LOOKUP_VALUE);
        CU_ASSERT_EQUAL(found.value.data[0], (uint8_t)(index * STRIDE));
    }
    return st;
}

/* Until the table is open: what is missing then is the block. */
static void
begin_cold(struct world *world)
{
    char key[KEY_BYTES];
    struct lookup found;

    read_ctx_init(&world->ctx, db_block_cache(world->tool.db));
    for (;;) {
        read_ctx_clear_wants(&world->ctx);
        if (db_get(world->tool.db, &world->ctx, CF_DEFAULT, key_of(KEY_COUNT - 1, key),
                   SEQUENCE_MAX, &found) == KV_OK)
            break;
        CU_ASSERT_EQUAL_FATAL(tool_db_fetch(&world->tool, &world->ctx), KV_OK);
    }
    read_ctx_deinit(&world->ctx);
    block_cache_drop_unpinned(db_block_cache(world->tool.db));
    read_ctx_init(&world->ctx, db_block_cache(world->tool.db));
    CU_ASSERT_EQUAL_FATAL(get(world, 0), KV_WANT_BLOCK);
    CU_ASSERT_EQUAL(world->ctx.want_count, 1);
}

static void
grow(struct world *world)
{
    read_wave_grow(&world->wave, &world->ahead, world->tool.db, CF_DEFAULT, &world->ctx,
                   buffer_slice(&world->input));
}

static void
reads_of_a_pipeline_come_together(void)
{
    struct world world;
    unsigned kept_count = 0;

    world_open(&world);
    begin_cold(&world);
    for (unsigned i = 1; i <= 40; i++)
        add_get(&world, i);
    buffer_append(&world.input, "*2\r\n$3\r\nGET\r\n$6\r\nk0", 19); /* not whole: not looked at */
    grow(&world);
    CU_ASSERT_EQUAL(world.ctx.want_count, 41);
    CU_ASSERT_EQUAL(world.wave.left, 40);
    CU_ASSERT(world.wave.bytes > 0);
    CU_ASSERT_EQUAL(world.ahead.wave_bytes, world.wave.bytes);
    CU_ASSERT_EQUAL_FATAL(tool_db_fetch(&world.tool, &world.ctx), KV_OK);
    for (unsigned i = 0; i <= 40; i++) {
        CU_ASSERT_EQUAL(get(&world, i), KV_OK);
        block_cache_drop_unpinned(world.ctx.cache); /* they are held, not only cached */
        kept_count += read_wave_step(&world.wave);
    }
    CU_ASSERT_EQUAL(kept_count, 40);
    read_ctx_deinit(&world.ctx);
    read_wave_end(&world.wave, &world.ahead);
    CU_ASSERT_EQUAL(world.ahead.wave_bytes, 0);
    world_close(&world);
}

static void
a_wave_is_bounded(void)
{
    struct world world;
    struct block_cache_stats stats;

    world_open(&world);
    begin_cold(&world);
    for (unsigned i = 1; i < KEY_COUNT / STRIDE; i++)
        add_get(&world, i);
    grow(&world);
    CU_ASSERT_EQUAL(world.ctx.want_count, READ_WANT_INLINE_COUNT);
    CU_ASSERT_EQUAL(world.wave.left, 64);
    read_wave_end(&world.wave, &world.ahead);

    /* Other clients' waves have taken the cache's part: nothing is added. */
    CU_ASSERT_EQUAL(get(&world, 0), KV_WANT_BLOCK);
    block_cache_get_stats(world.ctx.cache, &stats);
    world.ahead.wave_bytes = stats.bytes_max;
    grow(&world);
    CU_ASSERT_EQUAL(world.ctx.want_count, 1);
    CU_ASSERT_EQUAL(world.wave.left, 0);
    CU_ASSERT_EQUAL(world.ahead.wave_bytes, stats.bytes_max);
    world.ahead.wave_bytes = 0;

    /* Within a wave only what is left of it; and after a failure nothing. */
    world.wave.left = 3;
    grow(&world);
    CU_ASSERT_EQUAL(world.ctx.want_count, 4);
    CU_ASSERT_EQUAL(world.wave.left, 3);
    CU_ASSERT_EQUAL(get(&world, 0), KV_WANT_BLOCK);
    world.wave.is_off = true;
    grow(&world);
    CU_ASSERT_EQUAL(world.ctx.want_count, 1);
    read_ctx_deinit(&world.ctx);
    read_wave_end(&world.wave, &world.ahead);
    CU_ASSERT_EQUAL(world.ahead.wave_bytes, 0);
    world_close(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(reads_of_a_pipeline_come_together),
        UNIT_TEST(a_wave_is_bounded),
        UNIT_TEST_END,
    };

    return unit_main("daemon_read_wave", tests, argc, argv);
}
