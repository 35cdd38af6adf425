/* flush_job.h - one memtable becomes one table for each family that is in it. */
#ifndef KV_WORKER_FLUSH_JOB_H
#define KV_WORKER_FLUSH_JOB_H

#include "ipc/worker_msg.h"
#include "sst/table_builder.h"
#include "worker/heartbeat.h"

struct flush_job_result {
    struct table_summary *tables; /* owned array, one for each output, in order */
    uint32_t table_count;
    uint64_t bytes_written;
};
void flush_job_result_deinit(struct flush_job_result *result);

/* Builds, syncs and reads back the tables of `flush` in `dir`, and syncs `dir`.  `memtable_fd`
 * stays the caller's.  KV_OK: the caller deinits *result_out.  Otherwise files may be left, which
 * kvd removes; *result_out is empty.  KV_CANCELLED: kvd is gone. */
MUST_CHECK enum kv_status flush_job_run(const struct worker_flush *flush, int memtable_fd,
                                        const char *dir, struct heartbeat *heartbeat,
                                        struct flush_job_result *result_out);

#endif
