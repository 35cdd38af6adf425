/* unit.h - a main() around CUnit: runs a table of tests and exits 1 if any assertion failed.
 *
 * Program arguments: names of tests to run (default: all), and seed=N, which random tests take
 * from unit_seed(); without it the seed is the environment's KV_SEED, or the clock's.  It is
 * printed first.
 */
#ifndef KV_TESTS_SUPPORT_UNIT_H
#define KV_TESTS_SUPPORT_UNIT_H

#include <stdint.h>

struct unit_test {
    const char *name; /* a sentence with underscores */
    void (*run)(void);
};

#define UNIT_TEST(function)                                                                        \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }
#define UNIT_TEST_END                                                                              \
    {                                                                                              \
        .name = NULL, .run = NULL                                                                  \
    }

int unit_main(const char *suite, const struct unit_test *tests, int argc, char **argv);
uint64_t unit_seed(void);

#endif
