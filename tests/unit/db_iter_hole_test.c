/* Goal: a walk shows what was there when it began, also where a later walk has found nothing and
 * compactions have left nothing of it.
 *
 * Method: a crowd of deletions that an old snapshot keeps in the tables, and among them one key
 * that nobody keeps.  A walk is begun; the key goes for good; another walk finds the crowd, and
 * where the key was, empty; then the first one goes on. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "db/db_snapshot.h"
#include "support/db_world.h"
#include "support/dying_value.h"
#include "support/unit.h"

enum { CROWD_COUNT = 40, SOON_MS = 300 };

static void
write_crowd(struct db_world *world, const char *value)
{
    char key[16];

    for (int i = 0; i < CROWD_COUNT; i++) {
        (void)snprintf(key, sizeof(key), "k%02d", i);
        db_world_put(world, key, value);
    }
}

/* In the middle of the crowd; `deadline_ms` 0: it does not die. */
static void
put_one(struct db_world *world, uint64_t deadline_ms)
{
    struct write_batch batch;

    if (deadline_ms == 0) {
        db_world_put(world, "k20+", "v");
        return;
    }
    write_batch_init(&batch);
    batch_put_until(&batch, "k20+", "v", deadline_ms);
    db_world_write(world, &batch);
}

/* One walk is enough to know that there is nothing. */
static void
cross_all(struct db_world *world)
{
    const struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    struct read_ctx ctx;
    struct db_iter *iter;

    read_ctx_init(&ctx, db_block_cache(world->db));
    iter = db_iter_new(world->db, &ctx, &options);
    CU_ASSERT_FALSE(db_world_step(world, iter, &ctx, true));
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
}

static void
expect_old_walk_shows_it(uint64_t life_ms, bool forward)
{
    const struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    struct db_world world;
    struct db_snapshot *keeper;
    struct read_ctx ctx;
    struct db_iter *iter;
    uint64_t deadline_ms;

    db_world_init(&world);
    world.options.compaction = (struct db_compaction_settings){.job_count = 1};
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    write_crowd(&world, "v");
    CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world.db, &keeper), KV_OK);
    write_crowd(&world, NULL);
    db_let_time_pass(world.db);
    deadline_ms = life_ms == 0 ? 0 : db_now_ms(world.db) + life_ms;
    put_one(&world, deadline_ms);
    read_ctx_init(&ctx, db_block_cache(world.db));
    iter = db_iter_new(world.db, &ctx, &options);

    if (life_ms == 0)
        db_world_put(&world, "k20+", NULL);
    else
        db_world_wait_until(&world, deadline_ms);
    db_world_flush(&world);
    db_world_compact(&world, true);
    cross_all(&world);
    CU_ASSERT_TRUE(db_world_step(&world, iter, &ctx, forward));
    CU_ASSERT_TRUE(slice_equal(db_iter_key(iter), slice_from_text("k20+")));
    CU_ASSERT_FALSE(db_world_step(&world, iter, &ctx, forward));
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
    db_snapshot_release(world.db, keeper);
    db_world_deinit(&world);
}

static void
a_key_that_was_deleted_since(void)
{
    expect_old_walk_shows_it(0, true);
    expect_old_walk_shows_it(0, false);
}

static void
a_value_that_has_died_since(void)
{
    expect_old_walk_shows_it(SOON_MS, true);
    expect_old_walk_shows_it(SOON_MS, false);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_key_that_was_deleted_since),
        UNIT_TEST(a_value_that_has_died_since),
        UNIT_TEST_END,
    };

    return unit_main("db_iter_hole", tests, argc, argv);
}
