/* Goal: the holes say of a key that nothing is there only while nothing is, whatever is added, put
 * and forgotten.
 *
 * Method: a model that knows for each of some hundred keys and two families since which sequence it
 * is empty.  Random stretches are added with what the model says of them, random keys put; each
 * hole that is found must be empty in the model for the sequence that was asked with, and a hole
 * that was just added must be found. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "db/db_holes.h"
#include "support/unit.h"

enum { KEY_COUNT = 400, FAMILY_COUNT = 2, STEP_COUNT = 20000 };

static struct random rng;
static struct db_holes holes;
static uint64_t empty_since[FAMILY_COUNT][KEY_COUNT]; /* UINT64_MAX: not empty */
static uint64_t seq_now;

static uint32_t
below(uint32_t limit)
{
    return (uint32_t)random_below(&rng, limit);
}

static struct slice
key_of(char text[16], uint32_t number)
{
    (void)snprintf(text, 16, "k%05u", number);
    return slice_from_text(text);
}

static const struct db_hole *
find(uint32_t cf_id, struct slice key, uint64_t seq)
{
    return db_holes_find(&holes, cf_id, key, &(struct hole_view){.seq = seq});
}

static void
put_random(void)
{
    const uint32_t cf_id = below(FAMILY_COUNT), number = below(KEY_COUNT);
    char text[16];

    empty_since[cf_id][number] = UINT64_MAX;
    seq_now++;
    db_holes_put(&holes, cf_id, key_of(text, number));
}

/* Deletes some neighbours, then tells of the stretch, as a walk would. */
static void
add_random(uint32_t entry_count)
{
    const uint32_t cf_id = below(FAMILY_COUNT), first = below(KEY_COUNT - 30);
    const uint32_t end = first + 1 + below(29);
    char begin_text[16], end_text[16];
    const struct hole_found found = {.begin = key_of(begin_text, first),
                                     .end = key_of(end_text, end),
                                     .seq = seq_now + (end - first),
                                     .entry_count = entry_count};
    const struct db_hole *hole;

    for (uint32_t i = first; i < end; i++) {
        seq_now++;
        if (empty_since[cf_id][i] == UINT64_MAX)
            empty_since[cf_id][i] = seq_now;
    }
    db_holes_add(&holes, cf_id, &found);
    hole = find(cf_id, found.begin, seq_now);
    CU_ASSERT_PTR_NOT_NULL_FATAL(hole);
    CU_ASSERT_TRUE(slice_compare(buffer_slice(&hole->begin), found.begin) <= 0);
    CU_ASSERT_TRUE(slice_compare(buffer_slice(&hole->end), found.end) >= 0);
}

static void
check_hole(uint32_t cf_id, const struct db_hole *hole, uint64_t seq)
{
    CU_ASSERT_TRUE(hole->seq <= seq && hole->cf_id == cf_id);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        char text[16];
        const struct slice key = key_of(text, i);

        if (slice_compare(buffer_slice(&hole->begin), key) <= 0 &&
            slice_compare(key, buffer_slice(&hole->end)) < 0)
            CU_ASSERT_TRUE(empty_since[cf_id][i] <= seq);
    }
}

static void
find_random(void)
{
    const uint32_t cf_id = below(FAMILY_COUNT);
    const uint64_t seq = below(2) == 0 ? seq_now : below((uint32_t)seq_now + 1);
    const struct db_hole *hole;
    char text[16];

    hole = find(cf_id, key_of(text, below(KEY_COUNT)), seq);
    if (hole != NULL)
        check_hole(cf_id, hole, seq);
}

static void
check_order(void)
{
    for (uint32_t i = 1; i < holes.count; i++) {
        const struct db_hole *left = &holes.items[i - 1], *right = &holes.items[i];

        CU_ASSERT_TRUE(left->cf_id < right->cf_id ||
                       slice_compare(buffer_slice(&left->end), buffer_slice(&right->begin)) < 0);
    }
    CU_ASSERT_TRUE(holes.count <= HOLE_COUNT_MAX);
}

static void
a_hole_is_empty(void)
{
    uint32_t count_max = 0;

    random_init(&rng, unit_seed());
    for (uint32_t i = 0; i < FAMILY_COUNT; i++) {
        for (uint32_t j = 0; j < KEY_COUNT; j++)
            empty_since[i][j] = UINT64_MAX;
    }
    for (uint32_t i = 0; i < STEP_COUNT; i++) {
        /* Worthless and precious ones: these may be cut often. */
        if (below(5) == 0)
            add_random(1u << below(28));
        else if (below(2) == 0)
            put_random();
        else
            find_random();
        check_order();
        count_max = holes.count > count_max ? holes.count : count_max;
    }
    CU_ASSERT_TRUE(count_max > 10);
    db_holes_clear(&holes);
}

