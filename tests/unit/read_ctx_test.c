/* Goal: a read has one pin of each block it uses, however it asks, and lets go of all of them. */
#include <CUnit/Basic.h>

#include "base/alloc.h"
#include "base/random.h"
#include "cache/read_ctx.h"
#include "support/unit.h"

static struct block_id
id_of(uint64_t number)
{
    return (struct block_id){.table_id = 1 + number % 3, .offset = number * 512};
}

static void
fill(struct block_cache *cache, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        block_cache_unpin(cache, block_cache_insert(cache, id_of(i), kv_alloc(8), 8));
}

/* Method: a kept block survives the scan's unpin, and a scan's own block does not. */
static void
what_is_kept_outlives_a_scan(void)
{
    struct block_cache *cache = block_cache_new(1 << 20);
    struct read_ctx ctx;
    struct block *block, *passed;

    fill(cache, 2);
    read_ctx_init(&ctx, cache);
    block = read_ctx_find(&ctx, id_of(0));
    CU_ASSERT_PTR_EQUAL(read_ctx_pin(&ctx, id_of(0)), block);
    CU_ASSERT_EQUAL(block->pin_count, 1);
    read_ctx_unpin(&ctx, block);
    CU_ASSERT_EQUAL(block->pin_count, 1);
    passed = read_ctx_pin(&ctx, id_of(1));
    CU_ASSERT_PTR_EQUAL(read_ctx_pin(&ctx, id_of(1)), passed);
    read_ctx_unpin(&ctx, passed);
    CU_ASSERT_EQUAL(passed->pin_count, 1);
    read_ctx_unpin(&ctx, passed);
    CU_ASSERT_EQUAL(passed->pin_count, 0);
    CU_ASSERT_PTR_NULL(read_ctx_find(&ctx, id_of(7)));
    read_ctx_deinit(&ctx);
    CU_ASSERT_EQUAL(block->pin_count, 0);
    block_cache_free(cache);
}

/* Method: far more pins than fit inside, put in and taken out at random, against an array. */
static void
many_pins_are_found_and_let_go(void)
{
    enum { COUNT = 500 };
    struct block_cache *cache = block_cache_new(1 << 20);
    struct block *pinned[COUNT] = {NULL};
    struct random random;
    struct read_ctx ctx;
    uint32_t count = 0;

    random_init(&random, unit_seed());
    fill(cache, COUNT);
    read_ctx_init(&ctx, cache);
    for (int i = 0; i < 20000; i++) {
        const uint64_t at = random_below(&random, COUNT);

        if (pinned[at] != NULL) {
            read_ctx_unpin(&ctx, pinned[at]);
            pinned[at] = NULL;
            count--;
        } else {
            pinned[at] = read_ctx_pin(&ctx, id_of(at));
            CU_ASSERT_PTR_NOT_NULL_FATAL(pinned[at]);
            count++;
        }
        CU_ASSERT_EQUAL(ctx.pin_count, count);
    }
    read_ctx_deinit(&ctx);
    block_cache_free(cache);
}

static void
a_wish_is_recorded_once(void)
{
    struct block_cache *cache = block_cache_new(1 << 20);
    struct table_reader *table =
        (struct table_reader *)(void *)&cache; /* only its address counts */
    struct read_ctx ctx;

    read_ctx_init(&ctx, cache);
    for (uint32_t limit = 64; limit <= 2 * READ_WANT_COUNT_MAX; limit *= 2) {
        const uint32_t count = limit < READ_WANT_COUNT_MAX ? limit : READ_WANT_COUNT_MAX;

        for (uint64_t i = 0; i < 2 * READ_WANT_COUNT_MAX; i++) {
            CU_ASSERT_EQUAL(read_ctx_want(&ctx, table, i, 10), KV_WANT_BLOCK);
            CU_ASSERT_EQUAL(read_ctx_want(&ctx, table, i, 10), KV_WANT_BLOCK);
        }
        CU_ASSERT_TRUE(read_ctx_wants_enough(&ctx));
        CU_ASSERT_EQUAL_FATAL(ctx.want_count, count);
        for (uint32_t i = 0; i < count; i++)
            CU_ASSERT_EQUAL(ctx.wants[i].offset, i);
        read_ctx_clear_wants(&ctx);
        CU_ASSERT_EQUAL(ctx.want_count, 0);
        CU_ASSERT_FALSE(read_ctx_wants_enough(&ctx));
    }
    /* Large pieces: as many as the memory for them allows. */
    for (uint64_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(read_ctx_want(&ctx, table, i, 128 << 10), KV_WANT_BLOCK);
    CU_ASSERT_EQUAL(ctx.want_count, READ_WANT_BYTES_MAX / (128 << 10));
    read_ctx_deinit(&ctx);
    block_cache_free(cache);
}

/* Method: pieces of odd sizes are written full and found again; ASan sees to their ends. */
static void
memory_lives_as_long_as_the_pass(void)
{
    struct block_cache *cache = block_cache_new(1 << 20);
    uint8_t *pieces[100];
    struct read_ctx ctx;

    read_ctx_init(&ctx, cache);
    for (int pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < 100; i++) {
            pieces[i] = read_ctx_alloc(&ctx, 1 + i * 7);
            memset(pieces[i], (int)i, 1 + i * 7);
        }
        for (unsigned i = 0; i < 100; i++)
            CU_ASSERT_TRUE(pieces[i][0] == i && pieces[i][i * 7] == i);
        read_ctx_clear_wants(&ctx);
    }
    CU_ASSERT_PTR_NOT_NULL(read_ctx_alloc(&ctx, 1));
    read_ctx_deinit(&ctx);
    block_cache_free(cache);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(what_is_kept_outlives_a_scan),
        UNIT_TEST(many_pins_are_found_and_let_go),
        UNIT_TEST(a_wish_is_recorded_once),
        UNIT_TEST(memory_lives_as_long_as_the_pass),
        UNIT_TEST_END,
    };

    return unit_main("read_ctx", tests, argc, argv);
}
