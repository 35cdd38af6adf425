/* Goal: the engine keeps db.h's promises on real files: what is written is read, flushed,
 * recovered; writers wait when they must; reads go on. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/db_world.h"
#include "support/unit.h"

static void
what_is_written_is_read_at_once(void)
{
    struct db_world world;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_PTR_NULL(db_world_get(&world, "a"));
    db_world_put(&world, "a", "1");
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "1");
    db_world_put(&world, "a", "2");
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "2");
    db_world_put(&world, "a", NULL);
    CU_ASSERT_PTR_NULL(db_world_get(&world, "a"));
    CU_ASSERT_EQUAL(db_last_seq(world.db), 3);
    db_world_settle(&world);
    CU_ASSERT_EQUAL(db_durable_seq(world.db), 3);
    CU_ASSERT_EQUAL(world.durable_seq, 3);
    db_world_deinit(&world);
}

/* Method: durable_seq may not move before the loop has turned. */
static void
nothing_is_durable_before_its_write_is_done(void)
{
    struct db_world world;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "a", "1");
    CU_ASSERT_EQUAL(db_durable_seq(world.db), 0);
    db_turn(world.db);
    CU_ASSERT_EQUAL(db_durable_seq(world.db), 0);
    db_world_settle(&world);
    CU_ASSERT_EQUAL(db_durable_seq(world.db), 1);
    db_world_deinit(&world);
}

static void
a_flush_moves_everything_into_tables(void)
{
    struct db_world world;
    struct db_stats stats;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "a", "1");
    db_world_put(&world, "b", "2");
    db_world_flush(&world);
    db_world_put(&world, "b", NULL);
    db_world_flush(&world);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.flush_count, 2);
    CU_ASSERT_EQUAL(stats.level_table_count[0], 2);
    CU_ASSERT_EQUAL(stats.memtable_entry_count, 0);
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "1");
    CU_ASSERT_PTR_NULL(db_world_get(&world, "b"));
    db_world_flush(&world); /* nothing to do, and says so */
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.flush_count, 2);
    db_world_deinit(&world);
}

static void
a_reopened_database_has_what_was_durable(void)
{
    struct db_world world;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_world_put(&world, "flushed", "1");
    db_world_flush(&world);
    db_world_put(&world, "logged", "2");
    db_world_put(&world, "flushed", "3");
    db_world_settle(&world);
    db_world_close(&world);
    for (int round = 0; round < 3; round++) {
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        CU_ASSERT_EQUAL(db_last_seq(world.db), 3);
        CU_ASSERT_EQUAL(db_durable_seq(world.db), 3);
        CU_ASSERT_STRING_EQUAL(db_world_get(&world, "flushed"), "3");
        CU_ASSERT_STRING_EQUAL(db_world_get(&world, "logged"), "2");
        db_world_close(&world);
    }
    db_world_deinit(&world);
}

/* Method: jobs are held back until every memtable is full; the next write must be told to wait,
 * and to go on when a flush is done. */
static void
writers_wait_when_memtables_pile_up(void)
{
    struct db_world world;
    struct write_batch batch;
    static char value[64 * 1024];
    enum kv_status st = KV_OK;
    uint64_t seq;
    char key[32];

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    world.port.hold = true;
    memset(value, 'v', sizeof(value));
    write_batch_init(&batch);
    for (int i = 0; i < 1000 && st == KV_OK; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        write_batch_clear(&batch);
        write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_of(value, sizeof(value)));
        st = db_write(world.db, &batch, &seq);
        db_world_turn(&world);
    }
    CU_ASSERT_EQUAL(st, KV_BUSY);
    CU_ASSERT_EQUAL(world.writable_count, 0);
    inline_port_release(&world.port);
    while (world.writable_count == 0)
        db_world_turn(&world);
    CU_ASSERT_EQUAL(db_write(world.db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
    db_world_deinit(&world);
}

static void
a_failed_flush_is_tried_again(void)
{
    struct db_world world;
    struct db_stats stats;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    world.port.fail_count = 3;
    db_world_put(&world, "a", "1");
    db_world_flush(&world);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.flush_count, 1);
    CU_ASSERT_EQUAL(stats.flush_failure_count, 3);
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "a"), "1");
    db_world_deinit(&world);
}

/* Method: a batch larger than any memtable. */
static void
a_huge_batch_gets_a_memtable_of_its_size(void)
{
    struct db_world world;
    struct write_batch batch;
    static char value[5 << 20];
    uint64_t seq;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    memset(value, 'x', sizeof(value));
    write_batch_init(&batch);
    db_world_put(&world, "before", "1");
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("huge"), slice_of(value, sizeof(value)));
    CU_ASSERT_EQUAL(db_write(world.db, &batch, &seq), KV_OK);
    db_world_settle(&world);
    db_world_put(&world, "after", "2");
    db_world_flush(&world);
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "before"), "1");
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "after"), "2");
    db_world_close(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    CU_ASSERT_STRING_EQUAL(db_world_get(&world, "after"), "2");
    write_batch_deinit(&batch);
    db_world_deinit(&world);
}

/* Method: random puts, deletions, flushes and reopenings against an array. */
static void
random_work_equals_a_model(void)
{
    enum { KEYS = 500, STEPS = 20000 };
    static uint32_t model[KEYS]; /* 0: absent */
    struct db_world world;
    struct random random;
    char key[32], value[200];

    memset(model, 0, sizeof(model));
    random_init(&random, unit_seed());
    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    for (uint32_t step = 1; step <= STEPS; step++) {
        const uint32_t k = (uint32_t)random_below(&random, KEYS);
        const uint64_t dice = random_below(&random, 1000);

        snprintf(key, sizeof(key), "key%05u", k);
        snprintf(value, sizeof(value), "%0*u", (int)(1 + random_below(&random, 150)), step);
        if (dice < 500) {
            db_world_put(&world, key, value);
            model[k] = step;
        } else if (dice < 700) {
            db_world_put(&world, key, NULL);
            model[k] = 0;
        } else if (dice < 990) {
            const char *found = db_world_get(&world, key);

            CU_ASSERT_EQUAL_FATAL(found != NULL, model[k] != 0);
            if (found != NULL)
                CU_ASSERT_EQUAL(strtoul(found, NULL, 10), model[k]);
        } else if (dice < 998) {
            db_world_flush(&world);
        } else {
            db_world_settle(&world);
            db_world_close(&world);
            CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        }
        if (dice % 16 == 0)
            db_world_turn(&world);
    }
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(what_is_written_is_read_at_once),
        UNIT_TEST(nothing_is_durable_before_its_write_is_done),
        UNIT_TEST(a_flush_moves_everything_into_tables),
        UNIT_TEST(a_reopened_database_has_what_was_durable),
        UNIT_TEST(writers_wait_when_memtables_pile_up),
        UNIT_TEST(a_failed_flush_is_tried_again),
        UNIT_TEST(a_huge_batch_gets_a_memtable_of_its_size),
        UNIT_TEST(random_work_equals_a_model),
        UNIT_TEST_END,
    };

    return unit_main("db", tests, argc, argv);
}
