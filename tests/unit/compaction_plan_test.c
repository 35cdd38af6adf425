/* Goal: whatever a tree looks like and whatever runs, a plan keeps what plans promise.
 *
 * Method: random trees that a sane engine would hardly make: levels cut anywhere, also between
 * versions of one key and at the ends of range tombstones, of any size, with marks, deletions and
 * ages; random options; several plans at once, each checked against the view that it was picked
 * from (support/paper_tree.c), and its cuts against itself. */
#include <CUnit/Basic.h>
#include <string.h>

#include "base/random.h"
#include "key/internal_key.h"
#include "support/paper_tree.h"
#include "support/unit.h"

enum {
    TREE_COUNT = 1500,
    RUNNING_COUNT_MAX = 8,
    JOB_COUNT_MAX = 9,
    KEY_BYTES = 2,
    NOW_S = 1000000000,
};

static struct random chance;

static uint64_t
below(uint64_t bound)
{
    return random_below(&chance, bound);
}

static void
append_key(struct buffer *target, uint32_t key, uint64_t seq, enum value_type type)
{
    const uint8_t bytes[KEY_BYTES] = {(uint8_t)(key >> 8), (uint8_t)key};

    buffer_clear(target);
    internal_key_append(target, slice_of(bytes, KEY_BYTES), seq, type);
}

static void
fill_in(struct table_file *file, uint64_t seq_smallest)
{
    struct table_meta *meta = &file->meta;

    meta->seq_smallest = seq_smallest;
    meta->bytes = below(4) == 0 ? below(300) << 20 : below(1 << 20);
    meta->has_counts = below(4) > 0;
    meta->entry_count = below(1000);
    meta->deletion_count = below(3) > 0 ? 0 : below(meta->entry_count + 1);
    meta->marked_for_compaction = below(50) == 0;
    meta->creation_time_s = below(4) > 0 ? NOW_S - below(100) : below(NOW_S);
}

/* Versions of keys ascend through the level; tables end and begin anywhere among them. */
static void
add_level(struct paper_tree *tree, uint32_t level, uint64_t *number)
{
    const uint32_t count = (uint32_t)below(below(3) == 0 ? 40 : 6);
    struct buffer smallest = {0}, largest = {0};
    uint32_t key = (uint32_t)below(100);
    uint64_t seq = 1000;

    for (uint32_t i = 0; i < count; i++) {
        append_key(&smallest, key, seq, TYPE_VALUE);
        if (below(3) > 0) {
            key += 1 + (uint32_t)below(30);
            seq = 1000;
        }
        seq -= 1 + below(3);
        if (seq < 100) {
            key++;
            seq = 1000;
        }
        if (seq > 990 && below(4) == 0 && key > 0)
            append_key(&largest, ++key, SEQUENCE_MAX, TYPE_RANGE_DELETION);
        else
            append_key(&largest, key, seq, TYPE_VALUE);
        fill_in(paper_tree_add(tree, level, (*number)++, buffer_slice(&smallest),
                               buffer_slice(&largest), 1000),
                below(1000));
        if (below(2) == 0) {
            key += 1 + (uint32_t)below(30);
            seq = 1000;
        } else {
            seq = internal_key_footer(buffer_slice(&largest)) >> 8 == SEQUENCE_MAX ? 1000 : seq - 1;
        }
    }
    buffer_deinit(&smallest);
    buffer_deinit(&largest);
}

static void
add_level_0(struct paper_tree *tree, uint64_t *number)
{
    const uint32_t count = (uint32_t)below(below(5) == 0 ? 60 : 8);
    struct buffer smallest = {0}, largest = {0};

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t seq = 2000 + 10 * i;
        const uint32_t key = (uint32_t)below(600);

        append_key(&smallest, key, seq, TYPE_VALUE);
        append_key(&largest, key + (uint32_t)below(200), seq - 1, TYPE_VALUE);
        fill_in(paper_tree_add(tree, 0, (*number)++, buffer_slice(&smallest),
                               buffer_slice(&largest), seq),
                seq - 5);
    }
    buffer_deinit(&smallest);
    buffer_deinit(&largest);
}

static void
make_options(struct compaction_options *options)
{
    static const enum compaction_style styles[] = {COMPACTION_LEVELED, COMPACTION_LEVELED,
                                                   COMPACTION_UNIVERSAL, COMPACTION_FIFO};

    *options = compaction_options_default();
    options->style = styles[below(4)];
    options->level0_file_num_compaction_trigger = 1 + (uint32_t)below(6);
    options->max_bytes_for_level_base = UINT64_C(1) << (16 + below(14));
    options->max_bytes_for_level_multiplier = 2 + (double)below(9);
    options->target_file_size_base = UINT64_C(1) << (16 + below(10));
    options->max_compaction_bytes = below(2) == 0 ? 0 : UINT64_C(1) << (20 + below(10));
    options->universal.max_size_amplification_percent = (uint32_t)below(300);
    options->universal.max_merge_width = 2 + (uint32_t)below(10);
    options->has_bottommost_compression = below(3) == 0;
    options->ttl = below(2) == 0 ? 50 : COMPACTION_TTL_AUTO;
    options->periodic_compaction_seconds = below(4) == 0 ? 70 : 0;
    options->fifo.max_table_files_size = below(2) == 0 ? UINT64_MAX : below(UINT64_C(1) << 31);
}

