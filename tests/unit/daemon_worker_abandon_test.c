/* Goal: of a worker from outside that is lost amid a compaction the engine hears that it may live
 * on and read the inputs, however it was lost; of one that has answered, it does not.
 *
 * Method: this test as the worker from outside, over the pool's socket.  Nobody reads tables, so
 * there are none.  That kvd's own workers are dead when they are lost, with one job or with two, is
 * in daemon_worker_compact_test.c.  No waiting but for events: each wait turns the ring until its
 * condition holds, and gives up after a minute. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/worker_pool.h"
#include "support/outside_worker.h"
#include "support/patience.h"
#include "support/quiet_log.h"
#include "support/scratch_dir.h"
#include "support/small_flush.h"
#include "support/unit.h"

enum {
    TIMEOUT_US = 4 * 1000 * 1000,
    TIMEOUT_SHORT_US = 400 * 1000,
    PATH_SIZE = SCRATCH_PATH_BYTES + 40,
    COMPACT_ID = 5,
    OUTPUT_FIRST = 100,
    OUTPUT_BYTES = 1000,
};

struct bench {
    char dir[SCRATCH_PATH_BYTES], socket_path[SCRATCH_PATH_BYTES + 12];
    struct ring *ring;
    struct worker_pool *pool;
    struct buffer smallest, largest;
    struct compact_input input;
    struct compact_job compact;
    uint32_t compacted_count;
    enum kv_status compact_st;
    bool was_abandoned; /* when on_done was called */
    struct small_flush flush;
};

static void
on_compacted(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
             uint32_t table_count)
{
    struct bench *bench = job->owner;

    (void)tables;
    (void)table_count;
    bench->compacted_count++;
    bench->compact_st = st;
    bench->was_abandoned = job->is_abandoned;
}

static void
make_compaction(struct bench *bench)
{
    internal_key_append(&bench->smallest, slice_from_text("a"), 1, TYPE_VALUE);
    internal_key_append(&bench->largest, slice_from_text("z"), 9, TYPE_VALUE);
    bench->input = (struct compact_input){.file_number = 1,
                                          .file_bytes = OUTPUT_BYTES,
                                          .smallest = buffer_slice(&bench->smallest),
                                          .largest = buffer_slice(&bench->largest),
                                          .seq_smallest = 1,
                                          .seq_largest = 9,
                                          .entry_count = 9};
    bench->compact = (struct compact_job){.job_id = COMPACT_ID,
                                          .dir = bench->dir,
                                          .spec = {.db_identity = "identity",
                                                   .cf_name = "default",
                                                   .merge_operator = "nullptr",
                                                   .inputs = &bench->input,
                                                   .input_count = 1,
                                                   .output_level = 6,
                                                   .output_bytes_max = 1024 * 1024,
                                                   .output_number_first = OUTPUT_FIRST,
                                                   .output_number_count = 2},
                                          .on_done = on_compacted,
                                          .owner = bench};
}

/* Compactions press, for the pool would make a worker that nothing presses idle, and that worker
 * is the pool's own process. */
static void
bench_open(struct bench *bench, uint64_t timeout_us)
{
    struct worker_pool_options options = {.timeout_us = timeout_us};
    struct job_port *port;

    memset(bench, 0, sizeof(*bench));
    quiet_log();
    scratch_dir_make(bench->dir, "/var/tmp");
    snprintf(bench->socket_path, sizeof(bench->socket_path), "%s/worker.sock", bench->dir);
    CU_ASSERT_EQUAL_FATAL(ring_open(256, &bench->ring), KV_OK);
    options.ring = bench->ring;
    options.dir = bench->dir;
    options.socket_path = bench->socket_path;
    CU_ASSERT_EQUAL_FATAL(worker_pool_open(&options, &bench->pool), KV_OK);
    port = worker_pool_port(bench->pool);
    port->set_urgency(port, JOB_PRESSING);
    make_compaction(bench);
    small_flush_init(&bench->flush, bench->dir);
}

