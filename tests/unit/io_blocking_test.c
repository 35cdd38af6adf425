/* Goal: io_blocking does what io.h says of each operation, and delivers from its turn only. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "io/io_blocking.h"
#include "io/timer_heap.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

static char dir[SCRATCH_PATH_BYTES];
static char paths[2][SCRATCH_PATH_BYTES + 16];
static uint32_t done_count;

static void
setup(void)
{
    scratch_dir_make(dir, NULL);
    snprintf(paths[0], sizeof(paths[0]), "%s/a", dir);
    snprintf(paths[1], sizeof(paths[1]), "%s/b", dir);
    done_count = 0;
}

static void
teardown(void)
{
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

static int64_t
call(struct io *io, struct io_request request)
{
    return io_call(io, &request);
}

/* Method: one file's life, each step's effect seen through another. */
static void
each_operation_does_its_work(void)
{
    struct io *io = io_blocking_new();
    char bytes[16] = "hello, world";
    struct io_request stat = {.op = IO_STAT};
    struct io_request space = {.op = IO_SPACE, .path = dir};
    int fd;

    setup();
    fd = (int)call(
        io, (struct io_request){.op = IO_OPEN, .path = paths[0], .open_flags = O_RDWR | O_CREAT});
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_WRITE,
                                                 .fd = fd,
                                                 .buffer = bytes,
                                                 .size = 12,
                                                 .offset = 4,
                                                 .write_sync = true}),
                    12);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_FSYNC, .fd = fd}), 0);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_FDATASYNC, .fd = fd}), 0);
    CU_ASSERT_EQUAL(
        call(io, (struct io_request){.op = IO_ALLOCATE, .fd = fd, .offset = 0, .size = 8192}), 0);
    stat.fd = fd;
    CU_ASSERT_EQUAL(io_call(io, &stat), 0);
    CU_ASSERT_EQUAL(stat.size_out, 8192);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_TRUNCATE, .fd = fd, .size = 16}), 0);
    CU_ASSERT_EQUAL(
        call(io, (struct io_request){.op = IO_RENAME, .path = paths[0], .path_to = paths[1]}), 0);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_SYNC_DIR, .path = dir}), 0);
    CU_ASSERT_EQUAL(io_call(io, &space), 0);
    CU_ASSERT_TRUE(space.size_out > 0 && space.size_out <= space.total_out);
    stat.path = paths[1];
    CU_ASSERT_EQUAL(io_call(io, &stat), 0);
    CU_ASSERT_EQUAL(stat.size_out, 16);
    memset(bytes, 'x', sizeof(bytes));
    CU_ASSERT_EQUAL(
        call(io, (struct io_request){.op = IO_READ, .fd = fd, .buffer = bytes, .size = 16}), 16);
    CU_ASSERT_EQUAL(memcmp(bytes, "\0\0\0\0hello, world", 16), 0);
    CU_ASSERT_EQUAL(call(io,
                         (struct io_request){
                             .op = IO_READ, .fd = fd, .buffer = bytes, .size = 16, .offset = 10}),
                    6);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_CLOSE, .fd = fd}), 0);
    CU_ASSERT_EQUAL(
        call(io, (struct io_request){.op = IO_LINK, .path = paths[1], .path_to = paths[0]}), 0);
    CU_ASSERT_EQUAL(
        call(io, (struct io_request){.op = IO_LINK, .path = paths[1], .path_to = paths[0]}),
        -EEXIST);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_UNLINK, .path = paths[0]}), 0);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_UNLINK, .path = paths[1]}), 0);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_MKDIR, .path = paths[1]}), 0);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_MKDIR, .path = paths[1]}), -EEXIST);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_RMDIR, .path = paths[1]}), 0);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_RMDIR, .path = paths[1]}), -ENOENT);
    io_blocking_free(io);
    teardown();
}

/* Method: what the kernel refuses comes back as its negative errno, whatever the arguments. */
static void
failures_are_negative_errnos(void)
{
    struct io *io = io_blocking_new();
    char bytes[8];

    setup();
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_OPEN, .path = paths[0]}), -ENOENT);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_UNLINK, .path = paths[0]}), -ENOENT);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_SYNC_DIR, .path = paths[0]}), -ENOENT);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_STAT, .fd = -1}), -EBADF);
    CU_ASSERT_EQUAL(call(io, (struct io_request){.op = IO_CLOSE, .fd = -1}), -EBADF);
    CU_ASSERT_EQUAL(
        call(io,
             (struct io_request){
                 .op = IO_READ, .fd = 0, .buffer = bytes, .size = 8, .offset = UINT64_MAX}),
        -EINVAL);
    io_blocking_free(io);
    teardown();
}

