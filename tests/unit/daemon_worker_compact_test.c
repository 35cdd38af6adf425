/* Goal: a compaction given to the pool ends with true tables or with nothing, whatever becomes of
 * the worker; and no flush waits for it.
 *
 * Method: real kvd-worker processes and real tables.  What has to be caught at work is slowed down
 * by its rate limit.  No waiting but for events: each wait turns the ring until its condition
 * holds, and gives up after a minute. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "daemon/worker_pool.h"
#include "daemon/worker_priority.h"
#include "daemon/worker_result.h"
#include "support/compact_rig.h"
#include "support/patience.h"
#include "support/quiet_log.h"
#include "support/small_flush.h"
#include "support/unit.h"

enum {
    INPUT_COUNT = 2,
    KEY_COUNT = 3000,
    VALUE_BYTES = 1000,
    MINUTE_US = 60 * 1000 * 1000,
    TIMEOUT_US = 4 * 1000 * 1000, /* a busy machine is not a hung worker */
    TIMEOUT_SHORT_US = 400 * 1000,
    PATH_SIZE = SCRATCH_PATH_BYTES + 40,
    OUTPUT_FIRST = 100,
    SLOW_BYTES_PER_S = 1024 * 1024, /* three seconds for what the tests write */
    CRAWLING_BYTES_PER_S = 256 * 1024,
    RANGE_COUNT = 20000,
    RANGE_KEY_BYTES = 12,
};

struct bench {
    struct compact_rig rig;
    struct ring *ring;
    struct worker_pool *pool;
    struct table_summary summaries[INPUT_COUNT];
    struct compact_input inputs[INPUT_COUNT];
    struct compact_job job;
    uint32_t ended_count;
    enum kv_status st;
    struct compaction_result result;
    struct small_flush flush;
};

static void
on_compacted(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
             uint32_t table_count)
{
    struct bench *bench = job->owner;

    bench->ended_count++;
    bench->st = st;
    CU_ASSERT_EQUAL((tables == NULL), (table_count == 0));
    bench->result.tables = kv_alloc_zero((table_count + 1) * sizeof(*tables));
    bench->result.table_count = table_count;
    for (uint32_t i = 0; i < table_count; i++) {
        struct table_summary *mine = &bench->result.tables[i];

        *mine = tables[i];
        mine->smallest = mine->largest = (struct buffer){0};
        buffer_append_slice(&mine->smallest, buffer_slice(&tables[i].smallest));
        buffer_append_slice(&mine->largest, buffer_slice(&tables[i].largest));
    }
}

/* Table `index` has the newer versions if it is higher. */
static void
write_input(struct bench *bench, uint32_t index, struct random *random)
{
    struct rig_writer writer;
    uint8_t value[VALUE_BYTES];
    char key[32];

    rig_writer_begin(&writer, &bench->rig, COMPRESSION_NONE);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        for (size_t k = 0; k < sizeof(value); k++)
            value[k] = (uint8_t)random_next(random);
        snprintf(key, sizeof(key), "key%06u", i);
        rig_writer_add(&writer, slice_from_text(key), 1 + index * KEY_COUNT + i, TYPE_VALUE,
                       slice_of(value, sizeof(value)));
    }
    rig_writer_finish(&writer, &bench->summaries[index]);
    bench->inputs[index] = rig_input(&bench->summaries[index], 0);
    bench->inputs[index].entry_count = bench->summaries[index].entry_count;
}

static void
make_job(struct bench *bench)
{
    bench->job = (struct compact_job){
        .job_id = 5,
        .dir = bench->rig.dir,
        .spec = {.db_identity = "identity",
                 .cf_name = "default",
                 .merge_operator = "nullptr",
                 .inputs = bench->inputs,
                 .input_count = INPUT_COUNT,
                 .output_level = 6,
                 .output_bytes_max = 1024 * 1024,
                 .output_number_first = OUTPUT_FIRST,
                 .output_number_count = 20,
                 .compression = COMPRESSION_LZ4},
        .on_done = on_compacted,
        .owner = bench,
    };
}

