/* ring.c - the loop: submit, wait, dispatch.
 *
 * user_data of each entry is its struct ring_event, or 0 for a completion that nobody wants.
 *
 * Nothing is delivered outside ring_turn.  ring_get_sqe may submit in between, any number of
 * times: the kernel keeps what does not fit into the completion queue (IORING_FEAT_NODROP) and
 * hands it over at a later turn.
 *
 * With DEFER_TASKRUN a completion is work that the kernel keeps until it is asked for; that there
 * is some it says in a word of shared memory (TASKRUN_FLAG), so looking costs no system call.
 */
#include "io/ring.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "io/io_system.h"
#include "io/ring_internal.h"

enum {
    /* Multishot requests complete many times per entry. */
    CQ_ENTRIES_PER_SQ_ENTRY = 8,
    SUBMIT_TRY_COUNT_MAX = 1000000,
    LOOKS_PER_CLOCK = 16,
    LEFT_BYTES_MAX = 512 * 1024,
    LINE_BYTES = 64,
    OWNER_LINE_COUNT = 5,
};

static const uint64_t WAIT_US_MAX = UINT64_C(3600) * 1000000;

struct ring_completion {
    struct ring_event *event;
    int32_t result;
    uint32_t flags;
};

enum kv_status
ring_open(uint32_t entry_count, struct ring **ring_out)
{
    struct ring *ring = kv_alloc_zero(sizeof(*ring));
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP,
        .cq_entries = entry_count * CQ_ENTRIES_PER_SQ_ENTRY,
    };
    int failed;

    KV_ASSERT(entry_count > 0);
    KV_ASSERT(entry_count <= UINT32_MAX / CQ_ENTRIES_PER_SQ_ENTRY);
    *ring_out = NULL;
    failed = io_uring_queue_init_params(entry_count, &ring->uring, &params);
    if (failed < 0) {
        free(ring);
        ring_explain_here(-failed);
        return KV_UNSUPPORTED;
    }
    /* Saves looking the descriptor up at each system call; where it is refused, it is looked up. */
    (void)io_uring_register_ring_fd(&ring->uring);
    io_ring_init(ring);
    *ring_out = ring;
    return KV_OK;
}

void
ring_close(struct ring *ring)
{
    if (ring == NULL)
        return;
    KV_ASSERT(!ring->dispatching);
    KV_ASSERT(list_empty(&ring->deferred) && list_empty(&ring->arrived));
    io_uring_queue_exit(&ring->uring);
    timer_heap_deinit(&ring->timers);
    free(ring);
}

void
ring_set_busy_poll(struct ring *ring, uint64_t poll_us)
{
    ring->busy_poll_us = poll_us;
}

struct io *
ring_io(struct ring *ring)
{
    return &ring->io;
}

struct io_uring *
ring_uring(struct ring *ring)
{
    return &ring->uring;
}

/* True for results that leave the ring as it is: try again later. */
static bool
is_transient(int result)
{
    return result == -EINTR || result == -EAGAIN || result == -EBUSY || result == -ETIME;
}

/* Anything else (-EBADR: the kernel lost a completion; -EEXIST: called from another thread) means
 * that some request will never come back. */
static void
check_entered(int result)
{
    if (result >= 0 || is_transient(result))
        return;
    kv_log(LOG_LEVEL_WARNING, "io_uring_enter: %s", strerror(-result));
    KV_ASSERT(false && "the ring is intact");
}

/* Whoever waits was last touched when the request was made.  An event stands near the end of what
 * it is embedded in. */
static void
prefetch_owner(const struct io_uring_cqe *cqe)
{
    for (uintptr_t line = 0; line < OWNER_LINE_COUNT; line++)
        __builtin_prefetch((const void *)((uintptr_t)cqe->user_data - line * LINE_BYTES), 1);
}

/* There is one: the queue was looked at before. */
static void
take_completion(struct ring *ring, struct ring_completion *taken)
{
    struct io_uring_cqe *cqes[2];
    const unsigned count = io_uring_peek_batch_cqe(&ring->uring, cqes, 2);

    KV_ASSERT(count > 0);
    if (count > 1)
        prefetch_owner(cqes[1]);
    taken->event = (struct ring_event *)(uintptr_t)cqes[0]->user_data;
    taken->result = cqes[0]->res;
    taken->flags = cqes[0]->flags;
    io_uring_cq_advance(&ring->uring, 1);
}

/* The kernel takes all that is queued unless it is out of memory for a moment. */
static struct io_uring_sqe *
submit_for_sqe(struct ring *ring)
{
    for (uint32_t i = 0; i < SUBMIT_TRY_COUNT_MAX; i++) {
        const int result = io_uring_submit(&ring->uring);
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

        check_entered(result);
        if (sqe != NULL)
            return sqe;
        check_entered(io_uring_get_events(&ring->uring));
    }
    KV_ASSERT(false && "the kernel takes requests");
    return NULL;
}

struct io_uring_sqe *
ring_get_sqe(struct ring *ring, struct ring_event *event)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    KV_ASSERT(event == NULL || event->on_complete != NULL);
    if (sqe == NULL)
        sqe = submit_for_sqe(ring);
    io_uring_sqe_set_data(sqe, event);
    return sqe;
}

void
ring_push(struct ring *ring)
{
    ring->queued_read_count = 0;
    check_entered(io_uring_submit(&ring->uring));
}

