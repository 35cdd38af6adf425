/* Goal: entities are read and changed as FORMAT.md section 15 has them, columns of others stay, and
 * a deadline is the one that was set; what a table says of its deadlines is true. */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "key/deadlines.h"
#include "key/entity.h"
#include "support/quiet_log.h"
#include "support/unit.h"

static const uint8_t with_deadline[] = {1,   2,   0,   1,   10,  'k', 'v', 'd', '.',
                                        'e', 'x', 'p', 'i', 'r', 'e', 8,   'v', 8,
                                        7,   6,   5,   4,   3,   2,   1};
#define DEADLINE UINT64_C(0x0102030405060708)

/* Method: bytes written down by hand. */
static void
a_value_with_a_deadline_has_the_bytes_of_the_format(void)
{
    const struct slice bytes = slice_of(with_deadline, sizeof(with_deadline));
    const struct entity to = {.value = slice_from_text("v"), .deadline_ms = DEADLINE};
    struct buffer encoded = {0};
    struct entity entity;

    CU_ASSERT_EQUAL(entity_rewrite(slice_of(NULL, 0), &to, &encoded), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&encoded), bytes));
    CU_ASSERT_EQUAL(entity_parse(bytes, &entity), KV_OK);
    CU_ASSERT_EQUAL(entity.deadline_ms, DEADLINE);
    CU_ASSERT_FALSE(entity.has_others);
    CU_ASSERT_TRUE(slice_equal(entity.value, slice_from_text("v")));
    CU_ASSERT_EQUAL(entity_deadline(bytes), DEADLINE);
    CU_ASSERT_FALSE(entity_is_dead(&entity, DEADLINE));
    CU_ASSERT_TRUE(entity_is_dead(&entity, DEADLINE + 1));
    buffer_deinit(&encoded);
}

/* Method: others' columns before and behind the deadline's; it comes, changes and goes. */
static void
columns_of_others_stay(void)
{
    static const uint8_t foreign[] = {1, 3, 0, 1, 1, 'a', 2, 1, 'z', 1, 'v', 'x', 'y', 'w'};
    static const uint8_t expected[] = {1,   4,   0,   3,   1,   'a', 2, 10, 'k', 'v', 'd', '.',
                                       'e', 'x', 'p', 'i', 'r', 'e', 8, 1,  'z', 1,   'n', 'e',
                                       'w', 'x', 'y', 9,   0,   0,   0, 0,  0,   0,   0,   'w'};
    struct entity to = {.value = slice_from_text("new"), .deadline_ms = 9};
    struct buffer once = {0}, twice = {0};
    struct entity entity;

    CU_ASSERT_EQUAL(entity_rewrite(slice_of(foreign, sizeof(foreign)), &to, &once), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&once), slice_of(expected, sizeof(expected))));
    to.deadline_ms = 10;
    CU_ASSERT_EQUAL(entity_rewrite(buffer_slice(&once), &to, &twice), KV_OK);
    CU_ASSERT_EQUAL(entity_parse(buffer_slice(&twice), &entity), KV_OK);
    CU_ASSERT_EQUAL(entity.deadline_ms, 10);
    CU_ASSERT_TRUE(entity.has_others);
    to = (struct entity){.value = slice_from_text("v"), .deadline_ms = DEADLINE_NONE};
    CU_ASSERT_EQUAL(entity_rewrite(buffer_slice(&twice), &to, &once), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&once), slice_of(foreign, sizeof(foreign))));
    buffer_deinit(&once);
    buffer_deinit(&twice);
}

/* Method: a column of the deadline's name and another size. */
static void
a_deadline_of_another_size_is_none(void)
{
    static const uint8_t odd[] = {1,   2,   0,   1,   10,  'k', 'v', 'd', '.',
                                  'e', 'x', 'p', 'i', 'r', 'e', 1,   'v', 8};
    const struct slice bytes = slice_of(odd, sizeof(odd));
    const struct entity to = {.value = slice_from_text("v"), .deadline_ms = DEADLINE};
    struct buffer changed = {0};
    struct entity entity;

    CU_ASSERT_EQUAL(entity_parse(bytes, &entity), KV_OK);
    CU_ASSERT_EQUAL(entity.deadline_ms, DEADLINE_NONE);
    CU_ASSERT_FALSE(entity.has_others);
    CU_ASSERT_EQUAL(entity_rewrite(bytes, &to, &changed), KV_OK);
    CU_ASSERT_TRUE(
        slice_equal(buffer_slice(&changed), slice_of(with_deadline, sizeof(with_deadline))));
    buffer_deinit(&changed);
}

