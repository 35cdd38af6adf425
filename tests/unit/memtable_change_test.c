/* Goal: memtable_change_count tells whoever keeps an iterator that it is not valid any more. */
#include <CUnit/Basic.h>

#include "mem/memtable.h"
#include "support/unit.h"

static void
add(struct memtable *memtable, const char *key, uint64_t seq)
{
    const struct batch_record record = {
        .type = TYPE_VALUE, .seq = seq, .key = slice_from_text(key), .value = slice_from_text("v")};

    memtable_add(memtable, &record);
}

/* Method: a rollback and as many new entries bring the entry count back to what it was, but not
 * the tree: a scan that looked at the entry count went backwards (found by the simulator). */
static void
a_rollback_and_new_entries_are_a_change(void)
{
    struct memtable_pool *pool = memtable_pool_new(1 << 20, 0);
    struct memtable *memtable;
    uint64_t entries, changes;

    CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &memtable), KV_OK);
    add(memtable, "a", 1);
    add(memtable, "b", 2);
    entries = memtable_entry_count(memtable);
    changes = memtable_change_count(memtable);
    memtable_rollback(memtable, 1);
    CU_ASSERT_TRUE(memtable_change_count(memtable) > changes);
    add(memtable, "c", 3);
    CU_ASSERT_EQUAL(memtable_entry_count(memtable), entries);
    CU_ASSERT_TRUE(memtable_change_count(memtable) > changes);
    changes = memtable_change_count(memtable);
    memtable_rollback(memtable, 3); /* nothing to take back */
    CU_ASSERT_EQUAL(memtable_change_count(memtable), changes);
    memtable_unref(memtable);
    memtable_pool_free(pool);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_rollback_and_new_entries_are_a_change),
        UNIT_TEST_END,
    };

    return unit_main("memtable_change", tests, argc, argv);
}
