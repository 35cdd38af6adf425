/* compact_job.h - tables become other tables, as kvd has described. */
#ifndef KV_WORKER_COMPACT_JOB_H
#define KV_WORKER_COMPACT_JOB_H

#include "compact/compaction_run.h"
#include "ipc/worker_msg.h"
#include "worker/heartbeat.h"

/* Builds, syncs and reads back the tables in `dir`, and syncs `dir`.  Deinit *result_out in any
 * case.  After a failure files may be left, which kvd removes.  KV_CANCELLED: see heartbeat_beat.
 */
MUST_CHECK enum kv_status compact_job_run(const struct worker_compact *compact, const char *dir,
                                          struct heartbeat *heartbeat,
                                          struct compaction_result *result_out);

#endif
