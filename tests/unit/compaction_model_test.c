/* Goal: no compaction changes what anybody sees.
 *
 * Method: a random history of puts, some with deadlines, deletions, single deletions, range
 * deletions and merge operands, written into level-0 tables, with snapshots that come and go, on a
 * clock that goes on; random compactions between random levels, whole or in parts by key, with
 * small outputs.  After each, what every snapshot, at its time, and the present see of every key
 * in the tables is what the history says.  In the end all that has a deadline is dead, everything
 * is compacted to the bottom without snapshots, and only plain values are left. */
#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "key/entity.h"
#include "support/compact_rig.h"
#include "support/unit.h"

enum {
    KEY_COUNT = 24,
    OP_COUNT_MAX = 3000,
    LEVELS = 4,
    LEVEL_TABLE_COUNT_MAX = 600,
    SNAPSHOT_COUNT_MAX = 4,
    TEXT_BYTES = 4096,
    ROUND_COUNT = 20,
    STEP_COUNT = 120,
};

struct op {
    enum value_type type;
    uint32_t key, key_end; /* key_end: of a range deletion */
    uint64_t seq;          /* also the value */
    uint64_t deadline_ms;  /* of an entity */
};

struct tree {
    struct compact_rig rig;
    struct random random;
    struct op ops[OP_COUNT_MAX];
    uint32_t op_count, flushed_count;
    uint64_t snapshots[SNAPSHOT_COUNT_MAX], snapshot_times[SNAPSHOT_COUNT_MAX];
    uint32_t snapshot_count;
    uint64_t now_ms;
    struct table_summary tables[LEVELS][LEVEL_TABLE_COUNT_MAX];
    uint32_t counts[LEVELS];
    bool uses_single[KEY_COUNT]; /* this key is put and single deleted in turns */
    bool is_put[KEY_COUNT];
};

static uint32_t
below(struct tree *tree, uint32_t bound)
{
    return (uint32_t)random_below(&tree->random, bound);
}

static struct slice
key_of(uint32_t key, char text[16])
{
    return slice_of(text, (size_t)snprintf(text, 16, "k%02u", key));
}

/* --- history --- */

static void
add_op(struct tree *tree)
{
    struct op *op = &tree->ops[tree->op_count];
    const uint32_t key = below(tree, KEY_COUNT), dice = below(tree, 100);

    *op = (struct op){.key = key, .seq = tree->op_count + 1};
    if (dice < 6) {
        op->type = TYPE_RANGE_DELETION;
        op->key = below(tree, KEY_COUNT - 1);
        op->key_end = op->key + 1 + below(tree, KEY_COUNT - op->key);
    } else if (tree->uses_single[key]) {
        op->type = tree->is_put[key] ? TYPE_SINGLE_DELETION : TYPE_VALUE;
        tree->is_put[key] = !tree->is_put[key];
    } else if (dice < 55) {
        op->type = TYPE_VALUE;
    } else {
        op->type = dice < 75 ? TYPE_DELETION : TYPE_MERGE;
    }
    if (op->type == TYPE_VALUE && below(tree, 3) == 0) {
        op->type = TYPE_ENTITY;
        op->deadline_ms = below(tree, 20) == 0 ? DEADLINE_NONE : tree->now_ms + below(tree, 60);
    }
    tree->op_count++;
}

/* What the history says of a key at a sequence and a time: "v" if it is there, its value behind. */
static void
expected_text(const struct tree *tree, uint32_t key, uint64_t seq, uint64_t now_ms, char *text)
{
    bool there = false;
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < tree->op_count && tree->ops[i].seq <= seq; i++) {
        const struct op *op = &tree->ops[i];

        if (op->type == TYPE_RANGE_DELETION ? key < op->key || key >= op->key_end : op->key != key)
            continue;
        if (op->type == TYPE_MERGE && there) {
            used += (size_t)snprintf(text + used, TEXT_BYTES - used, ",%" PRIu64, op->seq);
        } else {
            there = op->type == TYPE_VALUE || op->type == TYPE_MERGE ||
                    (op->type == TYPE_ENTITY && now_ms <= op->deadline_ms);
            text[used = 0] = '\0';
            if (there)
                used = (size_t)snprintf(text, TEXT_BYTES, "v%" PRIu64, op->seq);
        }
    }
}

