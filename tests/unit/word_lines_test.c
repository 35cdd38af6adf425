/* Goal: a search of word lines counts what a walk over the words counts, one at a time, in two
 * steps and side by side with others, with AVX2 and without.
 * Method: random sets of words, with many ties and both extremes, against a plain count. */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/random.h"
#include "key/word_lines.h"
#include "support/unit.h"

enum { WORD_COUNT_MAX = 3000, SET_COUNT = 5, ROUND_COUNT = 300, PROBE_COUNT = 40 };

static struct random rng;

static int64_t
random_word(uint64_t spread)
{
    switch (random_below(&rng, 20)) {
    case 0:
        return INT64_MAX;
    case 1:
        return INT64_MIN;
    default:
        return (int64_t)random_below(&rng, spread) - (int64_t)(spread / 2);
    }
}

static int
by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void
make_lines(struct word_lines *lines, uint64_t spread)
{
    const size_t limit = random_below(&rng, 3) == 0 ? 20 : WORD_COUNT_MAX;

    word_lines_init(lines, 1 + random_below(&rng, limit));
    for (size_t i = 0; i < lines->count; i++)
        lines->words[i] = random_word(spread);
    qsort(lines->words, lines->count, sizeof(lines->words[0]), by_value);
    word_lines_finish(lines);
}

static size_t
count_below(const struct word_lines *lines, int64_t word)
{
    size_t count = 0;

    while (count < lines->count && lines->words[count] < word)
        count++;
    return count;
}

static void
check_alone(const struct word_lines *lines, int64_t word)
{
    const size_t expected = count_below(lines, word);

    CU_ASSERT_EQUAL(word_lines_below(lines, word), expected);
    CU_ASSERT_EQUAL(word_lines_below_portable(lines, word), expected);
    CU_ASSERT_EQUAL(word_lines_below_from(lines, word_lines_find_line(lines, word), word),
                    expected);
}

static void
searches_count(void)
{
    random_init(&rng, unit_seed());
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        const uint64_t spread = UINT64_C(1) << random_below(&rng, 62);
        struct word_search searches[PROBE_COUNT];
        struct word_lines lines[SET_COUNT];

        for (unsigned i = 0; i < SET_COUNT; i++)
            make_lines(&lines[i], spread);
        for (unsigned i = 0; i < PROBE_COUNT; i++) {
            searches[i] = (struct word_search){.lines = &lines[random_below(&rng, SET_COUNT)],
                                               .word = random_word(spread)};
            check_alone(searches[i].lines, searches[i].word);
        }
        word_lines_search(searches, (unsigned)random_below(&rng, PROBE_COUNT + 1));
        word_lines_search(searches, PROBE_COUNT);
        for (unsigned i = 0; i < PROBE_COUNT; i++)
            CU_ASSERT_EQUAL(searches[i].below, count_below(searches[i].lines, searches[i].word));
        for (unsigned i = 0; i < SET_COUNT; i++)
            word_lines_deinit(&lines[i]);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(searches_count),
        UNIT_TEST_END,
    };

    return unit_main("word_lines", tests, argc, argv);
}
