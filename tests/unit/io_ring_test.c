/* Goal: the ring delivers every completion once, from its turn, whatever the queue sizes; its
 * struct io does what io.h says; and a refusal is explained.
 *
 * A machine that refuses io_uring skips what needs one, and says so.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "io/io_guard.h"
#include "io/ring.h"
#include "io/ring_internal.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

static const uint64_t SECOND_US = 1000000;

static struct ring *ring;
static struct io *io;
static char dir[SCRATCH_PATH_BYTES];
static char paths[2][SCRATCH_PATH_BYTES + 16];
static uint32_t done_count;

static bool
setup(uint32_t entry_count)
{
    scratch_dir_make(dir, NULL);
    snprintf(paths[0], sizeof(paths[0]), "%s/a", dir);
    snprintf(paths[1], sizeof(paths[1]), "%s/b", dir);
    done_count = 0;
    if (ring_open(entry_count, &ring) != KV_OK) {
        printf("skipped: no io_uring here\n");
        scratch_dir_remove(dir);
        return false;
    }
    io = ring_io(ring);
    return true;
}

static void
teardown(void)
{
    ring_close(ring);
    unlink(paths[0]);
    unlink(paths[1]);
    CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing else is left */
}

static void
count_done(struct io_request *request)
{
    (void)request;
    done_count++;
}

/* Submits and turns until it is done. */
static int64_t
run(struct io_request *request)
{
    const uint32_t before = done_count;

    request->done = count_done;
    io_submit(io, request);
    CU_ASSERT_EQUAL(done_count, before);
    while (done_count == before)
        ring_turn(ring, SECOND_US);
    CU_ASSERT_EQUAL(done_count, before + 1);
    return request->result;
}

static int64_t
run_copy(struct io_request request)
{
    return run(&request);
}

static void
each_operation_does_its_work(void)
{
    struct io_request stat = {.op = IO_STAT};
    struct io_request space = {.op = IO_SPACE, .path = dir};
    char bytes[16] = "hello, world";
    int fd;

    if (!setup(8))
        return;
    fd = (int)run_copy(
        (struct io_request){.op = IO_OPEN, .path = paths[0], .open_flags = O_RDWR | O_CREAT});
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_WRITE,
                                                 .fd = fd,
                                                 .buffer = bytes,
                                                 .size = 12,
                                                 .offset = 4,
                                                 .write_sync = true}),
                    12);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_FSYNC, .fd = fd}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_FDATASYNC, .fd = fd}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_ALLOCATE, .fd = fd, .size = 8192}), 0);
    stat.fd = fd;
    CU_ASSERT_EQUAL(run(&stat), 0);
    CU_ASSERT_EQUAL(stat.size_out, 8192);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_TRUNCATE, .fd = fd, .size = 16}), 0);
    CU_ASSERT_EQUAL(
        run_copy((struct io_request){.op = IO_RENAME, .path = paths[0], .path_to = paths[1]}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_SYNC_DIR, .path = dir}), 0);
    CU_ASSERT_EQUAL(run(&space), 0);
    CU_ASSERT_TRUE(space.size_out > 0 && space.size_out <= space.total_out);
    stat.path = paths[1];
    CU_ASSERT_EQUAL(run(&stat), 0);
    CU_ASSERT_EQUAL(stat.size_out, 16);
    memset(bytes, 'x', sizeof(bytes));
    CU_ASSERT_EQUAL(
        run_copy((struct io_request){.op = IO_READ, .fd = fd, .buffer = bytes, .size = 16}), 16);
    CU_ASSERT_EQUAL(memcmp(bytes, "\0\0\0\0hello, world", 16), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_CLOSE, .fd = fd}), 0);
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
    CU_ASSERT_EQUAL(
        run_copy((struct io_request){.op = IO_LINK, .path = paths[1], .path_to = paths[0]}), 0);
    CU_ASSERT_EQUAL(
        run_copy((struct io_request){.op = IO_LINK, .path = paths[1], .path_to = paths[0]}),
        -EEXIST);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_UNLINK, .path = paths[0]}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_UNLINK, .path = paths[1]}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_MKDIR, .path = paths[1]}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_MKDIR, .path = paths[1]}), -EEXIST);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_RMDIR, .path = paths[1]}), 0);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_RMDIR, .path = paths[1]}), -ENOENT);
    teardown();
}

