/* sim_life.h - one engine on a simulated machine, from its opening to a power cut and the next
 * opening, for tests that judge what is found then.
 *
 * Embedded in the test's own world.  Everything is a function of the seed.
 */
#ifndef KV_TESTS_SUPPORT_SIM_LIFE_H
#define KV_TESTS_SUPPORT_SIM_LIFE_H

#include "base/random.h"
#include "db/db.h"
#include "support/inline_port.h"
#include "support/sim_liar.h"

struct sim_life {
    struct random random;
    struct sim_io *sim;
    struct sim_liar *liar;
    struct inline_port port;
    struct db *db;    /* NULL while closed */
    bool is_dreaming; /* what is reported now has not happened */
};

void sim_life_init(struct sim_life *life, uint64_t seed);
void sim_life_deinit(struct sim_life *life);
uint64_t sim_life_draw(struct sim_life *life, uint64_t bound);
/* Small memtables and logs; calls of `on_durable` and `on_write_failed` get `owner`. */
struct db_options sim_life_options(struct sim_life *life, const char *dir, void *owner);
enum kv_status sim_life_open(struct sim_life *life, const struct db_options *options);
/* Whether what is reported counts: the power is on, and the engine is not being buried. */
bool sim_life_is_awake(const struct sim_life *life);
/* One turn of the loop; time passes when nothing happens. */
void sim_life_turn(struct sim_life *life);
/* The decimal number under "key" in the family; 0: none. */
uint64_t sim_life_read_number(struct sim_life *life, uint32_t cf_id);
/* The engine object goes; nothing that it still does reaches the disk if `is_dead`. */
void sim_life_bury(struct sim_life *life, bool is_dead);
/* The machine starts again, without faults. */
void sim_life_boot(struct sim_life *life);

#endif
