/* Goal: a merge shows all entries of its children in order, and a seek asks for the blocks of all
 * children in one round. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/alloc.h"
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
        const struct table_build_options options =
            test_table_options(i + 1u, COMPRESSION_NONE, 150);

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

/* --- children that are arrays --- */

enum { ENTRY_COUNT_MAX = 300, ENTRY_KEY_BYTES_MAX = 96, ARRAY_COUNT = 5 };

struct entry {
    uint8_t bytes[ENTRY_KEY_BYTES_MAX];
    size_t size;
};

struct array_iter {
    struct iter iter;
    const struct entry *entries[ENTRY_COUNT_MAX];
    size_t count;
    size_t at; /* count: behind the last; wraps round to before the first */
};

static struct slice
key_of(const struct entry *entry)
{
    return slice_of(entry->bytes, entry->size);
}

static enum kv_status
array_show(struct array_iter *array, size_t at)
{
    array->at = at;
    array->iter.valid = at < array->count;
    if (array->iter.valid)
        array->iter.key = key_of(array->entries[at]);
    return KV_OK;
}

static enum kv_status
array_seek_first(struct iter *iter)
{
    return array_show(KV_CONTAINER_OF(iter, struct array_iter, iter), 0);
}

static enum kv_status
array_seek_last(struct iter *iter)
{
    struct array_iter *array = KV_CONTAINER_OF(iter, struct array_iter, iter);

    return array_show(array, array->count - 1);
}

static enum kv_status
array_seek(struct iter *iter, struct slice target)
{
    struct array_iter *array = KV_CONTAINER_OF(iter, struct array_iter, iter);
    size_t at = 0;

    while (at < array->count && internal_key_compare(key_of(array->entries[at]), target) < 0)
        at++;
    return array_show(array, at);
}

static enum kv_status
array_seek_for_prev(struct iter *iter, struct slice target)
{
    struct array_iter *array = KV_CONTAINER_OF(iter, struct array_iter, iter);
    size_t at = array->count;

    while (at > 0 && internal_key_compare(key_of(array->entries[at - 1]), target) > 0)
        at--;
    return array_show(array, at - 1);
}

static enum kv_status
array_next(struct iter *iter)
{
    struct array_iter *array = KV_CONTAINER_OF(iter, struct array_iter, iter);

    return array_show(array, array->at + 1);
}

static enum kv_status
array_prev(struct iter *iter)
{
    struct array_iter *array = KV_CONTAINER_OF(iter, struct array_iter, iter);

    return array_show(array, array->at - 1);
}

static void
array_free(struct iter *iter)
{
    free(KV_CONTAINER_OF(iter, struct array_iter, iter));
}

static struct array_iter *
array_new(void)
{
    static const struct iter_ops ops = {
        .seek_first = array_seek_first,
        .seek_last = array_seek_last,
        .seek = array_seek,
        .seek_for_prev = array_seek_for_prev,
        .next = array_next,
        .prev = array_prev,
        .free = array_free,
    };
    struct array_iter *array = kv_alloc_zero(sizeof(*array));

    array->iter.ops = &ops;
    return array;
}

/* A front of up to 80 bytes, of which a few groups share much, and a rest of up to five bytes. */
static void
random_entry(struct random *random, size_t front_bytes, uint64_t seq, struct entry *entry)
{
    const size_t same_bytes = front_bytes - front_bytes / 4;
    const uint8_t group = (uint8_t)random_below(random, 3);
    size_t rest = (size_t)random_below(random, 6);

    memset(entry->bytes, 'p', front_bytes);
    memset(entry->bytes + same_bytes, 'f' + group, front_bytes - same_bytes);
    entry->size = front_bytes;
    while (rest-- > 0)
        entry->bytes[entry->size++] = (uint8_t)(random_below(random, 3) * 255 / 2);
    put_fixed64(entry->bytes + entry->size, footer_pack(seq, TYPE_VALUE));
    entry->size += KEY_FOOTER_BYTES;
}

static int
compare_entries(const void *a, const void *b)
{
    return internal_key_compare(key_of(a), key_of(b));
}

struct arrays {
    struct entry entries[ENTRY_COUNT_MAX]; /* in order */
    size_t count;
    struct iter *merge;
};

static void
arrays_begin(struct arrays *arrays, struct random *random)
{
    const size_t front_bytes = (size_t)random_below(random, 81);
    struct array_iter *children[ARRAY_COUNT];
    struct iter *iters[ARRAY_COUNT];

    arrays->count = 1 + (size_t)random_below(random, ENTRY_COUNT_MAX);
    for (size_t i = 0; i < arrays->count; i++)
        random_entry(random, front_bytes, i + 1, &arrays->entries[i]);
    qsort(arrays->entries, arrays->count, sizeof(arrays->entries[0]), compare_entries);
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        children[i] = array_new();
        iters[i] = &children[i]->iter;
    }
    for (size_t i = 0; i < arrays->count; i++) {
        struct array_iter *child = children[random_below(random, ARRAY_COUNT)];

        child->entries[child->count++] = &arrays->entries[i];
    }
    arrays->merge = merge_iter_new(iters, ARRAY_COUNT);
}

/* Goal: whatever keys begin with, and wherever that changes, the merge shows all of them in order.
 * Method: keys in groups with fronts of up to 80 bytes, some the beginning of others, spread over
 * arrays; random walks in both directions beside the sorted array. */
static void
fronts_that_change_do_not_disturb_the_order(void)
{
    static struct arrays arrays;
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 100; round++) {
        size_t at = 0, wrong = 0;

        arrays_begin(&arrays, &random);
        CU_ASSERT_EQUAL_FATAL(iter_seek_first(arrays.merge), KV_OK);
        for (int i = 0; i < 1000 && wrong == 0; i++) {
            const uint64_t chance = random_below(&random, 40);
            const size_t to = (size_t)random_below(&random, arrays.count);
            enum kv_status st = KV_OK;

            if (chance == 0 || at >= arrays.count)
                st = iter_seek(arrays.merge, key_of(&arrays.entries[at = to]));
            else if (chance == 1)
                st = iter_seek_for_prev(arrays.merge, key_of(&arrays.entries[at = to]));
            else if (round % 2 == 0 ? chance > 3 : chance < 20)
                st = (at++, iter_next(arrays.merge));
            else
                st = (at--, iter_prev(arrays.merge));
            wrong +=
                st != KV_OK || arrays.merge->valid != (at < arrays.count) ||
                (at < arrays.count && !slice_equal(arrays.merge->key, key_of(&arrays.entries[at])));
        }
        CU_ASSERT_EQUAL(wrong, 0);
        iter_free(arrays.merge);
    }
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
        UNIT_TEST(fronts_that_change_do_not_disturb_the_order),
        UNIT_TEST(a_merge_of_nothing_is_empty),
        UNIT_TEST_END,
    };

    return unit_main("merge_iter", tests, argc, argv);
}
