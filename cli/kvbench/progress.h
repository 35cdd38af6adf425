/* progress.h - the line that moves while kvbench runs.
 *
 * Shown on a terminal only, rewritten in place.  Anything else that prints to the same terminal
 * calls progress_clear first.
 */
#ifndef KV_KVBENCH_PROGRESS_H
#define KV_KVBENCH_PROGRESS_H

#include <stdio.h>

#include "cli/kvbench/result.h"

struct progress {
    FILE *target; /* borrowed */
    bool is_terminal;
    bool is_shown; /* a line is there to be rewritten */
};

void progress_init(struct progress *progress, FILE *target);
/* To be called when result_run_advance said true.  `total_ns` is how long the run will take, 0 if
 * it is counted in operations; `total_count` likewise.  `note` is shown at the end (what the
 * server says about itself, "warm-up"); NULL: none. */
void progress_show(struct progress *progress, const struct result_run *run, uint64_t total_ns,
                   uint64_t total_count, const char *note);
void progress_clear(struct progress *progress);

#endif
