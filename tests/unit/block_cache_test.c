/* Goal: the block cache keeps to its budget, never loses a pinned block, and a scan does not wash
 * out what is used. */
#include <CUnit/Basic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "cache/block_cache.h"
#include "support/unit.h"

enum {
    BLOCK_BYTES = 4096,
    BUDGET = 200 * 5000,
    INDEX_BYTES = 1000, /* more than an empty cache takes */
};

static struct block_id
id_of(uint64_t table, uint64_t number)
{
    return (struct block_id){.table_id = table, .offset = number * BLOCK_BYTES};
}

/* A read of one block: true if it was cached. */
static bool
touch(struct block_cache *cache, struct block_id id)
{
    struct block *block = block_cache_pin(cache, id);
    const bool hit = block != NULL;

    if (!hit)
        block = block_cache_insert(cache, id, kv_alloc(BLOCK_BYTES), BLOCK_BYTES);
    CU_ASSERT(block->id.offset == id.offset && block->bytes.size == BLOCK_BYTES);
    block_cache_unpin(cache, block);
    return hit;
}

/* Method: a hot set of half the budget, read in turn with a scan of ten times the budget. */
static void
a_hot_set_survives_a_scan(void)
{
    struct block_cache *cache = block_cache_new(BUDGET);
    struct block_cache_stats stats;
    size_t hits = 0;

    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 100; i++)
            touch(cache, id_of(1, i));
    }
    for (uint64_t i = 0; i < 2000; i++) {
        touch(cache, id_of(2, i));
        block_cache_get_stats(cache, &stats);
        CU_ASSERT(stats.bytes_used <= stats.bytes_max);
    }
    for (uint64_t i = 0; i < 100; i++)
        hits += touch(cache, id_of(1, i));
    CU_ASSERT(hits >= 98);
    block_cache_free(cache);
}

/* Method: the working set moves elsewhere; the new one takes over. */
static void
a_new_hot_set_replaces_the_old(void)
{
    struct block_cache *cache = block_cache_new(BUDGET);
    size_t hits = 0;

    for (uint64_t table = 1; table <= 2; table++) {
        for (int round = 0; round < 10; round++) {
            hits = 0;
            for (uint64_t i = 0; i < 150; i++)
                hits += touch(cache, id_of(table, i));
        }
        CU_ASSERT(hits >= 145);
    }
    block_cache_free(cache);
}

/* Method: pins beyond the budget stay and count; after the unpins the budget holds again. */
static void
pinned_blocks_stay(void)
{
    struct block_cache *cache = block_cache_new(10 * 5000);
    struct block *blocks[40];
    struct block_cache_stats stats;

    for (uint64_t i = 0; i < 40; i++) {
        blocks[i] = block_cache_insert(cache, id_of(1, i), kv_alloc(BLOCK_BYTES), BLOCK_BYTES);
        memset((void *)(uintptr_t)blocks[i]->bytes.data, (int)i, BLOCK_BYTES);
    }
    block_cache_get_stats(cache, &stats);
    CU_ASSERT(stats.block_count == 40 && stats.bytes_pinned > stats.bytes_max);
    CU_ASSERT_TRUE(block_cache_drop_table(cache, 1, 1));
    block_cache_drop_unpinned(cache);
    for (uint64_t i = 0; i < 40; i++) {
        CU_ASSERT_EQUAL(blocks[i]->bytes.data[BLOCK_BYTES - 1], i);
        block_cache_unpin(cache, blocks[i]);
    }
    block_cache_get_stats(cache, &stats);
    CU_ASSERT(stats.bytes_used <= stats.bytes_max && stats.bytes_pinned == 0);
    block_cache_set_bytes_max(cache, 0);
    block_cache_get_stats(cache, &stats);
    CU_ASSERT_EQUAL(stats.block_count, 0);
    block_cache_free(cache);
}

static void
the_second_of_two_inserts_is_freed(void)
{
    struct block_cache *cache = block_cache_new(BUDGET);
    struct block *first = block_cache_insert(cache, id_of(1, 1), kv_alloc(8), 8);
    struct block *second = block_cache_insert(cache, id_of(1, 1), kv_alloc(8), 8);

    CU_ASSERT_PTR_EQUAL(first, second);
    CU_ASSERT_EQUAL(first->pin_count, 2);
    block_cache_unpin(cache, first);
    block_cache_unpin(cache, first);
    block_cache_free(cache);
}

static void
a_dropped_table_leaves_the_others(void)
{
    struct block_cache *cache = block_cache_new(BUDGET);

    for (uint64_t i = 0; i < 10; i++) {
        touch(cache, id_of(1, i));
        touch(cache, id_of(1025, i)); /* on the same list */
    }
    for (uint64_t left = 10; left > 4; left -= 2) {
        struct block_cache_stats stats;

        CU_ASSERT_FALSE(block_cache_drop_table(cache, 1, 2));
        block_cache_get_stats(cache, &stats);
        CU_ASSERT_EQUAL(stats.block_count, 10 + left - 2);
    }
    CU_ASSERT_TRUE(block_cache_drop_table(cache, 1, 4));
    CU_ASSERT_PTR_NULL(block_cache_pin(cache, id_of(1, 3)));
    CU_ASSERT_TRUE(touch(cache, id_of(1025, 3)));
    block_cache_free(cache);
}

/* Method: random calls against a list of pins; the checks are the cache's own assertions, the
 * sanitizer, and the budget. */
static void
random_use_keeps_the_budget(void)
{
    struct block_cache *cache = block_cache_new(BUDGET);
    struct block *pins[16] = {NULL};
    struct block_cache_stats stats;
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < 50000; i++) {
        struct block **pin = &pins[random_below(&random, 16)];
        const struct block_id id =
            id_of(random_below(&random, 5), random_below(&random, 1 + random_below(&random, 500)));

        if (*pin != NULL) {
            block_cache_unpin(cache, *pin);
            *pin = NULL;
        } else if ((*pin = block_cache_pin(cache, id)) == NULL) {
            const size_t size = 1 + random_below(&random, 9000);

            *pin = block_cache_insert(cache, id, block_cache_alloc(cache, size), size);
            memset((void *)(uintptr_t)(*pin)->bytes.data, i, (*pin)->bytes.size);
        }
        if (random_below(&random, 500) == 0)
            (void)block_cache_drop_table(cache, random_below(&random, 5), random_below(&random, 9));
        if (random_below(&random, 500) == 0)
            block_cache_set_bytes_max(cache, INDEX_BYTES + random_below(&random, BUDGET));
        block_cache_get_stats(cache, &stats);
        CU_ASSERT(stats.bytes_used <= stats.bytes_max + stats.bytes_pinned);
    }
    for (int i = 0; i < 16; i++) {
        if (pins[i] != NULL)
            block_cache_unpin(cache, pins[i]);
    }
    block_cache_free(cache);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_hot_set_survives_a_scan),
        UNIT_TEST(a_new_hot_set_replaces_the_old),
        UNIT_TEST(pinned_blocks_stay),
        UNIT_TEST(the_second_of_two_inserts_is_freed),
        UNIT_TEST(a_dropped_table_leaves_the_others),
        UNIT_TEST(random_use_keeps_the_budget),
        UNIT_TEST_END,
    };

    return unit_main("block_cache", tests, argc, argv);
}
