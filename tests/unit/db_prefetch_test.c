/* Goal: a read that was begun ahead answers what the read alone does, whatever happens between.
 * Method: a random history over a small set of keys in memtables and several tables, with range
 * deletions and tiny caches; random groups are begun, some of their keys are written to, and each
 * is read both ways. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/random.h"
#include "support/scratch_dir.h"
#include "support/tool_db.h"
#include "support/unit.h"

enum { KEY_COUNT = 400, ROUND_COUNT = 400, FLUSH_PART = 12, WRITE_COUNT_MAX = 40, KEY_BYTES = 24 };

struct world {
    struct tool_db tool;
    struct random random;
    uint64_t found_count;
};

/* Keys of different lengths, some of which begin like others. */
static struct slice
random_key(struct world *world, char *target)
{
    const unsigned number = (unsigned)random_below(&world->random, KEY_COUNT);

    return slice_of(target,
                    (size_t)snprintf(target, KEY_BYTES, number % 3 ? "k%u" : "key:%06u", number));
}

/* Tells of puts, some of which come. */
static void
announce_puts(struct world *world)
{
    char keys[READ_PREFETCH_COUNT_MAX][KEY_BYTES];
    struct slice names[READ_PREFETCH_COUNT_MAX];
    const unsigned count = (unsigned)random_below(&world->random, READ_PREFETCH_COUNT_MAX + 1);

    for (unsigned i = 0; i < count; i++)
        names[i] = random_key(world, keys[i]);
    db_prefetch_puts(world->tool.db, random_below(&world->random, 8) > 0 ? CF_DEFAULT : 77, names,
                     count);
}

static void
write_some(struct world *world, uint64_t count)
{
    struct write_batch batch;
    char key[KEY_BYTES], end[KEY_BYTES];
    uint8_t value[300] = {0};

    announce_puts(world);
    write_batch_init(&batch);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t what = random_below(&world->random, 40);
        const struct slice name = random_key(world, key);

        value[0] = (uint8_t)random_below(&world->random, 256);
        if (what == 0)
            write_batch_delete_range(&batch, CF_DEFAULT, name, random_key(world, end));
        else if (what < 8)
            write_batch_delete(&batch, CF_DEFAULT, name);
        else
            write_batch_put(&batch, CF_DEFAULT, name,
                            slice_of(value, 1 + random_below(&world->random, sizeof(value))));
    }
    tool_db_write(&world->tool, &batch);
    write_batch_deinit(&batch);
}

static enum kv_status
read_key(struct world *world, const struct version_probe *probe, bool probed, struct read_ctx *ctx,
         struct lookup *found)
{
    struct db *db = world->tool.db;
    enum kv_status st;

    read_ctx_init(ctx, db_block_cache(db));
    do {
        read_ctx_clear_wants(ctx);
        st = probed ? db_get_probed(db, ctx, CF_DEFAULT, probe, found)
                    : db_get(db, ctx, CF_DEFAULT, probe->target.key, SEQUENCE_MAX, found);
    } while (st == KV_WANT_BLOCK && tool_db_fetch(&world->tool, ctx) == KV_OK);
    return st;
}

static void
check_probe(struct world *world, const struct version_probe *probe)
{
    struct read_ctx alone_ctx, probed_ctx;
    struct lookup alone, probed;

    CU_ASSERT_EQUAL_FATAL(read_key(world, probe, false, &alone_ctx, &alone), KV_OK);
    CU_ASSERT_EQUAL_FATAL(read_key(world, probe, true, &probed_ctx, &probed), KV_OK);
    CU_ASSERT_EQUAL(alone.kind, probed.kind);
    CU_ASSERT_EQUAL(alone.seq, probed.seq);
    if (alone.kind == LOOKUP_VALUE && probed.kind == LOOKUP_VALUE) {
        CU_ASSERT_TRUE(slice_equal(alone.value, probed.value));
        world->found_count++;
    }
    read_ctx_deinit(&alone_ctx);
    read_ctx_deinit(&probed_ctx);
}

static void
check_group(struct world *world)
{
    const unsigned count = 1 + (unsigned)random_below(&world->random, READ_PREFETCH_COUNT_MAX);
    struct version_probe probes[READ_PREFETCH_COUNT_MAX];
    char bytes[READ_PREFETCH_COUNT_MAX][KEY_BYTES];
    struct slice keys[READ_PREFETCH_COUNT_MAX];

    for (unsigned i = 0; i < count; i++)
        keys[i] = random_key(world, bytes[i]);
    db_prefetch(world->tool.db, CF_DEFAULT, SEQUENCE_MAX, keys, count, probes);
    if (random_below(&world->random, 2) == 0)
        write_some(world, 1);
    for (unsigned i = 0; i < count; i++)
        check_probe(world, &probes[i]);
}

static void
reads_begun_ahead_answer_the_same(void)
{
    struct world world = {0};
    char dir[SCRATCH_PATH_BYTES];

    random_init(&world.random, unit_seed());
    scratch_dir_make(dir, NULL);
    tool_db_init(&world.tool, dir);
    world.tool.options.block_bytes = 512;
    world.tool.options.bloom_bits_per_key = random_below(&world.random, 4) == 0 ? 0 : 10;
    tool_db_open(&world.tool);
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        write_some(&world, random_below(&world.random, WRITE_COUNT_MAX));
        if (random_below(&world.random, FLUSH_PART) == 0)
            tool_db_flush(&world.tool);
        if (random_below(&world.random, FLUSH_PART) == 0)
            block_cache_drop_unpinned(db_block_cache(world.tool.db));
        check_group(&world);
    }
    CU_ASSERT(world.found_count > ROUND_COUNT);
    tool_db_close(&world.tool);
    scratch_dir_remove(dir);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(reads_begun_ahead_answer_the_same),
        UNIT_TEST_END,
    };

    return unit_main("db_prefetch", tests, argc, argv);
}
