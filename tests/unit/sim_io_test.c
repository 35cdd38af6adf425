/* Goal: the simulated machine completes in any order, fails where it is told, refuses misuse and
 * repeats itself.  What its cuts leave is in sim_cut_test.c.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"
#include "support/sim_call.h"
#include "support/sim_io.h"
#include "support/unit.h"

static struct sim_io *sim;
static struct io *io;

static void
start(struct sim_options options)
{
    sim = sim_io_new(&options);
    io = sim_io_base(sim);
}

static void
stop(void)
{
    sim_io_free(sim);
    sim = NULL;
}

enum { LOAD_COUNT = 200 };

struct load {
    struct io_request requests[LOAD_COUNT];
    uint8_t bytes[LOAD_COUNT][512] __attribute__((aligned(512)));
    uint32_t order[LOAD_COUNT];
    uint32_t done_count;
};

static struct load load;

static void
note_done(struct io_request *request)
{
    load.order[load.done_count++] = (uint32_t)(request - load.requests);
}

static void
submit_load(int fd)
{
    memset(&load, 0, sizeof(load));
    for (uint32_t i = 0; i < LOAD_COUNT; i++) {
        memset(load.bytes[i], (int)(i + 1), sizeof(load.bytes[i]));
        load.requests[i] = (struct io_request){
            .op = IO_WRITE,
            .fd = fd,
            .buffer = load.bytes[i],
            .size = sizeof(load.bytes[i]),
            .offset = (uint64_t)i * 512,
            .write_sync = true,
            .done = note_done,
        };
        io_submit(io, &load.requests[i]);
    }
    CU_ASSERT_EQUAL(load.done_count, 0);
}

/* Method: many direct synchronous writes in flight; they complete in another order than they
 * were submitted, virtual time passes, and a cut keeps each that has completed. */
static void
completions_come_in_any_order_and_mean_it(void)
{
    const uint64_t start_us = 1000000;
    uint32_t ascending = 0, partial = 0;
    bool is_done[LOAD_COUNT] = {false};
    int fd;

    start((struct sim_options){.seed = unit_seed()});
    fd = sim_open(sim, "/a", O_RDWR | O_CREAT | O_DIRECT);
    CU_ASSERT_EQUAL(sim_sync_dir(sim, "/"), 0);
    submit_load(fd);
    CU_ASSERT_EQUAL(sim_io_in_flight_count(sim), LOAD_COUNT);
    while (load.done_count < LOAD_COUNT / 2)
        CU_ASSERT_TRUE(sim_io_turn(sim));
    CU_ASSERT_TRUE(sim_io_now(sim) > start_us);
    for (uint32_t i = 0; i < load.done_count; i++) {
        is_done[load.order[i]] = true;
        CU_ASSERT_EQUAL(load.requests[load.order[i]].result, 512);
        ascending += i > 0 && load.order[i] > load.order[i - 1];
    }
    CU_ASSERT_TRUE(ascending < load.done_count * 3 / 4);
    sim_io_power_cut(sim);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "x"), -EIO);
    sim_io_drain(sim);
    CU_ASSERT_EQUAL(load.done_count, LOAD_COUNT);
    CU_ASSERT_EQUAL(load.requests[load.order[LOAD_COUNT - 1]].result, -EIO);
    sim_io_boot(sim);
    fd = sim_open(sim, "/a", O_RDONLY);
    for (uint32_t i = 0; i < LOAD_COUNT; i++) {
        uint8_t found[512] = {0};

        sim_call(sim, (struct io_request){.op = IO_READ,
                                          .fd = fd,
                                          .buffer = found,
                                          .size = 512,
                                          .offset = (uint64_t)i * 512});
        CU_ASSERT_TRUE(!is_done[i] || memcmp(found, load.bytes[i], 512) == 0);
        partial += !is_done[i] && found[0] == i + 1;
    }
    CU_ASSERT_TRUE(partial < LOAD_COUNT / 2);
    stop();
}

/* Method: a kill in mid-flight; what had completed or was written before is all there, of the
 * rest some. */
