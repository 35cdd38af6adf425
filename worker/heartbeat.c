#include "worker/heartbeat.h"

#include "base/assert.h"
#include "ipc/worker_channel.h"

void
heartbeat_set_job(struct heartbeat *heartbeat, uint64_t job_id)
{
    heartbeat->job_id = job_id;
    heartbeat->job_started_us = io_now_us(heartbeat->io);
    heartbeat->bytes_done = 0;
}

enum kv_status
heartbeat_send(struct heartbeat *heartbeat)
{
    const uint64_t now_us = io_now_us(heartbeat->io);
    const uint64_t busy_us = now_us - heartbeat->job_started_us;
    struct worker_msg msg = {.kind = WORKER_MSG_PROGRESS};

    KV_ASSERT(heartbeat->socket >= 0);
    msg.progress.job_id = heartbeat->job_id;
    msg.progress.bytes_done = heartbeat->bytes_done;
    if (heartbeat->job_id != 0 && busy_us > 0)
        msg.progress.bytes_per_s =
            (uint64_t)((double)heartbeat->bytes_done * 1e6 / (double)busy_us);
    heartbeat->sent_us = now_us;
    return worker_channel_send(heartbeat->socket, CHANNEL_WAIT, &msg, -1);
}

enum kv_status
heartbeat_beat(struct heartbeat *heartbeat)
{
    if (heartbeat->listen != NULL) {
        const enum kv_status st = heartbeat->listen(heartbeat->listen_owner);

        if (st != KV_OK)
            return st;
    }
    if (io_now_us(heartbeat->io) - heartbeat->sent_us < heartbeat->interval_us)
        return KV_OK;
    return heartbeat_send(heartbeat);
}
