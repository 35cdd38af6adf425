/* Goal: what was put into a chain_table is found by its hash until it is taken out. */
#include <CUnit/Basic.h>
#include <stdbool.h>

#include "base/random.h"
#include "daemon/chain_table.h"
#include "support/unit.h"

enum { ENTRY_COUNT = 3000 };

static struct chain_node entries[ENTRY_COUNT];

static bool
is_found(const struct chain_table *table, const struct chain_node *entry)
{
    struct chain_node *node = chain_table_find(table, entry->hash);

    while (node != NULL && node != entry)
        node = chain_table_find_next(node);
    return node == entry;
}

/* Method: random insertions and removals, few different hashes among many, against an array. */
static void
a_table_has_what_was_put_into_it(void)
{
    struct random random;
    struct chain_table table = {0};
    static bool is_in[ENTRY_COUNT];
    uint32_t count = 0;

    random_init(&random, unit_seed());
    CU_ASSERT_PTR_NULL(chain_table_find(&table, 1));
    for (int i = 0; i < ENTRY_COUNT; i++)
        entries[i].hash = i % 3 == 0 ? (uint64_t)i % 10 : random_next(&random);
    for (int step = 0; step < 20000; step++) {
        const uint32_t i = (uint32_t)(random_next(&random) % ENTRY_COUNT);

        if (is_in[i])
            chain_table_remove(&table, &entries[i]);
        else
            chain_table_insert(&table, &entries[i]);
        is_in[i] = !is_in[i];
        count += is_in[i] ? 1 : (uint32_t)-1;
        CU_ASSERT_FATAL(table.count == count);
        CU_ASSERT_FATAL(is_found(&table, &entries[i]) == is_in[i]);
    }
    for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
        CU_ASSERT_FATAL(is_found(&table, &entries[i]) == is_in[i]);
        if (is_in[i])
            chain_table_remove(&table, &entries[i]);
    }
    chain_table_deinit(&table);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_table_has_what_was_put_into_it),
        UNIT_TEST_END,
    };

    return unit_main("daemon_chain_table", tests, argc, argv);
}
