#include "support/db_world_family.h"

#include <CUnit/Basic.h>

enum kv_status
db_world_create(struct db_world *world, const char *name, const struct family_settings *settings)
{
    struct outcome outcome = {0};
    const enum kv_status st =
        db_family_create(world->db, slice_from_text(name), settings, outcome_note, &outcome);

    return st == KV_OK ? db_world_wait(world, &outcome) : st;
}

enum kv_status
db_world_drop(struct db_world *world, uint32_t cf_id)
{
    struct outcome outcome = {0};
    const enum kv_status st = db_family_drop(world->db, cf_id, outcome_note, &outcome);

    return st == KV_OK ? db_world_wait(world, &outcome) : st;
}

enum kv_status
db_world_set(struct db_world *world, uint32_t cf_id, const struct family_settings *settings)
{
    struct outcome outcome = {0};
    const enum kv_status st = db_family_set(world->db, cf_id, settings, outcome_note, &outcome);

    return st == KV_OK ? db_world_wait(world, &outcome) : st;
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

    write_batch_init(&batch);
    write_batch_put(&batch, cf_id, slice_from_text(key), slice_from_text(value));
    db_world_write(world, &batch);
}

void
db_world_reopen(struct db_world *world)
{
    db_world_settle(world);
    db_world_close(world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
}