static void
submit_again(struct io_request *request)
{
    done_count++;
    if (done_count < 3)
        io_submit(request->owner, request);
}

/* Method: a request that submits itself again from its `done` gets one call a turn. */
static void
completions_come_from_the_turn_only(void)
{
    struct io *io = io_blocking_new();
    struct io_request request = {.op = IO_STAT, .path = "/", .done = submit_again, .owner = io};
    const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    uint8_t bytes[100] = {1};

    done_count = 0;
    io_submit(io, &request);
    CU_ASSERT_EQUAL(done_count, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        CU_ASSERT_TRUE(io_blocking_turn(io));
        CU_ASSERT_EQUAL(done_count, i);
    }
    CU_ASSERT_FALSE(io_blocking_turn(io));
    request = (struct io_request){
        .op = IO_READ, .fd = fd, .buffer = bytes, .size = sizeof(bytes), .done = count_done};
    io_submit(io, &request);
    CU_ASSERT_TRUE(io_blocking_turn(io));
    CU_ASSERT_EQUAL(request.result, (int64_t)sizeof(bytes));
    CU_ASSERT_EQUAL(bytes[sizeof(bytes) - 1], 0);
    close(fd);
    io_blocking_free(io);
}

/* Method: a child process tries the lock that we hold, and again when it is free. */
static void
a_lock_excludes_other_processes(void)
{
    struct io *io = io_blocking_new();
    int fd;

    setup();
    fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    CU_ASSERT_EQUAL(io_lock_file(io, fd), 0);
    for (int held = 1; held >= 0; held--) {
        const int expected = held ? -EAGAIN : 0;
        int status = -1;
        pid_t child;

        if (!held)
            close(fd);
        child = fork();
        if (child == 0) {
            const int other = open(paths[0], O_RDWR | O_CLOEXEC);
            _exit(io_lock_file(io, other) == expected ? 0 : 1);
        }
        CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
        CU_ASSERT_EQUAL(status, 0);
    }
    io_blocking_free(io);
    teardown();
}

/* Exits 0 if a write with write_sync, and only that, asks the kernel for RWF_DSYNC, which a
 * filter turns into -EXDEV here. */
static void
write_under_filter(int fd)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    struct io *io = io_blocking_new();
    char bytes[4] = "abc";
    struct io_request request = {.op = IO_WRITE, .fd = fd, .buffer = bytes, .size = 4};

    if (filter == NULL ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EXDEV), SCMP_SYS(pwritev2), 1,
                         SCMP_A5(SCMP_CMP_EQ, RWF_DSYNC, 0)) != 0 ||
        seccomp_load(filter) != 0)
        _exit(77);
    if (io_call(io, &request) != 4)
        _exit(1);
    request.write_sync = true;
    _exit(io_call(io, &request) == -EXDEV ? 0 : 2);
}

/* Method: durability cannot be seen from outside, so a filter in a child looks at the call. */
static void
a_synchronous_write_says_so(void)
{
    int status = -1, fd;
    pid_t child;

    setup();
    fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    fflush(stdout);
    child = fork();
    if (child == 0)
        write_under_filter(fd);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    close(fd);
    teardown();
}

static bool
count_name(void *owner, const char *name)
{
    uint32_t *count = owner;

    CU_ASSERT_TRUE(strcmp(name, "a") == 0 || strcmp(name, "b") == 0);
    (*count)++;
    return *count < 100;
}

static bool
stop_at_once(void *owner, const char *name)
{
    (void)name;
    (*(uint32_t *)owner)++;
    return false;
}

static void
a_directory_is_listed_without_the_dots(void)
{
    struct io *io = io_blocking_new();
    uint32_t count = 0;

    setup();
    close(open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0640));
    close(open(paths[1], O_RDWR | O_CREAT | O_CLOEXEC, 0640));
    CU_ASSERT_EQUAL(io_list_dir(io, dir, count_name, &count), 0);
    CU_ASSERT_EQUAL(count, 2);
    count = 0;
    CU_ASSERT_EQUAL(io_list_dir(io, dir, stop_at_once, &count), 0);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_EQUAL(io_list_dir(io, paths[0], count_name, &count), -ENOTDIR);
    io_blocking_free(io);
    teardown();
}