static void
a_kill_keeps_the_page_cache(void)
{
    int fd;

    start((struct sim_options){.seed = unit_seed()});
    fd = sim_open(sim, "/b", O_RDWR | O_CREAT);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "written, not synced"), 19);
    CU_ASSERT_EQUAL(io_lock_file(io, fd), 0);
    submit_load(sim_open(sim, "/a", O_RDWR | O_CREAT | O_DIRECT));
    CU_ASSERT_EQUAL(sim_io_open_count(sim), 2);
    sim_io_kill(sim);
    CU_ASSERT_EQUAL(sim_io_open_count(sim), 0);
    sim_io_boot(sim);
    CU_ASSERT_EQUAL(load.done_count, 0);
    CU_ASSERT_EQUAL(sim_io_in_flight_count(sim), 0);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "x"), -EBADF);
    CU_ASSERT_TRUE(sim_file_holds(sim, "/b", "written, not synced"));
    fd = sim_open(sim, "/b", O_RDWR);
    CU_ASSERT_EQUAL(io_lock_file(io, fd), 0);
    CU_ASSERT_EQUAL(io_lock_file(io, sim_open(sim, "/b", O_RDWR)), -EAGAIN);
    stop();
}

static uint32_t timer_count;

static void
note_timer(struct io_timer *timer)
{
    CU_ASSERT_EQUAL(io_now_us(io), timer->deadline_us);
    timer_count++;
}

/* One run with everything in it; returns its hash. */
static uint64_t
varied_run(uint64_t seed)
{
    struct io_timer timer = {.on_expire = note_timer};
    struct random random;
    uint64_t hash;

    start((struct sim_options){.seed = seed,
                               .harsh_directories = true,
                               .short_permille = 100,
                               .write_error_permille = 50,
                               .sync_error_permille = 50,
                               .read_error_permille = 50});
    random_init(&random, seed);
    for (uint32_t round = 0; round < 5; round++) {
        const int fd = sim_open(sim, "/a", O_RDWR | O_CREAT);

        submit_load(fd);
        io_timer_start(io, &timer, io_now_us(io) + 50);
        for (uint64_t left = random_below(&random, LOAD_COUNT); left > 0; left--)
            sim_io_turn(sim);
        sim_sync(sim, fd);
        sim_sync_dir(sim, "/");
        sim_call(sim, (struct io_request){.op = IO_RENAME, .path = "/a", .path_to = "/b"});
        if (random_below(&random, 2) == 0)
            sim_io_kill(sim);
        sim_io_boot(sim);
    }
    hash = sim_io_trace_hash(sim) ^ io_random(io);
    stop();
    return hash;
}

static void
the_same_seed_gives_the_same_run(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        const uint64_t hash = varied_run(unit_seed() + seed);

        CU_ASSERT_EQUAL(varied_run(unit_seed() + seed), hash);
        CU_ASSERT_NOT_EQUAL(varied_run(unit_seed() + seed + 1), hash);
    }
    CU_ASSERT_TRUE(timer_count > 0);
}

/* Method: the third write to *.sst fails, and only that; a short one tells so. */
static void
planned_faults_strike_where_they_are_told(void)
{
    const struct sim_fault third = {
        .op = IO_WRITE, .path_suffix = ".sst", .skip_count = 2, .fail_count = 1, .error = ENOSPC};
    const struct sim_fault short_count = {.op = IO_WRITE, .path_suffix = ".sst", .fail_count = 1};
    const struct sim_fault always = {.op = IO_OPEN, .error = EMFILE};
    int fd, other;
    int64_t result;

    start((struct sim_options){.seed = unit_seed()});
    fd = sim_open(sim, "/1.sst", O_RDWR | O_CREAT);
    other = sim_open(sim, "/1.log", O_RDWR | O_CREAT);
    sim_io_add_fault(sim, &third);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "abc"), i == 2 ? -ENOSPC : 3);
        CU_ASSERT_EQUAL(sim_write_text(sim, other, 0, "abc"), 3);
    }
    sim_io_add_fault(sim, &short_count);
    result = sim_write_text(sim, fd, 0, "a longer text");
    CU_ASSERT_TRUE(result >= 1 && result < 13);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "a longer text"), 13);
    sim_io_add_fault(sim, &always);
    CU_ASSERT_EQUAL(sim_open(sim, "/1.sst", O_RDONLY), -EMFILE);
    CU_ASSERT_EQUAL(sim_open(sim, "/1.sst", O_RDONLY), -EMFILE);
    sim_io_clear_faults(sim);
    CU_ASSERT_TRUE(sim_open(sim, "/1.sst", O_RDONLY) >= 0);
    stop();
}

