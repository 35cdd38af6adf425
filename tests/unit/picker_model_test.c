/* Goal: whatever is written and in whatever order plans run and end, the picker's plans never lose
 * or revive a key, they come to an end, and what they end in has the promised shape and size.
 *
 * Method: a model in which a table is an array of entries of UNIT bytes each.  Flushes of random
 * puts and deletions, plans picked, run at once with others and finished in random order; merges
 * do what FORMAT.md 8.2 allows.  A map says what every key should read as. */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "base/random.h"
#include "key/internal_key.h"
#include "support/paper_tree.h"
#include "support/unit.h"

enum {
    UNIT = 1024 * 1024,
    FLUSH_COUNT = 64, /* entries of a flush, and of a table */
    RUNNING_COUNT_MAX = 4,
    PLAN_COUNT_MAX = 20000, /* more plans without a flush: it doesn't end */
    TABLE_COUNT_MAX = 200000,
    DELETED = 0, /* a value that a key may have */
};

struct entry {
    uint32_t key;
    uint64_t seq;
    uint64_t value; /* a number of its own for each put */
};

struct contents {
    struct entry *entries; /* owned; ascending by key */
    uint32_t count;
};

struct model {
    struct random random;
    struct paper_tree tree;
    struct compaction_options options;
    struct contents *contents; /* by file number */
    uint64_t number_next;
    uint64_t seq_last;
    uint64_t now_s;
    uint32_t key_count;
    uint64_t *values; /* what each key reads as */
    struct compaction_plan *running[RUNNING_COUNT_MAX];
    uint32_t running_count;
    uint64_t units_written, units_flushed;
    uint64_t within_units; /* 0: plans may be of any size */
};

static void
model_init(struct model *model, enum compaction_style style, uint32_t key_count)
{
    *model = (struct model){.number_next = 1, .now_s = 1000000000, .key_count = key_count};
    random_init(&model->random, unit_seed());
    paper_tree_init(&model->tree);
    model->options = compaction_options_default();
    model->options.style = style;
    model->options.target_file_size_base = (uint64_t)FLUSH_COUNT * UNIT;
    model->options.max_bytes_for_level_base = (uint64_t)4 * FLUSH_COUNT * UNIT;
    model->contents = kv_alloc_zero(TABLE_COUNT_MAX * sizeof(model->contents[0]));
    model->values = kv_alloc_zero(key_count * sizeof(model->values[0]));
}

static void
model_deinit(struct model *model)
{
    CU_ASSERT_EQUAL(model->running_count, 0);
    for (uint64_t i = 0; i < model->number_next; i++)
        free(model->contents[i].entries);
    free(model->contents);
    free(model->values);
    paper_tree_deinit(&model->tree);
}

static struct compaction_view
model_view(struct model *model)
{
    paper_tree_sum(&model->tree);
    return (struct compaction_view){
        .version = &model->tree.version,
        .options = &model->options,
        .compression = COMPRESSION_LZ4,
        .running = (const struct compaction_plan *const *)model->running,
        .running_count = model->running_count,
        .snapshot_oldest = SEQUENCE_MAX,
        .now_s = model->now_s,
    };
}

static void
append_key(struct buffer *target, const struct entry *entry)
{
    const uint8_t key[] = {(uint8_t)(entry->key >> 24), (uint8_t)(entry->key >> 16),
                           (uint8_t)(entry->key >> 8), (uint8_t)entry->key};

    internal_key_append(target, slice_of(key, sizeof(key)), entry->seq,
                        entry->value == DELETED ? TYPE_DELETION : TYPE_VALUE);
}

/* Takes the entries over; none make no table. */
static void
add_table(struct model *model, uint32_t level, struct entry *entries, uint32_t count)
{
    const uint64_t number = model->number_next++;
    struct buffer smallest = {0}, largest = {0};
    uint64_t seq_smallest = UINT64_MAX, seq_largest = 0, deletion_count = 0;
    struct table_file *file;

    CU_ASSERT_FATAL(model->number_next < TABLE_COUNT_MAX && count > 0);
    model->contents[number] = (struct contents){.entries = entries, .count = count};
    model->units_written += count;
    for (uint32_t i = 0; i < count; i++) {
        seq_smallest = entries[i].seq < seq_smallest ? entries[i].seq : seq_smallest;
        seq_largest = entries[i].seq > seq_largest ? entries[i].seq : seq_largest;
        deletion_count += entries[i].value == DELETED;
    }
    append_key(&smallest, &entries[0]);
    append_key(&largest, &entries[count - 1]);
    file = paper_tree_add(&model->tree, level, number, buffer_slice(&smallest),
                          buffer_slice(&largest), seq_largest);
    file->meta.seq_smallest = seq_smallest;
    file->meta.bytes = (uint64_t)count * UNIT;
    file->meta.has_counts = true;
    file->meta.entry_count = count;
    file->meta.deletion_count = deletion_count;
    file->meta.creation_time_s = model->now_s;
    buffer_deinit(&smallest);
    buffer_deinit(&largest);
}

