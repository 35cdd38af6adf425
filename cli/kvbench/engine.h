/* engine.h - kvd's engine in this process, as a target of load: no sockets, no protocol.
 *
 * What `kvbench --engine DIR` drives, to be held against RocksDB's db_bench.  It is the same
 * engine with the same settings, loop and worker processes as in kvd; an operation goes straight
 * into lib/db.  As in kvd many operations may be under way: reads wait for their blocks, writes
 * for their durability (kvd's rule: with wal-sync always until they are on stable storage).
 *
 *     engine_start(op) ... engine_turn() ... op = engine_next_done()
 *
 * Single-threaded; nothing here calls back.
 */
#ifndef KV_CLI_KVBENCH_ENGINE_H
#define KV_CLI_KVBENCH_ENGINE_H

#include "base/list.h"
#include "db/db.h"
#include "db/db_iter.h"
#include "db/db_view.h"

struct config;
struct engine;

enum engine_op_kind {
    ENGINE_GET,
    ENGINE_PUT,
    ENGINE_DELETE,
    ENGINE_SCAN,  /* to the first key >= `key`, and up to `entry_count_max` entries from there */
    ENGINE_FLUSH, /* until all that was written before is in tables */
};

/* One operation, embedded in the caller's slot; engine_op_init once.  Must not move or be freed
 * from engine_start until engine_next_done gives it back. */
struct engine_op {
    /* Set by the caller; `key` and `value` are borrowed until it is done. */
    enum engine_op_kind kind;
    struct slice key, value;
    uint64_t entry_count_max;
    struct buffer *read_value; /* where a get puts the value; NULL: it need not */

    /* The result.  KV_OK, or what db.h's functions say. */
    enum kv_status st;
    uint64_t entry_count; /* found by a get (0 or 1) or a scan */
    uint64_t value_bytes; /* of these */
    uint64_t fetch_count; /* waits for blocks */

    /* Private. */
    struct engine *engine;
    struct read_ctx ctx;
    struct db_waiter waiter;
    struct db_iter *scan; /* owned while the scan runs, as are the next two */
    struct db_view view;
    struct buffer next; /* where the iterator begins */
    bool is_seeked;
    uint64_t seq;
    struct list link;
};

struct engine_usage {
    uint64_t cpu_us;        /* user and system, of this process */
    uint64_t worker_cpu_us; /* of the workers, those that have ended too */
};

/* `config` has kvd's settings, `dir` first of all (made if it is missing), and is borrowed for the
 * call.  `batch_count`: puts and deletions are written together as one batch of so many, or of
 * those that were started in one turn; 1: each by itself.
 * An exit code of sysexits.h; 0: fine, and *engine_out is there.  What failed has been logged. */
int engine_open(const struct config *config, uint32_t batch_count, struct engine **engine_out);
/* A clean stop, as kvd's.  No operation may be under way.  An exit code.  NULL is fine. */
int engine_close(struct engine *engine);

void engine_op_init(struct engine_op *op);
void engine_start(struct engine *engine, struct engine_op *op);
/* One that has ended, or NULL. */
struct engine_op *engine_next_done(struct engine *engine);
/* One turn of kvd's loop: writes the log, takes in blocks and workers' results.  Waits for up to
 * `timeout_us` unless there is something for engine_next_done.  Once at the end of whatever kvd
 * would do in one turn: with N connections, at most N operations. */
void engine_turn(struct engine *engine, uint64_t timeout_us);
uint32_t engine_busy_count(const struct engine *engine); /* under way */

/* Until everything is in tables and the workers have had nothing to do for a while: what a load
 * left to be done.  No operation may be under way. */
void engine_settle(struct engine *engine);

void engine_get_usage(const struct engine *engine, struct engine_usage *usage);
struct db *engine_db(struct engine *engine); /* for db_get_stats */

#endif
