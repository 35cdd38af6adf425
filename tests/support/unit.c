#include "support/unit.h"

#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/clock.h"

static uint64_t seed;

uint64_t
unit_seed(void)
{
    return seed;
}

static void
choose_seed(int argc, char **argv)
{
    const char *given = getenv("KV_SEED");

    seed = clock_ns(CLOCK_REALTIME);
    if (given != NULL && given[0] != '\0')
        seed = strtoull(given, NULL, 10);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "seed=", 5) == 0)
            seed = strtoull(argv[i] + 5, NULL, 10);
    }
    printf("seed=%" PRIu64 "\n", seed);
    fflush(stdout);
}

static bool
is_chosen(const char *name, int argc, char **argv)
{
    bool any = false;

    for (int i = 1; i < argc; i++) {
        if (strchr(argv[i], '=') != NULL)
            continue;
        any = true;
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return !any;
}

int
unit_main(const char *suite_name, const struct unit_test *tests, int argc, char **argv)
{
    CU_pSuite suite;
    unsigned failed, run;

    choose_seed(argc, argv);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite(suite_name, NULL, NULL);
    for (; tests->name != NULL; tests++) {
        if (is_chosen(tests->name, argc, argv))
            CU_add_test(suite, tests->name, tests->run);
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    run = CU_get_number_of_tests_run();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed == 0 && run > 0 ? 0 : 1;
}
