/* run.h - one workload from its first operation to its last: what is due, and what came of it.
 *
 * A target (target.h) asks for operations with run_next, starts them, and tells with run_done or
 * run_failed what became of each.  The run paces (closed or open loop), counts down, records
 * latencies, errors and the series, and knows when it is over.  It knows nothing of sockets.
 *
 * Latency is from op.start_ns.  In the open loop that is when the operation was meant to start, in
 * the closed loop when the target really started it: the target sets start_ns then, as it alone
 * knows the moment.  Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef KV_KVBENCH_RUN_H
#define KV_KVBENCH_RUN_H

#include <stdio.h>

#include "cli/kvbench/bench_options.h"
#include "cli/kvbench/op.h"

struct run;

enum run_next {
    RUN_START, /* *op_out is to be started now */
    RUN_WAIT,  /* nothing is due before run_due_ns */
    RUN_END,   /* no operation will come any more */
};

/* A lane is what keeps the order of its operations: a connection, or a slot of the engine; with
 * --verify a key is written and read by one lane only.  0 <= lane < lane_count of the run. */
enum run_next run_next(struct run *run, uint32_t lane, uint64_t now_ns, struct op *op_out);
/* When the next operation is due; 0 in a closed loop (at once), UINT64_MAX after the end. */
uint64_t run_due_ns(const struct run *run);
bool run_is_open_loop(const struct run *run);

/* Open loop: `op` starts now; it might have started since `able_ns`, when the target had room for
 * it.  That tells a late generator from a slow server. */
void run_started(struct run *run, const struct op *op, uint64_t able_ns, uint64_t now_ns);

/* Just before the write of OP_SET, OP_RMW, OP_DELETE or OP_MERGE goes into a request: the writes of
 * a lane are in the order of these calls. */
void run_begin_write(struct run *run, struct op *op);
/* After the requests of a turn were made and before any of them goes out: what they write is noted.
 * False: it cannot be; nothing may be sent, and the run has stopped. */
bool run_may_send(struct run *run);

/* `value` is what OP_GET and OP_RMW read; looked at only if run_wants_values. */
void run_done(struct run *run, const struct op *op, bool is_found, struct slice value,
              uint64_t now_ns);
/* OP_RMW: its read is done, its write comes next.  False: what it read is a fault, which has been
 * counted as an error. */
bool run_done_reading(struct run *run, const struct op *op, bool is_found, struct slice value);
/* The operation was answered with an error, or ended in one. */
void run_failed(struct run *run, const struct op *op, struct slice error, uint64_t now_ns);
/* Between turns, at least ten times a second: the series, the progress line, the end of time. */
void run_tick(struct run *run, uint64_t now_ns);
/* No more operations come from run_next: an interrupt, a lost server.  Idempotent. */
void run_stop(struct run *run);

const struct bench_options *run_options(const struct run *run);
/* True: run_done wants the value. */
bool run_wants_values(const struct run *run);

/* The server said that it has delayed so many writes since the last call. */
void run_note_delayed(struct run *run, uint64_t count);

/* All keys of a run are of one size, but that of OP_GET_MISSING is one byte longer. */
uint32_t run_key_bytes(const struct run *run);
/* The key of `op` to `target`, run_key_bytes of it, without the last byte of OP_GET_MISSING, which
 * is a full stop. */
void run_put_key(const struct run *run, const struct op *op, uint8_t *target);
/* Its value, op->value_bytes of it; after run_begin_write. */
void run_put_value(struct run *run, const struct op *op, uint8_t *target);

/* The rest is for main.c. */

struct session;

/* `session` and `workload` outlive it. */
struct run *run_new(struct session *session, const struct workload *workload);
void run_free(struct run *run);
/* Once, when all is done: closes the books.  `server_cpu_us` negative: not known. */
void run_finish(struct run *run, double server_cpu_us);
/* What the tables do not say: how many writes the server delayed, if it did. */
void run_print_notes(const struct run *run, FILE *target);
/* Of the run that has finished. */
struct result_run *run_result(struct run *run);

#endif
