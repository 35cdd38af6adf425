/* Goal: reads and scans give what the operands make of the value, wherever they lie: in the
 * memtable, in frozen ones, in tables, in a log that is replayed. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "db/db_internal.h"
#include "db/db_iter.h"
#include "merge/merge_operator.h"
#include "support/db_world.h"
#include "support/merge_model.h"
#include "support/quiet_log.h"
#include "support/unit.h"

/* Held flushes go on. */
static void
release(struct db_world *world)
{
    if (world->port.hold)
        inline_port_release(&world->port);
}

static void
write_change(struct db_world *world, const struct merge_change *change)
{
    struct write_batch batch;
    uint64_t seq;
    enum kv_status st;

    write_batch_init(&batch);
    merge_change_to_batch(change, &batch);
    while ((st = db_write(world->db, &batch, &seq)) == KV_BUSY) {
        release(world);
        db_world_turn(world);
    }
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
    write_batch_deinit(&batch);
}

static void
merge(struct db_world *world, const char *key, const char *operand)
{
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_merge(&batch, CF_DEFAULT, slice_from_text(key), slice_from_text(operand));
    db_world_write(world, &batch);
}

static void
open_with(struct db_world *world, const char *spec)
{
    world->options.merge_operator = spec;
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
}

/* The status of a read that fetches what it wants; the value goes into `value`. */
static enum kv_status
get(struct db_world *world, const char *key, bool *exists, struct buffer *value)
{
    struct read_ctx ctx;
    struct lookup found;
    const enum kv_status st = db_world_find(world, key, &ctx, &found);

    *exists = st == KV_OK && found.kind == LOOKUP_VALUE;
    buffer_clear(value);
    if (*exists)
        buffer_append_slice(value, found.value);
    read_ctx_deinit(&ctx);
    return st;
}

static void
check_reads(struct db_world *world, const struct merge_model *model)
{
    struct buffer value = {0};
    bool exists;

    for (unsigned i = 0; i < MERGE_MODEL_KEY_COUNT; i++) {
        CU_ASSERT_EQUAL(get(world, merge_model_key(i), &exists, &value), KV_OK);
        CU_ASSERT_EQUAL(exists, model->exists[i]);
        if (exists && !slice_equal(buffer_slice(&value), buffer_slice(&model->values[i]))) {
            printf("%s %s: '%.*s', not '%.*s'\n", model->rule, merge_model_key(i), (int)value.size,
                   (const char *)value.data, (int)model->values[i].size,
                   (const char *)model->values[i].data);
            CU_FAIL("a value differs");
        }
    }
    buffer_deinit(&value);
}

static enum kv_status
scan_step(struct db_scan *scan, bool is_first, bool *found)
{
    return is_first ? db_scan_seek(scan, slice_from_text(""), found) : db_scan_next(scan, found);
}

static void
check_scan(struct db_world *world, const struct merge_model *model)
{
    struct read_ctx ctx;
    struct db_scan *scan;
    bool found = true;
    bool is_first = true;

    read_ctx_init(&ctx, db_block_cache(world->db));
    scan = db_scan_new(world->db, &ctx, CF_DEFAULT);
    for (unsigned i = 0; i < MERGE_MODEL_KEY_COUNT + 1; i++) {
        enum kv_status st;

        if (i < MERGE_MODEL_KEY_COUNT && !model->exists[i])
            continue;
        while ((st = scan_step(scan, is_first, &found)) == KV_WANT_BLOCK)
            (void)db_world_fetch(world, &ctx);
        CU_ASSERT_EQUAL_FATAL(st, KV_OK);
        is_first = false;
        CU_ASSERT_EQUAL_FATAL(found, i < MERGE_MODEL_KEY_COUNT);
        if (!found)
            break;
        CU_ASSERT_TRUE(slice_equal(db_scan_key(scan), slice_from_text(merge_model_key(i))));
        CU_ASSERT_TRUE(slice_equal(db_scan_value(scan), buffer_slice(&model->values[i])));
    }
    db_scan_free(scan);
    read_ctx_deinit(&ctx);
}

struct rule {
    const char *rule, *spec;
};

