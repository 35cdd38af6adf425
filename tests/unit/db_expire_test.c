/* Goal: the engine shows a value with a deadline until then and not afterwards, whoever reads in
 * whatever way, wherever it lies; a snapshot shows what has died since; operands that others left
 * above it count for what it is when it is read; and a table of which all is dead goes unread.
 *
 * Method: a small database on real files and the real clock: deadlines are far away, long past, or
 * so near that turning the loop brings them. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "db/db_iter.h"
#include "db/db_snapshot.h"
#include "support/db_world.h"
#include "support/dying_value.h"
#include "support/unit.h"

enum { PAST = 1000, FAR_MS = 1000 * 1000 * 1000, SOON_MS = 60 };

static void
open_world(struct db_world *world)
{
    db_world_init(world);
    world->options.merge_operator = "stringappend";
    world->options.compaction = (struct db_compaction_settings){.job_count = 1};
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
}

static void
write_now(struct db_world *world, struct write_batch *batch)
{
    db_world_write(world, batch);
    db_world_settle(world);
}

static void
put_until(struct db_world *world, const char *key, const char *value, uint64_t deadline_ms)
{
    struct write_batch batch;

    write_batch_init(&batch);
    batch_put_until(&batch, key, value, deadline_ms);
    write_now(world, &batch);
}

static void
merge(struct db_world *world, const char *key, const char *operand)
{
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_merge(&batch, CF_DEFAULT, slice_from_text(key), slice_from_text(operand));
    write_now(world, &batch);
}

static uint64_t
now_ms(struct db_world *world)
{
    db_let_time_pass(world->db);
    return db_now_ms(world->db);
}

static void
expect(struct db_world *world, const char *key, const char *value)
{
    const char *found;

    db_let_time_pass(world->db);
    found = db_world_get(world, key);
    CU_ASSERT_EQUAL((found == NULL), (value == NULL));
    if (found != NULL && value != NULL)
        CU_ASSERT_STRING_EQUAL(found, value);
}

/* The keys, without spaces, as a walk in the direction shows them. */
static void
expect_walk(struct db_world *world, uint64_t seq_max, bool keys_only, bool forward,
            const char *expected)
{
    const struct db_iter_options options = {
        .cf_id = CF_DEFAULT, .seq_max = seq_max, .keys_only = keys_only};
    struct buffer text = {0};
    struct read_ctx ctx;
    struct db_iter *iter;

    db_let_time_pass(world->db);
    read_ctx_init(&ctx, db_block_cache(world->db));
    iter = db_iter_new(world->db, &ctx, &options);
    while (db_world_step(world, iter, &ctx, forward))
        buffer_append_slice(&text, db_iter_key(iter));
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&text), slice_from_text(expected)));
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
    buffer_deinit(&text);
}

static void
expect_walks(struct db_world *world, uint64_t seq_max, const char *forward, const char *backward)
{
    for (int i = 0; i < 3; i++) { /* the first one may leave holes for the next ones */
        expect_walk(world, seq_max, i % 2 == 0, true, forward);
        expect_walk(world, seq_max, i % 2 == 0, false, backward);
    }
}

/* Method: all at once in memory, in a table, and at the bottom. */
static void
the_dead_are_absent_wherever_they_lie(void)
{
    struct db_world world;
    struct db_key_counts counts;
    uint64_t far;

    open_world(&world);
    far = now_ms(&world) + FAR_MS;
    for (char key[2] = "a"; key[0] <= 'z'; key[0]++) {
        if (key[0] % 13 == 0)
            put_until(&world, key, "alive", far);
        else
            put_until(&world, key, "dead", PAST);
    }
    db_world_put(&world, "m", "plain");
    put_until(&world, "m", "dead", PAST);
    for (int place = 0; place < 3; place++) {
        expect(&world, "h", "alive");
        expect(&world, "b", NULL);
        expect(&world, "m", NULL); /* and what was there before stays hidden */
        expect_walks(&world, SEQUENCE_MAX, "hu", "uh");
        if (place < 2)
            db_world_flush(&world);
    }
    db_key_counts(world.db, CF_DEFAULT, &counts);
    CU_ASSERT_TRUE(counts.deadline_count <= 2);
    CU_ASSERT_TRUE(db_may_have_deadline(world.db, CF_DEFAULT, slice_from_text("other")));
    db_world_close(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    expect_walks(&world, SEQUENCE_MAX, "hu", "uh");
    CU_ASSERT_TRUE(db_may_have_deadline(world.db, CF_DEFAULT, slice_from_text("other")));
    db_world_deinit(&world);
}

/* Method: it dies while the snapshot lives; flushes let go of it for nobody else. */
static void
a_snapshot_shows_what_has_died_since(void)
{
    struct db_world world;
    struct db_snapshot *snapshot;
    uint64_t soon, seq;

    open_world(&world);
    soon = now_ms(&world) + SOON_MS;
    db_world_put(&world, "a", "1");
    put_until(&world, "b", "2", soon);
    put_until(&world, "c", "3", PAST);
    if (now_ms(&world) <= soon) { /* else the machine is too slow for this */
        CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world.db, &snapshot), KV_OK);
        seq = db_snapshot_seq(snapshot);
        db_world_wait_until(&world, soon);
        for (int place = 0; place < 3; place++) {
            expect(&world, "b", NULL);
            expect_walks(&world, SEQUENCE_MAX, "a", "a");
            expect_walks(&world, seq, "ab", "ba");
            expect_walks(&world, SEQUENCE_MAX, "a", "a");
            db_world_flush(&world);
        }
        db_snapshot_release(world.db, snapshot);
    }
    db_world_deinit(&world);
}