/* Ascending by key, newest first. */
static int
compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->seq < y->seq) - (x->seq > y->seq);
}

/* The newest of each key; returns how many stay. */
static uint32_t
keep_newest(struct entry *entries, uint32_t count)
{
    uint32_t kept = 0;

    qsort(entries, count, sizeof(entries[0]), compare_entries);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || entries[kept - 1].key != entries[i].key)
            entries[kept++] = entries[i];
    }
    return kept;
}

static void
flush(struct model *model, uint32_t deletion_percent)
{
    struct entry *entries = kv_alloc(FLUSH_COUNT * sizeof(entries[0]));

    for (uint32_t i = 0; i < FLUSH_COUNT; i++) {
        const uint32_t key = (uint32_t)random_below(&model->random, model->key_count);
        const bool deletes = random_below(&model->random, 100) < deletion_percent;

        model->seq_last++;
        model->values[key] = deletes ? DELETED : model->seq_last;
        entries[i] =
            (struct entry){.key = key, .seq = model->seq_last, .value = model->values[key]};
    }
    model->units_flushed += FLUSH_COUNT;
    model->now_s++;
    add_table(model, 0, entries, keep_newest(entries, FLUSH_COUNT));
}

static bool
may_be_below(const struct compaction_plan *plan, uint32_t key)
{
    const uint8_t bytes[] = {(uint8_t)(key >> 24), (uint8_t)(key >> 16), (uint8_t)(key >> 8),
                             (uint8_t)key};
    const struct slice user_key = slice_of(bytes, sizeof(bytes));

    for (uint32_t i = 0; i < plan->below_count; i++) {
        if (slice_compare(plan->below[i].smallest, user_key) <= 0 &&
            slice_compare(user_key, plan->below[i].largest) <= 0)
            return true;
    }
    return false;
}

static void
merge(struct model *model, const struct compaction_plan *plan)
{
    const uint64_t table_max = plan->output_bytes_max / UNIT;
    struct entry *all = NULL;
    uint32_t count = 0, kept = 0;

    for (uint32_t i = 0; i < plan->input_count; i++) {
        const struct contents *contents = &model->contents[plan->inputs[i].number];

        all = kv_realloc(all, (count + contents->count) * sizeof(all[0]));
        memcpy(all + count, contents->entries, contents->count * sizeof(all[0]));
        count += contents->count;
        paper_tree_free_table(paper_tree_take(&model->tree, plan->inputs[i].number));
    }
    count = keep_newest(all, count);
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].value == DELETED && !may_be_below(plan, all[i].key))
            continue;
        all[kept] = all[i];
        all[kept].seq = plan->is_bottommost ? 0 : all[i].seq;
        kept++;
    }
    for (uint32_t done = 0; done < kept;) {
        const uint32_t size = kept - done < table_max ? kept - done : (uint32_t)table_max;
        struct entry *entries = kv_alloc(size * sizeof(entries[0]));

        memcpy(entries, all + done, size * sizeof(entries[0]));
        add_table(model, plan->output_level, entries, size);
        done += size;
    }
    free(all);
}

static void
finish(struct model *model, uint32_t index)
{
    struct compaction_plan *plan = model->running[index];

    if (plan->kind == COMPACTION_MERGE)
        merge(model, plan);
    for (uint32_t i = 0; plan->kind == COMPACTION_MOVE && i < plan->input_count; i++) {
        struct table_file *file = paper_tree_take(&model->tree, plan->inputs[i].number);
        struct table_file *moved = paper_tree_add(&model->tree, plan->output_level,
                                                  file->meta.number, plan->inputs[i].smallest,
                                                  plan->inputs[i].largest, file->meta.seq_largest);
        const struct buffer smallest = moved->meta.smallest, largest = moved->meta.largest;

        moved->meta = file->meta;
        moved->meta.smallest = smallest;
        moved->meta.largest = largest;
        paper_tree_free_table(file);
    }
    CU_ASSERT_FATAL(plan->kind != COMPACTION_DROP);
    paper_tree_check(&model->tree);
    model->running[index] = model->running[--model->running_count];
    compaction_plan_deinit(plan);
    free(plan);
}

