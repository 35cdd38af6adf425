/* Goal: a compaction keeps what someone can still see, and no more (FORMAT.md section 8).
 * Method: input tables, snapshots and the tables below as text; the output tables as text. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/compact_rig.h"
#include "support/unit.h"

enum { TABLE_COUNT_MAX = 16, RANGE_COUNT_MAX = 8 };

/* What is said besides the inputs.  Zeroed: bottommost, without snapshots, one output. */
struct wish {
    uint64_t snapshots[4];
    uint32_t snapshot_count;
    const char *below[RANGE_COUNT_MAX]; /* smallest, largest, smallest, ... NULL */
    const char *grandparents[RANGE_COUNT_MAX];
    const char *begin, *end;
    uint64_t output_bytes_max;
    uint32_t output_number_count;
    uint32_t output_level; /* 0: 6 */
    bool to_level_0;
    const char *merge_operator; /* NULL: none */
};

static uint32_t
parse_ranges(const char *const *words, struct compact_range *ranges)
{
    uint32_t count = 0;

    for (; words[2 * count] != NULL; count++)
        ranges[count] = (struct compact_range){.smallest = slice_from_text(words[2 * count]),
                                               .largest = slice_from_text(words[2 * count + 1]),
                                               .bytes = 100};
    return count;
}

static void
print_outputs(struct compact_rig *rig, const struct compaction_result *result, struct buffer *text)
{
    for (uint32_t i = 0; i < result->table_count; i++) {
        if (i > 0)
            buffer_append_format(text, " | ");
        rig_print_table(rig, &result->tables[i], text);
    }
    buffer_append_byte(text, 0);
}

static void
run_spec(struct compact_rig *rig, const struct wish *wish, struct compact_input *inputs,
         uint32_t input_count, struct buffer *text)
{
    struct compact_range below[RANGE_COUNT_MAX], grandparents[RANGE_COUNT_MAX];
    struct compaction_spec spec = {
        .db_identity = "",
        .cf_name = "default",
        .merge_operator = wish->merge_operator != NULL ? wish->merge_operator : "nullptr",
        .inputs = inputs,
        .input_count = input_count,
        .snapshots = wish->snapshots,
        .snapshot_count = wish->snapshot_count,
        .output_level = wish->to_level_0 ? 0 : 6,
        .below = below,
        .below_count = parse_ranges(wish->below, below),
        .grandparents = grandparents,
        .grandparent_count = parse_ranges(wish->grandparents, grandparents),
        .grandparent_bytes_max = 150,
        .output_bytes_max = wish->output_bytes_max,
        .output_number_first = 100,
        .output_number_count = wish->output_number_count == 0 ? 10 : wish->output_number_count,
        .block_bytes = 256,
    };
    const struct compaction_run run = {
        .spec = &spec, .io = rig->io, .dir = rig->dir, .session_identity = ""};
    struct compaction_result result;

    if (wish->begin != NULL)
        spec.begin = slice_from_text(wish->begin);
    if (wish->end != NULL)
        spec.end = slice_from_text(wish->end);
    CU_ASSERT_EQUAL_FATAL(compaction_run_files(&run, &result), KV_OK);
    print_outputs(rig, &result, text);
    compaction_result_deinit(&result);
}

/* Each input is "level: table". */
static void
expect(const struct wish *wish, const char *const *tables, const char *expected)
{
    struct table_summary summaries[TABLE_COUNT_MAX];
    struct compact_input inputs[TABLE_COUNT_MAX];
    struct compact_rig rig;
    struct buffer text = {0};
    uint32_t count = 0;

    compact_rig_init(&rig);
    for (; tables[count] != NULL; count++) {
        rig_write_table(&rig, tables[count] + 2, &summaries[count]);
        inputs[count] = rig_input(&summaries[count], (uint32_t)(tables[count][0] - '0'));
    }
    run_spec(&rig, wish, inputs, count, &text);
    if (strcmp((const char *)text.data, expected) != 0)
        fprintf(stderr, "expected: %s\nfound:    %s\n", expected, (const char *)text.data);
    CU_ASSERT_STRING_EQUAL((const char *)text.data, expected);
    for (uint32_t i = 0; i < count; i++)
        table_summary_deinit(&summaries[i]);
    buffer_deinit(&text);
    compact_rig_deinit(&rig);
}

