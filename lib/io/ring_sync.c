/* ring_sync.c - many files synced side by side, in place.
 *
 * It has a small ring of its own for the time, because what else completes on the loop's ring must
 * not be delivered from inside a call.  The kernel gives each fsync a thread, a few at a time, so
 * that they meet in one commit of the file system's journal and one flush of the disk: where such
 * a flush waits behind others' writes, five hundred files wait for a few of them and not each for
 * its own.
 *
 * An fsync is never tried twice.  What the kernel could not begin (-ECANCELED: no thread for it),
 * or all if there is no ring to be had, is done by plain calls.
 */
#include <errno.h>
#include <liburing.h>

#include "base/assert.h"
#include "io/io_blocking.h"
#include "io/ring_internal.h"

enum { SYNC_ENTRY_COUNT = 64, NOT_BEGUN = -ECANCELED };

/* Of as many as fit; returns how many were queued. */
static uint32_t
queue_some(struct io_uring *uring, struct io_request *requests, uint32_t count)
{
    uint32_t queued = 0;
    struct io_uring_sqe *sqe;

    while (queued < count && (sqe = io_uring_get_sqe(uring)) != NULL) {
        KV_ASSERT(requests[queued].op == IO_FSYNC);
        io_uring_prep_fsync(sqe, requests[queued].fd, 0);
        io_uring_sqe_set_data(sqe, &requests[queued]);
        queued++;
    }
    return queued;
}

/* False: this ring can do no more, and nothing of it is in flight. */
static bool
run_some(struct io_uring *uring, uint32_t queued)
{
    uint32_t in_flight = 0;

    for (uint32_t submitted = 0; submitted < queued;) {
        const int result = io_uring_submit(uring);

        if (result == -EINTR)
            continue;
        if (result <= 0)
            break;
        submitted += (uint32_t)result;
        in_flight = submitted;
    }
    for (uint32_t done = 0; done < in_flight;) {
        struct io_uring_cqe *cqe;
        struct io_request *request;
        const int result = io_uring_wait_cqe(uring, &cqe);

        if (result == -EINTR || result == -EAGAIN)
            continue;
        KV_ASSERT(result == 0);
        request = io_uring_cqe_get_data(cqe);
        request->result = cqe->res;
        io_uring_cqe_seen(uring, cqe);
        done++;
    }
    return in_flight == queued;
}

void
ring_sync_all(struct io *io, struct io_request *requests, uint32_t count)
{
    struct io_uring uring;
    bool goes_on;

    (void)io;
    for (uint32_t i = 0; i < count; i++)
        requests[i].result = NOT_BEGUN;
    goes_on = io_uring_queue_init(SYNC_ENTRY_COUNT, &uring, 0) == 0;
    if (goes_on) {
        for (uint32_t i = 0; i < count && goes_on;) {
            const uint32_t queued = queue_some(&uring, requests + i, count - i);

            goes_on = run_some(&uring, queued);
            i += queued;
        }
        io_uring_queue_exit(&uring);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (requests[i].result == NOT_BEGUN)
            requests[i].result = io_blocking_execute(&requests[i]);
    }
}