/* --- what the tables say --- */

struct version {
    uint32_t key, key_end;
    uint64_t seq;
    enum value_type type;
    uint64_t deadline_ms;
    uint32_t level; /* of the table: the same sequence may be in two, and 0 in many */
    char value[TEXT_BYTES];
};

struct versions {
    struct version *items;
    uint32_t count, capacity;
    uint32_t level;
};

static struct version *
new_version(struct versions *versions)
{
    if (versions->count == versions->capacity) {
        versions->capacity = versions->capacity == 0 ? 256 : 2 * versions->capacity;
        versions->items =
            kv_realloc(versions->items, versions->capacity * sizeof(*versions->items));
    }
    return &versions->items[versions->count++];
}

static uint32_t
number_of(struct slice key)
{
    char text[16] = "";

    CU_ASSERT_TRUE_FATAL(key.size == 3);
    memcpy(text, key.data + 1, 2);
    return (uint32_t)strtoul(text, NULL, 10);
}

static void
take_version(void *owner, const struct internal_key *key, struct slice value)
{
    struct versions *versions = owner;
    struct version *version = new_version(versions);
    struct entity entity = {.deadline_ms = DEADLINE_NONE};

    if (key->type == TYPE_ENTITY) {
        CU_ASSERT_EQUAL_FATAL(entity_parse(value, &entity), KV_OK);
        value = entity.value;
    }
    version->deadline_ms = entity.deadline_ms;
    version->key = number_of(key->user_key);
    version->seq = key->seq;
    version->type = key->type;
    version->level = versions->level;
    CU_ASSERT_TRUE_FATAL(value.size < TEXT_BYTES);
    snprintf(version->value, TEXT_BYTES, "%.*s", (int)value.size, (const char *)value.data);
}

static void
take_tombstone(void *owner, const struct range_tombstone *tombstone)
{
    struct versions *versions = owner;
    struct version *version = new_version(versions);

    version->key = number_of(tombstone->begin);
    version->key_end = number_of(tombstone->end);
    version->seq = tombstone->seq;
    version->type = TYPE_RANGE_DELETION;
    version->level = versions->level;
    version->value[0] = '\0';
}

/* Newest first: a higher level is newer, which decides where sequences are 0. */
static int
by_age(const void *a, const void *b)
{
    const struct version *left = a, *right = b;

    if (left->seq != right->seq)
        return left->seq > right->seq ? -1 : 1;
    return (left->level > right->level) - (left->level < right->level);
}

static void
load_versions(struct tree *tree, struct versions *versions)
{
    const struct rig_visitor visitor = {
        .on_version = take_version, .on_tombstone = take_tombstone, .owner = versions};

    versions->count = 0;
    for (versions->level = 0; versions->level < LEVELS; versions->level++)
        for (uint32_t i = 0; i < tree->counts[versions->level]; i++)
            rig_visit_table(&tree->rig, &tree->tables[versions->level][i], &visitor);
    if (versions->count > 0)
        qsort(versions->items, versions->count, sizeof(*versions->items), by_age);
}

static void
prepend(char *text, const char *value)
{
    const size_t size = strlen(text), more = strlen(value);

    CU_ASSERT_TRUE_FATAL(size + more + 2 < TEXT_BYTES);
    memmove(text + more + (size > 0), text, size + 1);
    memcpy(text, value, more);
    if (size > 0)
        text[more] = ',';
}

