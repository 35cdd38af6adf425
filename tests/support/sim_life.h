/* sim_life.h - one engine on a simulated machine, whose time is virtual and whose jobs are done in
 * place, from its opening to a clean end or a power cut and the next opening.
 *
 * Embedded in the test's own world.  Everything is a function of the seed.
 */
#ifndef KV_TESTS_SUPPORT_SIM_LIFE_H
#define KV_TESTS_SUPPORT_SIM_LIFE_H

#include "base/random.h"
#include "db/db.h"
#include "support/arrival.h"
#include "support/inline_port.h"
#include "support/sim_io.h"
#include "support/sim_liar.h"

struct sim_life {
    struct random random;
    struct sim_io *sim;
    struct sim_liar *liar; /* tells the truth, but to an engine that is being buried */
    struct inline_port port;
    uint64_t job_us_bound; /* how long jobs may take is drawn at each opening; 0: no time */
    struct db *db;         /* NULL while closed */
    uint64_t fetch_count;
    bool is_dreaming; /* what is reported now has not happened */
};

/* `options`: of the machine, with the seed. */
void sim_life_init(struct sim_life *life, const struct sim_options *options);
/* On a machine as the seed has it. */
void sim_life_init_random(struct sim_life *life, uint64_t seed);
/* Closes what is open. */
void sim_life_deinit(struct sim_life *life);
uint64_t sim_life_draw(struct sim_life *life, uint64_t bound);
/* Small memtables and logs; calls of `on_durable` and `on_write_failed` get `owner`. */
struct db_options sim_life_options(struct sim_life *life, const char *dir, void *owner);
enum kv_status sim_life_open(struct sim_life *life, const struct db_options *options);
void sim_life_close(struct sim_life *life); /* cleanly, every descriptor */
/* Whether what is reported counts: the power is on, and the engine is not being buried. */
bool sim_life_is_awake(const struct sim_life *life);
/* One turn of the loop; time passes when nothing happens. */
void sim_life_turn(struct sim_life *life);
void sim_life_run_for(struct sim_life *life, uint64_t duration_us);
struct db_stats sim_life_stats(const struct sim_life *life);

/* Flushes and waits for it. */
void sim_life_flush(struct sim_life *life);
/* Compacts and waits for it; how it ended. */
enum kv_status sim_life_compact(struct sim_life *life, const struct db_compact_request *request);
/* db_get of the newest version, again until nothing is missing; or how a fetch failed.  Begins ctx,
 * which holds what is found until its read_ctx_deinit. */
enum kv_status sim_life_get(struct sim_life *life, uint32_t cf_id, const char *key,
                            struct read_ctx *ctx, struct lookup *found);
/* The decimal number under "key" in the family; 0: none. */
uint64_t sim_life_read_number(struct sim_life *life, uint32_t cf_id);

/* The engine object goes; nothing that it still does reaches the disk if `is_dead`. */
void sim_life_bury(struct sim_life *life, bool is_dead);
/* The machine starts again, without faults. */
void sim_life_boot(struct sim_life *life);

#endif