static void
bench_open_with(struct bench *bench, uint32_t worker_count, uint64_t timeout_us)
{
    struct worker_pool_options options = {.worker_count = worker_count, .timeout_us = timeout_us};
    struct random random;

    memset(bench, 0, sizeof(*bench));
    quiet_log();
    random_init(&random, unit_seed());
    compact_rig_init(&bench->rig);
    for (uint32_t i = 0; i < INPUT_COUNT; i++)
        write_input(bench, i, &random);
    CU_ASSERT_EQUAL_FATAL(ring_open(256, &bench->ring), KV_OK);
    options.ring = bench->ring;
    options.dir = bench->rig.dir;
    CU_ASSERT_EQUAL_FATAL(worker_pool_open(&options, &bench->pool), KV_OK);
    small_flush_init(&bench->flush, bench->rig.dir);
    make_job(bench);
}

static void
bench_open(struct bench *bench, uint32_t worker_count)
{
    bench_open_with(bench, worker_count, TIMEOUT_US);
}

static void
forget_result(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->result.table_count; i++)
        table_summary_deinit(&bench->result.tables[i]);
    free(bench->result.tables);
    bench->result = (struct compaction_result){0};
}

static void
bench_close(struct bench *bench)
{
    worker_pool_close(bench->pool);
    ring_close(bench->ring);
    small_flush_deinit(&bench->flush);
    for (uint32_t i = 0; i < INPUT_COUNT; i++)
        table_summary_deinit(&bench->summaries[i]);
    forget_result(bench);
    compact_rig_deinit(&bench->rig);
    log_set_sink(NULL, NULL);
}

static void
start(struct bench *bench)
{
    struct job_port *port = worker_pool_port(bench->pool);

    port->start_compact(port, &bench->job);
    CU_ASSERT_EQUAL(bench->ended_count, 0);
}

static void
start_flush(struct bench *bench)
{
    struct job_port *port = worker_pool_port(bench->pool);

    port->start_flush(port, &bench->flush.job);
}

static void
wait_for(struct bench *bench, bool (*condition)(struct bench *bench))
{
    const struct patience patience = patience_begin(bench->ring);

    while (!condition(bench) && patience_turn(&patience))
        continue;
    CU_ASSERT_TRUE_FATAL(condition(bench));
}

static bool
has_ended(struct bench *bench)
{
    return bench->ended_count > 0;
}

static bool
has_flushed(struct bench *bench)
{
    return bench->flush.has_ended;
}

static bool
is_at_work(struct bench *bench)
{
    return bench->job.bytes_done > 0;
}

static uint32_t
idle_count(struct bench *bench)
{
    struct worker_info infos[8];
    const uint32_t count = worker_pool_info(bench->pool, infos, 8);
    uint32_t idle = 0;

    for (uint32_t i = 0; i < count; i++)
        idle += strcmp(infos[i].state, "idle") == 0;
    return idle;
}

static bool
two_are_idle(struct bench *bench)
{
    return idle_count(bench) == 2;
}

static pid_t
busy_pid(struct bench *bench)
{
    struct worker_info infos[8];
    const uint32_t count = worker_pool_info(bench->pool, infos, 8);

    for (uint32_t i = 0; i < count; i++)
        if (strcmp(infos[i].state, "busy") == 0)
            return infos[i].pid;
    CU_FAIL_FATAL("nobody is busy");
    return 0;
}

static bool
is_given(struct bench *bench)
{
    return worker_pool_waiting_count(bench->pool) == 0;
}

static bool
is_batch(struct bench *bench)
{
    return sched_getscheduler(busy_pid(bench)) == SCHED_BATCH;
}

static uint32_t
outputs_there(const struct bench *bench)
{
    char path[PATH_SIZE];
    uint32_t count = 0;

    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "%s/%06d.sst", bench->rig.dir, OUTPUT_FIRST + i);
        count += access(path, F_OK) == 0;
    }
    return count;
}

static void
count_version(void *owner, const struct internal_key *key, struct slice value)
{
    CU_ASSERT_EQUAL(key->seq, 0);
    CU_ASSERT_EQUAL(value.size, VALUE_BYTES);
    (*(uint32_t *)owner)++;
}

static void
no_tombstone(void *owner, const struct range_tombstone *tombstone)
{
    (void)owner;
    (void)tombstone;
    CU_FAIL("a range tombstone");
}

