/* Goal: what was added is never denied, and most of what was not is.
 * Method: random hashes in filters of several sizes; a filter that was reset has forgotten all. */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/random.h"
#include "mem/mem_filter.h"
#include "support/unit.h"

enum { ENTRY_COUNT = 20000 };

static void
added_keys_are_never_denied(void)
{
    static uint64_t hashes[ENTRY_COUNT];
    struct mem_filter filter = {0};
    struct random random;
    unsigned wrong_count = 0;

    random_init(&random, unit_seed());
    for (size_t entry_bytes = 120; entry_bytes <= 4096; entry_bytes *= 4) {
        mem_filter_reset(&filter, entry_bytes * ENTRY_COUNT);
        CU_ASSERT(mem_filter_bytes(&filter) * 32 < entry_bytes * ENTRY_COUNT);
        for (unsigned i = 0; i < ENTRY_COUNT; i++)
            mem_filter_add(&filter, hashes[i] = random_next(&random));
        for (unsigned i = 0; i < ENTRY_COUNT; i++) {
            CU_ASSERT_FATAL(mem_filter_may_contain(&filter, hashes[i]));
            wrong_count += mem_filter_may_contain(&filter, random_next(&random));
        }
    }
    CU_ASSERT(wrong_count < 3 * ENTRY_COUNT / 40);
    mem_filter_reset(&filter, 4096);
    CU_ASSERT_FALSE(mem_filter_may_contain(&filter, hashes[0]));
    mem_filter_deinit(&filter);
}

/* Method: the smallest mapping there may be. */
static void
the_smallest_filter_has_a_line(void)
{
    struct mem_filter filter = {0};

    mem_filter_reset(&filter, 1);
    CU_ASSERT_FALSE(mem_filter_may_contain(&filter, UINT64_MAX));
    mem_filter_add(&filter, UINT64_MAX);
    mem_filter_add(&filter, 0);
    CU_ASSERT_TRUE(mem_filter_may_contain(&filter, UINT64_MAX));
    CU_ASSERT_TRUE(mem_filter_may_contain(&filter, 0));
    mem_filter_deinit(&filter);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(added_keys_are_never_denied),
        UNIT_TEST(the_smallest_filter_has_a_line),
        UNIT_TEST_END,
    };

    return unit_main("mem_filter", tests, argc, argv);
}