static void
failures_are_negative_errnos(void)
{
    char bytes[8];

    if (!setup(8))
        return;
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_OPEN, .path = paths[0]}), -ENOENT);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_STAT, .path = paths[0]}), -ENOENT);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_SYNC_DIR, .path = paths[0]}), -ENOENT);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_TRUNCATE, .fd = -1}), -EBADF);
    CU_ASSERT_EQUAL(run_copy((struct io_request){.op = IO_CLOSE, .fd = -1}), -EBADF);
    CU_ASSERT_EQUAL(run_copy((struct io_request){
                        .op = IO_READ, .fd = 0, .buffer = bytes, .size = 8, .offset = UINT64_MAX}),
                    -EINVAL);
    teardown();
}

static const struct io_uring_sqe *
latest_sqe(void)
{
    const struct io_uring_sq *sq = &ring_uring(ring)->sq;

    return &sq->sqes[(sq->sqe_tail - 1) & sq->ring_mask];
}

/* Method: durability cannot be seen from outside, so look at the entries: what must sync says so
 * to the kernel, and what need not, does not. */
static void
entries_that_must_sync_say_so(void)
{
    char bytes[8] = {0};
    struct io_request requests[4] = {
        {.op = IO_WRITE, .buffer = bytes, .size = 8, .write_sync = true},
        {.op = IO_WRITE, .buffer = bytes, .size = 8},
        {.op = IO_FSYNC},
        {.op = IO_FDATASYNC},
    };
    static const struct {
        uint8_t opcode;
        uint32_t flags;
    } expected[4] = {
        {IORING_OP_WRITE, RWF_DSYNC},
        {IORING_OP_WRITE, 0},
        {IORING_OP_FSYNC, 0},
        {IORING_OP_FSYNC, IORING_FSYNC_DATASYNC},
    };
    int fd;

    if (!setup(8))
        return;
    fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    for (uint32_t i = 0; i < 4; i++) {
        requests[i].fd = fd;
        requests[i].done = count_done;
        io_submit(io, &requests[i]);
        CU_ASSERT_EQUAL(latest_sqe()->opcode, expected[i].opcode);
        CU_ASSERT_EQUAL((uint32_t)latest_sqe()->rw_flags, expected[i].flags);
    }
    while (done_count < 4)
        ring_turn(ring, SECOND_US);
    close(fd);
    teardown();
}

enum { NOP_COUNT = 5000, WRITE_COUNT = 1000, WRITE_BYTES = 512 };

struct nop {
    struct ring_event event;
    uint32_t count;
};

static void
count_nop(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct nop *nop = KV_CONTAINER_OF(event, struct nop, event);

    CU_ASSERT_EQUAL(result, 0);
    CU_ASSERT_EQUAL(flags, 0);
    nop->count++;
    done_count++;
}

/* Method: far more entries than both queues hold, without a turn in between; each completion
 * arrives once. */
static void
full_queues_lose_nothing(void)
{
    struct nop *nops = kv_alloc_zero(NOP_COUNT * sizeof(*nops));

    if (!setup(4))
        goto done;
    for (uint32_t i = 0; i < NOP_COUNT; i++) {
        nops[i].event.on_complete = count_nop;
        io_uring_prep_nop(ring_get_sqe(ring, &nops[i].event));
        io_uring_prep_nop(ring_get_sqe(ring, NULL));
    }
    CU_ASSERT_EQUAL(done_count, 0);
    while (done_count < NOP_COUNT)
        ring_turn(ring, SECOND_US);
    for (uint32_t i = 0; i < NOP_COUNT; i++)
        CU_ASSERT_EQUAL(nops[i].count, 1);
    CU_ASSERT_EQUAL(ring_turn(ring, 0), 0);
    teardown();
done:
    free(nops);
}

static void
submit_next(struct ring_event *event, int32_t result, uint32_t flags)
{
    (void)result;
    (void)flags;
    done_count++;
    if (done_count < NOP_COUNT) {
        for (uint32_t i = 0; i < 40; i++)
            io_uring_prep_nop(ring_get_sqe(ring, NULL));
        io_uring_prep_nop(ring_get_sqe(ring, event));
    }
}

