/* Goal: what a look ahead has found out about puts is used only while it is true.
 * Method: the same random history goes to two memtables, of which one is told of most puts.  Told
 * leaves split, others come between, some puts never come, some are taken back; short keys, long
 * ones and none, in several families.  In the end both show the same. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/random.h"
#include "mem/memtable_internal.h"
#include "support/unit.h"

enum {
    CAPACITY_BYTES = 8 * 1024 * 1024,
    FAMILY_COUNT = 3,
    KEY_BYTES = 64,
    GROUP_COUNT = 600,
    HISTORY_COUNT = 6,
};

struct twins {
    struct random random;
    struct memtable *told, *untold;
    uint64_t next_seq;
    uint64_t key_number_max;
    char keys[MEM_GROUP_COUNT_MAX][KEY_BYTES];
};

static struct slice
random_key(struct twins *twins, unsigned index)
{
    static const int widths[] = {0, 12, 45};
    const unsigned number = (unsigned)random_below(&twins->random, twins->key_number_max);

    if (number == 0)
        return slice_of(NULL, 0);
    return slice_of(twins->keys[index],
                    (size_t)snprintf(twins->keys[index], KEY_BYTES, "k%0*u",
                                     widths[random_below(&twins->random, 3)], number));
}

static void
add(struct twins *twins, uint32_t cf_id, struct slice key)
{
    static const enum value_type types[] = {TYPE_VALUE, TYPE_VALUE, TYPE_DELETION, TYPE_MERGE};
    const struct batch_record record = {.cf_id = cf_id,
                                        .seq = twins->next_seq++,
                                        .type = types[random_below(&twins->random, 4)],
                                        .key = key,
                                        .value = key};

    memtable_add(twins->told, &record);
    memtable_add(twins->untold, &record);
}

static void
add_group(struct twins *twins)
{
    const unsigned count = 1 + (unsigned)random_below(&twins->random, MEM_GROUP_COUNT_MAX - 1);
    const uint32_t cf_id = (uint32_t)random_below(&twins->random, FAMILY_COUNT);
    struct slice keys[MEM_GROUP_COUNT_MAX];

    for (unsigned i = 0; i < count; i++)
        keys[i] = random_key(twins, i);
    memtable_prefetch_puts(twins->told, cf_id, keys, count);
    for (unsigned i = 0; i < count; i++) {
        if (random_below(&twins->random, 8) == 0)
            add(twins, (uint32_t)random_below(&twins->random, FAMILY_COUNT),
                random_key(twins, MEM_GROUP_COUNT_MAX - 1));
        if (random_below(&twins->random, 8) > 0)
            add(twins, cf_id, keys[i]);
    }
}

static void
roll_back(struct twins *twins)
{
    const uint64_t seq_max = twins->next_seq - 1 - random_below(&twins->random, twins->next_seq);

    memtable_rollback(twins->told, seq_max);
    memtable_rollback(twins->untold, seq_max);
    twins->next_seq = seq_max + 1;
}

static void
check_same(const struct twins *twins)
{
    for (uint32_t cf_id = 0; cf_id < FAMILY_COUNT; cf_id++) {
        struct iter *told = memtable_iter_new(twins->told, cf_id);
        struct iter *untold = memtable_iter_new(twins->untold, cf_id);

        CU_ASSERT_EQUAL(iter_seek_first(told), KV_OK);
        CU_ASSERT_EQUAL(iter_seek_first(untold), KV_OK);
        while (told->valid && untold->valid) {
            const struct slice key = internal_key_user(told->key);
            struct lookup found;

            CU_ASSERT_TRUE_FATAL(slice_equal(told->key, untold->key));
            CU_ASSERT_TRUE(slice_equal(told->value, untold->value));
            memtable_get(twins->told, cf_id, key, SEQUENCE_MAX, &found);
            CU_ASSERT_NOT_EQUAL(found.kind, LOOKUP_ABSENT);
            CU_ASSERT_EQUAL(iter_next(told), KV_OK);
            CU_ASSERT_EQUAL(iter_next(untold), KV_OK);
        }
        CU_ASSERT_EQUAL(told->valid, untold->valid);
        iter_free(told);
        iter_free(untold);
    }
}

static void
announced_puts_are_put_in_their_places(void)
{
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 2);
    struct twins twins;

    random_init(&twins.random, unit_seed());
    for (unsigned history = 0; history < HISTORY_COUNT; history++) {
        CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &twins.told), KV_OK);
        CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &twins.untold), KV_OK);
        twins.next_seq = 1;
        twins.key_number_max = 100 + random_below(&twins.random, 4000);
        for (unsigned i = 0; i < GROUP_COUNT; i++) {
            add_group(&twins);
            if (random_below(&twins.random, 200) == 0)
                roll_back(&twins);
        }
        check_same(&twins);
        memtable_unref(twins.told);
        memtable_unref(twins.untold);
    }
    memtable_pool_free(pool);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(announced_puts_are_put_in_their_places),
        UNIT_TEST_END,
    };

    return unit_main("memtable_hints", tests, argc, argv);
}