static const struct rule rules[] = {
    {"append:,", "stringappend"},
    {"append:;", "{id=stringappend;delimiter={;}}"},
    {"append:#", "{id=stringappend;delimiter=#}"},
    {"append:{;:}\\\n", "{id=stringappend;delimiter={{;:}\\\\\\n}}"},
    {"append:--", "{id=StringAppendTESTOperator;delimiter=--;}"},
    {"uint64add", "uint64add"},
    {"int64add", "int64add"},
    {"max", "max"},
    {"min", "min"},
    {"put", "put"},
    {"bytesxor", "BytesXOR"},
};

static void
on_flushed(void *owner, enum kv_status st)
{
    (void)owner;
    CU_ASSERT_EQUAL(st, KV_OK);
}

/* What happens beside the changes: flushes, flushes that are held back so that several memtables
 * are frozen, and reopening, with and without a flush before. */
static void
disturb(struct db_world *world, struct random *random, const char *spec)
{
    switch (random_below(random, 60)) {
    case 0:
        release(world);
        db_world_flush(world);
        break;
    case 1:
        world->port.hold = true;
        break;
    case 2: /* what is in memory is frozen, and stays */
        world->port.hold = true;
        db_flush(world->db, on_flushed, NULL);
        db_world_turn(world);
        break;
    case 3:
        release(world);
        break;
    case 4:
        release(world);
        db_world_settle(world);
        db_world_close(world);
        /* The operator is in OPTIONS now. */
        open_with(world, random_below(random, 2) == 0 ? spec : NULL);
        break;
    default:
        break;
    }
}

/* Method: for each operator, random changes and disturbances against the model. */
static void
random_histories_read_as_the_model_says(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (size_t r = 0; r < sizeof(rules) / sizeof(rules[0]); r++) {
        struct merge_model model;
        struct merge_change change;
        struct db_world world;

        merge_model_init(&model, rules[r].rule);
        db_world_init(&world);
        open_with(&world, rules[r].spec);
        for (int step = 0; step < 1500; step++) {
            merge_model_random_change(&model, &random, &change);
            write_change(&world, &change);
            merge_model_apply(&model, &change);
            disturb(&world, &random, rules[r].spec);
            if (step % 50 == 0)
                check_reads(&world, &model);
            if (step % 150 == 0)
                check_scan(&world, &model);
        }
        release(&world);
        db_world_flush(&world);
        check_reads(&world, &model);
        check_scan(&world, &model);
        db_world_deinit(&world);
        merge_model_deinit(&model);
    }
}

/* Method: what cannot be folded is an error of that key alone; a put or a deletion heals it. */
static void
operands_that_do_not_fit_are_an_error_of_their_key(void)
{
    struct buffer value = {0};
    struct db_world world;
    bool exists;

    db_world_init(&world);
    open_with(&world, "int64add");
    db_world_put(&world, "bad", "ten");
    merge(&world, "bad", "1");
    merge(&world, "good", "2");
    for (int round = 0; round < 2; round++) {
        CU_ASSERT_EQUAL(get(&world, "bad", &exists, &value), KV_INVALID);
        CU_ASSERT_EQUAL(get(&world, "good", &exists, &value), KV_OK);
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text("2")));
        db_world_flush(&world);
    }
    db_world_put(&world, "bad", "5");
    merge(&world, "bad", "1");
    CU_ASSERT_EQUAL(get(&world, "bad", &exists, &value), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text("6")));
    db_world_deinit(&world);
    buffer_deinit(&value);
}

static void
the_operator_is_stored_and_cannot_be_exchanged(void)
{
    struct buffer value = {0};
    struct db_world world;
    bool exists;

    quiet_log();
    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_PTR_NULL(db_merge_operator(world.db, CF_DEFAULT)->kind);
    merge(&world, "a", "1"); /* as from another's log */
    CU_ASSERT_EQUAL(get(&world, "a", &exists, &value), KV_UNSUPPORTED);
    db_world_flush(&world); /* the operands stay */
    merge(&world, "a", "2");
    db_world_settle(&world);
    db_world_close(&world);
    open_with(&world, "{id=stringappend;delimiter=+}");
    CU_ASSERT_EQUAL(get(&world, "a", &exists, &value), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text("1+2")));
    db_world_close(&world);
    world.options.merge_operator = "uint64add";
    CU_ASSERT_EQUAL(db_world_open(&world), KV_INVALID);
    world.options.merge_operator = "stringappend"; /* another delimiter */
    CU_ASSERT_EQUAL(db_world_open(&world), KV_INVALID);
    world.options.merge_operator = "no.such.operator";
    CU_ASSERT_EQUAL(db_world_open(&world), KV_INVALID);
    open_with(&world, "{id=StringAppendOperator;delimiter=+;}");
    CU_ASSERT_EQUAL(get(&world, "a", &exists, &value), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text("1+2")));
    db_world_deinit(&world);
    buffer_deinit(&value);
    log_set_sink(NULL, NULL);
}

