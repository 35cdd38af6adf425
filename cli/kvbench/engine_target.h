/* engine_target.h - workloads run against the engine in this process: --engine DIR.
 *
 * A lane is one of --clients, with --pipeline slots.  In the closed loop a slot's operation begins
 * when the one before it ends, as in db_bench; it ends when the turn of the loop that it ended in
 * does.  So with many slots latencies have, as a server's have, the time of those beside it.
 */
#ifndef KV_CLI_KVBENCH_ENGINE_TARGET_H
#define KV_CLI_KVBENCH_ENGINE_TARGET_H

#include "cli/kvbench/target.h"

extern const struct target_class engine_target;

#endif
