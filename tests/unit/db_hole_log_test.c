/* Goal: what the log says of holes is true after a restart, is known then, and what it says falsely
 * or in another program's name is not believed.
 *
 * Method: random puts and deletions of stretches, walks that find holes, flushes and restarts,
 * against an array; behind each restart no hole may have a key of the array in it, and what a walk
 * shows is the array. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "db/db_hole_log.h"
#include "db/db_internal.h"
#include "db/db_iter.h"
#include "support/db_world.h"
#include "support/unit.h"

enum { KEY_COUNT = 600, RESTART_COUNT = 40, STEP_COUNT_MAX = 40 };

static struct db_world world;
static struct random rng;
static bool is_there[KEY_COUNT];

static uint32_t
below(uint32_t limit)
{
    return (uint32_t)random_below(&rng, limit);
}

static const char *
key_of(char text[16], uint32_t number)
{
    (void)snprintf(text, 16, "k%05u", number);
    return text;
}

static void
set(uint32_t number, bool put)
{
    char text[16];

    db_world_put(&world, key_of(text, number), put ? "value" : NULL);
    is_there[number] = put;
}

/* Shows what is there; finds holes on its way. */
static void
walk(bool forward)
{
    struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    uint32_t number = forward ? 0 : KEY_COUNT - 1;
    struct read_ctx ctx;
    struct db_iter *iter;
    char text[16];
    bool is_at_key;

    read_ctx_init(&ctx, db_block_cache(world.db));
    iter = db_iter_new(world.db, &ctx, &options);
    for (;;) {
        is_at_key = db_world_step(&world, iter, &ctx, forward);
        while (number < KEY_COUNT && !is_there[number])
            number += forward ? 1 : UINT32_MAX; /* at the ends it is KEY_COUNT at least */
        if (!is_at_key)
            break;
        CU_ASSERT_FATAL(number < KEY_COUNT);
        CU_ASSERT_TRUE(slice_equal(db_iter_key(iter), slice_from_text(key_of(text, number))));
        number += forward ? 1 : UINT32_MAX;
    }
    CU_ASSERT(number >= KEY_COUNT);
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
}

static void
check_holes(void)
{
    char text[16];

    for (uint32_t i = 0; i < world.db->holes.count; i++) {
        const struct db_hole *hole = &world.db->holes.items[i];

        CU_ASSERT_TRUE(hole->seq <= db_last_seq(world.db));
        for (uint32_t j = 0; j < KEY_COUNT; j++) {
            const struct slice key = slice_from_text(key_of(text, j));

            CU_ASSERT_FALSE(is_there[j] && slice_compare(buffer_slice(&hole->begin), key) <= 0 &&
                            slice_compare(key, buffer_slice(&hole->end)) < 0);
        }
    }
}

static void
change(void)
{
    const uint32_t first = below(KEY_COUNT), count = below(80);

    switch (below(6)) {
    case 0:
        db_world_flush(&world);
        break;
    case 1:
        walk(below(2) == 0);
        break;
    case 2:
        set(first, true);
        break;
    default:
        for (uint32_t i = first; i < first + count && i < KEY_COUNT; i++)
            set(i, below(100) == 0);
        break;
    }
}

static void
holes_survive_a_restart(void)
{
    uint32_t known_count = 0;

    random_init(&rng, unit_seed());
    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        set(i, true);
    for (uint32_t i = 0; i < RESTART_COUNT; i++) {
        const uint32_t step_count = below(STEP_COUNT_MAX);

        for (uint32_t j = 0; j < step_count; j++)
            change();
        db_world_settle(&world);
        db_world_close(&world);
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        check_holes();
        known_count += world.db->holes.count > 0;
        walk(below(2) == 0);
    }
    CU_ASSERT(known_count > RESTART_COUNT / 4);
    db_world_deinit(&world);
}

/* Method: a hole is found once; then restarts, with a flush between, which ends the old log. */
static void
a_new_log_begins_with_the_holes(void)
{
    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        set(i, true);
    for (uint32_t i = 100; i < 300; i++)
        set(i, false);
    walk(true);
    CU_ASSERT_FATAL(world.db->holes.count > 0);
    for (uint32_t round = 0; round < 4; round++) {
        struct hole_view view = {0};
        const struct db_hole *hole;

        set(round, round % 2 == 0);
        db_world_flush(&world);
        set(50 + round, round % 2 == 0);
        db_world_settle(&world);
        db_world_close(&world);
        CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        view.seq = db_last_seq(world.db);
        hole = db_holes_find(&world.db->holes, CF_DEFAULT, slice_from_text("k00200"), &view);
        CU_ASSERT_PTR_NOT_NULL_FATAL(hole);
        CU_ASSERT_TRUE(slice_compare(buffer_slice(&hole->begin), slice_from_text("k00101")) <= 0);
        CU_ASSERT_TRUE(slice_compare(buffer_slice(&hole->end), slice_from_text("k00299")) >= 0);
        check_holes();
        walk(true);
    }
    db_world_deinit(&world);
}

static void
replay(uint64_t manifest_number, uint64_t seq, const char *begin, const char *end, size_t cut)
{
    struct buffer data = {0};
    struct write_batch batch;

    buffer_append_slice(&data, slice_from_text("kvd.hole"));
    buffer_put_varint64(&data, manifest_number);
    buffer_put_varint64(&data, CF_DEFAULT);
    buffer_put_varint64(&data, seq);
    buffer_put_varint64(&data, 1000000);
    buffer_put_lstr(&data, slice_from_text(begin));
    buffer_put_lstr(&data, slice_from_text(end));
    CU_ASSERT_FATAL(cut < data.size);
    write_batch_init(&batch);
    write_batch_log_data(&batch, slice_of(data.data, data.size - cut));
    db_hole_log_replay(world.db, buffer_slice(&batch.bytes), 100);
    write_batch_deinit(&batch);
    buffer_deinit(&data);
}

static void
what_cannot_be_is_not_believed(void)
{
    uint64_t number;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    number = version_set_manifest_number(world.db->versions);
    replay(number + 1, 50, "a", "b", 0);
    replay(number, 101, "a", "b", 0);
    replay(number, 50, "b", "b", 0);
    replay(number, 50, "c", "b", 0);
    for (size_t cut = 1; cut < 15; cut++)
        replay(number, 50, "a", "b", cut);
    CU_ASSERT_EQUAL(world.db->holes.count, 0);
    replay(number, 100, "a", "b", 0);
    CU_ASSERT_EQUAL(world.db->holes.count, 1);
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(holes_survive_a_restart),
        UNIT_TEST(a_new_log_begins_with_the_holes),
        UNIT_TEST(what_cannot_be_is_not_believed),
        UNIT_TEST_END,
    };

    return unit_main("db_hole_log", tests, argc, argv);
}
