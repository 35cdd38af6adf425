#include "support/db_world_family.h"

#include <CUnit/Basic.h>

void
db_world_on_done(void *owner, enum kv_status st)
{
    *(struct db_world_ending *)owner = (struct db_world_ending){.is_done = true, .st = st};
}

enum kv_status
db_world_wait(struct db_world *world, const struct db_world_ending *ending)
{
    while (!ending->is_done)
        db_world_turn(world);
    return ending->st;
}

enum kv_status
db_world_create(struct db_world *world, const char *name, const struct family_settings *settings)
{
    struct db_world_ending ending = {0};
    const enum kv_status st =
        db_family_create(world->db, slice_from_text(name), settings, db_world_on_done, &ending);

    return st == KV_OK ? db_world_wait(world, &ending) : st;
}

enum kv_status
db_world_drop(struct db_world *world, uint32_t cf_id)
{
    struct db_world_ending ending = {0};
    const enum kv_status st = db_family_drop(world->db, cf_id, db_world_on_done, &ending);

    return st == KV_OK ? db_world_wait(world, &ending) : st;
}

enum kv_status
db_world_set(struct db_world *world, uint32_t cf_id, const struct family_settings *settings)
{
    struct db_world_ending ending = {0};
    const enum kv_status st = db_family_set(world->db, cf_id, settings, db_world_on_done, &ending);

    return st == KV_OK ? db_world_wait(world, &ending) : st;
}

uint32_t
db_world_family(struct db_world *world, const char *name)
{
    uint32_t cf_id = CF_NONE;

    return db_find_family(world->db, slice_from_text(name), &cf_id) ? cf_id : CF_NONE;
}

void
db_world_put_in(struct db_world *world, uint32_t cf_id, const char *key, const char *value)
{
    struct write_batch batch;
    uint64_t seq;
    enum kv_status st;

    write_batch_init(&batch);
    write_batch_put(&batch, cf_id, slice_from_text(key), slice_from_text(value));
    while ((st = db_write(world->db, &batch, &seq)) == KV_BUSY)
        db_world_turn(world);
    CU_ASSERT_EQUAL(st, KV_OK);
    write_batch_deinit(&batch);
}

void
db_world_reopen(struct db_world *world)
{
    db_world_settle(world);
    db_world_close(world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
}
