/* db_world_family.h - column families of a db_world, and waiting for what is done to them. */
#ifndef KV_TESTS_SUPPORT_DB_WORLD_FAMILY_H
#define KV_TESTS_SUPPORT_DB_WORLD_FAMILY_H

#include "db/db_family.h"
#include "support/db_world.h"

/* Zeroed before; the owner of db_world_on_done. */
struct db_world_ending {
    bool is_done;
    enum kv_status st;
};
void db_world_on_done(void *owner, enum kv_status st);
/* Turns until it is done. */
enum kv_status db_world_wait(struct db_world *world, const struct db_world_ending *ending);

/* As those of db_family.h, which they wait for. */
enum kv_status db_world_create(struct db_world *world, const char *name,
                               const struct family_settings *settings);
enum kv_status db_world_drop(struct db_world *world, uint32_t cf_id);
enum kv_status db_world_set(struct db_world *world, uint32_t cf_id,
                            const struct family_settings *settings);
/* CF_NONE: there is none of this name. */
uint32_t db_world_family(struct db_world *world, const char *name);
void db_world_put_in(struct db_world *world, uint32_t cf_id, const char *key, const char *value);
/* Settles, closes cleanly and opens again. */
void db_world_reopen(struct db_world *world);

#endif