static void
expect_good_tables(struct bench *bench)
{
    uint32_t versions = 0;
    const struct rig_visitor visitor = {
        .on_version = count_version, .on_tombstone = no_tombstone, .owner = &versions};

    CU_ASSERT_EQUAL_FATAL(bench->st, KV_OK);
    CU_ASSERT_EQUAL(bench->ended_count, 1);
    CU_ASSERT_TRUE(bench->result.table_count >= 3);
    CU_ASSERT_EQUAL(outputs_there(bench), bench->result.table_count);
    for (uint32_t i = 0; i < bench->result.table_count; i++) {
        CU_ASSERT_EQUAL(bench->result.tables[i].file_number, OUTPUT_FIRST + i);
        rig_visit_table(&bench->rig, &bench->result.tables[i], &visitor);
    }
    CU_ASSERT_EQUAL(versions, KEY_COUNT);
}

/* The same again with new numbers, to see that nothing was harmed. */
static void
expect_another_to_work(struct bench *bench)
{
    forget_result(bench);
    bench->ended_count = 0;
    bench->job.spec.rate_bytes_per_s = 0;
    start(bench);
    wait_for(bench, has_ended);
    expect_good_tables(bench);
}

static void
two_tables_become_some_others(void)
{
    struct bench bench;

    bench_open(&bench, 2);
    start(&bench);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    CU_ASSERT_TRUE(bench.job.port_private == NULL);
    bench_close(&bench);
}

static void
a_single_worker_compacts_too(void)
{
    struct bench bench;

    bench_open(&bench, 1);
    start(&bench);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    bench_close(&bench);
}

/* Method: twenty thousand ranges below, none of which matters but the last, which holds all. */
static void
a_description_may_be_longer_than_a_packet(void)
{
    struct compact_range *ranges = kv_alloc_zero(RANGE_COUNT * sizeof(*ranges));
    char(*keys)[RANGE_KEY_BYTES] = kv_alloc(RANGE_COUNT * sizeof(*keys));
    struct bench bench;

    for (uint32_t i = 0; i < RANGE_COUNT; i++) {
        snprintf(keys[i], sizeof(keys[i]), "a%08u", i);
        ranges[i].smallest = ranges[i].largest = slice_from_text(keys[i]);
    }
    bench_open(&bench, 2);
    bench.job.spec.below = ranges;
    bench.job.spec.below_count = RANGE_COUNT;
    start(&bench);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_OK);
    CU_ASSERT_TRUE_FATAL(bench.result.table_count >= 3);
    CU_ASSERT_TRUE(bench.result.tables[0].seq_smallest > KEY_COUNT); /* not bottommost */
    bench_close(&bench);
    free(keys);
    free(ranges);
}

static void
a_job_outside_its_limits_is_refused(void)
{
    struct bench bench;

    bench_open(&bench, 1);
    bench.job.spec.output_number_first = bench.inputs[0].file_number;
    start(&bench);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_LIMIT);
    bench_close(&bench);
}

/* Method: one byte in the middle of the second table is another. */
static void
a_damaged_input_is_named_and_harms_nothing(void)
{
    struct bench bench;
    char path[PATH_SIZE];
    uint8_t byte;
    int fd;

    bench_open(&bench, 2);
    snprintf(path, sizeof(path), "%s/%06" PRIu64 ".sst", bench.rig.dir,
             bench.inputs[1].file_number);
    fd = open(path, O_RDWR);
    CU_ASSERT_EQUAL_FATAL(pread(fd, &byte, 1, 1000000), 1);
    byte ^= 1;
    CU_ASSERT_EQUAL_FATAL(pwrite(fd, &byte, 1, 1000000), 1);
    start(&bench);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CORRUPT);
    CU_ASSERT_EQUAL(bench.job.bad_input_number, bench.inputs[1].file_number);
    CU_ASSERT_EQUAL(outputs_there(&bench), 0);
    byte ^= 1;
    CU_ASSERT_EQUAL_FATAL(pwrite(fd, &byte, 1, 1000000), 1);
    close(fd);
    expect_another_to_work(&bench);
    bench_close(&bench);
}

static void
a_missing_input_is_named(void)
{
    struct bench bench;
    char path[PATH_SIZE];

    bench_open(&bench, 2);
    snprintf(path, sizeof(path), "%s/%06" PRIu64 ".sst", bench.rig.dir,
             bench.inputs[0].file_number);
    CU_ASSERT_EQUAL(unlink(path), 0);
    start(&bench);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_NO_FILE);
    CU_ASSERT_EQUAL(bench.job.bad_input_number, bench.inputs[0].file_number);
    bench_close(&bench);
}