static void
bench_close(struct bench *bench)
{
    worker_pool_close(bench->pool);
    ring_close(bench->ring);
    small_flush_deinit(&bench->flush);
    buffer_deinit(&bench->smallest);
    buffer_deinit(&bench->largest);
    scratch_dir_remove(bench->dir);
    log_set_sink(NULL, NULL);
}

static bool
has_compacted(struct bench *bench)
{
    return bench->compacted_count > 0;
}

static bool
has_flushed(struct bench *bench)
{
    return bench->flush.has_ended;
}

static void
wait_for(struct bench *bench, bool (*condition)(struct bench *bench))
{
    const struct patience patience = patience_begin(bench->ring);

    while (!condition(bench) && patience_turn(&patience))
        continue;
    CU_ASSERT_TRUE_FATAL(condition(bench));
}

static int
take_compaction(struct bench *bench)
{
    struct job_port *port = worker_pool_port(bench->pool);
    struct worker_msg msg;
    int fd;

    port->start_compact(port, &bench->compact);
    fd = outside_worker_join(bench->ring, bench->socket_path, bench->dir);
    CU_ASSERT_EQUAL_FATAL(outside_worker_receive(bench->ring, fd, &msg, NULL), KV_OK);
    CU_ASSERT_EQUAL(msg.kind, WORKER_MSG_COMPACT);
    worker_msg_deinit(&msg);
    CU_ASSERT_EQUAL(bench->compacted_count, 0);
    return fd;
}

static void
send_table(int fd, uint64_t file_number)
{
    struct worker_msg msg = {.kind = WORKER_MSG_TABLE};

    msg.table = (struct worker_table){.job_id = COMPACT_ID,
                                      .file_number = file_number,
                                      .file_bytes = OUTPUT_BYTES,
                                      .seq_smallest = 1,
                                      .seq_largest = 9,
                                      .entry_count = 9};
    internal_key_append(&msg.table.smallest, slice_from_text("a"), 1, TYPE_VALUE);
    internal_key_append(&msg.table.largest, slice_from_text("z"), 9, TYPE_VALUE);
    outside_worker_send(fd, &msg);
    worker_msg_deinit(&msg);
}

static void
send_result(int fd)
{
    struct worker_msg msg = {.kind = WORKER_MSG_DONE};

    send_table(fd, OUTPUT_FIRST);
    msg.done = (struct worker_done){.job_id = COMPACT_ID, .table_count = 1};
    outside_worker_send(fd, &msg);
}

/* --- lost --- */

typedef void lose_fn(struct bench *bench, int fd);

static void
hang_up(struct bench *bench, int fd)
{
    (void)bench;
    CU_ASSERT_EQUAL(shutdown(fd, SHUT_RDWR), 0);
}

static void
hang_up_when_cancelled(struct bench *bench, int fd)
{
    struct job_port *port = worker_pool_port(bench->pool);

    port->cancel_compact(port, &bench->compact);
    hang_up(bench, fd);
}

static void
lie(struct bench *bench, int fd)
{
    (void)bench;
    send_table(fd, OUTPUT_FIRST + 1);
}

/* Of the table that it names there is no file. */
static void
lie_to_the_end(struct bench *bench, int fd)
{
    (void)bench;
    send_result(fd);
}

static void
lie_to_the_end_and_hang_up(struct bench *bench, int fd)
{
    lie_to_the_end(bench, fd);
    hang_up(bench, fd);
}

static void
fall_silent(struct bench *bench, int fd)
{
    (void)bench;
    (void)fd;
}

static void
outlive_the_pool(struct bench *bench, int fd)
{
    (void)fd;
    worker_pool_close(bench->pool);
    bench->pool = NULL;
}

