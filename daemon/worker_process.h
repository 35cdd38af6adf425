/* worker_process.h - a child process that can be killed and waited for without a race.
 *
 * It is named by a pidfd, so a recycled pid is never signalled, and the pidfd turns readable
 * when the process is gone for certain.
 */
#ifndef KV_DAEMON_WORKER_PROCESS_H
#define KV_DAEMON_WORKER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"

struct worker_process_options {
    const char *binary; /* NULL: kvd-worker beside this program */
    bool no_jail;
    const char *merge_library; /* NULL: none */
    bool journal;              /* log lines with a priority instead of a time stamp */
};

struct worker_process {
    pid_t pid;
    int pidfd;  /* owned */
    int socket; /* owned: our end of the pair; non-blocking */
};

/* KV_NO_FILE: there is no such program (logged with the path).  On failure nothing is left. */
MUST_CHECK enum kv_status worker_process_spawn(const struct worker_process_options *options,
                                               struct worker_process *process_out);
void worker_process_kill(const struct worker_process *process);
/* True: the process is gone, and `how` says how it ended, in words.  False: it still runs. */
bool worker_process_reap(const struct worker_process *process, char *how, size_t how_size);

#endif