static void
found_text(const struct versions *versions, uint32_t key, uint64_t seq, uint64_t now_ms, char *text)
{
    char operands[TEXT_BYTES] = "";

    text[0] = '\0';
    for (uint32_t i = 0; i < versions->count; i++) {
        const struct version *version = &versions->items[i];
        const bool is_range = version->type == TYPE_RANGE_DELETION;

        if (version->seq > seq)
            continue;
        if (is_range ? key < version->key || key >= version->key_end : version->key != key)
            continue;
        if (version->type == TYPE_MERGE || version->type == TYPE_VALUE ||
            (version->type == TYPE_ENTITY && now_ms <= version->deadline_ms))
            prepend(operands, version->value);
        if (version->type != TYPE_MERGE)
            break;
    }
    if (operands[0] != '\0')
        snprintf(text, TEXT_BYTES, "v%.*s", TEXT_BYTES - 2, operands);
}

static void
check_view(const struct tree *tree, const struct versions *versions, uint64_t seq, uint64_t now_ms)
{
    char expected[TEXT_BYTES], found[TEXT_BYTES];

    for (uint32_t key = 0; key < KEY_COUNT; key++) {
        expected_text(tree, key, seq, now_ms, expected);
        found_text(versions, key, seq, now_ms, found);
        if (strcmp(expected, found) != 0)
            fprintf(stderr, "key %u at %" PRIu64 ": expected %s, found %s\n", key, seq, expected,
                    found);
        CU_ASSERT_STRING_EQUAL_FATAL(found, expected);
    }
}

static void
check_order(const struct tree *tree)
{
    for (uint32_t level = 1; level < LEVELS; level++)
        for (uint32_t i = 1; i < tree->counts[level]; i++)
            CU_ASSERT_TRUE_FATAL(
                internal_key_compare(buffer_slice(&tree->tables[level][i - 1].largest),
                                     buffer_slice(&tree->tables[level][i].smallest)) < 0);
}

static void
check_tree(struct tree *tree, struct versions *versions)
{
    check_order(tree);
    load_versions(tree, versions);
    for (uint32_t i = 0; i < tree->snapshot_count; i++)
        check_view(tree, versions, tree->snapshots[i], tree->snapshot_times[i]);
    check_view(tree, versions, tree->flushed_count, tree->now_ms);
}

/* --- steps --- */

static int
by_key_and_age(const void *a, const void *b)
{
    const struct op *left = *(const struct op *const *)a, *right = *(const struct op *const *)b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->seq > right->seq ? -1 : 1;
}

static void
flush_ops(struct rig_writer *writer, const struct op **ops, uint32_t count)
{
    char key[16], end[16], value[32];
    struct buffer entity = {0};

    for (uint32_t i = 0; i < count; i++) {
        const struct op *op = ops[i];
        const bool has_value = op->type == TYPE_VALUE || op->type == TYPE_MERGE;
        const int size = snprintf(value, sizeof(value), "%" PRIu64, op->seq);
        const struct entity to = {.value = slice_of(value, (size_t)size),
                                  .deadline_ms = op->deadline_ms};

        if (op->type == TYPE_RANGE_DELETION) {
            table_builder_add_tombstone(writer->builder, key_of(op->key, key),
                                        key_of(op->key_end, end), op->seq);
        } else if (op->type == TYPE_ENTITY) {
            CU_ASSERT_EQUAL_FATAL(entity_rewrite(slice_of(NULL, 0), &to, &entity), KV_OK);
            rig_writer_add(writer, key_of(op->key, key), op->seq, op->type, buffer_slice(&entity));
        } else {
            rig_writer_add(writer, key_of(op->key, key), op->seq, op->type,
                           slice_of(value, has_value ? (size_t)size : 0));
        }
    }
    buffer_deinit(&entity);
}

static void
flush(struct tree *tree)
{
    const uint32_t count = tree->op_count - tree->flushed_count;
    const struct op **ops = kv_alloc((count + 1) * sizeof(struct op *));
    struct rig_writer writer;

    if (count > 0 && tree->counts[0] < LEVEL_TABLE_COUNT_MAX) {
        for (uint32_t i = 0; i < count; i++)
            ops[i] = &tree->ops[tree->flushed_count + i];
        qsort(ops, count, sizeof(struct op *), by_key_and_age);
        rig_writer_begin(&writer, &tree->rig, COMPRESSION_LZ4);
        flush_ops(&writer, ops, count);
        rig_writer_finish(&writer, &tree->tables[0][tree->counts[0]++]);
        tree->flushed_count = tree->op_count;
    }
    free(ops);
}