#define TABLES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define WISH(...)   (&(const struct wish){__VA_ARGS__})

/* Everything may exist below. */
#define BELOW_ALL .below = {"a", "z"}

static void
inputs_become_one_sorted_sequence(void)
{
    expect(WISH(0), TABLES("0 c@9:p=x", "0 a@7:p", "5 a@3:p b@4:p", "5 d@2:p", "6 b@1:p e@1:p"),
           "a@0:p b@0:p c@0:p=x d@0:p e@0:p");
    expect(WISH(BELOW_ALL), TABLES("0 c@9:p", "0 a@7:p", "5 a@3:p b@4:p", "5 d@2:p"),
           "a@7:p b@4:p c@9:p d@2:p");
}

static void
sequences_become_zero_where_all_see_them(void)
{
    expect(WISH(.snapshots = {5}, .snapshot_count = 1), TABLES("0 a@6:p b@5:p", "1 a@3:p"),
           "a@6:p a@0:p b@0:p");
    expect(WISH(.to_level_0 = true), TABLES("0 a@6:p", "0 b@5:p"), "a@6:p b@5:p");
    expect(WISH(.below = {"x", "y"}), TABLES("0 a@6:p", "0 b@5:p"), "a@6:p b@5:p");
}

static void
each_stripe_keeps_its_newest(void)
{
    const struct wish *two = WISH(.snapshots = {2, 4}, .snapshot_count = 2, BELOW_ALL);

    expect(two, TABLES("0 a@6:p a@5:p a@4:p", "1 a@3:p a@2:p a@1:p"), "a@6:p a@4:p a@2:p");
    expect(two, TABLES("0 a@6:d a@3:p", "1 a@2:d"), "a@6:d a@3:p a@2:d");
}

static void
a_deletion_goes_when_it_hides_nothing(void)
{
    expect(WISH(0), TABLES("0 a@6:d b@7:p", "1 a@3:p"), "b@0:p");
    expect(WISH(0), TABLES("0 a@6:d", "1 a@3:p"), "");
    expect(WISH(.below = {"a", "a"}), TABLES("0 a@6:d b@5:d", "1 a@3:p"), "a@6:d");
    expect(WISH(.below = {"b", "c", "e", "f"}), TABLES("0 a@6:d b@5:d d@4:d e@3:d g@2:d"),
           "b@5:d e@3:d");
    /* A snapshot still sees what it hides. */
    expect(WISH(.snapshots = {3}, .snapshot_count = 1), TABLES("0 a@6:d", "1 a@3:p"),
           "a@6:d a@0:p");
    /* It does not see anything: nothing is hidden. */
    expect(WISH(.snapshots = {3}, .snapshot_count = 1), TABLES("0 a@6:d", "1 a@5:p"), "");
    expect(WISH(.snapshots = {3}, .snapshot_count = 1), TABLES("0 a@6:d", "1 a@3:d"), "");
}

static void
a_single_deletion_vanishes_with_its_put(void)
{
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 a@3:p"), "");
    expect(WISH(BELOW_ALL), TABLES("0 a@8:p a@6:s", "1 a@3:p"), "a@8:p");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 b@3:p"), "a@6:s b@3:p");
    expect(WISH(BELOW_ALL), TABLES("0 a@8:p a@6:s", "1 b@3:p"), "a@8:p a@6:s b@3:p");
    expect(WISH(0), TABLES("0 a@6:s", "1 b@3:p"), "b@0:p");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s a@5:e", "1 a@4:s a@3:p"), "");
    expect(WISH(BELOW_ALL, .snapshots = {4}, .snapshot_count = 1), TABLES("0 a@6:s", "1 a@3:p"),
           "a@6:s a@3:p");
    expect(WISH(BELOW_ALL, .snapshots = {4}, .snapshot_count = 1),
           TABLES("0 a@6:s", "1 a@5:p a@3:p"), "a@3:p");
}

static void
a_broken_single_deletion_contract_resurrects_nothing(void)
{
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 a@3:s"), "a@3:s");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 a@3:d a@2:p"), "a@3:d");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 a@3:m a@2:p"), "a@6:s");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 a@3:p a@2:p"), "");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:s", "1 a@3:p a@2:d"), "");
}