/* Method: more holes than there is room for, each more useful than the one before. */
static void
the_least_useful_one_is_forgotten(void)
{
    char begin[16], end[16];

    for (uint32_t i = 0; i < 2 * HOLE_COUNT_MAX; i++) {
        const struct hole_found found = {.begin = key_of(begin, 10 * i),
                                         .end = key_of(end, 10 * i + 5),
                                         .seq = 1,
                                         .entry_count = 1000 + i};

        db_holes_add(&holes, 0, &found);
    }
    CU_ASSERT_EQUAL(holes.count, HOLE_COUNT_MAX);
    for (uint32_t i = 0; i < 2 * HOLE_COUNT_MAX; i++)
        CU_ASSERT_EQUAL(find(0, key_of(begin, 10 * i), 1) != NULL, i >= HOLE_COUNT_MAX);
    db_holes_clear(&holes);
    CU_ASSERT_PTR_NULL(find(0, key_of(begin, 1275), 1));
}

/* Method: one of two holes is used while many keys are put elsewhere. */
static void
a_hole_that_nobody_uses_is_forgotten(void)
{
    char begin[16], end[16], elsewhere[16];

    for (uint32_t i = 0; i < 2; i++) {
        const struct hole_found found = {.begin = key_of(begin, 10 * i),
                                         .end = key_of(end, 10 * i + 5),
                                         .seq = 1,
                                         .entry_count = 1000000};

        db_holes_add(&holes, 0, &found);
    }
    for (uint32_t i = 0; i < 2 * HOLE_IDLE_PUT_COUNT; i++) {
        db_holes_put(&holes, 0, key_of(elsewhere, 99));
        if (i % 1000 == 0)
            CU_ASSERT_PTR_NOT_NULL(find(0, key_of(begin, 10), 1));
    }
    CU_ASSERT_EQUAL(holes.count, 1);
    db_holes_clear(&holes);
}

/* Method: two of different versions become one, which a key cuts in two. */
static void
a_hole_is_none_in_older_versions(void)
{
    struct hole_found found = {.begin = slice_from_text("b"),
                               .end = slice_from_text("d"),
                               .serial = 7,
                               .entry_count = 4 * HOLE_ENTRY_COUNT_MIN};
    struct hole_view view = {.serial = 7};

    db_holes_add(&holes, 0, &found);
    found.begin = slice_from_text("d"); /* they become one */
    found.end = slice_from_text("f");
    found.serial = 3;
    db_holes_add(&holes, 0, &found);
    db_holes_put(&holes, 0, slice_from_text("e"));
    for (const char *key = "bcdf"; *key != 'f'; key++) {
        view.serial = 7;
        CU_ASSERT_PTR_NOT_NULL(db_holes_find(&holes, 0, slice_of(key, 1), &view));
        view.serial = 6;
        CU_ASSERT_PTR_NULL(db_holes_find(&holes, 0, slice_of(key, 1), &view));
    }
    view.serial = 6;
    CU_ASSERT_PTR_NULL(db_holes_find(&holes, 0, slice_from_text("ea"), &view));
    view.serial = 7;
    CU_ASSERT_PTR_NOT_NULL(db_holes_find(&holes, 0, slice_from_text("ea"), &view));
    db_holes_clear(&holes);
}

/* Method: the longest key that there is is put into a hole, and one of each length at the border.
 */
static void
a_long_key_takes_no_memory(void)
{
    const struct hole_found found = {.begin = slice_from_text("a"),
                                     .end = slice_from_text("c"),
                                     .seq = 1,
                                     .entry_count = 1000000};
    static const size_t sizes[] = {HOLE_KEY_BYTES_MAX - 1, HOLE_KEY_BYTES_MAX,
                                   HOLE_KEY_BYTES_MAX + 1, KEY_BYTES_MAX};
    static uint8_t key[KEY_BYTES_MAX];

    memset(key, 'b', sizeof(key));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        db_holes_add(&holes, 0, &found);
        db_holes_put(&holes, 0, slice_of(key, sizes[i]));
        CU_ASSERT_PTR_NULL(find(0, slice_of(key, sizes[i]), 1));
        for (uint32_t j = 0; j < holes.count; j++) {
            CU_ASSERT_TRUE(holes.items[j].begin.size <= HOLE_KEY_BYTES_MAX);
            CU_ASSERT_TRUE(holes.items[j].end.size <= HOLE_KEY_BYTES_MAX);
        }
        db_holes_clear(&holes);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_hole_is_empty),
        UNIT_TEST(the_least_useful_one_is_forgotten),
        UNIT_TEST(a_hole_that_nobody_uses_is_forgotten),
        UNIT_TEST(a_long_key_takes_no_memory),
        UNIT_TEST(a_hole_is_none_in_older_versions),
        UNIT_TEST_END,
    };

    return unit_main("db_holes", tests, argc, argv);
}
