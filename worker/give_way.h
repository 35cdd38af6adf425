/* give_way.h - a worker of the idle class does not keep its core from anybody.
 *
 * Whoever works long calls this every few dozen microseconds; it costs a clock reading.
 */
#ifndef KV_WORKER_GIVE_WAY_H
#define KV_WORKER_GIVE_WAY_H

#include <stdint.h>

struct io;

/* Opens what the jail denies later.  Without it, or /proc, way is given on the own core only. */
void give_way_prepare(void);

/* If this process is of the idle class, whoever else wants the core has it first; and if anybody
 * waits for a core anywhere, this one is left for some milliseconds. */
void give_way(struct io *io);

/* How many processes are ready to run or do, says the text of /proc/loadavg; 0: it doesn't. */
uint32_t ready_in_loadavg(const char *text);

#endif
