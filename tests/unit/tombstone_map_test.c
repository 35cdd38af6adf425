/* Goal: a tombstone_map answers like a list of tombstones that is asked one by one, for every
 * sequence, and its stretches are true for every key in them. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/random.h"
#include "mem/tombstone_map.h"
#include "support/unit.h"

enum { KEY_COUNT = 60, TOMBSTONE_COUNT_MAX = 300, ROUND_COUNT = 60 };

struct tombstone {
    int begin, end;
};

static char keys[KEY_COUNT][8];

static struct slice
key_at(int number)
{
    return slice_from_text(keys[number]);
}

static uint64_t
covering(const struct tombstone *list, int count, int key, uint64_t seq_max)
{
    int at = (uint64_t)count < seq_max ? count : (int)seq_max;

    for (; at > 0; at--) {
        if (list[at - 1].begin <= key && key < list[at - 1].end)
            return (uint64_t)at;
    }
    return 0;
}

static void
check(const struct tombstone_map *map, const struct tombstone *list, int count, uint64_t seq_max)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        const uint64_t wanted = covering(list, count, i, seq_max);
        struct tombstone_stretch stretch;

        CU_ASSERT_EQUAL(tombstone_map_covering(map, key_at(i), seq_max), wanted);
        tombstone_map_find(map, key_at(i), seq_max, &stretch);
        CU_ASSERT_EQUAL(stretch.seq, wanted);
        CU_ASSERT_TRUE(key_stretch_contains(&stretch.keys, key_at(i)));
        for (int j = 0; j < KEY_COUNT; j++) {
            if (key_stretch_contains(&stretch.keys, key_at(j)))
                CU_ASSERT_EQUAL(covering(list, count, j, seq_max), wanted);
        }
    }
}

/* Method: sequence i + 1 is tombstone i.  Short, long and nested ranges in turn. */
static void
answers_like_a_list(void)
{
    struct tombstone list[TOMBSTONE_COUNT_MAX];
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < KEY_COUNT; i++)
        (void)snprintf(keys[i], sizeof(keys[i]), i % 2 ? "a%02dx" : "a%02d", i - i % 2);
    for (int round = 0; round < ROUND_COUNT; round++) {
        const int count = 1 + (int)random_below(&random, TOMBSTONE_COUNT_MAX);
        const int width = 1 + (int)random_below(&random, KEY_COUNT / 2);
        struct tombstone_map *map = tombstone_map_new();

        for (int i = 0; i < count; i++) {
            list[i].begin = (int)random_below(&random, KEY_COUNT - 1);
            list[i].end = list[i].begin + 1 + (int)random_below(&random, (uint64_t)width);
            if (list[i].end >= KEY_COUNT)
                list[i].end = KEY_COUNT - 1;
            tombstone_map_add(map, key_at(list[i].begin), key_at(list[i].end), (uint64_t)i + 1);
        }
        check(map, list, count, UINT64_MAX);
        check(map, list, count, random_below(&random, (uint64_t)count + 1));
        tombstone_map_free(map);
    }
}

/* Method: more disjoint stretches than several chunks take, then one tombstone over them all. */
static void
many_stretches_are_found_and_hidden(void)
{
    enum { COUNT = 5000 };
    static char begins[COUNT][16], ends[COUNT][16];
    struct tombstone_map *map = tombstone_map_new();

    for (int i = 0; i < COUNT; i++) {
        const int at = i * 7919 % COUNT;

        (void)snprintf(begins[at], sizeof(begins[at]), "key%06d", 10 * at);
        (void)snprintf(ends[at], sizeof(ends[at]), "key%06d", 10 * at + 5);
        tombstone_map_add(map, slice_from_text(begins[at]), slice_from_text(ends[at]),
                          (uint64_t)i + 1);
    }
    tombstone_map_add(map, slice_from_text("key"), slice_from_text("kez"), COUNT + 1);
    for (int i = 0; i < COUNT; i++) {
        const int at = i * 7919 % COUNT;

        CU_ASSERT_EQUAL(tombstone_map_covering(map, slice_from_text(begins[at]), COUNT),
                        (uint64_t)i + 1);
        CU_ASSERT_EQUAL(tombstone_map_covering(map, slice_from_text(ends[at]), COUNT), 0);
        CU_ASSERT_EQUAL(tombstone_map_covering(map, slice_from_text(ends[at]), UINT64_MAX),
                        COUNT + 1);
    }
    tombstone_map_free(map);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(answers_like_a_list),
        UNIT_TEST(many_stretches_are_found_and_hidden),
        UNIT_TEST_END,
    };

    return unit_main("tombstone_map", tests, argc, argv);
}