static void
operands_stay_down_to_what_they_stand_on(void)
{
    expect(WISH(BELOW_ALL), TABLES("0 a@6:m=x", "1 a@4:m=y a@3:p=z a@2:m=w"),
           "a@6:m=x a@4:m=y a@3:p=z");
    expect(WISH(BELOW_ALL), TABLES("0 a@6:m=x", "1 a@4:d a@3:p=z"), "a@6:m=x a@4:d");
    expect(WISH(0), TABLES("0 a@6:m=x", "1 a@4:d a@3:p=z"), "a@6:m=x");
}

static void
operands_are_folded_within_a_stripe(void)
{
#define APPEND .merge_operator = "stringappend"
    expect(WISH(APPEND, BELOW_ALL), TABLES("0 a@6:m=x b@9:m=1", "1 a@4:m=y a@3:p=z a@2:m=w"),
           "a@6:p=z,y,x b@9:m=1");
    expect(WISH(APPEND), TABLES("0 a@6:m=x b@9:m=1", "1 a@4:m=y a@3:p=z a@2:m=w"),
           "a@0:p=z,y,x b@0:p=1");
    expect(WISH(APPEND, BELOW_ALL), TABLES("0 a@6:m=x", "1 a@4:m=y"), "a@6:m=y,x");
    expect(WISH(APPEND, BELOW_ALL), TABLES("0 a@6:m=x", "1 a@4:d a@3:p=z"), "a@6:p=x");
    expect(WISH(APPEND, BELOW_ALL), TABLES("0 a@6:m=x", "1 a@4:s"), "a@6:m=x a@4:s");
    /* The snapshot sees the lower two. */
    expect(WISH(APPEND, .snapshots = {4}, .snapshot_count = 1),
           TABLES("0 a@6:m=x a@5:m=w", "1 a@4:m=y a@3:p=z"), "a@6:m=w,x a@0:p=z,y");
    expect(WISH(APPEND, .snapshots = {4}, .snapshot_count = 1),
           TABLES("0 a@6:m=x a@5:m=w", "1 a@4:d a@3:p=z"), "a@6:m=w,x");
    expect(WISH(APPEND, .snapshots = {9}, .snapshot_count = 1, BELOW_ALL),
           TABLES("0 a@11:d a@10:m=x", "1 a@9:m=y a@8:m=v"), "a@11:d a@9:m=v,y");
    /* A range tombstone is an end, too. */
    expect(WISH(APPEND, BELOW_ALL), TABLES("0 a@6:m=x [a-c)@5", "1 a@4:m=y a@3:p=z"),
           "a@6:p=x [a-c)@5");
#undef APPEND
}

static void
a_range_tombstone_hides_what_is_older(void)
{
    expect(WISH(BELOW_ALL), TABLES("0 b@9:p [a-d)@5", "1 a@3:p b@4:p c@6:p d@2:p"),
           "b@9:p c@6:p d@2:p [a-d)@5");
    expect(WISH(0), TABLES("0 b@9:p [a-d)@5", "1 a@3:p b@4:p c@6:p d@2:p"), "b@0:p c@0:p d@0:p");
    expect(WISH(0), TABLES("0 [a-d)@5", "1 a@3:p b@4:p"), "");
    expect(WISH(BELOW_ALL), TABLES("0 [a-d)@5", "1 a@3:p b@4:s c@2:m"), "[a-d)@5");
    /* Only where something older may be. */
    expect(WISH(.below = {"k", "l"}), TABLES("0 [a-d)@5 [j-m)@6", "1 a@3:p k@4:p"), "[j-m)@6");
}

static void
a_snapshot_looks_behind_a_range_tombstone(void)
{
    expect(WISH(.snapshots = {4}, .snapshot_count = 1),
           TABLES("0 [a-d)@6", "1 a@3:p a@2:p b@5:p c@4:p"), "a@0:p c@0:p [a-d)@6");
    expect(WISH(.snapshots = {7}, .snapshot_count = 1), TABLES("0 [a-d)@6", "1 a@3:p c@8:p"),
           "c@8:p");
    expect(WISH(.snapshots = {4}, .snapshot_count = 1, BELOW_ALL),
           TABLES("0 [a-d)@6 [a-e)@3 [a-c)@8", "1 a@2:p"),
           "[a-c)@8 [a-c)@3 [c-d)@6 [c-d)@3 "
           "[d-e)@3");
}