static void
change_snapshots(struct tree *tree)
{
    if (tree->snapshot_count > 0 && below(tree, 2) == 0) {
        const uint32_t gone = below(tree, tree->snapshot_count);

        memmove(&tree->snapshots[gone], &tree->snapshots[gone + 1],
                (tree->snapshot_count - gone - 1) * sizeof(tree->snapshots[0]));
        memmove(&tree->snapshot_times[gone], &tree->snapshot_times[gone + 1],
                (tree->snapshot_count - gone - 1) * sizeof(tree->snapshot_times[0]));
        tree->snapshot_count--;
        return;
    }
    if (tree->snapshot_count == SNAPSHOT_COUNT_MAX || tree->flushed_count == 0)
        return;
    if (tree->snapshot_count > 0 &&
        tree->snapshots[tree->snapshot_count - 1] == tree->flushed_count)
        return;
    tree->snapshot_times[tree->snapshot_count] = tree->now_ms;
    tree->snapshots[tree->snapshot_count++] = tree->flushed_count;
}

/* A compaction from one level into the next (or, `level` being 0, a deeper one). */
struct choice {
    uint32_t level, output_level;
    bool taken[LEVELS][LEVEL_TABLE_COUNT_MAX];
    struct compact_input *inputs;
    uint32_t input_count;
    struct compact_range *below;
    uint32_t below_count;
    struct table_summary *outputs;
    uint32_t output_count;
};

static bool
ranges_meet(const struct table_summary *a, const struct table_summary *b)
{
    return slice_compare(internal_key_user(buffer_slice(&a->smallest)),
                         internal_key_user(buffer_slice(&b->largest))) <= 0 &&
           slice_compare(internal_key_user(buffer_slice(&b->smallest)),
                         internal_key_user(buffer_slice(&a->largest))) <= 0;
}

/* Everything on the two levels that meets what is taken is taken, too. */
static void
close_choice(const struct tree *tree, struct choice *choice)
{
    bool grew = true;

    while (grew) {
        grew = false;
        for (uint32_t la = choice->level; la <= choice->output_level; la++)
            for (uint32_t a = 0; a < tree->counts[la]; a++)
                for (uint32_t lb = choice->level; lb <= choice->output_level; lb++)
                    for (uint32_t b = 0; b < tree->counts[lb]; b++)
                        if (choice->taken[la][a] && !choice->taken[lb][b] &&
                            ranges_meet(&tree->tables[la][a], &tree->tables[lb][b]))
                            grew = choice->taken[lb][b] = true;
    }
}

static void
collect_inputs(const struct tree *tree, struct choice *choice)
{
    choice->inputs = kv_alloc_zero(LEVELS * LEVEL_TABLE_COUNT_MAX * sizeof(*choice->inputs));
    choice->below = kv_alloc_zero(LEVELS * LEVEL_TABLE_COUNT_MAX * sizeof(*choice->below));
    for (uint32_t level = 0; level < LEVELS; level++)
        for (uint32_t i = 0; i < tree->counts[level]; i++) {
            const struct table_summary *table = &tree->tables[level][i];

            if (choice->taken[level][i])
                choice->inputs[choice->input_count++] = rig_input(table, level);
            else if (level > choice->output_level)
                choice->below[choice->below_count++] = (struct compact_range){
                    .smallest = internal_key_user(buffer_slice(&table->smallest)),
                    .largest = internal_key_user(buffer_slice(&table->largest)),
                    .bytes = table->file_bytes};
        }
}