/* Method: a handler that fills the queue each time; the chain never breaks. */
static void
handlers_may_fill_the_queue(void)
{
    struct ring_event event = {.on_complete = submit_next};

    if (!setup(4))
        return;
    io_uring_prep_nop(ring_get_sqe(ring, &event));
    while (done_count < NOP_COUNT)
        ring_turn(ring, SECOND_US);
    while (ring_turn(ring, 1) > 0)
        continue;
    CU_ASSERT_EQUAL(done_count, NOP_COUNT);
    teardown();
}

static void
cut_after(struct ring_event *event, int32_t result, uint32_t flags)
{
    (void)event;
    (void)result;
    (void)flags;
    done_count++;
    ring_cut_turn(ring);
}

/* Method: each handler cuts its turn.  What is queued by then is submitted by the next turn, which
 * waits for nothing while completions are left, and sees new ones too. */
static void
a_turn_that_is_cut_goes_on_in_the_next(void)
{
    struct ring_event event = {.on_complete = cut_after};

    if (!setup(8))
        return;
    for (uint32_t i = 0; i < 3; i++)
        io_uring_prep_nop(ring_get_sqe(ring, &event));
    CU_ASSERT_EQUAL(ring_turn(ring, SECOND_US), 1);
    io_uring_prep_nop(ring_get_sqe(ring, &event));
    for (uint32_t i = 2; i <= 4; i++) {
        CU_ASSERT_EQUAL(ring_turn(ring, SECOND_US), 1);
        CU_ASSERT_EQUAL(done_count, i);
        CU_ASSERT_EQUAL(io_uring_sq_ready(ring_uring(ring)), 0);
        CU_ASSERT_EQUAL(io_uring_cq_ready(ring_uring(ring)), 4 - i);
    }
    CU_ASSERT_EQUAL(ring_turn(ring, 0), 0);
    teardown();
}

/* Method: many direct writes in flight at once on a small ring, all of them read back. */
static void
many_requests_at_once_all_complete(void)
{
    const size_t size = (size_t)WRITE_COUNT * WRITE_BYTES;
    struct io_request *requests = kv_alloc_zero(WRITE_COUNT * sizeof(*requests));
    uint8_t *data = kv_alloc_aligned(4096, size);
    uint8_t *again = kv_alloc_aligned(4096, size);
    struct random random;
    int fd;

    random_init(&random, unit_seed());
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)random_next(&random);
    if (!setup(16))
        goto done;
    fd = open(paths[0], O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0640);
    if (fd < 0)
        fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    for (uint32_t i = 0; i < WRITE_COUNT; i++) {
        requests[i] = (struct io_request){
            .op = IO_WRITE,
            .fd = fd,
            .buffer = data + (size_t)i * WRITE_BYTES,
            .size = WRITE_BYTES,
            .offset = (uint64_t)i * WRITE_BYTES,
            .done = count_done,
        };
        io_submit(io, &requests[i]);
    }
    while (done_count < WRITE_COUNT)
        ring_turn(ring, SECOND_US);
    for (uint32_t i = 0; i < WRITE_COUNT; i++)
        CU_ASSERT_EQUAL(requests[i].result, WRITE_BYTES);
    CU_ASSERT_EQUAL(
        run_copy((struct io_request){.op = IO_READ, .fd = fd, .buffer = again, .size = size}),
        (int64_t)size);
    CU_ASSERT_EQUAL(memcmp(data, again, size), 0);
    close(fd);
    teardown();
done:
    free(requests);
    free(data);
    free(again);
}

enum { READ_COUNT = 11, READ_BATCH_COUNT = 4 };

/* Method: more reads than go at a time, of what is in the page cache; the kernel has them before
 * the turn, and each turn brings a few, the first ones first. */
static void
reads_go_and_come_a_few_at_a_time(void)
{
    struct io_request requests[READ_COUNT] = {0};
    uint8_t bytes[READ_COUNT] = {0};
    uint32_t before;
    int fd;

    if (!setup(64))
        return;
    fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    CU_ASSERT_EQUAL(write(fd, "abcdefghijk", READ_COUNT), READ_COUNT);
    for (uint32_t i = 0; i < READ_COUNT; i++) {
        requests[i] = (struct io_request){.op = IO_READ,
                                          .fd = fd,
                                          .buffer = &bytes[i],
                                          .size = 1,
                                          .offset = i,
                                          .done = count_done};
        io_submit(io, &requests[i]);
        CU_ASSERT_EQUAL(io_uring_sq_ready(ring_uring(ring)), (i + 1) % READ_BATCH_COUNT);
    }
    CU_ASSERT_EQUAL(done_count, 0);
    while (done_count < READ_COUNT) {
        before = done_count;
        ring_turn(ring, SECOND_US);
        CU_ASSERT_TRUE(done_count - before <= READ_BATCH_COUNT);
    }
    CU_ASSERT_EQUAL(memcmp(bytes, "abcdefghijk", READ_COUNT), 0);
    for (uint32_t i = 0; i < READ_COUNT; i++)
        CU_ASSERT_EQUAL(requests[i].result, 1);
    close(fd);
    teardown();
}

