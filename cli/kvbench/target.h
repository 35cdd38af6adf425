/* target.h - what a workload is run against: a server over sockets, or the engine in this process.
 *
 * Opened once, driven through each workload in turn, closed.
 */
#ifndef KV_KVBENCH_TARGET_H
#define KV_KVBENCH_TARGET_H

#include "cli/exit_code.h"
#include "cli/kvbench/run.h"

struct target;

struct target_class {
    /* EXIT_OK, or another code after a message.  `options` outlive the target. */
    enum exit_code (*open)(const struct bench_options *options, struct target **target_out);
    /* Runs to the end: until run_next says RUN_END and nothing is in flight.  Operations that fail
     * are the run's business (run_failed); another code than EXIT_OK means that it cannot go on,
     * and a message has been printed.  `interrupted` becomes true at SIGINT or SIGTERM: stop soon.
     */
    enum exit_code (*drive)(struct target *target, struct run *run,
                            const volatile bool *interrupted);
    /* CPU time that what serves has used so far, in user mode and in the kernel; false: not known.
     */
    bool (*cpu_ns)(struct target *target, uint64_t *cpu_ns_out);
    void (*close)(struct target *target); /* NULL is fine */
};

/* The first member of each target. */
struct target {
    const struct target_class *class;
};

extern const struct target_class network_target; /* network_open.c */

#endif