static bool
is_there_at(struct db_world *world, const struct db_snapshot *snapshot, const char *key)
{
    struct lookup found;
    struct read_ctx ctx;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(world->db));
    do {
        db_let_time_pass(world->db);
        db_read_at(world->db, snapshot);
        st = db_get(world->db, &ctx, CF_DEFAULT, slice_from_text(key), db_snapshot_seq(snapshot),
                    &found);
    } while (st == KV_WANT_BLOCK && (st = db_world_fetch(world, &ctx)) == KV_OK);
    CU_ASSERT_EQUAL(st, KV_OK);
    read_ctx_deinit(&ctx);
    return found.kind == LOOKUP_VALUE;
}

/* Method: it dies between the making of two snapshots, and nothing is written there. */
static void
snapshots_of_one_sequence_have_their_own_times(void)
{
    struct db_world world;
    struct db_snapshot *first, *second;
    struct db_stats stats;
    uint64_t soon;

    open_world(&world);
    soon = now_ms(&world) + SOON_MS;
    put_until(&world, "b", "2", soon);
    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world.db, &first), KV_OK);
    db_world_wait_until(&world, soon);
    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world.db, &second), KV_OK);
    CU_ASSERT_EQUAL(db_snapshot_seq(first), db_snapshot_seq(second));
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.snapshot_count, 1);
    for (int place = 0; place < 3; place++) {
        CU_ASSERT_EQUAL(is_there_at(&world, first, "b"), db_snapshot_time_ms(first) <= soon);
        CU_ASSERT_FALSE(is_there_at(&world, second, "b"));
        db_world_flush(&world);
    }
    db_snapshot_release(world.db, first);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.snapshot_count, 1);
    CU_ASSERT_FALSE(is_there_at(&world, second, "b"));
    db_snapshot_release(world.db, second);
    db_get_stats(world.db, &stats);
    CU_ASSERT_EQUAL(stats.snapshot_count, 0);
    db_world_deinit(&world);
}

/* Method: one that dies, one that is put again before that, and one under an operand. */
static void
each_death_is_counted_once(void)
{
    struct db_world world;
    struct db_stats stats;

    open_world(&world);
    put_until(&world, "dead", "v", PAST);
    put_until(&world, "anew", "v", PAST);
    put_until(&world, "anew", "v", now_ms(&world) + FAR_MS);
    put_until(&world, "under", "v", PAST);
    merge(&world, "under", "x");
    for (int place = 0; place < 3; place++) {
        db_world_flush(&world);
        db_get_stats(world.db, &stats);
        CU_ASSERT_EQUAL(stats.expired_count, 2);
        db_world_put(&world, "other", "v");
    }
    db_world_deinit(&world);
}

/* Method: operands written as a foreign program would, above what lives and what is dead, read
 * from memory and from tables, before and after the death. */
static void
operands_count_for_what_is_below_when_they_are_read(void)
{
    struct db_world world;
    uint64_t soon;

    open_world(&world);
    soon = now_ms(&world) + 20 * SOON_MS;
    put_until(&world, "soon", "base", soon);
    put_until(&world, "far", "base", now_ms(&world) + FAR_MS);
    put_until(&world, "past", "base", PAST);
    for (int place = 0; place < 2; place++) {
        merge(&world, "soon", "x");
        merge(&world, "far", "x");
        merge(&world, "past", "x");
        expect(&world, "far", place == 0 ? "base,x" : "base,x,x");
        expect(&world, "past", place == 0 ? "x" : "x,x");
        if (now_ms(&world) < soon)
            expect(&world, "soon", place == 0 ? "base,x" : "base,x,x");
        db_world_flush(&world);
    }
    db_world_wait_until(&world, soon);
    for (int place = 0; place < 2; place++) {
        expect(&world, "soon", "x,x");
        expect(&world, "far", "base,x,x");
        expect(&world, "past", "x,x");
        merge(&world, "other", "x");
        db_world_flush(&world);
    }
    db_world_deinit(&world);
}

/* Method: one level-0 table, whose newest deadline is a second and a half away. */
static void
a_table_of_the_dead_goes_unread(void)
{
    struct db_world world;
    struct db_stats stats;
    uint64_t soon, give_up;
    char key[16];

    open_world(&world);
    soon = now_ms(&world) + 1500;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        put_until(&world, key, "v", soon);
    }
    db_world_flush(&world);
    give_up = now_ms(&world) + 60 * 1000;
    do {
        db_world_turn(&world);
        db_get_stats(world.db, &stats);
    } while (stats.table_count > 0 && now_ms(&world) < give_up);
    CU_ASSERT_EQUAL(stats.table_count, 0);
    CU_ASSERT_EQUAL(stats.compaction.drop_count, 1);
    CU_ASSERT_EQUAL(stats.compaction.count, 0);
    CU_ASSERT_EQUAL(stats.expired_count, 100);
    CU_ASSERT_TRUE(now_ms(&world) > soon);
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_dead_are_absent_wherever_they_lie),
        UNIT_TEST(a_snapshot_shows_what_has_died_since),
        UNIT_TEST(snapshots_of_one_sequence_have_their_own_times),
        UNIT_TEST(each_death_is_counted_once),
        UNIT_TEST(operands_count_for_what_is_below_when_they_are_read),
        UNIT_TEST(a_table_of_the_dead_goes_unread),
        UNIT_TEST_END,
    };

    return unit_main("db_expire", tests, argc, argv);
}
