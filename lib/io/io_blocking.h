/* io_blocking.h - struct io over plain system calls; for the worker, the tools and tests.
 *
 * io_submit runs the request at once and keeps its `done` for the next io_blocking_turn.
 */
#ifndef KV_IO_IO_BLOCKING_H
#define KV_IO_IO_BLOCKING_H

#include "io/io.h"

struct io *io_blocking_new(void);
void io_blocking_free(struct io *io);
/* Calls `done` of all that was submitted and on_expire of all timers that are due, then returns.
 * True if anything was called. */
bool io_blocking_turn(struct io *io);

/* The system calls behind one request; io_ring uses it for io_call too. */
int64_t io_blocking_execute(struct io_request *request);

#endif