static void
who_is_lost_amid_a_compaction_may_read_on(void)
{
    static lose_fn *const ways[] = {
        hang_up,     hang_up_when_cancelled, lie, lie_to_the_end, lie_to_the_end_and_hang_up,
        fall_silent, outlive_the_pool,
    };

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct bench bench;
        int fd;

        bench_open(&bench, ways[i] == fall_silent ? TIMEOUT_SHORT_US : TIMEOUT_US);
        fd = take_compaction(&bench);
        ways[i](&bench, fd);
        wait_for(&bench, has_compacted);
        CU_ASSERT_EQUAL(bench.compact_st, KV_CANCELLED);
        CU_ASSERT_TRUE(bench.was_abandoned);
        close(fd);
        bench_close(&bench);
    }
}

/* Method: a flush has gone ahead of the compaction when the worker hangs up. */
static void
a_compaction_that_was_set_aside_is_read_on_too(void)
{
    struct bench bench;
    struct job_port *port;
    struct worker_msg msg;
    int fd, memtable_fd = -1;

    bench_open(&bench, TIMEOUT_US);
    port = worker_pool_port(bench.pool);
    fd = take_compaction(&bench);
    port->start_flush(port, &bench.flush.job);
    CU_ASSERT_EQUAL_FATAL(outside_worker_receive(bench.ring, fd, &msg, &memtable_fd), KV_OK);
    CU_ASSERT_EQUAL(msg.kind, WORKER_MSG_FLUSH);
    worker_msg_deinit(&msg);
    close(memtable_fd);
    close(fd);
    wait_for(&bench, has_flushed);
    wait_for(&bench, has_compacted);
    CU_ASSERT_EQUAL(bench.flush.st, KV_CANCELLED);
    CU_ASSERT_EQUAL(bench.compact_st, KV_CANCELLED);
    CU_ASSERT_TRUE(bench.was_abandoned);
    bench_close(&bench);
}

/* --- answered --- */

static void
who_has_failed_has_let_go(void)
{
    struct worker_msg msg = {.kind = WORKER_MSG_FAILED};
    struct bench bench;
    int fd;

    bench_open(&bench, TIMEOUT_US);
    fd = take_compaction(&bench);
    msg.failed.job_id = COMPACT_ID;
    msg.failed.status = KV_NO_SPACE;
    outside_worker_send(fd, &msg);
    close(fd);
    wait_for(&bench, has_compacted);
    CU_ASSERT_EQUAL(bench.compact_st, KV_NO_SPACE);
    CU_ASSERT_FALSE(bench.was_abandoned);
    bench_close(&bench);
}

/* Of the right size, with the magic number of a table at its end. */
static void
write_output(const struct bench *bench)
{
    static const uint64_t magic = UINT64_C(0x88e241b785f4cff7);
    uint8_t bytes[OUTPUT_BYTES] = {0};
    char path[PATH_SIZE];
    int fd;

    memcpy(bytes + sizeof(bytes) - sizeof(magic), &magic, sizeof(magic));
    snprintf(path, sizeof(path), "%s/%06d.sst", bench->dir, OUTPUT_FIRST);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE(fd >= 0 && write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
    close(fd);
}

/* Method: the worker leaves right after DONE, before the pool has looked at its file. */
static void
who_is_done_has_let_go(void)
{
    struct bench bench;
    int fd;

    bench_open(&bench, TIMEOUT_US);
    fd = take_compaction(&bench);
    write_output(&bench);
    send_result(fd);
    close(fd);
    wait_for(&bench, has_compacted);
    CU_ASSERT_EQUAL(bench.compact_st, KV_OK);
    CU_ASSERT_FALSE(bench.was_abandoned);
    bench_close(&bench);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(who_is_lost_amid_a_compaction_may_read_on),
        UNIT_TEST(a_compaction_that_was_set_aside_is_read_on_too),
        UNIT_TEST(who_has_failed_has_let_go),
        UNIT_TEST(who_is_done_has_let_go),
        UNIT_TEST_END,
    };

    return unit_main("daemon_worker_abandon", tests, argc, argv);
}
