/* give_way.h - a worker of the idle class does not keep its core from anybody.
 *
 * Whoever works long calls this every few dozen microseconds; it costs a clock reading.
 */
#ifndef KV_WORKER_GIVE_WAY_H
#define KV_WORKER_GIVE_WAY_H

#include <stdbool.h>
#include <stdint.h>

struct io;

/* Opens what the jail denies later.  Without it, or /proc, way is given on the own core only. */
void give_way_prepare(void);

/* For the work that begins now: whether it leaves its core, below.  false at first. */
void give_way_leaves_core(bool leaves_core);

/* If this process is of the idle class, whoever else wants the core has it first; and one that
 * leaves its core does so for some milliseconds if anybody waits for a core anywhere. */
void give_way(struct io *io);

/* How many processes are ready to run or do, says the text of /proc/loadavg; 0: it doesn't. */
uint32_t ready_in_loadavg(const char *text);

#endif
