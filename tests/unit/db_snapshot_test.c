/* Goal: what a snapshot shows stays as it was, whatever is written, flushed and compacted, and
 * what only it could see goes when it is released.
 *
 * Method: a small database on real files, whose background jobs can be held back.  Everything that
 * a snapshot shows, by gets, begun ahead or not, and by iterators in both directions, is written
 * down as text when it is taken, and compared later. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_iter.h"
#include "db/db_snapshot.h"
#include "support/db_world.h"
#include "support/unit.h"

enum { KEY_COUNT = 300 };

static void
open_world(struct db_world *world, enum compaction_style style)
{
    db_world_init(world);
    world->options.merge_operator = "stringappend";
    world->options.compaction = (struct db_compaction_settings){
        .job_count = 2,
        .has_style = true,
        .style = style,
        .fifo_bytes_max = UINT64_C(1) << 40,
        .level0_trigger = 2,
    };
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
}

static struct db_stats
stats_of(struct db_world *world)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    return stats;
}

static struct db_snapshot *
take(struct db_world *world)
{
    struct db_snapshot *snapshot;

    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world->db, &snapshot), KV_OK);
    return snapshot;
}

/* --- writing --- */

static struct slice
key_of(uint32_t number, char text[16])
{
    return slice_of(text, (size_t)snprintf(text, 16, "key%05u", number));
}

/* One write to each of the keys, of a kind that it takes: every fourth one is put and deleted
 * singly in turn, every fourth one merged; of the rest some are deleted. */
static void
write_round(struct db_world *world, uint32_t round)
{
    char key_text[16], end_text[16], value[40];
    struct write_batch batch;

    write_batch_init(&batch);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        const struct slice key = key_of(i, key_text);

        (void)snprintf(value, sizeof(value), "value %u of round %u", i, round);
        if (i % 4 == 0 && round % 2 == 1)
            write_batch_single_delete(&batch, CF_DEFAULT, key);
        else if (i % 4 == 1)
            write_batch_merge(&batch, CF_DEFAULT, key, slice_from_text(value));
        else if (i % 4 == 2 && (i + round) % 5 == 0)
            write_batch_delete(&batch, CF_DEFAULT, key);
        else
            write_batch_put(&batch, CF_DEFAULT, key, slice_from_text(value));
    }
    db_world_write(world, &batch);
    write_batch_init(&batch);
    if (round % 3 == 1)
        write_batch_delete_range(&batch, CF_DEFAULT, key_of(100, key_text), key_of(181, end_text));
    write_batch_put(&batch, CF_DEFAULT, slice_from_text("last"), slice_from_text(value));
    db_world_write(world, &batch);
    db_world_settle(world);
}

static void
settle(struct db_world *world)
{
    do
        db_world_settle(world);
    while (!stats_of(world).compaction_is_settled);
}

/* --- what is to be seen --- */

static void
show_key(struct db_world *world, uint64_t seq, struct slice key, bool ahead, struct buffer *text)
{
    struct version_probe probe;
    struct read_ctx ctx;
    struct lookup found;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(world->db));
    for (;;) {
        if (ahead)
            db_prefetch(world->db, CF_DEFAULT, seq, &key, 1, &probe);
        st = ahead ? db_get_probed(world->db, &ctx, CF_DEFAULT, &probe, &found)
                   : db_get(world->db, &ctx, CF_DEFAULT, key, seq, &found);
        if (st != KV_WANT_BLOCK)
            break;
        CU_ASSERT_EQUAL_FATAL(db_world_fetch(world, &ctx), KV_OK);
    }
    CU_ASSERT_EQUAL(st, KV_OK);
    CU_ASSERT_TRUE(found.seq <= seq);
    buffer_append_slice(text, key);
    if (found.kind == LOOKUP_VALUE) {
        buffer_append_byte(text, '=');
        buffer_append_slice(text, found.value);
    }
    buffer_append_byte(text, '\n');
    read_ctx_deinit(&ctx);
}

static void
show_walk(struct db_world *world, uint64_t seq, bool forward, struct buffer *text)
{
    const struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = seq};
    struct read_ctx ctx;
    struct db_iter *iter;

    read_ctx_init(&ctx, db_block_cache(world->db));
    iter = db_iter_new(world->db, &ctx, &options);
    while (db_world_step(world, iter, &ctx, forward)) {
        buffer_append_slice(text, db_iter_key(iter));
        buffer_append_byte(text, '=');
        buffer_append_slice(text, db_iter_value(iter));
        buffer_append_byte(text, '\n');
    }
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
}

