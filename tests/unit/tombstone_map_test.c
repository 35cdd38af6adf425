/* Goal: a tombstone_map answers like a list of tombstones that is asked one by one, for every
 * sequence, and its stretches are true for every key in them. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/random.h"
#include "mem/tombstone_map.h"
#include "support/unit.h"

enum { KEY_COUNT = 60, TOMBSTONE_COUNT_MAX = 300, ROUND_COUNT = 60 };

struct tombstone {
    int begin, end;
};

static uint8_t keys[KEY_COUNT][80];
static size_t key_sizes[KEY_COUNT];

static struct slice
key_at(int number)
{
    return slice_of(keys[number], key_sizes[number]);
}

/* Ascending, in runs of keys that differ in their length alone, so that one is the prefix of the
 * next and zeros follow; all behind `shared_bytes` that they have in common. */
static void
make_keys(size_t shared_bytes, uint64_t run_length)
{
    for (uint64_t i = 0; i < KEY_COUNT; i++) {
        const size_t zero_count = (size_t)(i % run_length);

        memset(keys[i], 0, sizeof(keys[i]));
        memset(keys[i], 'p', shared_bytes);
        keys[i][shared_bytes] = (uint8_t)(i / run_length);
        key_sizes[i] = shared_bytes + 1 + zero_count;
        KV_ASSERT(key_sizes[i] <= sizeof(keys[i]));
    }
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
check(struct tombstone_map *map, const struct tombstone *list, int count, uint64_t seq_max)
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

/* Method: sequence i + 1 is tombstone i.  Short, long and nested ranges in turn, of keys that words
 * tell apart well or badly. */
static void
answers_like_a_list(void)
{
    struct tombstone list[TOMBSTONE_COUNT_MAX];
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < ROUND_COUNT; round++) {
        const int count = 1 + (int)random_below(&random, TOMBSTONE_COUNT_MAX);
        const int width = 1 + (int)random_below(&random, KEY_COUNT / 2);
        struct tombstone_map *map = tombstone_map_new();

        make_keys(random_below(&random, 64), 1 + random_below(&random, 12));
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

enum { BORDER_COUNT = 6000, RANGE_COUNT = 3000, QUESTION_COUNT = 3000 };

static uint8_t borders[BORDER_COUNT][64];

/* Each second one is the one before it and some zeros. */
static struct slice
border_at(int number)
{
    const size_t size = strlen((const char *)borders[number]);

    return slice_of(borders[number], size + (number % 2 == 0 ? 0 : 7));
}

/* Method: thousands of random ranges, most of them short, over keys of a few tenants that begin
 * alike for long; so the tree grows, and a wide range takes many nodes out of it. */
static void
a_large_tree_answers_like_a_list(void)
{
    static struct tombstone list[RANGE_COUNT];
    struct tombstone_map *map = tombstone_map_new();
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < BORDER_COUNT; i++)
        (void)snprintf((char *)borders[i], sizeof(borders[i]), "tenant:%06d:item:%06d",
                       i / 2 / 1000, i / 2);
    for (int i = 0; i < RANGE_COUNT; i++) {
        const uint64_t width = random_below(&random, 100) == 0 ? BORDER_COUNT / 2 : 6;

        list[i].begin = (int)random_below(&random, BORDER_COUNT - 1);
        list[i].end = list[i].begin + 1 + (int)random_below(&random, width);
        if (list[i].end >= BORDER_COUNT)
            list[i].end = BORDER_COUNT - 1;
        tombstone_map_add(map, border_at(list[i].begin), border_at(list[i].end), (uint64_t)i + 1);
    }
    for (int i = 0; i < QUESTION_COUNT; i++) {
        const int key = (int)random_below(&random, BORDER_COUNT);
        const uint64_t seq_max = i % 2 ? UINT64_MAX : random_below(&random, RANGE_COUNT + 1);
        const uint64_t wanted = covering(list, RANGE_COUNT, key, seq_max);
        struct tombstone_stretch stretch;

        CU_ASSERT_EQUAL(tombstone_map_covering(map, border_at(key), seq_max), wanted);
        tombstone_map_find(map, border_at(key), seq_max, &stretch);
        CU_ASSERT_EQUAL(stretch.seq, wanted);
        for (int near = key < 3 ? 0 : key - 3; near < BORDER_COUNT && near < key + 3; near++) {
            if (key_stretch_contains(&stretch.keys, border_at(near)))
                CU_ASSERT_EQUAL(covering(list, RANGE_COUNT, near, seq_max), wanted);
        }
    }
    tombstone_map_free(map);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(answers_like_a_list),
        UNIT_TEST(many_stretches_are_found_and_hidden),
        UNIT_TEST(a_large_tree_answers_like_a_list),
        UNIT_TEST_END,
    };

    return unit_main("tombstone_map", tests, argc, argv);
}
