/* Goal: librocksdb 7.8.3 and kvd fold the same operands to the same values, whoever wrote them and
 * whoever flushed or compacted them.
 * Method: one directory goes to and fro.  Each side makes random changes, flushes now and then,
 * closes; the other opens it, log included, and must read what the model says. */
#include <CUnit/Basic.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/db_world.h"
#include "support/merge_model.h"
#include "support/unit.h"

enum { TURN_COUNT = 12, CHANGE_COUNT = 300 };

static struct random chance;

/* --- kvd's side --- */

static void
check_value(const struct merge_model *model, unsigned key, bool exists, struct slice value,
            const char *who)
{
    const struct slice expected = buffer_slice(&model->values[key]);

    CU_ASSERT_EQUAL(exists, model->exists[key]);
    if (!exists || !model->exists[key] || slice_equal(value, expected))
        return;
    printf("%s: %s %s: '%.*s', not '%.*s'\n", who, model->rule, merge_model_key(key),
           (int)value.size, (const char *)value.data, (int)expected.size,
           (const char *)expected.data);
    CU_FAIL("a value differs");
}

static void
check_ours(struct db_world *world, const struct merge_model *model)
{
    for (unsigned i = 0; i < MERGE_MODEL_KEY_COUNT; i++) {
        struct read_ctx ctx;
        struct lookup found;

        CU_ASSERT_EQUAL(db_world_find(world, merge_model_key(i), &ctx, &found), KV_OK);
        check_value(model, i, found.kind == LOOKUP_VALUE, found.value, "kvd");
        read_ctx_deinit(&ctx);
    }
}

static void
change_ours(struct db_world *world, struct merge_model *model)
{
    struct merge_change change;
    struct write_batch batch;
    uint64_t seq;

    write_batch_init(&batch);
    for (int i = 0; i < CHANGE_COUNT; i++) {
        merge_model_random_change(model, &chance, &change);
        merge_model_apply(model, &change);
        write_batch_clear(&batch);
        merge_change_to_batch(&change, &batch);
        CU_ASSERT_EQUAL_FATAL(db_write(world->db, &batch, &seq), KV_OK);
        if (random_below(&chance, 100) == 0)
            db_world_flush(world);
    }
    write_batch_deinit(&batch);
}

static void
our_turn(struct db_world *world, struct merge_model *model, const char *spec)
{
    world->options.merge_operator = spec;
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
    check_ours(world, model);
    change_ours(world, model);
    if (random_below(&chance, 2) == 0)
        db_world_flush(world);
    check_ours(world, model);
    db_world_settle(world);
    db_world_close(world);
}

/* --- RocksDB's side --- */

static void
check_error(char *error)
{
    if (error != NULL)
        printf("rocksdb: %s\n", error);
    CU_ASSERT_PTR_NULL_FATAL(error);
}

static void
check_theirs(rocksdb_t *db, const struct merge_model *model)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();

    for (unsigned i = 0; i < MERGE_MODEL_KEY_COUNT; i++) {
        const char *key = merge_model_key(i);
        char *error = NULL, *value;
        size_t size;

        value = rocksdb_get(db, read, key, strlen(key), &size, &error);
        check_error(error);
        check_value(model, i, value != NULL, slice_of(value, value != NULL ? size : 0), "rocksdb");
        free(value);
    }
    rocksdb_readoptions_destroy(read);
}

static void
apply_theirs(rocksdb_t *db, const rocksdb_writeoptions_t *write, const struct merge_change *change)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    const char *key = merge_model_key(change->key), *end = merge_model_key(change->key_end);
    const char *bytes = (const char *)change->bytes;
    char *error = NULL;

    switch (change->type) {
    case TYPE_VALUE:
        rocksdb_writebatch_put(batch, key, strlen(key), bytes, change->size);
        break;
    case TYPE_MERGE:
        rocksdb_writebatch_merge(batch, key, strlen(key), bytes, change->size);
        break;
    case TYPE_DELETION:
        rocksdb_writebatch_delete(batch, key, strlen(key));
        break;
    default:
        rocksdb_writebatch_delete_range(batch, key, strlen(key), end, strlen(end));
        break;
    }
    rocksdb_write(db, write, batch, &error);
    check_error(error);
    rocksdb_writebatch_destroy(batch);
}

static void
change_theirs(rocksdb_t *db, struct merge_model *model)
{
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    struct merge_change change;
    char *error = NULL;

    for (int i = 0; i < CHANGE_COUNT; i++) {
        merge_model_random_change(model, &chance, &change);
        merge_model_apply(model, &change);
        apply_theirs(db, write, &change);
        if (random_below(&chance, 100) == 0)
            rocksdb_flush(db, flush, &error);
        check_error(error);
    }
    if (random_below(&chance, 4) == 0)
        rocksdb_compact_range(db, NULL, 0, NULL, 0);
    rocksdb_flushoptions_destroy(flush);
    rocksdb_writeoptions_destroy(write);
}