static void
a_cancelled_compaction_leaves_nothing(void)
{
    struct bench bench;
    struct job_port *port;

    bench_open(&bench, 2);
    port = worker_pool_port(bench.pool);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    port->cancel_compact(port, &bench.job);
    CU_ASSERT_EQUAL(bench.ended_count, 0);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    CU_ASSERT_EQUAL(outputs_there(&bench), 0);
    wait_for(&bench, two_are_idle); /* it has not been killed for that */
    expect_another_to_work(&bench);
    bench_close(&bench);
}

static void
a_compaction_is_cancelled_before_it_begins(void)
{
    struct bench bench;
    struct job_port *port;

    bench_open(&bench, 1);
    port = worker_pool_port(bench.pool);
    start(&bench);
    port->cancel_compact(port, &bench.job);
    CU_ASSERT_EQUAL(bench.ended_count, 0);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    bench_close(&bench);
}

static void
end_by_signal(int signal_number)
{
    struct bench bench;

    bench_open_with(&bench, 2, signal_number == SIGSTOP ? TIMEOUT_SHORT_US : TIMEOUT_US);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    CU_ASSERT_EQUAL(kill(busy_pid(&bench), signal_number), 0);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    CU_ASSERT_FALSE(bench.job.is_abandoned); /* it is dead for certain */
    CU_ASSERT_EQUAL(outputs_there(&bench), 0);
    if (signal_number != SIGSTOP)
        expect_another_to_work(&bench);
    bench_close(&bench);
}

static void
a_killed_worker_leaves_nothing(void)
{
    end_by_signal(SIGKILL);
}

static void
a_hung_worker_leaves_nothing(void)
{
    end_by_signal(SIGSTOP);
}

static void
a_flush_goes_past_a_compaction(void)
{
    struct bench bench;
    struct job_port *port;

    bench_open(&bench, 2);
    port = worker_pool_port(bench.pool);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    start_flush(&bench);
    wait_for(&bench, has_flushed);
    CU_ASSERT_EQUAL(bench.flush.st, KV_OK);
    CU_ASSERT_EQUAL(bench.ended_count, 0);
    port->cancel_compact(port, &bench.job);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    bench_close(&bench);
}

static void
a_second_compaction_leaves_a_worker_for_flushes(void)
{
    struct bench bench;
    struct compact_job second;
    struct job_port *port;

    bench_open(&bench, 2);
    port = worker_pool_port(bench.pool);
    wait_for(&bench, two_are_idle);
    bench.job.spec.rate_bytes_per_s = SLOW_BYTES_PER_S;
    start(&bench);
    second = bench.job;
    second.job_id = 7;
    second.port_private = NULL;
    second.spec.output_number_first = 200;
    port->start_compact(port, &second);
    wait_for(&bench, is_at_work);
    CU_ASSERT_EQUAL(idle_count(&bench), 1);
    CU_ASSERT_EQUAL(worker_pool_waiting_count(bench.pool), 1);
    port->cancel_compact(port, &second);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    bench.ended_count = 0;
    forget_result(&bench);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    bench_close(&bench);
}

static void
a_lone_worker_flushes_amid_its_compaction(void)
{
    struct bench bench;

    bench_open(&bench, 1);
    bench.job.spec.rate_bytes_per_s = SLOW_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    start_flush(&bench);
    wait_for(&bench, has_flushed);
    CU_ASSERT_EQUAL(bench.flush.st, KV_OK);
    CU_ASSERT_EQUAL(bench.ended_count, 0);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    bench_close(&bench);
}

static void
a_compaction_set_aside_is_cancelled(void)
{
    struct bench bench;
    struct job_port *port;

    bench_open(&bench, 1);
    port = worker_pool_port(bench.pool);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    start_flush(&bench);
    port->cancel_compact(port, &bench.job);
    wait_for(&bench, has_flushed);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.flush.st, KV_OK);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    CU_ASSERT_EQUAL(outputs_there(&bench), 0);
    expect_another_to_work(&bench);
    bench_close(&bench);
}

