/* db_world_family.h - column families of a db_world. */
#ifndef KV_TESTS_SUPPORT_DB_WORLD_FAMILY_H
#define KV_TESTS_SUPPORT_DB_WORLD_FAMILY_H

#include "db/db_family.h"
#include "support/db_world.h"

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
