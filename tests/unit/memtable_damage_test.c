/* Goal: damaged mappings are walked without a crash in every test run, not only under the fuzzer.
 * Method: the fuzz target itself, fed with random edits. */
#include "base/random.h"
#include "fuzz/fuzz_memtable.c"
#include "support/unit.h"

static void
damage_ends_in_a_status(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 1000; round++) {
        uint8_t edits[60];
        const size_t size = random_below(&random, sizeof(edits) + 1);

        for (size_t i = 0; i < size; i++)
            edits[i] = (uint8_t)random_next(&random);
        (void)LLVMFuzzerTestOneInput(edits, size);
    }
    memtable_unref(sound);
    memtable_pool_free(sound_pool);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(damage_ends_in_a_status),
        UNIT_TEST_END,
    };

    return unit_main("memtable_damage", tests, argc, argv);
}
