/* heartbeat.h - tells kvd that this worker is alive, and how far its job is.
 *
 * Whatever runs long calls heartbeat_beat often; it costs a clock reading, and a look at the socket
 * where a job may be stopped, and sends only when the interval is over.  The worker has no thread
 * and no signal that could beat for it: a worker that hangs is to fall silent.
 */
#ifndef KV_WORKER_HEARTBEAT_H
#define KV_WORKER_HEARTBEAT_H

#include "base/status.h"
#include "io/io.h"

struct heartbeat {
    struct io *io; /* borrowed: the clock */
    int socket;    /* borrowed */
    uint64_t interval_us;
    uint64_t sent_us;
    uint64_t job_id; /* 0: idle */
    uint64_t job_started_us;
    uint64_t bytes_done; /* by the job so far; whoever writes adds to it */
    /* Looks whether kvd has said anything; what is not KV_OK ends the job.  NULL: nobody does. */
    enum kv_status (*listen)(void *owner);
    void *listen_owner;
};

/* job_id 0: the job is over. */
void heartbeat_set_job(struct heartbeat *heartbeat, uint64_t job_id);
/* KV_CANCELLED: kvd is gone, or has said so, and with it the reason for the work. */
MUST_CHECK enum kv_status heartbeat_beat(struct heartbeat *heartbeat);
/* The same, at once. */
MUST_CHECK enum kv_status heartbeat_send(struct heartbeat *heartbeat);

#endif