static void
check_cuts(const struct compaction_plan *plan)
{
    const uint32_t job_count_max = 1 + (uint32_t)below(JOB_COUNT_MAX);
    struct slice cuts[JOB_COUNT_MAX];
    uint32_t count;

    if (plan->kind != COMPACTION_MERGE)
        return;
    count = compaction_plan_cut(plan, job_count_max, below(2) * (1 << 20), cuts);
    CU_ASSERT_FATAL(count < job_count_max);
    for (uint32_t i = 0; i < count; i++) {
        CU_ASSERT_FATAL(slice_compare(i == 0 ? plan->smallest : cuts[i - 1], cuts[i]) < 0);
        CU_ASSERT_FATAL(slice_compare(cuts[i], plan->largest) <= 0);
    }
}

static void
check_tree(const struct compaction_view *given, uint64_t number_next)
{
    struct compaction_plan plans[RUNNING_COUNT_MAX], again;
    const struct compaction_plan *running[RUNNING_COUNT_MAX];
    const struct compaction_request request = {
        .begin = slice_of("\0\x40", below(2) * 2),
        .end = slice_of("\1\0", below(2) * 2),
        .seq_max = below(2500),
        .number_next = 1 + below(number_next),
        .is_forced = below(2) == 0,
    };
    struct compaction_view view = *given;
    uint32_t count = 0;

    view.running = running;
    while (count < RUNNING_COUNT_MAX) {
        struct compaction_plan *plan = &plans[count];
        const bool by_hand = below(4) == 0;

        if (by_hand ? compaction_pick_manual(&view, &request, plan) != COMPACTION_MANUAL_PLAN
                    : !compaction_pick(&view, plan))
            break;
        paper_plan_check(&view, plan);
        check_cuts(plan);
        if (!by_hand) {
            CU_ASSERT_FATAL(compaction_pick(&view, &again));
            CU_ASSERT_STRING_EQUAL(again.text, plan->text);
            compaction_plan_deinit(&again);
        }
        running[count++] = plan;
        view.running_count = count;
    }
    while (count > 0)
        compaction_plan_deinit(&plans[--count]);
}

static void
plans_keep_their_promises(void)
{
    random_init(&chance, unit_seed());
    for (uint32_t i = 0; i < TREE_COUNT; i++) {
        struct compaction_options options;
        struct paper_tree tree;
        uint64_t number = 1;
        const struct compaction_view view = {
            .version = &tree.version,
            .options = &options,
            .compression = COMPRESSION_LZ4,
            .snapshot_oldest = below(2) == 0 ? SEQUENCE_MAX : below(1000),
            .now_s = NOW_S,
        };

        paper_tree_init(&tree);
        make_options(&options);
        add_level_0(&tree, &number);
        for (uint32_t level = 1; level < LEVEL_COUNT; level++) {
            if (below(2) == 0)
                add_level(&tree, level, &number);
        }
        paper_tree_check(&tree);
        paper_tree_sum(&tree);
        check_tree(&view, number);
        paper_tree_deinit(&tree);
    }
}

/* Goal: what stands for many tables below a plan covers them all, and is no more than may be.
 * Method: five thousand tables below one. */
static void
many_tables_below_are_few_spans(void)
{
    enum { BELOW_COUNT = 5000 };
    struct compaction_options options = compaction_options_default();
    struct buffer smallest = {0}, largest = {0};
    struct compaction_plan plan;
    struct paper_tree tree;
    const struct compaction_view view = {.version = &tree.version,
                                         .options = &options,
                                         .snapshot_oldest = SEQUENCE_MAX,
                                         .now_s = NOW_S};

    paper_tree_init(&tree);
    for (uint32_t i = 0; i < BELOW_COUNT; i++) {
        append_key(&smallest, 10 * i, 5, TYPE_VALUE);
        append_key(&largest, 10 * i + 5, 5, TYPE_VALUE);
        paper_tree_add(&tree, 6, 10 + i, buffer_slice(&smallest), buffer_slice(&largest), 5)
            ->meta.bytes = UINT64_C(1) << 30;
    }
    append_key(&smallest, 0, 50, TYPE_VALUE);
    append_key(&largest, UINT16_MAX, 50, TYPE_VALUE);
    paper_tree_add(&tree, 3, 1, buffer_slice(&smallest), buffer_slice(&largest), 50)->meta.bytes =
        UINT64_C(100) << 30;
    paper_tree_sum(&tree);
    CU_ASSERT_TRUE_FATAL(compaction_pick(&view, &plan));
    paper_plan_check(&view, &plan);
    CU_ASSERT_EQUAL(plan.output_level, 4);
    CU_ASSERT(plan.below_count > COMPACTION_BELOW_COUNT_MAX / 2);
    CU_ASSERT(plan.below_count <= COMPACTION_BELOW_COUNT_MAX);
    CU_ASSERT_EQUAL(plan.grandparent_count, 0);
    compaction_plan_deinit(&plan);
    paper_tree_deinit(&tree);
    buffer_deinit(&smallest);
    buffer_deinit(&largest);
}

static const struct unit_test tests[] = {
    UNIT_TEST(plans_keep_their_promises),
    UNIT_TEST(many_tables_below_are_few_spans),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("compaction_plan", tests, argc, argv);
}
