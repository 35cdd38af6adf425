/* engine_target.h - workloads run against the engine in this process: --engine DIR.
 *
 * A lane is one of --clients, with --pipeline slots.  Latency is from the start of an operation to
 * the end of the turn of the loop that ended it, so with many slots it has, as a server's has, the
 * time of those beside it.
 */
#ifndef KV_CLI_KVBENCH_ENGINE_TARGET_H
#define KV_CLI_KVBENCH_ENGINE_TARGET_H

#include "cli/kvbench/target.h"

extern const struct target_class engine_target;

#endif