static void
show(struct db_world *world, uint64_t seq, struct buffer *text)
{
    char key_text[16];

    buffer_clear(text);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        show_key(world, seq, key_of(i, key_text), i % 3 == 0, text);
    show_walk(world, seq, true, text);
    show_walk(world, seq, false, text);
}

/* A snapshot, and what it has to show. */
struct witness {
    struct db_snapshot *snapshot;
    struct buffer text;
};

static void
witness_begin(struct witness *witness, struct db_world *world)
{
    *witness = (struct witness){.snapshot = take(world)};
    show(world, db_snapshot_seq(witness->snapshot), &witness->text);
}

static void
witness_check(const struct witness *witness, struct db_world *world)
{
    struct buffer now = {0};

    show(world, db_snapshot_seq(witness->snapshot), &now);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&now), buffer_slice(&witness->text)));
    buffer_deinit(&now);
}

static void
witness_end(struct witness *witness, struct db_world *world)
{
    witness_check(witness, world);
    db_snapshot_release(world->db, witness->snapshot);
    buffer_deinit(&witness->text);
}

/* --- the tests --- */

static void
those_of_one_moment_are_one(void)
{
    struct db_snapshot *snapshots[DB_SNAPSHOT_COUNT_MAX], *more;
    struct db_world world;

    open_world(&world, COMPACTION_LEVELED);
    CU_ASSERT_EQUAL(stats_of(&world).snapshot_count, 0);
    for (uint32_t i = 0; i < DB_SNAPSHOT_COUNT_MAX; i++) {
        snapshots[i] = take(&world);
        CU_ASSERT_EQUAL(db_snapshot_seq(snapshots[i]), db_last_seq(world.db));
        db_world_put(&world, "k", "v");
    }
    CU_ASSERT_EQUAL(stats_of(&world).snapshot_count, DB_SNAPSHOT_COUNT_MAX);
    CU_ASSERT_EQUAL(db_snapshot_create(world.db, &more), KV_LIMIT);
    db_snapshot_release(world.db, snapshots[7]);
    snapshots[7] = take(&world);
    more = take(&world);
    CU_ASSERT_EQUAL(db_snapshot_seq(more), db_snapshot_seq(snapshots[7]));
    CU_ASSERT_EQUAL(stats_of(&world).snapshot_count, DB_SNAPSHOT_COUNT_MAX);
    CU_ASSERT_EQUAL(stats_of(&world).snapshot_oldest_seq, db_snapshot_seq(snapshots[0]));
    db_world_flush(&world); /* a job is told of all */
    for (uint32_t i = 0; i < DB_SNAPSHOT_COUNT_MAX; i++)
        db_snapshot_release(world.db, snapshots[i]);
    CU_ASSERT_EQUAL(stats_of(&world).snapshot_count, 1);
    db_snapshot_release(world.db, more);
    CU_ASSERT_EQUAL(stats_of(&world).snapshot_count, 0);
    db_world_deinit(&world);
}

/* Method: rounds of writes with a snapshot after each, some released on the way; flushed and
 * compacted after every second one. */
static void
they_show_what_was(void)
{
    static const enum compaction_style styles[] = {COMPACTION_LEVELED, COMPACTION_UNIVERSAL,
                                                   COMPACTION_FIFO};
    enum { ROUND_COUNT = 8 };

    for (size_t s = 0; s < sizeof(styles) / sizeof(styles[0]); s++) {
        struct witness witnesses[ROUND_COUNT];
        struct db_world world;

        open_world(&world, styles[s]);
        for (uint32_t round = 0; round < ROUND_COUNT; round++) {
            write_round(&world, round);
            witness_begin(&witnesses[round], &world);
            if (round % 2 == 1)
                db_world_flush(&world);
            if (round % 4 == 3)
                db_world_compact(&world, false);
            for (uint32_t i = 0; i <= round; i++) {
                if (round < 6 || i % 2 == 0)
                    witness_check(&witnesses[i], &world);
            }
            if (round == 5) {
                for (uint32_t i = 1; i <= 5; i += 2)
                    witness_end(&witnesses[i], &world);
            }
        }
        witness_end(&witnesses[7], &world);
        for (uint32_t i = 0; i < ROUND_COUNT; i += 2)
            witness_end(&witnesses[i], &world);
        db_world_deinit(&world);
    }
}

