#include "support/paper_tree.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "key/internal_key.h"

void
paper_tree_init(struct paper_tree *tree)
{
    *tree = (struct paper_tree){.version = {.ref_count = 1}};
}

void
paper_tree_free_table(struct table_file *file)
{
    buffer_deinit(&file->meta.smallest);
    buffer_deinit(&file->meta.largest);
    free(file);
}

void
paper_tree_deinit(struct paper_tree *tree)
{
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        struct version_level *tables = &tree->version.levels[level];

        for (uint32_t i = 0; i < tables->count; i++)
            paper_tree_free_table(tables->files[i]);
        free(tables->files);
    }
    *tree = (struct paper_tree){0};
}

static bool
goes_before(uint32_t level, const struct table_file *a, const struct table_file *b)
{
    if (level > 0)
        return internal_key_compare(buffer_slice(&a->meta.smallest),
                                    buffer_slice(&b->meta.smallest)) < 0;
    if (a->meta.seq_largest != b->meta.seq_largest)
        return a->meta.seq_largest > b->meta.seq_largest;
    return a->meta.number > b->meta.number;
}

struct table_file *
paper_tree_add(struct paper_tree *tree, uint32_t level, uint64_t number, struct slice smallest,
               struct slice largest, uint64_t seq_largest)
{
    struct version_level *tables = &tree->version.levels[level];
    struct table_file *file = kv_alloc_zero(sizeof(*file));
    uint32_t at = tables->count;

    file->meta.number = number;
    file->meta.seq_largest = seq_largest;
    file->level = level;
    file->ref_count = 1;
    buffer_append_slice(&file->meta.smallest, smallest);
    buffer_append_slice(&file->meta.largest, largest);
    tables->files = kv_realloc(tables->files, (tables->count + 1) * sizeof(struct table_file *));
    for (; at > 0 && goes_before(level, file, tables->files[at - 1]); at--)
        tables->files[at] = tables->files[at - 1];
    tables->files[at] = file;
    tables->count++;
    return file;
}

static bool
locate(const struct paper_tree *tree, uint64_t number, uint32_t *level_out, uint32_t *index_out)
{
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < tree->version.levels[level].count; i++) {
            if (tree->version.levels[level].files[i]->meta.number == number) {
                *level_out = level;
                *index_out = i;
                return true;
            }
        }
    }
    return false;
}

struct table_file *
paper_tree_find(struct paper_tree *tree, uint64_t number)
{
    uint32_t level, index;

    return locate(tree, number, &level, &index) ? tree->version.levels[level].files[index] : NULL;
}

struct table_file *
paper_tree_take(struct paper_tree *tree, uint64_t number)
{
    struct table_file *file;
    struct version_level *tables;
    uint32_t level, index;

    KV_ASSERT(locate(tree, number, &level, &index));
    tables = &tree->version.levels[level];
    file = tables->files[index];
    tables->count--;
    for (uint32_t i = index; i < tables->count; i++)
        tables->files[i] = tables->files[i + 1];
    return file;
}

void
paper_tree_sum(struct paper_tree *tree)
{
    tree->version.bytes_total = 0;
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < tree->version.levels[level].count; i++)
            tree->version.bytes_total += tree->version.levels[level].files[i]->meta.bytes;
    }
}

void
paper_tree_check(const struct paper_tree *tree)
{
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &tree->version.levels[level];

        for (uint32_t i = 1; i < tables->count; i++) {
            const struct table_meta *left = &tables->files[i - 1]->meta;
            const struct table_meta *right = &tables->files[i]->meta;

            const bool in_order = level == 0
                                      ? left->seq_smallest > right->seq_largest
                                      : internal_key_compare(buffer_slice(&left->largest),
                                                             buffer_slice(&right->smallest)) < 0;

            CU_ASSERT_FATAL(in_order);
        }
    }
}

/* --- what every plan must be --- */

static bool
is_input(const struct compaction_plan *plan, uint64_t number)
{
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (plan->inputs[i].number == number)
            return true;
    }
    return false;
}

static struct slice
first_key(const struct table_file *file)
{
    return internal_key_user(buffer_slice(&file->meta.smallest));
}

static struct slice
last_key(const struct table_file *file)
{
    return internal_key_user(buffer_slice(&file->meta.largest));
}

static bool
is_sentinel(const struct table_file *file)
{
    return internal_key_footer(buffer_slice(&file->meta.largest)) ==
           footer_pack(SEQUENCE_MAX, TYPE_RANGE_DELETION);
}

static bool
touches(const struct table_file *file, struct slice first, struct slice last)
{
    return slice_compare(first_key(file), last) <= 0 && slice_compare(last_key(file), first) >= 0;
}

/* No user key of an input goes on in a table that stays in its level. */
static void
check_clean_cuts(const struct compaction_view *view, const struct compaction_plan *plan)
{
    for (uint32_t level = 1; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &view->version->levels[level];

        for (uint32_t i = 1; i < tables->count; i++) {
            const struct table_file *left = tables->files[i - 1], *right = tables->files[i];

            if (is_input(plan, left->meta.number) != is_input(plan, right->meta.number))
                CU_ASSERT_FATAL(is_sentinel(left) ||
                                !slice_equal(last_key(left), first_key(right)));
        }
    }
}