/* Method: the look happens at some sequences only, so a writer that asks each time must be told
 * before long, and never for a short row. */
static void
long_rows_are_noticed(void)
{
    struct db_world world;
    uint32_t count = 0;

    db_world_init(&world);
    open_with(&world, "int64add");
    while (!db_merge_is_long(world.db, CF_DEFAULT, slice_from_text("hot")) && count < 5000) {
        merge(&world, "hot", "1");
        count++;
    }
    CU_ASSERT_TRUE(count >= 64 && count < 1000);
    CU_ASSERT_FALSE(db_merge_is_long(world.db, CF_DEFAULT, slice_from_text("hos")));
    db_world_put(&world, "hot", "7");
    CU_ASSERT_FALSE(db_merge_is_long(world.db, CF_DEFAULT, slice_from_text("hot")));
    db_world_deinit(&world);
}

/* Method: 200,000 operands of one key, in one memtable and then from a log. */
static void
a_very_long_row_is_read_and_flushed(void)
{
    struct buffer value = {0};
    struct db_world world;
    bool exists;

    db_world_init(&world);
    world.options.memtable_bytes = 64 << 20;
    world.options.wal_bytes_max = 256 << 20;
    open_with(&world, "int64add");
    for (int i = 0; i < 200000; i++) {
        merge(&world, "hot", "1");
        if (i % 1000 == 0)
            db_world_turn(&world);
    }
    CU_ASSERT_EQUAL(get(&world, "hot", &exists, &value), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text("200000")));
    db_world_settle(&world);
    db_world_close(&world);
    open_with(&world, NULL); /* flushes what the log had */
    CU_ASSERT_EQUAL(get(&world, "hot", &exists, &value), KV_OK);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text("200000")));
    db_world_deinit(&world);
    buffer_deinit(&value);
}

static void
on_applied(void *owner, enum kv_status st)
{
    CU_ASSERT_EQUAL(st, KV_OK);
    *(bool *)owner = true;
}

static void
add_family(struct db_world *world, uint32_t cf_id)
{
    struct version_edit edit = {.cf_id = cf_id, .is_cf_add = true, .has_log_number = true};
    bool is_done = false;

    buffer_append_format(&edit.cf_name, "family %u", cf_id);
    version_set_apply(world->db->versions, &edit, 1, on_applied, &is_done);
    while (!is_done)
        db_world_turn(world);
    version_edit_deinit(&edit);
}

/* Method: an iterator holds the operator of its family while those of many others are asked for. */
static void
an_operator_stays_where_it_is(void)
{
    const struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    const struct merge_operator *op;
    struct db_world world;
    struct db_iter *iter;
    struct read_ctx ctx;

    db_world_init(&world);
    open_with(&world, "int64add");
    op = db_merge_operator(world.db, CF_DEFAULT);
    merge(&world, "a", "1");
    merge(&world, "a", "2");
    read_ctx_init(&ctx, db_block_cache(world.db));
    iter = db_iter_new(world.db, &ctx, &options);
    for (uint32_t cf_id = 1; cf_id < 20; cf_id++) {
        add_family(&world, cf_id);
        CU_ASSERT_PTR_NULL(db_merge_operator(world.db, cf_id)->kind);
    }
    CU_ASSERT_PTR_EQUAL(db_merge_operator(world.db, CF_DEFAULT), op);
    CU_ASSERT_EQUAL(db_iter_seek_first(iter), KV_OK);
    CU_ASSERT_TRUE(slice_equal(db_iter_value(iter), slice_from_text("3")));
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(random_histories_read_as_the_model_says),
        UNIT_TEST(operands_that_do_not_fit_are_an_error_of_their_key),
        UNIT_TEST(the_operator_is_stored_and_cannot_be_exchanged),
        UNIT_TEST(long_rows_are_noticed),
        UNIT_TEST(a_very_long_row_is_read_and_flushed),
        UNIT_TEST(an_operator_stays_where_it_is),
        UNIT_TEST_END,
    };

    return unit_main("db_merge", tests, argc, argv);
}
