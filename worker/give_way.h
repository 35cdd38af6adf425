/* give_way.h - a worker of the idle class does not keep its core from anybody.
 *
 * Whoever works long calls this every few dozen microseconds; it costs a clock reading.
 */
#ifndef KV_WORKER_GIVE_WAY_H
#define KV_WORKER_GIVE_WAY_H

struct io;

/* If this process is of the idle class, whoever else wants the core has it first. */
void give_way(struct io *io);

#endif