/* What stays must not be older than the inputs and above the output, nor share keys with it. */
static void
check_order(const struct compaction_view *view, const struct compaction_plan *plan)
{
    const struct version *version = view->version;

    for (uint32_t n = 0; n < plan->input_count; n++) {
        const struct slice first = internal_key_user(plan->inputs[n].smallest);
        const struct slice last = internal_key_user(plan->inputs[n].largest);

        for (uint32_t level = plan->inputs[n].level; level <= plan->output_level; level++) {
            const struct version_level *tables = &version->levels[level];

            if (level == plan->inputs[n].level && level > 0)
                continue;
            for (uint32_t i = 0; i < tables->count; i++) {
                const struct table_file *file = tables->files[i];
                const bool stays_above =
                    level == 0 && (plan->output_level == 0 ||
                                   file->meta.seq_largest > plan->inputs[n].seq_largest);

                if (!is_input(plan, file->meta.number) && !stays_above)
                    CU_ASSERT_FATAL(!touches(file, first, last));
            }
        }
    }
}

/* Inputs of level 0 are neighbours in age. */
static void
check_level_0(const struct compaction_view *view, const struct compaction_plan *plan)
{
    const struct version_level *tables = &view->version->levels[0];
    uint32_t changes = 0;
    bool inside = false;

    for (uint32_t i = 0; i < tables->count; i++) {
        changes += inside != is_input(plan, tables->files[i]->meta.number);
        inside = is_input(plan, tables->files[i]->meta.number);
    }
    CU_ASSERT_FATAL(changes <= 2);
    if (plan->output_level > 0 && changes > 0)
        CU_ASSERT_FATAL(inside);
}

static void
check_running(const struct compaction_view *view, const struct compaction_plan *plan)
{
    for (uint32_t i = 0; i < view->running_count; i++) {
        const struct compaction_plan *other = view->running[i];

        for (uint32_t n = 0; n < other->input_count; n++)
            CU_ASSERT_FATAL(!is_input(plan, other->inputs[n].number));
        if (plan->kind != COMPACTION_DROP && other->kind != COMPACTION_DROP &&
            other->output_level == plan->output_level)
            CU_ASSERT_FATAL(slice_compare(other->largest, plan->smallest) < 0 ||
                            slice_compare(plan->largest, other->smallest) < 0);
    }
}

static bool
is_covered(const struct compaction_span *spans, uint32_t count, const struct table_file *file)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slice_compare(spans[i].smallest, first_key(file)) <= 0 &&
            slice_compare(spans[i].largest, last_key(file)) >= 0)
            return true;
    }
    return false;
}

static void
check_below(const struct compaction_view *view, const struct compaction_plan *plan)
{
    for (uint32_t i = 1; i < plan->below_count; i++)
        CU_ASSERT_FATAL(slice_compare(plan->below[i - 1].largest, plan->below[i].smallest) < 0);
    CU_ASSERT_FATAL(plan->is_bottommost == (plan->below_count == 0));
    for (uint32_t i = 0; plan->output_level == 0 && i < view->version->levels[0].count; i++) {
        const struct table_file *file = view->version->levels[0].files[i];

        if (!is_input(plan, file->meta.number) &&
            file->meta.seq_largest < plan->inputs[0].seq_largest &&
            touches(file, plan->smallest, plan->largest))
            CU_ASSERT_FATAL(is_covered(plan->below, plan->below_count, file));
    }
    for (uint32_t level = plan->output_level + 1; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < view->version->levels[level].count; i++) {
            const struct table_file *file = view->version->levels[level].files[i];

            if (!touches(file, plan->smallest, plan->largest))
                continue;
            CU_ASSERT_FATAL(is_covered(plan->below, plan->below_count, file));
            if (level == plan->output_level + 1 && plan->output_level > 0)
                CU_ASSERT_FATAL(is_covered(plan->grandparents, plan->grandparent_count, file));
        }
    }
}

void
paper_plan_check(const struct compaction_view *view, const struct compaction_plan *plan)
{
    uint64_t bytes = 0;

    CU_ASSERT_FATAL(plan->input_count > 0 && plan->output_level < LEVEL_COUNT);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        CU_ASSERT_FATAL(i == 0 || plan->inputs[i - 1].level <= plan->inputs[i].level);
        bytes += plan->inputs[i].bytes;
    }
    CU_ASSERT_FATAL(bytes == plan->input_bytes);
    CU_ASSERT_FATAL(plan->input_level == plan->inputs[0].level);
    check_running(view, plan);
    if (plan->kind == COMPACTION_DROP)
        return;
    CU_ASSERT_FATAL(plan->inputs[plan->input_count - 1].level <= plan->output_level);
    if (plan->kind == COMPACTION_MOVE)
        CU_ASSERT_FATAL(plan->inputs[plan->input_count - 1].level == plan->input_level &&
                        plan->input_level < plan->output_level);
    check_clean_cuts(view, plan);
    check_order(view, plan);
    check_level_0(view, plan);
    check_below(view, plan);
}