static bool
pick(struct model *model, const struct compaction_view *view,
     const struct compaction_request *request, struct compaction_plan *plan)
{
    if (request != NULL)
        return compaction_pick_manual(view, request, plan) == COMPACTION_MANUAL_PLAN;
    if (model->within_units == 0)
        return compaction_pick(view, plan);
    if (!compaction_pick_within(view, model->within_units * UNIT, plan))
        return false;
    CU_ASSERT_FATAL(plan->kind != COMPACTION_MERGE ||
                    plan->input_bytes <= model->within_units * UNIT);
    return true;
}

/* False: nothing can start. */
static bool
start(struct model *model, const struct compaction_request *request)
{
    const struct compaction_view view = model_view(model);
    struct compaction_plan *plan;
    bool picked;

    if (model->running_count == RUNNING_COUNT_MAX)
        return false;
    plan = kv_alloc(sizeof(*plan));
    picked = pick(model, &view, request, plan);
    if (!picked) {
        free(plan);
        return false;
    }
    paper_plan_check(&view, plan);
    model->running[model->running_count++] = plan;
    return true;
}

static void
finish_any(struct model *model)
{
    if (model->running_count > 0)
        finish(model, (uint32_t)random_below(&model->random, model->running_count));
}

/* Until nothing runs and nothing wants to. */
static void
settle(struct model *model, const struct compaction_request *request)
{
    for (uint32_t i = 0; i < PLAN_COUNT_MAX; i++) {
        const bool started = start(model, request);

        if (!started && model->running_count == 0)
            return;
        if (!started || random_below(&model->random, 2) == 0)
            finish_any(model);
    }
    CU_FAIL_FATAL("there is always another plan");
}

/* --- what is checked --- */

static const struct entry *
find_in_table(const struct model *model, const struct table_file *file, uint32_t key)
{
    const struct contents *contents = &model->contents[file->meta.number];
    uint32_t low = 0, high = contents->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (contents->entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < contents->count && contents->entries[low].key == key ? &contents->entries[low]
                                                                      : NULL;
}

static uint64_t
read_key(const struct model *model, uint32_t key)
{
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < model->tree.version.levels[level].count; i++) {
            const struct entry *entry =
                find_in_table(model, model->tree.version.levels[level].files[i], key);

            if (entry != NULL)
                return entry->value;
        }
    }
    return DELETED;
}

static void
check_reads(const struct model *model)
{
    uint32_t wrong = 0;

    for (uint32_t key = 0; key < model->key_count; key += 7)
        wrong += read_key(model, key) != model->values[key];
    CU_ASSERT_EQUAL_FATAL(wrong, 0);
}

static uint64_t
count_live(const struct model *model)
{
    uint64_t live = 0;

    for (uint32_t key = 0; key < model->key_count; key++)
        live += model->values[key] != DELETED;
    return live;
}

/* Entries in a level and those below it. */
static uint64_t
count_stored_from(const struct model *model, uint32_t first_level)
{
    uint64_t stored = 0;

    for (uint32_t level = first_level; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < model->tree.version.levels[level].count; i++)
            stored += model->tree.version.levels[level].files[i]->meta.entry_count;
    }
    return stored;
}

static uint64_t
count_stored(const struct model *model)
{
    return count_stored_from(model, 0);
}

static void
check_shape(struct model *model)
{
    const struct compaction_view view = model_view(model);
    struct compaction_shape shape;

    compaction_shape_of(&view, &shape);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        CU_ASSERT(shape.levels[level].score < 1);
    CU_ASSERT_EQUAL(shape.debt_bytes, 0);
}

/* Flushes with plans between them, several at a time. */
static void
load(struct model *model, uint32_t flush_count, uint32_t deletion_percent)
{
    for (uint32_t i = 0; i < flush_count; i++) {
        flush(model, deletion_percent);
        for (uint32_t n = 0; n < 3; n++) {
            start(model, NULL);
            if (random_below(&model->random, 2) == 0)
                finish_any(model);
        }
        if (i % 64 == 0)
            check_reads(model);
    }
}

/* Goal: leveled stays within its shape, 1.2 times the live bytes and a moderate amount of writing.
 * Method: four times as many writes as keys, some of them deletions. */
static void
leveled_keeps_its_shape(void)
{
    struct model model;

    model_init(&model, COMPACTION_LEVELED, 20000);
    load(&model, 1200, 10);
    settle(&model, NULL);
    check_reads(&model);
    check_shape(&model);
    CU_ASSERT((double)count_stored(&model) <= 1.2 * (double)count_live(&model));
    CU_ASSERT(model.units_written <= 25 * model.units_flushed);
    model_deinit(&model);
}