/* Method: the worker dies before it can have read that it shall flush. */
static void
a_worker_that_dies_with_two_jobs_gives_both_back(void)
{
    struct bench bench;

    bench_open(&bench, 1);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    CU_ASSERT_EQUAL(kill(busy_pid(&bench), SIGSTOP), 0);
    start_flush(&bench);
    CU_ASSERT_EQUAL(kill(busy_pid(&bench), SIGKILL), 0);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    CU_ASSERT_FALSE(bench.job.is_abandoned);
    wait_for(&bench, has_flushed);
    CU_ASSERT_EQUAL(bench.flush.st, KV_OK);
    expect_another_to_work(&bench);
    bench_close(&bench);
}

/* Goal: while nothing presses a compaction is in nobody's way, and its worker is an ordinary
 * process when it does anything else.  Method: the kernel is asked for the worker's class.  The
 * timeout is so long that starvation is not looked for. */
static void
a_compaction_has_the_priority_that_it_is_worth(void)
{
    struct bench bench;
    struct job_port *port;
    int calm;
    pid_t pid;

    bench_open_with(&bench, 1, MINUTE_US);
    port = worker_pool_port(bench.pool);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_given);
    pid = busy_pid(&bench);
    calm = worker_priority_may_return(pid) ? SCHED_IDLE : SCHED_BATCH;
    CU_ASSERT_EQUAL(sched_getscheduler(pid), calm);
    port->set_urgency(port, JOB_PRESSING);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), SCHED_BATCH);
    port->set_urgency(port, JOB_CALM);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), calm);
    start_flush(&bench);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), SCHED_OTHER);
    port->set_flush_urgency(port, JOB_CALM);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), calm);
    port->set_flush_urgency(port, JOB_PRESSING);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), SCHED_OTHER);
    wait_for(&bench, has_flushed);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), calm);
    port->cancel_compact(port, &bench.job);
    CU_ASSERT_EQUAL(sched_getscheduler(pid), SCHED_OTHER);
    wait_for(&bench, has_ended);
    bench_close(&bench);
}

/* Method: the compaction crawls, and the timeout is so short that the watch looks often. */
static void
a_starved_compaction_gets_its_share(void)
{
    struct bench bench;

    bench_open_with(&bench, 1, TIMEOUT_SHORT_US);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_given);
    wait_for(&bench, is_batch);
    CU_ASSERT_EQUAL(bench.ended_count, 0);
    bench_close(&bench);
}

static void
closing_ends_a_compaction(void)
{
    struct bench bench;

    bench_open(&bench, 2);
    bench.job.spec.rate_bytes_per_s = CRAWLING_BYTES_PER_S;
    start(&bench);
    wait_for(&bench, is_at_work);
    worker_pool_close(bench.pool);
    bench.pool = NULL;
    CU_ASSERT_EQUAL(bench.ended_count, 1);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    bench_close(&bench);
}

/* --- what a worker may say --- */

static void
put_key(struct buffer *key, const char *user_key, uint64_t seq, enum value_type type)
{
    buffer_clear(key);
    internal_key_append(key, slice_from_text(user_key), seq, type);
}

struct claim {
    uint64_t number, entries, tombstones, seq_smallest, seq_largest;
    const char *smallest, *largest;
    uint64_t largest_seq;
    enum value_type largest_type;
};

static bool
is_believed(const struct worker_compact_bounds *bounds, const struct claim *claim,
            const struct table_summary *before)
{
    struct worker_table table = {.job_id = 1,
                                 .file_number = claim->number,
                                 .file_bytes = 1000,
                                 .seq_smallest = claim->seq_smallest,
                                 .seq_largest = claim->seq_largest,
                                 .entry_count = claim->entries,
                                 .deletion_count = claim->tombstones,
                                 .range_tombstone_count = claim->tombstones};
    bool believed;

    put_key(&table.smallest, claim->smallest, claim->seq_largest, TYPE_VALUE);
    put_key(&table.largest, claim->largest, claim->largest_seq, claim->largest_type);
    believed = worker_result_check_compact(&table, bounds, before) == KV_OK;
    buffer_deinit(&table.smallest);
    buffer_deinit(&table.largest);
    return believed;
}