static void
count_poll(struct ring_event *event, int32_t result, uint32_t flags)
{
    (void)event;
    (void)flags;
    CU_ASSERT_TRUE(result > 0);
    done_count++;
}

/* Method: what comes while the ring looks, what comes behind that, and nothing at all. */
static void
a_busy_ring_sleeps_in_the_end(void)
{
    struct ring_event event = {.on_complete = count_poll};
    uint64_t begin_us;
    int fds[2];

    if (!setup(8))
        return;
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    ring_set_busy_poll(ring, 500);
    io_uring_prep_poll_add(ring_get_sqe(ring, &event), fds[0], POLLIN);
    begin_us = io_now_us(io);
    CU_ASSERT_EQUAL(ring_turn(ring, 3000), 0);
    CU_ASSERT_TRUE(io_now_us(io) - begin_us >= 2900);
    CU_ASSERT_EQUAL(ring_turn(ring, 100), 0);
    CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
    CU_ASSERT_EQUAL(ring_turn(ring, SECOND_US), 1);
    CU_ASSERT_EQUAL(done_count, 1);
    io_uring_prep_poll_add(ring_get_sqe(ring, &event), fds[0], POLLIN);
    CU_ASSERT_EQUAL(ring_turn(ring, SECOND_US), 1);
    close(fds[0]);
    close(fds[1]);
    teardown();
}

/* Method: fifty reads of 16 KiB into provided buffers, and many completions without bytes, are
 * there when each handler cuts its turn: all go on until half a megabyte is left, and what comes
 * with no bytes may be left in any number. */
