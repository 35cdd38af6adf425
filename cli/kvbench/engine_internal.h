/* engine_internal.h - the engine target's insides, for engine.c and engine_usage.c. */
#ifndef KV_CLI_KVBENCH_ENGINE_INTERNAL_H
#define KV_CLI_KVBENCH_ENGINE_INTERNAL_H

#include "cli/kvbench/engine.h"
#include "io/ring.h"

struct worker_pool;

enum { ENGINE_WORKER_COUNT_MAX = 64 }; /* that are looked at */

struct engine {
    struct ring *ring;        /* owned */
    struct worker_pool *pool; /* owned */
    struct db *db;            /* owned */
    struct write_batch batch; /* owned: of those in `gathering` */
    uint32_t batch_count;     /* records a write */
    struct list gathering, held, waiting, done;
    uint32_t busy_count; /* started and not done */
    uint32_t fetching_count;
    uint32_t quiet_turn_count;
    bool is_full; /* a write got KV_BUSY; on_writable is owed */
};

#endif
