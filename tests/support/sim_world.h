/* sim_world.h - one seed: an engine on a simulated machine, its clients, its mishaps, its judge.
 *
 * A world has a few lives.  In each the engine is opened, clients write and read, time passes,
 * faults come and go; at the end the power fails, the process is killed, or it is stopped cleanly.
 * The power may also fail at any operation of the opening.  Judged are:
 *
 *   - after each opening the state is the model's after some batch, not before the last one that
 *     had to survive and not after the last one submitted; whole batches only
 *   - every get and scan equals the model at all times, through a snapshot as it was at its making
 *   - after an opening no file is there that nothing names
 *   - when the faults are over, everything that was begun ends within LIVENESS_US
 *   - an error is only met where a fault was
 *
 * The same options give the same run, to the same hash.
 */
#ifndef KV_TESTS_SUPPORT_SIM_WORLD_H
#define KV_TESTS_SUPPORT_SIM_WORLD_H

#include "support/sim_liar.h"

struct sim_world_options {
    uint64_t seed;
    enum sim_lie lie;
    bool trace; /* what happens, to standard error */
};

struct sim_world_report {
    char failure[400]; /* empty: all is well */
    uint64_t hash;
    uint64_t step_count; /* of clients, so far */
    uint64_t life_count, cut_count, kill_count, cut_in_open_count, stop_count;
    uint64_t guest_count, txn_count, txn_get_count;
    uint64_t batch_count, acked_count, taken_back_count, refused_count;
    uint64_t get_count, scan_count, snapshot_count, snapshot_get_count;
    uint64_t flush_count, flush_failure_count, wal_failure_count, fault_count;
    uint64_t compaction_count, compaction_job_count, compaction_failure_count, move_count,
        drop_count, manual_count;
    uint64_t lie_count;
    uint64_t virtual_us;
    uint64_t settle_us_max; /* the longest that anything took to end when faults were over */
};

/* False: report->failure says why. */
bool sim_world_run(const struct sim_world_options *options, struct sim_world_report *report);

#endif