/* Method: one claim that is true, and others that differ from it in one thing. */
static void
no_impossible_table_is_believed(void)
{
    static const struct claim good = {100, 10, 0, 5, 20, "c", "m", 6, TYPE_VALUE};
    const struct claim ends_range = {
        100, 10, 1, 5, 20, "c", "p", SEQUENCE_MAX, TYPE_RANGE_DELETION};
    struct buffer small = {0}, large = {0};
    struct compact_input inputs[1];
    struct compaction_spec spec = {.inputs = inputs,
                                   .input_count = 1,
                                   .begin = slice_from_text("b"),
                                   .end = slice_from_text("p"),
                                   .output_number_first = 100,
                                   .output_number_count = 5,
                                   .below_count = 1};
    struct worker_compact_bounds bounds;
    struct table_summary before = {0};
    struct claim claim;

    quiet_log();
    put_key(&small, "a", 9, TYPE_VALUE);
    put_key(&large, "z", 9, TYPE_VALUE);
    inputs[0] = (struct compact_input){.file_number = 1,
                                       .smallest = buffer_slice(&small),
                                       .largest = buffer_slice(&large),
                                       .seq_smallest = 5,
                                       .seq_largest = 20,
                                       .entry_count = 50};
    worker_compact_bounds_init(&bounds, &spec);
    CU_ASSERT_TRUE(is_believed(&bounds, &good, NULL));
    CU_ASSERT_TRUE(is_believed(&bounds, &ends_range, NULL));

#define REFUSED(change)                                                                            \
    claim = good;                                                                                  \
    change;                                                                                        \
    CU_ASSERT_FALSE(is_believed(&bounds, &claim, NULL))
    REFUSED(claim.number = 101);
    REFUSED(claim.entries = 0);
    REFUSED(claim.entries = 51);
    REFUSED(claim.tombstones = 11);
    REFUSED(claim.seq_smallest = 4);
    REFUSED(claim.seq_largest = 21);
    REFUSED(claim.smallest = "a");
    REFUSED(claim.smallest = "n");
    REFUSED(claim.largest = "p");
    REFUSED(claim.largest = "q");
    REFUSED(claim.largest_seq = 4);
    REFUSED(claim.largest_type = TYPE_RANGE_DELETION);
    claim = ends_range;
    claim.tombstones = 0;
    CU_ASSERT_FALSE(is_believed(&bounds, &claim, NULL));

    put_key(&before.largest, "c", SEQUENCE_MAX, TYPE_RANGE_DELETION);
    CU_ASSERT_TRUE(is_believed(&bounds, &good, &before));
    put_key(&before.largest, "c", 3, TYPE_VALUE);
    CU_ASSERT_FALSE(is_believed(&bounds, &good, &before));
    buffer_deinit(&before.largest);
    buffer_deinit(&small);
    buffer_deinit(&large);
    log_set_sink(NULL, NULL);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(two_tables_become_some_others),
        UNIT_TEST(a_single_worker_compacts_too),
        UNIT_TEST(a_description_may_be_longer_than_a_packet),
        UNIT_TEST(a_job_outside_its_limits_is_refused),
        UNIT_TEST(a_damaged_input_is_named_and_harms_nothing),
        UNIT_TEST(a_missing_input_is_named),
        UNIT_TEST(a_cancelled_compaction_leaves_nothing),
        UNIT_TEST(a_compaction_is_cancelled_before_it_begins),
        UNIT_TEST(a_killed_worker_leaves_nothing),
        UNIT_TEST(a_hung_worker_leaves_nothing),
        UNIT_TEST(a_flush_goes_past_a_compaction),
        UNIT_TEST(a_second_compaction_leaves_a_worker_for_flushes),
        UNIT_TEST(a_lone_worker_flushes_amid_its_compaction),
        UNIT_TEST(a_compaction_set_aside_is_cancelled),
        UNIT_TEST(a_worker_that_dies_with_two_jobs_gives_both_back),
        UNIT_TEST(a_compaction_has_the_priority_that_it_is_worth),
        UNIT_TEST(a_starved_compaction_gets_its_share),
        UNIT_TEST(closing_ends_a_compaction),
        UNIT_TEST(no_impossible_table_is_believed),
        UNIT_TEST_END,
    };

    return unit_main("daemon_worker_compact", tests, argc, argv);
}
