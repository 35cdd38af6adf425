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

#include "cli/kvbench/op.h"
#include "cli/kvbench/options.h"

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

/* `value` is what OP_GET and OP_RMW read (NULL data: no such key); looked at with --verify only,
 * so a target need not have it otherwise, but tells found or not by `is_found`. */
void run_done(struct run *run, const struct op *op, bool is_found, struct slice value,
              uint64_t now_ns);
/* The operation was answered with an error, or ended in one. */
void run_failed(struct run *run, const struct op *op, struct slice error, uint64_t now_ns);
/* Between turns, at least ten times a second: the series, the progress line, the end of time. */
void run_tick(struct run *run, uint64_t now_ns);
/* No more operations come from run_next: an interrupt, a lost server.  Idempotent. */
void run_stop(struct run *run);

const struct options *run_options(const struct run *run);
/* True: run_done wants the value. */
bool run_wants_values(const struct run *run);

/* The bytes of the key of `op` into `target`, which has room for KEY_BYTES_MAX; returns their
 * number.  */
uint32_t run_put_key(const struct run *run, const struct op *op, uint8_t *target);
/* Exactly op->value_bytes of them. */
void run_put_value(struct run *run, const struct op *op, uint8_t *target);

#endif