static void
a_cut_leaves_few_received_bytes(void)
{
    enum {
        RECEIVE_COUNT = 50,
        RECEIVE_BYTES = 16 * 1024,
        LEFT_COUNT = 32,
        OTHER_COUNT = 100,
        GROUP = 7
    };
    struct ring_event event = {.on_complete = cut_after};
    uint8_t *buffers = kv_alloc_zero((size_t)RECEIVE_COUNT * RECEIVE_BYTES);
    const int fd = memfd_create("zeros", MFD_CLOEXEC); /* /dev/zero may read less than is asked */

    CU_ASSERT_EQUAL(ftruncate(fd, RECEIVE_BYTES), 0);
    if (!setup(256))
        goto done;
    io_uring_prep_provide_buffers(ring_get_sqe(ring, NULL), buffers, RECEIVE_BYTES, RECEIVE_COUNT,
                                  GROUP, 0);
    while (ring_turn(ring, 0) > 0)
        continue;
    for (uint32_t i = 0; i < RECEIVE_COUNT; i++) {
        struct io_uring_sqe *sqe = ring_get_sqe(ring, &event);

        io_uring_prep_read(sqe, fd, NULL, RECEIVE_BYTES, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = GROUP;
    }
    CU_ASSERT_TRUE(io_uring_submit_and_wait(ring_uring(ring), RECEIVE_COUNT) > 0);
    for (uint32_t i = 0; i < OTHER_COUNT; i++)
        io_uring_prep_nop(ring_get_sqe(ring, &event));
    CU_ASSERT_TRUE(io_uring_submit_and_wait(ring_uring(ring), RECEIVE_COUNT + OTHER_COUNT) > 0);
    ring_turn(ring, SECOND_US);
    CU_ASSERT_EQUAL(done_count, RECEIVE_COUNT - LEFT_COUNT);
    for (uint32_t i = RECEIVE_COUNT - LEFT_COUNT + 1; i <= RECEIVE_COUNT + OTHER_COUNT; i++) {
        ring_turn(ring, SECOND_US);
        CU_ASSERT_EQUAL(done_count, i);
    }
    teardown();
done:
    close(fd);
    free(buffers);
}

#ifdef KV_IO_HAS_ASAN
/* Method: the target of a read is out of bounds while the kernel may store there, and only then. */
static void
a_buffer_in_flight_is_poisoned(void)
{
    uint8_t *bytes = kv_alloc(100);
    struct io_request request = {.op = IO_READ, .buffer = bytes, .size = 100, .done = count_done};

    if (!setup(8))
        goto done;
    request.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    io_submit(io, &request);
    CU_ASSERT_TRUE(__asan_address_is_poisoned(bytes));
    CU_ASSERT_TRUE(__asan_address_is_poisoned(bytes + 99));
    while (done_count == 0)
        ring_turn(ring, SECOND_US);
    CU_ASSERT_PTR_NULL(__asan_region_is_poisoned(bytes, 100));
    CU_ASSERT_TRUE(__asan_address_is_poisoned(bytes + 100));
    CU_ASSERT_EQUAL(request.result, 100);
    close(request.fd);
    teardown();
done:
    free(bytes);
}
#endif

static uint64_t expired_us;

static void
note_expiry(struct io_timer *timer)
{
    expired_us = io_now_us(io);
    CU_ASSERT_TRUE(expired_us >= timer->deadline_us);
    done_count++;
}

/* Method: a wait that would be long ends when the timer is due, and not before; a stopped timer
 * never fires; without any, the timeout ends the wait. */
static void
a_timer_ends_the_wait(void)
{
    struct io_timer timer = {.on_expire = note_expiry};
    struct io_timer stopped = {.on_expire = note_expiry};
    uint64_t start_us;

    if (!setup(4))
        return;
    start_us = io_now_us(io);
    io_timer_start(io, &timer, start_us + 2000);
    io_timer_start(io, &stopped, start_us + 1000);
    io_timer_stop(io, &stopped);
    while (done_count == 0)
        ring_turn(ring, 100 * SECOND_US);
    CU_ASSERT_TRUE(expired_us - start_us < 50 * SECOND_US);
    CU_ASSERT_EQUAL(ring_turn(ring, 0), 0);
    start_us = io_now_us(io);
    CU_ASSERT_EQUAL(ring_turn(ring, 1000), 0);
    CU_ASSERT_TRUE(io_now_us(io) - start_us >= 1000);
    CU_ASSERT_EQUAL(done_count, 1);
    teardown();
}

static char line[1100];
static uint32_t line_count;

static void
keep_line(void *owner, enum log_level level, const char *text)
{
    (void)owner;
    (void)level;
    line_count++;
    snprintf(line, sizeof(line), "%s", text);
}

/* Method: a table of what may be seen, and the word that names the way out. */
static void
each_refusal_names_its_cause(void)
{
    static const struct {
        struct ring_refusal refusal;
        const char *expected;
    } cases[] = {
        {{EPERM, 2, false, "6.12.1"}, "io_uring_disabled is 2"},
        {{EPERM, 1, true, "6.12.1"}, "io_uring_group"},
        {{EPERM, 0, true, "6.12.1"}, "seccomp"},
        {{EPERM, -1, true, "6.1.0-13-amd64"}, "seccomp"},
        {{EPERM, 0, false, "6.12.1"}, "audit"},
        {{ENOSYS, -1, true, "4.19.0"}, "too old"},
        {{ENOSYS, -1, true, "6.12.1"}, "seccomp"},
        {{ENOSYS, -1, false, "6.12.1"}, "CONFIG_IO_URING"},
        {{EINVAL, -1, false, "5.15.0-91-generic"}, "6.1 or later"},
        {{EINVAL, -1, false, "6.0.9"}, "kernel lacks"},
        {{EINVAL, -1, false, "strange"}, "DEFER_TASKRUN"},
        {{ENOMEM, 0, false, "6.12.1"}, "RLIMIT_MEMLOCK"},
        {{EMFILE, 0, false, "6.12.1"}, "RLIMIT_NOFILE"},
        {{EIO, 0, false, "6.12.1"}, "Input/output"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];

        ring_explain(&cases[i].refusal, text, sizeof(text));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i].expected));
        CU_ASSERT_PTR_NULL(strchr(text, '\n'));
        CU_ASSERT_TRUE(strlen(text) < sizeof(text) - 1);
    }
}

