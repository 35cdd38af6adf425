/* Goal: a flush keeps what some snapshot can see, and no more (FORMAT.md sections 8.2, 8.3).
 * Method: a key's versions as text, newest first, "p5" a put at sequence 5, d deletion, m merge
 * operand, s single deletion; the answer is the versions that stay. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compact/version_filter.h"
#include "support/unit.h"

static enum value_type
type_of(char letter)
{
    switch (letter) {
    case 'p':
        return TYPE_VALUE;
    case 'd':
        return TYPE_DELETION;
    case 'm':
        return TYPE_MERGE;
    default:
        return TYPE_SINGLE_DELETION;
    }
}

/* Runs the filter over "p5 d3 p1" of key `name`; appends what stays to `kept`. */
static void
run(struct version_filter *filter, const char *name, const char *versions, char *kept)
{
    char copy[200];
    char *rest = copy;
    char *word;

    snprintf(copy, sizeof(copy), "%s", versions);
    while ((word = strsep(&rest, " ")) != NULL) {
        const struct internal_key key = {.user_key = slice_from_text(name),
                                         .seq = strtoull(word + 1, NULL, 10),
                                         .type = type_of(word[0])};

        if (version_filter_keep(filter, &key)) {
            if (kept[0] != '\0')
                strcat(kept, " ");
            strcat(kept, word);
        }
    }
}

static void
expect(const char *versions, const uint64_t *snapshots, uint32_t snapshot_count,
       const char *expected)
{
    struct version_filter filter;
    char kept[200] = "";

    version_filter_init(&filter, snapshots, snapshot_count);
    run(&filter, "k", versions, kept);
    version_filter_deinit(&filter);
    CU_ASSERT_STRING_EQUAL(kept, expected);
}

static void
without_snapshots_the_newest_end_hides_the_rest(void)
{
    expect("p5 p3 p1", NULL, 0, "p5");
    expect("d5 p3 p1", NULL, 0, "d5");
    expect("m5 m4 p3 m2 p1", NULL, 0, "m5 m4 p3");
    expect("m5 d3 p1", NULL, 0, "m5 d3");
}

static void
each_stripe_keeps_its_newest(void)
{
    const uint64_t one[] = {3};
    const uint64_t two[] = {2, 4};

    expect("p5 p4 p3 p1", one, 1, "p5 p3");
    expect("d5 p3 p1", one, 1, "d5 p3");
    expect("p5 p4 p3 p2 p1", two, 2, "p5 p4 p2");
    expect("m5 m4 p3 p2", two, 2, "m5 m4 p3 p2");
    expect("p9 p8", two, 2, "p9");
}

static void
single_deletions_stay_with_what_they_meet(void)
{
    expect("p3 s2 p1", NULL, 0, "p3 s2 p1");
    expect("s4 p3 p2", NULL, 0, "s4 p3");
    expect("p5 p4 s3 s2 p1", NULL, 0, "p5 s3 s2 p1");
}

static void
keys_do_not_touch_each_other(void)
{
    struct version_filter filter;
    char kept[200] = "";

    version_filter_init(&filter, NULL, 0);
    run(&filter, "a", "p5 p1", kept);
    run(&filter, "ab", "d9 p8", kept);
    run(&filter, "b", "p2", kept);
    version_filter_deinit(&filter);
    CU_ASSERT_STRING_EQUAL(kept, "p5 d9 p2");
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(without_snapshots_the_newest_end_hides_the_rest),
        UNIT_TEST(each_stripe_keeps_its_newest),
        UNIT_TEST(single_deletions_stay_with_what_they_meet),
        UNIT_TEST(keys_do_not_touch_each_other),
        UNIT_TEST_END,
    };

    return unit_main("version_filter", tests, argc, argv);
}
