/* compact_job.h - tables become other tables, as kvd has described. */
#ifndef KV_WORKER_COMPACT_JOB_H
#define KV_WORKER_COMPACT_JOB_H

#include "compact/compaction_run.h"
#include "ipc/worker_msg.h"
#include "worker/heartbeat.h"

/* Asked now and then: KV_OK to go on.  KV_CANCELLED, or why the session is over. */
typedef enum kv_status compact_ask_fn(void *owner);

struct compact_job_options {
    const struct worker_compact *compact;
    const char *dir;
    struct heartbeat *heartbeat;
    compact_ask_fn *ask;
    void *ask_owner;
};

/* Builds, syncs and reads back the tables in `dir`, and syncs `dir`.  Deinit *result_out in any
 * case.  After a failure files may be left, which kvd removes. */
MUST_CHECK enum kv_status compact_job_run(const struct compact_job_options *options,
                                          struct compaction_result *result_out);

#endif