/* Exits 0 if ring_open under a filter like a container's is refused with one line naming it. */
static void
open_under_seccomp(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    struct ring *refused = NULL;
    enum kv_status st;

    if (filter == NULL ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(io_uring_setup), 0) != 0 ||
        seccomp_load(filter) != 0)
        _exit(77);
    log_set_sink(keep_line, NULL);
    line_count = 0;
    st = ring_open(8, &refused);
    _exit(st == KV_UNSUPPORTED && refused == NULL && line_count == 1 &&
                  strstr(line, "seccomp") != NULL
              ? 0
              : 1);
}

static void
a_refusal_by_seccomp_is_one_line(void)
{
    int status = -1;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0)
        open_under_seccomp();
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        printf("skipped: no seccomp here\n");
    else
        CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

/* Method: more files than a ring has entries for, one of which is none. */
static void
many_files_are_synced_side_by_side(void)
{
    enum { SYNC_COUNT = 150, BAD = 77 };
    struct io_request requests[SYNC_COUNT];
    char path[160];

    if (!setup(8))
        return;
    for (int i = 0; i < SYNC_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%d", dir, i);
        requests[i] = (struct io_request){
            .op = IO_FSYNC, .fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), .result = 1};
        CU_ASSERT_EQUAL(write(requests[i].fd, path, 10), 10);
        unlink(path);
    }
    close(requests[BAD].fd);
    requests[BAD].fd = -1;
    io_sync_all(io, requests, SYNC_COUNT);
    for (int i = 0; i < SYNC_COUNT; i++) {
        CU_ASSERT_EQUAL(requests[i].result, i == BAD ? -EBADF : 0);
        if (i != BAD)
            close(requests[i].fd);
    }
    teardown();
}

/* Exits 0 if requests that need a kernel thread succeed though none may be made. */
static void
sync_without_threads(int fd)
{
    const struct rlimit none = {0, 0};
    struct io_request requests[] = {
        {.op = IO_FSYNC, .fd = fd, .done = count_done},
        {.op = IO_SYNC_DIR, .path = "/", .done = count_done},
        {.op = IO_STAT, .fd = fd, .done = count_done},
        {.op = IO_ALLOCATE, .fd = fd, .size = 100, .done = count_done},
    };

    if ((getuid() == 0 && setresuid(65534, 65534, 65534) != 0) ||
        setrlimit(RLIMIT_NPROC, &none) != 0 || ring_open(8, &ring) != KV_OK)
        _exit(77);
    io = ring_io(ring);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        io_submit(io, &requests[i]);
    while (done_count < sizeof(requests) / sizeof(requests[0]))
        ring_turn(ring, SECOND_US);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].result != 0)
            _exit(1);
    }
    requests[1] = (struct io_request){.op = IO_FSYNC, .fd = fd};
    io_sync_all(io, requests, 2);
    _exit(requests[0].result != 0 || requests[1].result != 0);
}

/* Method: a child of another user with RLIMIT_NPROC 0, where the kernel cancels what it would
 * give to a thread. */
static void
requests_run_in_place_where_threads_are_forbidden(void)
{
    int status = -1, fd;
    pid_t child;

    if (!setup(8))
        return;
    fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        done_count = 0;
        sync_without_threads(fd);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    close(fd);
    teardown();
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(each_operation_does_its_work),
        UNIT_TEST(failures_are_negative_errnos),
        UNIT_TEST(entries_that_must_sync_say_so),
        UNIT_TEST(full_queues_lose_nothing),
        UNIT_TEST(handlers_may_fill_the_queue),
        UNIT_TEST(a_turn_that_is_cut_goes_on_in_the_next),
        UNIT_TEST(many_requests_at_once_all_complete),
        UNIT_TEST(many_files_are_synced_side_by_side),
        UNIT_TEST(reads_go_and_come_a_few_at_a_time),
        UNIT_TEST(a_busy_ring_sleeps_in_the_end),
        UNIT_TEST(a_cut_leaves_few_received_bytes),
#ifdef KV_IO_HAS_ASAN
        UNIT_TEST(a_buffer_in_flight_is_poisoned),
#endif
        UNIT_TEST(a_timer_ends_the_wait),
        UNIT_TEST(requests_run_in_place_where_threads_are_forbidden),
        UNIT_TEST(each_refusal_names_its_cause),
        UNIT_TEST(a_refusal_by_seccomp_is_one_line),
        UNIT_TEST_END,
    };

    return unit_main("io_ring", tests, argc, argv);
}
