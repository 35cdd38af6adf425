/* Goal: a merge shows all entries of its children in order, and a seek asks for the blocks of all
 * children in one round. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/random.h"
#include "iter/merge_iter.h"
#include "support/test_table.h"
#include "support/unit.h"

enum { TABLE_COUNT = 5, KEY_COUNT = 500, CACHE_BYTES = 1 << 20 };

struct world {
    struct test_table tables[TABLE_COUNT];
    struct block_cache *cache;
    struct read_ctx ctx;
    struct iter *merge;
    uint8_t owner[KEY_COUNT]; /* which table has the key; TABLE_COUNT: none */
};

static void
world_begin(struct world *world, struct random *random)
{
    struct iter *children[TABLE_COUNT];

    for (unsigned key = 0; key < KEY_COUNT; key++)
        world->owner[key] = (uint8_t)random_below(random, TABLE_COUNT + 1);
    world->cache = block_cache_new(CACHE_BYTES);
    read_ctx_init(&world->ctx, world->cache);
    for (uint8_t i = 0; i < TABLE_COUNT; i++) {
        const struct table_build_options options = {
            .file_number = i + 1u,
            .cf_name = "default",
            .db_identity = "",
            .session_identity = "",
            .merge_operator = "nullptr",
            .block_bytes = 150,
        };

        test_table_begin(&world->tables[i], &options);
        test_table_add(&world->tables[i], "a", i + 1u, TYPE_VALUE, "in all");
        for (unsigned key = 0; key < KEY_COUNT; key++) {
            char text[32];

            snprintf(text, sizeof(text), "long-prefix-%04u", key);
            if (world->owner[key] == i)
                test_table_add(&world->tables[i], text, 9, TYPE_VALUE, text);
        }
        test_table_finish(&world->tables[i]);
        children[i] = table_iter_new(world->tables[i].reader, &world->ctx);
    }
    world->merge = merge_iter_new(children, TABLE_COUNT);
}

static void
world_end(struct world *world)
{
    iter_free(world->merge);
    read_ctx_deinit(&world->ctx);
    for (size_t i = 0; i < TABLE_COUNT; i++)
        test_table_free(&world->tables[i]);
    block_cache_free(world->cache);
}

/* Returns the number of rounds of fetching. */
static size_t
step(struct world *world, const struct buffer *target, bool next)
{
    enum kv_status st;
    size_t rounds = 0;

    for (;;) {
        block_cache_drop_unpinned(world->cache);
        st = next             ? iter_next(world->merge)
             : target == NULL ? iter_seek_first(world->merge)
                              : iter_seek(world->merge, buffer_slice(target));
        if (st != KV_WANT_BLOCK)
            break;
        rounds++;
        CU_ASSERT_EQUAL_FATAL(test_table_fetch(world->tables, TABLE_COUNT, &world->ctx), KV_OK);
    }
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
    return rounds;
}

static unsigned
walk_from(struct world *world, unsigned key)
{
    unsigned wrong = 0;

    for (; key < KEY_COUNT; key++) {
        char text[32];

        if (world->owner[key] == TABLE_COUNT)
            continue;
        snprintf(text, sizeof(text), "long-prefix-%04u", key);
        if (!world->merge->valid ||
            !slice_equal(internal_key_user(world->merge->key), slice_from_text(text)) ||
            !slice_equal(world->merge->value, slice_from_text(text)))
            return wrong + 1;
        step(world, NULL, true);
    }
    return wrong + world->merge->valid;
}

static void
all_children_come_in_order(void)
{
    struct buffer target = {0};
    struct random random;
    struct world world;

    random_init(&random, unit_seed());
    for (int round = 0; round < 5; round++) {
        world_begin(&world, &random);
        CU_ASSERT(step(&world, NULL, false) <= 2); /* tails, then blocks */
        for (uint64_t seq = TABLE_COUNT; seq > 0; seq--) {
            CU_ASSERT_EQUAL(internal_key_footer(world.merge->key), footer_pack(seq, TYPE_VALUE));
            step(&world, NULL, true);
        }
        CU_ASSERT_EQUAL(walk_from(&world, 0), 0);
        for (int i = 0; i < 5; i++) {
            const unsigned key = (unsigned)random_below(&random, KEY_COUNT);

            buffer_clear(&target);
            buffer_append_format(&target, "long-prefix-%04u", key);
            buffer_put_fixed64(&target, footer_pack(SEQUENCE_MAX, TYPE_SEEK));
            CU_ASSERT(step(&world, &target, false) <= 3);
            CU_ASSERT_EQUAL(walk_from(&world, key), 0);
        }
        world_end(&world);
    }
    buffer_deinit(&target);
}

static void
a_merge_of_nothing_is_empty(void)
{
    struct iter *merge = merge_iter_new(NULL, 0);

    CU_ASSERT_EQUAL(iter_seek_first(merge), KV_OK);
    CU_ASSERT_FALSE(merge->valid);
    iter_free(merge);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(all_children_come_in_order),
        UNIT_TEST(a_merge_of_nothing_is_empty),
        UNIT_TEST_END,
    };

    return unit_main("merge_iter", tests, argc, argv);
}