static void
clocks_and_chance_move(void)
{
    struct io *io = io_blocking_new();
    const uint64_t before_us = io_now_us(io);

    CU_ASSERT_TRUE(io_now_us(io) >= before_us);
    CU_ASSERT_TRUE(io_wall_us(io) > UINT64_C(1600000000) * 1000000);
    CU_ASSERT_NOT_EQUAL(io_random(io), io_random(io));
    io_blocking_free(io);
}

enum { TIMER_COUNT = 200 };

static struct timer_heap heap;
static uint64_t latest_us;

static void
expire_in_order(struct io_timer *timer)
{
    CU_ASSERT_TRUE(timer->deadline_us >= latest_us);
    CU_ASSERT_EQUAL(timer->heap_index, 0);
    latest_us = timer->deadline_us;
    done_count++;
}

static void
start_in_the_past(struct io_timer *timer)
{
    done_count++;
    timer_heap_start(&heap, timer, 0);
}

/* Method: random starts, restarts and stops; the heap's minimum is compared with a linear
 * search, and what expires comes in order and all of it. */
static void
timers_expire_in_order_and_once(void)
{
    struct io_timer timers[TIMER_COUNT] = {{0}};
    struct random random;
    uint32_t idle_count = 0;

    random_init(&random, unit_seed());
    heap = (struct timer_heap){0};
    for (uint32_t i = 0; i < 5000; i++) {
        struct io_timer *timer = &timers[random_below(&random, TIMER_COUNT)];
        uint64_t least_us = UINT64_MAX;

        timer->on_expire = expire_in_order;
        if (random_below(&random, 3) == 0)
            timer_heap_stop(&heap, timer);
        else
            timer_heap_start(&heap, timer, random_below(&random, 1000));
        for (uint32_t j = 0; j < TIMER_COUNT; j++) {
            if (timers[j].heap_index != 0 && timers[j].deadline_us < least_us)
                least_us = timers[j].deadline_us;
        }
        CU_ASSERT_EQUAL(timer_heap_next_us(&heap), least_us);
    }
    for (uint32_t j = 0; j < TIMER_COUNT; j++)
        idle_count += timers[j].heap_index == 0;
    done_count = 0;
    latest_us = 0;
    CU_ASSERT_EQUAL(timer_heap_expire(&heap, 500) + timer_heap_expire(&heap, 1000), done_count);
    CU_ASSERT_EQUAL(done_count + idle_count, TIMER_COUNT);

    timers[0].on_expire = start_in_the_past;
    timer_heap_start(&heap, &timers[0], 1000);
    CU_ASSERT_EQUAL(timer_heap_expire(&heap, 1000), 1);
    CU_ASSERT_EQUAL(timer_heap_expire(&heap, 1001), 1);
    timer_heap_deinit(&heap);
    CU_ASSERT_EQUAL(timers[0].heap_index, 0);
}

/* Method: a timer that is due fires from the turn, once; a stopped one never. */
static void
a_turn_calls_timers_that_are_due(void)
{
    struct io *io = io_blocking_new();
    struct io_timer due = {.on_expire = expire_in_order};
    struct io_timer stopped = {.on_expire = expire_in_order};

    done_count = 0;
    latest_us = 0;
    io_timer_start(io, &due, io_now_us(io));
    io_timer_start(io, &stopped, 0);
    io_timer_stop(io, &stopped);
    CU_ASSERT_EQUAL(done_count, 0);
    CU_ASSERT_TRUE(io_blocking_turn(io));
    CU_ASSERT_FALSE(io_blocking_turn(io));
    CU_ASSERT_EQUAL(done_count, 1);
    io_blocking_free(io);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(each_operation_does_its_work),
        UNIT_TEST(failures_are_negative_errnos),
        UNIT_TEST(completions_come_from_the_turn_only),
        UNIT_TEST(a_lock_excludes_other_processes),
        UNIT_TEST(a_synchronous_write_says_so),
        UNIT_TEST(a_directory_is_listed_without_the_dots),
        UNIT_TEST(clocks_and_chance_move),
        UNIT_TEST(timers_expire_in_order_and_once),
        UNIT_TEST(a_turn_calls_timers_that_are_due),
        UNIT_TEST_END,
    };

    return unit_main("io_blocking", tests, argc, argv);
}
