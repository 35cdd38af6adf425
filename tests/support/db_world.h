/* db_world.h - a database with everything that it needs around it, on real files, for tests.
 *
 * The engine runs over io_blocking in a fresh directory under $TMPDIR, flushes are done in
 * place, and db_world_turn is the loop.
 */
#ifndef KV_TESTS_SUPPORT_DB_WORLD_H
#define KV_TESTS_SUPPORT_DB_WORLD_H

#include "db/db.h"
#include "db/db_iter.h"
#include "support/arrival.h"
#include "support/inline_port.h"
#include "support/scratch_dir.h"

struct db_world {
    char dir[SCRATCH_PATH_BYTES];
    struct io *io;
    struct inline_port port;
    struct db_options options; /* may be changed before db_world_open */
    struct db *db;             /* NULL while closed */
    uint64_t durable_seq;      /* as on_durable said */
    uint64_t failed_above;     /* as on_write_failed said; UINT64_MAX: never */
    uint32_t writable_count;
};

/* A new directory; small memtables, so that flushes happen. */
void db_world_init(struct db_world *world);
/* Closes what is open and deletes the directory. */
void db_world_deinit(struct db_world *world);
enum kv_status db_world_open(struct db_world *world);
void db_world_close(struct db_world *world); /* cleanly */
/* One turn of the loop. */
void db_world_turn(struct db_world *world);
/* Turns until it is there, and says how it ended. */
enum kv_status db_world_wait(struct db_world *world, const struct outcome *outcome);
/* Turns until everything written is durable, and nothing is in flight. */
void db_world_settle(struct db_world *world);
/* Flushes and waits for it. */
void db_world_flush(struct db_world *world);
/* Compacts the default family and waits for it; forced: tables of the last level, too. */
void db_world_compact(struct db_world *world, bool is_forced);
/* Turns until the clock is past it. */
void db_world_wait_until(struct db_world *world, uint64_t time_ms);

/* Turns until what ctx wants is there; the status of the fetch. */
enum kv_status db_world_fetch(struct db_world *world, struct read_ctx *ctx);
/* One step of a walk, however often it has to wait.  True: it is at a key. */
bool db_world_step(struct db_world *world, struct db_iter *iter, struct read_ctx *ctx,
                   bool forward);
/* db_get of the newest version, again until nothing is missing; or how a fetch failed.  Begins ctx,
 * which holds what is found until its read_ctx_deinit. */
enum kv_status db_world_find(struct db_world *world, const char *key, struct read_ctx *ctx,
                             struct lookup *found);

/* Writes when the engine is not busy, and ends the batch. */
void db_world_write(struct db_world *world, struct write_batch *batch);
/* One record.  value NULL: deletes. */
void db_world_put(struct db_world *world, const char *key, const char *value);
/* The value, or NULL; valid until the next call. */
const char *db_world_get(struct db_world *world, const char *key);

#endif