/* Method: the job is given out and held back; a snapshot is taken, then it runs. */
static void
a_flush_that_began_before_one_does_it_no_harm(void)
{
    struct witness old, young;
    struct db_world world;

    open_world(&world, COMPACTION_LEVELED);
    write_round(&world, 0);
    witness_begin(&old, &world);
    write_round(&world, 1);
    world.port.hold = true;
    db_flush(world.db, outcome_note, &(struct outcome){0});
    db_world_settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).frozen_count, 1);
    witness_begin(&young, &world);
    write_round(&world, 2);
    inline_port_release(&world.port);
    settle(&world);
    CU_ASSERT_EQUAL(stats_of(&world).frozen_count, 0);
    witness_check(&young, &world);
    witness_end(&old, &world);
    db_world_compact(&world, false);
    witness_end(&young, &world);
    db_world_deinit(&world);
}

/* Method: as before. */
static void
a_compaction_that_began_before_one_does_it_no_harm(void)
{
    struct witness old, young;
    struct db_world world;

    open_world(&world, COMPACTION_LEVELED);
    world.port.hold_compact = true;
    write_round(&world, 0);
    witness_begin(&old, &world);
    db_world_flush(&world);
    write_round(&world, 1);
    db_world_flush(&world);
    for (int i = 0; i < 1000 && stats_of(&world).compaction_running_count == 0; i++)
        db_world_turn(&world);
    CU_ASSERT_EQUAL(stats_of(&world).compaction_running_count, 1);
    witness_begin(&young, &world);
    write_round(&world, 2);
    inline_port_release(&world.port);
    settle(&world);
    CU_ASSERT_TRUE(stats_of(&world).compaction.count > 0);
    witness_check(&young, &world);
    witness_end(&old, &world);
    db_world_compact(&world, false);
    witness_end(&young, &world);
    db_world_deinit(&world);
}

static uint64_t
compaction_count(struct db_world *world)
{
    return stats_of(world).compaction.count;
}

/* Method: all keys twice, with a snapshot between, into one table of the last level.  As long as
 * the snapshot lives, that is not touched; then it is rewritten, once. */
static void
what_only_one_could_see_goes_with_it(void)
{
    struct db_snapshot *snapshot;
    struct db_world world;
    uint64_t bytes, count;

    open_world(&world, COMPACTION_LEVELED);
    write_round(&world, 0);
    snapshot = take(&world);
    write_round(&world, 2);
    db_world_compact(&world, false);
    settle(&world);
    bytes = stats_of(&world).level_bytes[LEVEL_COUNT - 1];
    count = compaction_count(&world);
    CU_ASSERT_EQUAL(stats_of(&world).level_bytes[0], 0);

    db_snapshot_release(world.db, take(&world)); /* which held nothing */
    db_world_put(&world, "last", "value");
    db_world_flush(&world);
    settle(&world);
    CU_ASSERT_EQUAL(compaction_count(&world), count);

    db_snapshot_release(world.db, snapshot);
    settle(&world);
    CU_ASSERT_EQUAL(compaction_count(&world), count + 1);
    CU_ASSERT_TRUE(stats_of(&world).level_bytes[LEVEL_COUNT - 1] < bytes * 3 / 4);

    snapshot = take(&world);
    db_world_put(&world, "last", "another");
    db_snapshot_release(world.db, snapshot);
    settle(&world);
    CU_ASSERT_EQUAL(compaction_count(&world), count + 1);
    db_world_deinit(&world);
}

/* Method: as above, but the engine ends before the rewrite.  Snapshots end with it, and the mark
 * is in the MANIFEST. */
static void
what_one_kept_goes_after_the_next_start(void)
{
    struct db_snapshot *snapshot;
    struct db_world world;
    uint64_t bytes;

    open_world(&world, COMPACTION_LEVELED);
    write_round(&world, 0);
    snapshot = take(&world);
    write_round(&world, 2);
    db_world_compact(&world, false);
    settle(&world);
    bytes = stats_of(&world).level_bytes[LEVEL_COUNT - 1];
    db_snapshot_release(world.db, snapshot);
    db_world_close(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    settle(&world);
    CU_ASSERT_TRUE(stats_of(&world).level_bytes[LEVEL_COUNT - 1] < bytes * 3 / 4);
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(those_of_one_moment_are_one),
        UNIT_TEST(they_show_what_was),
        UNIT_TEST(a_flush_that_began_before_one_does_it_no_harm),
        UNIT_TEST(a_compaction_that_began_before_one_does_it_no_harm),
        UNIT_TEST(what_only_one_could_see_goes_with_it),
        UNIT_TEST(what_one_kept_goes_after_the_next_start),
        UNIT_TEST_END,
    };

    return unit_main("db_snapshot", tests, argc, argv);
}