static void
their_turn(const char *dir, struct merge_model *model)
{
    rocksdb_options_t *options = rocksdb_options_create();
    char *error = NULL;
    rocksdb_t *db;

    rocksdb_options_set_uint64add_merge_operator(options);
    rocksdb_options_set_create_if_missing(options, 1);
    db = rocksdb_open(options, dir, &error);
    check_error(error);
    check_theirs(db, model);
    change_theirs(db, model);
    check_theirs(db, model);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
}

static void
counters_go_to_and_fro(void)
{
    struct merge_model model;
    struct db_world world;

    random_init(&chance, unit_seed());
    merge_model_init(&model, "uint64add");
    db_world_init(&world);
    for (int turn = 0; turn < TURN_COUNT; turn++) {
        our_turn(&world, &model, "uint64add");
        their_turn(world.dir, &model);
    }
    db_world_deinit(&world);
    merge_model_deinit(&model);
}

/* --- operators that only OPTIONS can give to RocksDB: ldb reads it --- */

static struct slice
unhex(char *text)
{
    uint8_t *bytes = (uint8_t *)text;
    size_t size = 0;

    for (; text[2 * size] != '\0' && text[2 * size] != '\n'; size++) {
        const char pair[3] = {text[2 * size], text[2 * size + 1], '\0'};

        bytes[size] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return slice_of(bytes, size);
}

/* "0x6B6579 : 0x31" a line, all keys of the model and no others. */
static void
check_ldb(const char *dir, const char *command_name, const struct merge_model *model)
{
    char command[400], line[64 * 1024];
    unsigned key = 0;
    FILE *ldb;

    snprintf(command, sizeof(command), "ldb --db='%s' --try_load_options %s --hex 2>&1", dir,
             command_name);
    ldb = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(ldb);
    while (fgets(line, sizeof(line), ldb) != NULL) {
        char *colon = strstr(line, " : 0x");

        while (key < MERGE_MODEL_KEY_COUNT && !model->exists[key])
            key++;
        if (colon == NULL || key == MERGE_MODEL_KEY_COUNT) {
            printf("ldb: %s", line);
            CU_FAIL("ldb says something else");
            break;
        }
        *colon = '\0';
        CU_ASSERT_TRUE(slice_equal(unhex(line + 2), slice_from_text(merge_model_key(key))));
        check_value(model, key, true, unhex(colon + 5), "ldb");
        key++;
    }
    while (key < MERGE_MODEL_KEY_COUNT && !model->exists[key])
        key++;
    CU_ASSERT_EQUAL(key, MERGE_MODEL_KEY_COUNT);
    CU_ASSERT_EQUAL(pclose(ldb), 0);
}

static void
run_ldb(const char *dir, const char *command_name)
{
    char command[400];

    snprintf(command, sizeof(command), "ldb --db='%s' --try_load_options %s >/dev/null 2>&1", dir,
             command_name);
    CU_ASSERT_EQUAL(system(command), 0);
}

/* Method: we write; ldb reads from our log and tables, compacts (a read-write open, which flushes
 * our log by RocksDB's own operator), reads again; we read that and go on. */
static void
ldb_folds_what_we_wrote(void)
{
    static const struct {
        const char *rule, *spec;
        bool is_lost; /* by RocksDB, when it writes OPTIONS anew */
    } cases[] = {
        {"append:,", "stringappend", false},
        {"append:;", "{id=StringAppendOperator;delimiter={;}}", true},
        {"append:a;b", "{id=StringAppendOperator;delimiter={ a;b}}", true},
        {"append:ab", "{id=StringAppendOperator;delimiter=ab;}", false},
        {"append:", "{id=StringAppendOperator;delimiter=;}", true},
        {"append:#", "{id=StringAppendOperator;delimiter=\\#;}", false},
        {"append:-", "{id=StringAppendTESTOperator;delimiter=-;}", false},
        {"max", "max", false},
        {"put", "PutOperator", false},
        {"bytesxor", "bytesxor", false},
        {"uint64add", "uint64add", false},
    };

    random_init(&chance, unit_seed());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct merge_model model;
        struct db_world world;

        merge_model_init(&model, cases[i].rule);
        db_world_init(&world);
        for (int turn = 0; turn < 3; turn++) {
            our_turn(&world, &model, turn == 1 && !cases[i].is_lost ? NULL : cases[i].spec);
            check_ldb(world.dir, "scan", &model);
            if (cases[i].is_lost)
                continue;
            if (turn == 1)
                run_ldb(world.dir, "compact");
            check_ldb(world.dir, "scan", &model);
        }
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        check_ours(&world, &model);
        db_world_deinit(&world);
        merge_model_deinit(&model);
    }
}

/* Method: an operator that RocksDB does not have does not keep it from reading; it writes OPTIONS
 * with one of its own only when it opens the directory to write. */
static void
our_own_operators_do_not_close_the_directory(void)
{
    struct db_world world;

    db_world_init(&world);
    world.options.merge_operator = "int64add";
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "a", "1");
    db_world_flush(&world);
    db_world_close(&world);
    run_ldb(world.dir, "scan");
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "1");
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(counters_go_to_and_fro),
        UNIT_TEST(ldb_folds_what_we_wrote),
        UNIT_TEST(our_own_operators_do_not_close_the_directory),
        UNIT_TEST_END,
    };

    return unit_main("merge_rocksdb", tests, argc, argv);
}