static bool
choose(struct tree *tree, struct choice *choice)
{
    choice->level = below(tree, LEVELS - 1);
    choice->output_level = choice->level + 1;
    if (tree->counts[choice->level] == 0)
        return false;
    choice->taken[choice->level][below(tree, tree->counts[choice->level])] = true;
    /* Level 0 goes down whole, else an older table of it could end up above a newer one. */
    for (uint32_t i = 0; choice->level == 0 && i < tree->counts[0]; i++)
        choice->taken[0][i] = true;
    close_choice(tree, choice);
    collect_inputs(tree, choice);
    return true;
}

static void
run_part(struct tree *tree, struct choice *choice, struct slice begin, struct slice end)
{
    const uint32_t number_count = 1 + below(tree, 12);
    const struct compaction_spec spec = {
        .db_identity = "",
        .cf_name = "default",
        .merge_operator = below(tree, 4) == 0 ? "nullptr" : "stringappend",
        .inputs = choice->inputs,
        .input_count = choice->input_count,
        .begin = begin,
        .end = end,
        .snapshots = tree->snapshots,
        .snapshot_count = tree->snapshot_count,
        .now_ms = tree->now_ms,
        .output_level = choice->output_level,
        .below = choice->below,
        .below_count = choice->below_count,
        .grandparents = choice->output_level == LEVELS - 2 ? choice->below : NULL,
        .grandparent_count = choice->output_level == LEVELS - 2 ? choice->below_count : 0,
        .grandparent_bytes_max = below(tree, 4000),
        .output_bytes_max = 1 + below(tree, 2000),
        .output_number_first = tree->rig.number_next,
        .output_number_count = number_count,
        .compression = COMPRESSION_LZ4,
        .block_bytes = 64 + below(tree, 400),
    };
    const struct compaction_run run = {
        .spec = &spec, .io = tree->rig.io, .dir = tree->rig.dir, .session_identity = ""};
    struct compaction_result result;

    tree->rig.number_next += number_count;
    CU_ASSERT_EQUAL_FATAL(compaction_run_files(&run, &result), KV_OK);
    CU_ASSERT_TRUE_FATAL(result.table_count <= number_count);
    for (uint32_t i = 0; i < result.table_count; i++)
        choice->outputs[choice->output_count++] = result.tables[i];
    free(result.tables);
}

static int
by_smallest(const void *a, const void *b)
{
    return internal_key_compare(buffer_slice(&((const struct table_summary *)a)->smallest),
                                buffer_slice(&((const struct table_summary *)b)->smallest));
}

static void
remove_table(struct tree *tree, struct table_summary *summary)
{
    char path[SCRATCH_PATH_BYTES + 32];

    snprintf(path, sizeof(path), "%s/%06" PRIu64 ".sst", tree->rig.dir, summary->file_number);
    CU_ASSERT_EQUAL(unlink(path), 0);
    table_summary_deinit(summary);
}

static void
install(struct tree *tree, struct choice *choice)
{
    struct table_summary *level;

    for (uint32_t l = 0; l < LEVELS; l++) {
        uint32_t kept = 0;

        for (uint32_t i = 0; i < tree->counts[l]; i++) {
            if (choice->taken[l][i])
                remove_table(tree, &tree->tables[l][i]);
            else
                tree->tables[l][kept++] = tree->tables[l][i];
        }
        tree->counts[l] = kept;
    }
    level = tree->tables[choice->output_level];
    for (uint32_t i = 0; i < choice->output_count; i++) {
        CU_ASSERT_TRUE_FATAL(tree->counts[choice->output_level] < LEVEL_TABLE_COUNT_MAX);
        level[tree->counts[choice->output_level]++] = choice->outputs[i];
    }
    qsort(level, tree->counts[choice->output_level], sizeof(*level), by_smallest);
}