static void
a_tombstone_acts_only_inside_its_table(void)
{
    /* The first table of level 1 ends at c, whatever its tombstone says beyond. */
    expect(WISH(BELOW_ALL), TABLES("1 a@9:p [a-c)@7", "1 c@8:p d@3:p", "2 b@1:p d@1:p"),
           "a@9:p c@8:p d@3:p [a-c)@7");
}

static void
outputs_end_between_user_keys(void)
{
    const struct wish *small =
        WISH(.output_bytes_max = 1, BELOW_ALL, .snapshots = {2, 4}, .snapshot_count = 2);

    expect(small, TABLES("0 a@6:p a@4:p a@2:p b@1:p", "1 c@3:p"),
           "a@6:p a@4:p a@2:p | b@1:p | c@3:p");
    expect(WISH(.output_bytes_max = 1, .output_number_count = 2), TABLES("0 a@1:p b@2:p c@3:p"),
           "a@0:p | b@0:p c@0:p");
    expect(WISH(.output_number_count = 5), TABLES("0 a@1:p b@2:p c@3:p"), "a@0:p b@0:p c@0:p");
}

static void
a_tombstone_is_cut_at_the_border(void)
{
    const struct wish *small = WISH(.output_bytes_max = 1, BELOW_ALL);

    expect(small, TABLES("0 a@6:p c@7:p e@8:p [b-f)@5"),
           "a@6:p [b-c)@5 | c@7:p [c-e)@5 | e@8:p [e-f)@5");
    expect(small, TABLES("0 a@6:p c@7:p [c-d)@5 [x-y)@9"), "a@6:p | c@7:p [c-d)@5 [x-y)@9");
    expect(small, TABLES("0 [b-f)@5", "1 c@6:p"), "c@6:p [b-f)@5");
}

static void
grandparents_end_an_output(void)
{
    expect(WISH(.output_bytes_max = 8, BELOW_ALL, .grandparents = {"a", "b", "c", "d", "e", "f"}),
           TABLES("0 a@1:p"), "a@1:p");
    /* Large enough an eighth of the way, and two passed make 200 of 150. */
    expect(WISH(.output_bytes_max = 400, BELOW_ALL, .grandparents = {"a", "b", "c", "d", "g", "h"}),
           TABLES("0 a@1:p=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa c@2:p e@3:p f@4:p"),
           "a@1:p=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa c@2:p | e@3:p f@4:p");
}

static void
a_part_of_the_keys_is_a_job_of_its_own(void)
{
    const char *const *tables =
        TABLES("0 a@9:p c@8:p e@7:p [a-f)@5", "1 b@1:p c@2:p d@3:p", "1 g@1:p");

    expect(WISH(.end = "c", BELOW_ALL), tables, "a@9:p [a-c)@5");
    expect(WISH(.begin = "c", .end = "e", BELOW_ALL), tables, "c@8:p [c-e)@5");
    expect(WISH(.begin = "e", BELOW_ALL), tables, "e@7:p g@1:p [e-f)@5");
    expect(WISH(.begin = "h", BELOW_ALL), tables, "");
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(inputs_become_one_sorted_sequence),
        UNIT_TEST(sequences_become_zero_where_all_see_them),
        UNIT_TEST(each_stripe_keeps_its_newest),
        UNIT_TEST(a_deletion_goes_when_it_hides_nothing),
        UNIT_TEST(a_single_deletion_vanishes_with_its_put),
        UNIT_TEST(a_broken_single_deletion_contract_resurrects_nothing),
        UNIT_TEST(operands_stay_down_to_what_they_stand_on),
        UNIT_TEST(operands_are_folded_within_a_stripe),
        UNIT_TEST(a_range_tombstone_hides_what_is_older),
        UNIT_TEST(a_snapshot_looks_behind_a_range_tombstone),
        UNIT_TEST(a_tombstone_acts_only_inside_its_table),
        UNIT_TEST(outputs_end_between_user_keys),
        UNIT_TEST(a_tombstone_is_cut_at_the_border),
        UNIT_TEST(grandparents_end_an_output),
        UNIT_TEST(a_part_of_the_keys_is_a_job_of_its_own),
        UNIT_TEST_END,
    };

    return unit_main("compaction_run", tests, argc, argv);
}