/* Method: the disk fills, overwriting still works, removing a file makes room. */
static void
a_full_disk_refuses_to_grow(void)
{
    int fd, other;

    start((struct sim_options){.seed = unit_seed(), .capacity_bytes = 10});
    fd = sim_open(sim, "/a", O_RDWR | O_CREAT);
    other = sim_open(sim, "/b", O_RDWR | O_CREAT);
    CU_ASSERT_EQUAL(sim_write_text(sim, other, 0, "1234"), 4);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "12345678"), 6);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 6, "78"), -ENOSPC);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "abcdef"), 6);
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_ALLOCATE, .fd = fd, .size = 7}),
                    -ENOSPC);
    CU_ASSERT_EQUAL(sim_io_used_bytes(sim), 10);
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_UNLINK, .path = "/b"}), 0);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 6, "78"), -ENOSPC); /* still open */
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_CLOSE, .fd = other}), 0);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 6, "78"), 2);
    CU_ASSERT_EQUAL(sim_io_open_count(sim), 1);
    sim_io_options(sim)->capacity_bytes = 0;
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_ALLOCATE, .fd = fd, .size = 100}),
                    0);
    stop();
}

/* Method: a file of two names; parts of it are freed when it has none. */
static void
a_file_without_a_name_is_freed_in_parts(void)
{
    const struct sim_fault refused = {.op = IO_PUNCH, .fail_count = 1, .error = EOPNOTSUPP};
    struct io_request stat = {.op = IO_STAT};
    struct io_request punch = {.op = IO_PUNCH, .size = 4};
    char bytes[16];
    int other;

    start((struct sim_options){.seed = unit_seed()});
    stat.fd = punch.fd = sim_open(sim, "/a", O_RDWR | O_CREAT);
    other = sim_open(sim, "/a", O_RDONLY);
    CU_ASSERT_EQUAL(sim_write_text(sim, stat.fd, 0, "1234567890"), 10);
    CU_ASSERT_EQUAL(
        sim_call(sim, (struct io_request){.op = IO_LINK, .path = "/a", .path_to = "/b"}), 0);
    for (uint64_t left = 2; left > 0; left--) {
        CU_ASSERT_EQUAL(io_call(io, &stat), 0);
        CU_ASSERT_EQUAL(stat.link_count_out, left);
        CU_ASSERT_EQUAL(
            sim_call(sim, (struct io_request){.op = IO_UNLINK, .path = left == 2 ? "/a" : "/b"}),
            0);
    }
    CU_ASSERT_EQUAL(io_call(io, &stat), 0);
    CU_ASSERT_EQUAL(stat.link_count_out, 0);
    sim_io_add_fault(sim, &refused);
    CU_ASSERT_EQUAL(io_call(io, &punch), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(io_call(io, &punch), 0);
    CU_ASSERT_EQUAL(sim_io_used_bytes(sim), 6);
    CU_ASSERT_EQUAL(
        sim_call(sim, (struct io_request){.op = IO_READ, .fd = other, .buffer = bytes, .size = 16}),
        10);
    CU_ASSERT_EQUAL(memcmp(bytes,
                           "\0\0\0\0\x35"
                           "67890",
                           10),
                    0);
    punch.offset = 4;
    punch.size = 100;
    CU_ASSERT_EQUAL(io_call(io, &punch), 0);
    CU_ASSERT_EQUAL(sim_io_used_bytes(sim), 0);
    CU_ASSERT_EQUAL(io_call(io, &stat), 0);
    CU_ASSERT_EQUAL(stat.size_out, 10);
    punch.fd = other;
    CU_ASSERT_EQUAL(io_call(io, &punch), -EBADF);
    stop();
}

static void
misuse_is_refused(void)
{
    static uint8_t bytes[2048] __attribute__((aligned(512)));
    struct io_request request = {.op = IO_WRITE, .buffer = bytes, .size = 512};
    int fd;

    start((struct sim_options){.seed = unit_seed()});
    fd = sim_open(sim, "/a", O_RDWR | O_CREAT | O_DIRECT);
    request.fd = fd;
    CU_ASSERT_EQUAL(io_call(io, &request), 512);
    request.offset = 100;
    CU_ASSERT_EQUAL(io_call(io, &request), -EINVAL);
    request.offset = 512;
    request.size = 100;
    CU_ASSERT_EQUAL(io_call(io, &request), -EINVAL);
    request.size = 512;
    request.buffer = bytes + 8;
    CU_ASSERT_EQUAL(io_call(io, &request), -EINVAL);
    request.op = IO_READ;
    CU_ASSERT_EQUAL(io_call(io, &request), -EINVAL);
    CU_ASSERT_EQUAL(sim_write_text(sim, sim_open(sim, "/a", O_RDONLY), 0, "x"), -EBADF);
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_CLOSE, .fd = fd}), 0);
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_CLOSE, .fd = fd}), -EBADF);
    CU_ASSERT_EQUAL(sim_open(sim, "/a", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    CU_ASSERT_EQUAL(sim_open(sim, "/no/a", O_RDWR | O_CREAT), -ENOENT);
    CU_ASSERT_EQUAL(sim_open(sim, "/a", O_RDONLY | O_DIRECTORY), -ENOTDIR);
    sim_io_options(sim)->no_direct_io = true;
    CU_ASSERT_EQUAL(sim_open(sim, "/a", O_RDWR | O_DIRECT), -EINVAL);
    stop();
}

static bool
add_name(void *owner, const char *name)
{
    struct buffer *names = owner;

    buffer_append_format(names, "%s ", name);
    return true;
}

static void
names_clocks_and_bits(void)
{
    struct buffer names = {0};
    uint64_t wall_us;
    int fd;

    start((struct sim_options){.seed = unit_seed()});
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_MKDIR, .path = "/db"}), 0);
    CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_MKDIR, .path = "/db"}), -EEXIST);
    fd = sim_open(sim, "/db//x.sst", O_RDWR | O_CREAT);
    CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "content"), 7);
    CU_ASSERT_TRUE(sim_open(sim, "/db/./y", O_RDWR | O_CREAT) >= 0);
    CU_ASSERT_EQUAL(io_list_dir(io, "/db", add_name, &names), 0);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&names), slice_from_text("x.sst y ")));
    CU_ASSERT_EQUAL(io_list_dir(io, "/db/y", add_name, &names), -ENOTDIR);
    CU_ASSERT_EQUAL(io_list_dir(io, "/none", add_name, &names), -ENOENT);
    buffer_deinit(&names);

    CU_ASSERT_TRUE(sim_io_flip_bit(sim, "/db/x.sst", 1));
    CU_ASSERT_TRUE(sim_file_holds(sim, "/db/x.sst", "aontent"));
    CU_ASSERT_TRUE(sim_io_flip_bit(sim, "/db/x.sst", 1));
    CU_ASSERT_TRUE(sim_file_holds(sim, "/db/x.sst", "content"));
    CU_ASSERT_TRUE(sim_io_flip_random_bit(sim, ".sst"));
    CU_ASSERT_FALSE(sim_file_holds(sim, "/db/x.sst", "content"));
    CU_ASSERT_FALSE(sim_io_flip_random_bit(sim, "y"));

    wall_us = io_wall_us(io);
    sim_io_advance(sim, 500);
    CU_ASSERT_EQUAL(io_wall_us(io), wall_us + 500);
    sim_io_jump_wall(sim, -1000);
    CU_ASSERT_EQUAL(io_wall_us(io), wall_us - 500);
    stop();
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(completions_come_in_any_order_and_mean_it),
        UNIT_TEST(a_kill_keeps_the_page_cache),
        UNIT_TEST(the_same_seed_gives_the_same_run),
        UNIT_TEST(planned_faults_strike_where_they_are_told),
        UNIT_TEST(a_full_disk_refuses_to_grow),
        UNIT_TEST(a_file_without_a_name_is_freed_in_parts),
        UNIT_TEST(misuse_is_refused),
        UNIT_TEST(names_clocks_and_bits),
        UNIT_TEST_END,
    };

    return unit_main("sim_io", tests, argc, argv);
}