/* Goal: from any tree plans for little space come to an end, lose nothing, and leave little that is
 * dead.
 * Method: level 0 grows without a plan to three times what lives; then there are only such plans,
 * of a few flushes' bytes up to a third of all. */
static void
little_space_is_enough(enum compaction_style style, double times_live_max)
{
    for (uint32_t round = 0; round < 8; round++) {
        struct model model;

        model_init(&model, style, 2000);
        model.options.target_file_size_base = (uint64_t)(8 + round) * UNIT;
        model.options.level0_file_num_compaction_trigger = 1;
        load(&model, 30, 10);
        for (uint32_t i = 0; i < 60; i++)
            flush(&model, 10);
        for (uint32_t i = 0; i < 12; i++) {
            model.within_units = 3 * FLUSH_COUNT + random_below(&model.random, 16 * FLUSH_COUNT);
            settle(&model, NULL);
            check_reads(&model);
        }
        CU_ASSERT((double)count_stored(&model) <= times_live_max * (double)count_live(&model));
        model.within_units = 0;
        settle(&model, NULL);
        check_reads(&model);
        model_deinit(&model);
    }
}

static void
leveled_needs_little_space(void)
{
    little_space_is_enough(COMPACTION_LEVELED, 1.2);
}

static void
universal_needs_little_space(void)
{
    little_space_is_enough(COMPACTION_UNIVERSAL, 3);
}

/* Goal: space comes back when nearly everything is deleted, without a write after it.
 * Method: load, then delete, then let time pass. */
static void
deleted_space_comes_back(void)
{
    struct model model;

    model_init(&model, COMPACTION_LEVELED, 10000);
    load(&model, 400, 0);
    load(&model, 800, 100);
    model.now_s += 3600;
    settle(&model, NULL);
    check_reads(&model);
    CU_ASSERT(count_stored(&model) <= 2 * count_live(&model) + 6 * FLUSH_COUNT);
    model_deinit(&model);
}

/* Goal: leveled comes to its shape from whatever it finds. */
static void
leveled_takes_over_from_universal(void)
{
    struct model model;

    model_init(&model, COMPACTION_UNIVERSAL, 10000);
    load(&model, 300, 10);
    settle(&model, NULL);
    model.options.style = COMPACTION_LEVELED;
    settle(&model, NULL);
    check_reads(&model);
    check_shape(&model);
    model_deinit(&model);
}

/* Goal: universal ends, with no more runs than it may have. */
static void
universal_bounds_its_runs(void)
{
    struct model model;
    uint32_t run_count;

    model_init(&model, COMPACTION_UNIVERSAL, 10000);
    load(&model, 500, 10);
    settle(&model, NULL);
    check_reads(&model);
    run_count = model.tree.version.levels[0].count;
    for (uint32_t level = 1; level < LEVEL_COUNT; level++)
        run_count += model.tree.version.levels[level].count > 0;
    CU_ASSERT(run_count <= model.options.level0_file_num_compaction_trigger);
    CU_ASSERT(count_stored(&model) <= 3 * count_live(&model) + 4 * FLUSH_COUNT);
    model_deinit(&model);
}

/* Goal: a compaction by hand leaves what is live and nothing else, in the last level. */
static void
by_hand_leaves_only_what_lives(void)
{
    static const enum compaction_style styles[] = {COMPACTION_LEVELED, COMPACTION_UNIVERSAL,
                                                   COMPACTION_OFF};

    for (uint32_t i = 0; i < 3; i++) {
        struct model model;
        struct compaction_request request = {0};

        model_init(&model, styles[i], 5000);
        load(&model, 200, 20);
        request.seq_max = model.seq_last;
        request.number_next = model.number_next;
        settle(&model, &request);
        check_reads(&model);
        CU_ASSERT_EQUAL(count_stored(&model), count_live(&model));
        CU_ASSERT_EQUAL(count_stored(&model), count_stored_from(&model, LEVEL_COUNT - 1));
        model_deinit(&model);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(leveled_keeps_its_shape),           UNIT_TEST(deleted_space_comes_back),
    UNIT_TEST(leveled_takes_over_from_universal), UNIT_TEST(universal_bounds_its_runs),
    UNIT_TEST(by_hand_leaves_only_what_lives),    UNIT_TEST(leveled_needs_little_space),
    UNIT_TEST(universal_needs_little_space),      UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("picker_model", tests, argc, argv);
}