/* In one part, or in two or three by key. */
static void
run_choice(struct tree *tree, struct choice *choice)
{
    const struct slice none = slice_of(NULL, 0);
    uint32_t first = 1 + below(tree, KEY_COUNT - 2);
    char a[16], b[16];

    choice->outputs = kv_alloc_zero(64 * sizeof(*choice->outputs));
    if (below(tree, 2) == 0) {
        run_part(tree, choice, none, none);
    } else {
        const uint32_t second = first + 1 + below(tree, KEY_COUNT - first);

        run_part(tree, choice, none, key_of(first, a));
        run_part(tree, choice, key_of(first, a), key_of(second, b));
        run_part(tree, choice, key_of(second, b), none);
    }
    install(tree, choice);
    free(choice->outputs);
}

static void
choice_free(struct choice *choice)
{
    free(choice->inputs);
    free(choice->below);
    free(choice);
}

static void
compact(struct tree *tree)
{
    struct choice *choice = kv_alloc_zero(sizeof(*choice));

    if (choose(tree, choice))
        run_choice(tree, choice);
    choice_free(choice);
}

/* Level by level, without snapshots: only values, all of sequence 0. */
static void
compact_all(struct tree *tree, struct versions *versions)
{
    tree->snapshot_count = 0;
    tree->now_ms += 1000;
    for (uint32_t level = 0; level + 1 < LEVELS; level++) {
        struct choice *choice = kv_alloc_zero(sizeof(*choice));

        choice->level = level;
        choice->output_level = level + 1;
        for (uint32_t l = level; l <= level + 1; l++)
            for (uint32_t i = 0; i < tree->counts[l]; i++)
                choice->taken[l][i] = true;
        collect_inputs(tree, choice);
        if (choice->input_count > 0)
            run_choice(tree, choice);
        choice_free(choice);
        check_tree(tree, versions);
    }
    for (uint32_t i = 0; i < versions->count; i++) {
        CU_ASSERT_TRUE(versions->items[i].type == TYPE_VALUE ||
                       (versions->items[i].type == TYPE_ENTITY &&
                        versions->items[i].deadline_ms == DEADLINE_NONE) ||
                       versions->items[i].type == TYPE_MERGE);
        CU_ASSERT_TRUE(versions->items[i].seq == 0 || versions->items[i].type == TYPE_MERGE);
    }
}

/* RocksDB's own tool finds every block and key of the tables in order. */
static void
check_with_sst_dump(const struct tree *tree)
{
    char command[SCRATCH_PATH_BYTES + 100];

    if (access("/usr/bin/sst_dump", X_OK) != 0)
        return;
    snprintf(command, sizeof(command),
             "sst_dump --file=%s --command=check --verify_checksum 2>&1 | "
             "grep -iE 'corrupt|error|not an sst'",
             tree->rig.dir);
    CU_ASSERT_NOT_EQUAL(system(command), 0);
}

static void
play(uint64_t seed)
{
    struct tree *tree = kv_alloc_zero(sizeof(*tree));
    struct versions versions = {0};

    random_init(&tree->random, seed);
    compact_rig_init_in_memory(&tree->rig);
    for (uint32_t key = 0; key < KEY_COUNT; key++)
        tree->uses_single[key] = key % 6 == 0;
    for (uint32_t step = 0; step < STEP_COUNT; step++) {
        tree->now_ms += below(tree, 20);
        for (uint32_t i = below(tree, 40); i > 0 && tree->op_count < OP_COUNT_MAX; i--)
            add_op(tree);
        flush(tree);
        if (below(tree, 3) == 0)
            change_snapshots(tree);
        compact(tree);
        check_tree(tree, &versions);
    }
    check_with_sst_dump(tree);
    compact_all(tree, &versions);
    for (uint32_t level = 0; level < LEVELS; level++)
        for (uint32_t i = 0; i < tree->counts[level]; i++)
            table_summary_deinit(&tree->tables[level][i]);
    compact_rig_deinit(&tree->rig);
    free(versions.items);
    free(tree);
}

static void
nobody_sees_a_compaction(void)
{
    for (uint32_t i = 0; i < ROUND_COUNT; i++)
        play(unit_seed() + i);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {UNIT_TEST(nobody_sees_a_compaction), UNIT_TEST_END};

    return unit_main("compaction_model", tests, argc, argv);
}