/* Method: 20,000 random changes and cuts; ASan is quiet, and what is accepted reads back. */
static void
damaged_bytes_do_no_harm(void)
{
    struct random random;
    struct buffer target = {0};

    random_init(&random, unit_seed());
    quiet_log();
    for (int round = 0; round < 20000; round++) {
        const struct entity to = {.value = slice_from_text("new"), .deadline_ms = (uint64_t)round};
        const size_t size = random_below(&random, sizeof(with_deadline) + 1);
        uint8_t *copy = malloc(size + 1);
        struct entity entity;

        memcpy(copy, with_deadline, size);
        for (uint64_t i = random_below(&random, 3); i > 0 && size > 0; i--)
            copy[random_below(&random, size)] = (uint8_t)random_next(&random);
        (void)entity_deadline(slice_of(copy, size));
        if (size > 0 && entity_rewrite(slice_of(copy, size), &to, &target) == KV_OK) {
            CU_ASSERT_EQUAL(entity_parse(buffer_slice(&target), &entity), KV_OK);
            CU_ASSERT_TRUE(slice_equal(entity.value, to.value));
            CU_ASSERT_EQUAL(entity.deadline_ms, to.deadline_ms);
        }
        free(copy);
    }
    buffer_deinit(&target);
    log_set_sink(NULL, NULL);
}

/* Method: a hundred thousand deadlines in random order, of which each is there once. */
static void
a_table_is_due_when_half_of_it_is_dead(void)
{
    enum { COUNT = 100000 };
    struct deadline_counter *counter = calloc(1, sizeof(*counter));
    uint64_t state = unit_seed() % COUNT;
    struct deadlines deadlines;

    for (int i = 0; i < COUNT; i++) {
        state = (state + 77777) % COUNT; /* has no divisor in common with COUNT */
        deadline_counter_add(counter, 1000 + state);
    }
    deadlines = deadline_counter_finish(counter, COUNT, 0);
    CU_ASSERT_EQUAL(deadlines.count, COUNT);
    CU_ASSERT_EQUAL(deadlines.oldest_ms, 1000);
    CU_ASSERT_EQUAL(deadlines.newest_ms, 1000 + COUNT - 1);
    CU_ASSERT_TRUE(deadlines.due_ms > 1000 + COUNT / 10 * 4 &&
                   deadlines.due_ms < 1000 + COUNT / 10 * 6);
    CU_ASSERT_TRUE(deadlines_are_possible(&deadlines, COUNT, 0));
    CU_ASSERT_FALSE(deadlines_are_possible(&deadlines, COUNT, 1));
    CU_ASSERT_EQUAL(deadlines_passed(&deadlines, 1000), 0);
    CU_ASSERT_EQUAL(deadlines_passed(&deadlines, 1000 + COUNT), COUNT);
    free(counter);
}

/* Method: tables of a hundred entries: with few deadlines, with some, with many deletions. */
static void
few_deadlines_are_due_when_all_have_passed_or_never(void)
{
    static const struct {
        uint64_t count, deletion_count, due_ms;
    } cases[] = {{0, 0, 0},   {5, 0, DEADLINE_NONE}, {10, 0, 10}, {40, 5, 40},
                 {50, 0, 50}, {30, 40, 11},          {20, 60, 1}, {100, 0, 51}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct deadline_counter *counter = calloc(1, sizeof(*counter));
        struct deadlines deadlines;

        for (uint64_t at = 1; at <= cases[i].count; at++)
            deadline_counter_add(counter, at);
        deadlines = deadline_counter_finish(counter, 100, cases[i].deletion_count);
        CU_ASSERT_EQUAL(deadlines.due_ms, cases[i].due_ms);
        CU_ASSERT_TRUE(deadlines_are_possible(&deadlines, 100, cases[i].deletion_count));
        free(counter);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_value_with_a_deadline_has_the_bytes_of_the_format),
        UNIT_TEST(columns_of_others_stay),
        UNIT_TEST(a_deadline_of_another_size_is_none),
        UNIT_TEST(damaged_bytes_do_no_harm),
        UNIT_TEST(a_table_is_due_when_half_of_it_is_dead),
        UNIT_TEST(few_deadlines_are_due_when_all_have_passed_or_never),
        UNIT_TEST_END,
    };

    return unit_main("entity", tests, argc, argv);
}