static uint64_t
wait_us(struct ring *ring, uint64_t timeout_us)
{
    const uint64_t deadline_us = timer_heap_next_us(&ring->timers);
    uint64_t now_us;

    if (!list_empty(&ring->deferred) || !list_empty(&ring->arrived))
        return 0;
    if (timeout_us > WAIT_US_MAX)
        timeout_us = WAIT_US_MAX;
    if (timeout_us == 0 || deadline_us == UINT64_MAX)
        return timeout_us;
    now_us = io_system_now_us(&ring->io);
    if (deadline_us <= now_us)
        return 0;
    return deadline_us - now_us < timeout_us ? deadline_us - now_us : timeout_us;
}

/* Tells the processor that this is a loop that waits. */
static void
relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* The kernel has work of ours, or completions that found no room. */
static bool
has_work(const struct ring *ring)
{
    const uint32_t flags = __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED);

    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static bool
is_ready(const struct ring *ring)
{
    return io_uring_cq_ready(&ring->uring) > 0 || has_work(ring);
}

/* Submits what is queued and fetches what has completed. */
static void
submit_and_look(struct ring *ring)
{
    if (io_uring_sq_ready(&ring->uring) > 0 || has_work(ring))
        check_entered(io_uring_submit_and_get_events(&ring->uring));
}

/* True: something has completed. */
static bool
look_busily(struct ring *ring, uint64_t look_us)
{
    const uint64_t begin_us = io_system_now_us(&ring->io);

    submit_and_look(ring);
    while (!is_ready(ring)) {
        for (uint32_t i = 0; i < LOOKS_PER_CLOCK && !is_ready(ring); i++)
            relax();
        if (io_system_now_us(&ring->io) - begin_us >= look_us)
            return false;
    }
    submit_and_look(ring);
    return io_uring_cq_ready(&ring->uring) > 0;
}

static void
submit_and_wait(struct ring *ring, uint64_t timeout_us)
{
    const uint64_t look_us = timeout_us < ring->busy_poll_us ? timeout_us : ring->busy_poll_us;
    const uint64_t sleep_us = timeout_us - look_us;
    struct __kernel_timespec timeout = {
        .tv_sec = (int64_t)(sleep_us / 1000000),
        .tv_nsec = (long long)(sleep_us % 1000000 * 1000),
    };
    struct io_uring_cqe *cqe;

    ring->queued_read_count = 0;
    if (look_us > 0 && look_busily(ring, look_us))
        return;
    /* Without a wait liburing would not ask for new completions while there are old ones. */
    if (sleep_us == 0 || io_uring_cq_ready(&ring->uring) > 0)
        submit_and_look(ring);
    else
        check_entered(io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, &timeout, NULL));
}

/* What the kernel has received into a buffer that it took from a ring of them. */
static uint32_t
received_bytes(int32_t result, uint32_t flags)
{
    return (flags & IORING_CQE_F_BUFFER) != 0 && result > 0 ? (uint32_t)result : 0;
}

/* Of the first `count` completions. */
static uint64_t
waiting_bytes(const struct ring *ring, uint32_t count)
{
    const struct io_uring_cqe *cqe;
    uint64_t bytes = 0;
    unsigned head;

    io_uring_for_each_cqe(&ring->uring, head, cqe)
    {
        if (count-- == 0)
            break;
        bytes += received_bytes(cqe->res, cqe->flags);
    }
    return bytes;
}

/* Returns the bytes that came with it. */
static uint32_t
dispatch_one(struct ring *ring, uint32_t *called_count)
{
    struct ring_completion completion;

    take_completion(ring, &completion);
    if (completion.event != NULL) {
        completion.event->on_complete(completion.event, completion.result, completion.flags);
        ++*called_count;
    }
    return received_bytes(completion.result, completion.flags);
}

/* Only what is there now: handlers add more, and timers must get their turn.  A turn that is cut
 * leaves the rest, but not much of what clients have sent: each turn fetches more, and a client
 * that sends faster than its commands are run is held back by nothing as long as its bytes wait
 * here. */
static uint32_t
dispatch_ready(struct ring *ring)
{
    uint32_t left = io_uring_cq_ready(&ring->uring), called_count = 0;

    for (; left > 0 && !ring->is_cut; left--)
        (void)dispatch_one(ring, &called_count);
    for (uint64_t bytes = waiting_bytes(ring, left); bytes > LEFT_BYTES_MAX; left--) {
        KV_ASSERT(left > 0);
        bytes -= dispatch_one(ring, &called_count);
    }
    return called_count;
}

void
ring_cut_turn(struct ring *ring)
{
    ring->is_cut = true;
}

uint32_t
ring_turn(struct ring *ring, uint64_t timeout_us)
{
    uint32_t called_count = 0;

    KV_ASSERT(!ring->dispatching);
    submit_and_wait(ring, wait_us(ring, timeout_us));
    ring->dispatching = true;
    ring->is_cut = false;
    called_count += dispatch_ready(ring);
    called_count += io_ring_deliver(ring);
    if (timer_heap_next_us(&ring->timers) != UINT64_MAX)
        called_count += timer_heap_expire(&ring->timers, io_system_now_us(&ring->io));
    ring->dispatching = false;
    return called_count;
}
