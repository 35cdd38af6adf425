/* Goal: jobs given to the pool end with true tables or a true error, whatever workers do.
 *
 * Method: a real ring, real kvd-worker processes (from beside this program) and, for lies that a
 * real worker does not tell, this test itself as a worker from outside.  No waiting but for events:
 * each wait turns the ring until its condition holds, and gives up after a minute. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/random.h"
#include "daemon/worker_pool.h"
#include "mem/memtable.h"
#include "support/outside_worker.h"
#include "support/patience.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

enum {
    FAMILY_COUNT = 3,
    TURN_US = 50 * 1000,
    TIMEOUT_US = 400 * 1000,
    PATH_SIZE = 300,
    FIRST_NUMBER = 11,
};

struct bench {
    char dir[SCRATCH_PATH_BYTES], socket_path[SCRATCH_PATH_BYTES + 12];
    struct ring *ring;
    struct worker_pool *pool;
    struct memtable_pool *memtables;
    struct memtable *memtable;
    struct flush_job job;
    struct flush_output outputs[FAMILY_COUNT];
    uint64_t versions, live_keys; /* put into each family */
    bool ended;
    uint32_t ended_count;
    enum kv_status st;
    struct table_summary tables[FAMILY_COUNT]; /* keys are not kept */
};

static void
on_done(struct flush_job *job, enum kv_status st, const struct table_summary *tables)
{
    struct bench *bench = job->owner;

    bench->ended = true;
    bench->ended_count++;
    bench->st = st;
    if (st == KV_OK)
        memcpy(bench->tables, tables, sizeof(bench->tables));
}

/* Each family gets `entries` versions over half as many keys, and one range tombstone in the
 * last family. */
static void
fill_memtable(struct bench *bench, uint32_t entries)
{
    uint64_t seq = 1;
    char key[32], value[120];

    memset(value, 'v', sizeof(value));
    bench->versions = entries;
    bench->live_keys = entries / 2;
    for (uint32_t i = 0; i < entries; i++) {
        for (uint32_t f = 0; f < FAMILY_COUNT; f++) {
            const int size = snprintf(key, sizeof(key), "key%08u", i % (entries / 2));
            const struct batch_record record = {.cf_id = f * 5,
                                                .type = TYPE_VALUE,
                                                .seq = seq++,
                                                .key = slice_of(key, (size_t)size),
                                                .value = slice_of(value, i % sizeof(value))};

            memtable_add(bench->memtable, &record);
        }
    }
    const struct batch_record tombstone = {.cf_id = (FAMILY_COUNT - 1) * 5,
                                           .type = TYPE_RANGE_DELETION,
                                           .seq = seq,
                                           .key = slice_from_text("key00000010"),
                                           .value = slice_from_text("key00000020")};
    memtable_add(bench->memtable, &tombstone);
    memtable_freeze(bench->memtable);
}

static void
make_job(struct bench *bench)
{
    static const char *const names[FAMILY_COUNT] = {"default", "db5", "db10"};

    for (uint32_t i = 0; i < FAMILY_COUNT; i++)
        bench->outputs[i] = (struct flush_output){.cf_id = i * 5,
                                                  .file_number = FIRST_NUMBER + i,
                                                  .cf_name = names[i],
                                                  .merge_operator = "nullptr",
                                                  .compression = COMPRESSION_LZ4,
                                                  .bloom_bits_per_key = 10};
    bench->job = (struct flush_job){.job_id = 77,
                                    .memtable = bench->memtable,
                                    .dir = bench->dir,
                                    .db_identity = "identity",
                                    .creation_time_s = 1700000000,
                                    .outputs = bench->outputs,
                                    .output_count = FAMILY_COUNT,
                                    .on_done = on_done,
                                    .owner = bench};
}

static void
bench_open(struct bench *bench, uint32_t worker_count, uint32_t entries, const char *binary)
{
    struct worker_pool_options options = {.session_identity = "SESSION",
                                          .binary_path = binary,
                                          .worker_count = worker_count,
                                          .timeout_us = TIMEOUT_US};

    memset(bench, 0, sizeof(*bench));
    scratch_dir_make(bench->dir, "/var/tmp");
    snprintf(bench->socket_path, sizeof(bench->socket_path), "%s/worker.sock", bench->dir);
    CU_ASSERT_EQUAL_FATAL(ring_open(256, &bench->ring), KV_OK);
    options.ring = bench->ring;
    options.dir = bench->dir;
    options.socket_path = bench->socket_path;
    CU_ASSERT_EQUAL_FATAL(worker_pool_open(&options, &bench->pool), KV_OK);
    bench->memtables = memtable_pool_new(entries < 1000 ? 1 << 20 : 64 << 20, 1);
    CU_ASSERT_EQUAL_FATAL(memtable_new(bench->memtables, 0, &bench->memtable), KV_OK);
    fill_memtable(bench, entries);
    make_job(bench);
}

static void
bench_close(struct bench *bench)
{
    worker_pool_close(bench->pool);
    ring_close(bench->ring);
    memtable_unref(bench->memtable);
    memtable_pool_free(bench->memtables);
    scratch_dir_remove(bench->dir);
}

static void
start_job(struct bench *bench)
{
    struct job_port *port = worker_pool_port(bench->pool);

    port->start_flush(port, &bench->job);
    CU_ASSERT_FALSE(bench->ended);
}

static struct worker_info
info_of(struct bench *bench, uint32_t index)
{
    struct worker_info infos[8] = {{0}};
    const uint32_t count = worker_pool_info(bench->pool, infos, 8);

    return index < count ? infos[index] : (struct worker_info){.state = "absent"};
}

static bool
has_ended(struct bench *bench)
{
    return bench->ended;
}

static bool
first_is_idle(struct bench *bench)
{
    return strcmp(info_of(bench, 0).state, "idle") == 0;
}

static bool
none_is_there(struct bench *bench)
{
    return worker_pool_info(bench->pool, NULL, 0) == 0;
}

static bool
first_has_restarted_twice(struct bench *bench)
{
    return info_of(bench, 0).restart_count >= 2;
}

static void
wait_for(struct bench *bench, bool (*condition)(struct bench *bench))
{
    const struct patience patience = patience_begin(bench->ring);

    while (!condition(bench) && patience_turn(&patience))
        continue;
    CU_ASSERT_TRUE_FATAL(condition(bench));
}

static void
table_path(const struct bench *bench, uint32_t output, char *path)
{
    snprintf(path, PATH_SIZE, "%s/%06d.sst", bench->dir, FIRST_NUMBER + (int)output);
}

static bool
any_output_is_there(const struct bench *bench)
{
    char path[PATH_SIZE];

    for (uint32_t i = 0; i < FAMILY_COUNT; i++) {
        table_path(bench, i, path);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static uint32_t
crc_of_file(const char *path, uint64_t *bytes_out)
{
    static uint8_t block[65536];
    FILE *file = fopen(path, "rb");
    uint32_t crc = 0;
    size_t got;

    *bytes_out = 0;
    if (file == NULL)
        return 0;
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        crc = crc32c_extend(crc, block, got);
        *bytes_out += got;
    }
    fclose(file);
    return crc;
}

/* RocksDB's own tool says that all blocks pass and how many entries there are. */
static bool
sst_dump_accepts(const char *path, uint64_t entries)
{
    char command[2 * PATH_SIZE + 100], line[300], wanted[60];
    bool found = false;
    FILE *pipe;

    snprintf(wanted, sizeof(wanted), "# entries: %" PRIu64 "\n", entries);
    snprintf(command, sizeof(command),
             "sst_dump --file=%s --command=verify 2>&1 && "
             "sst_dump --file=%s --command=none --show_properties 2>&1",
             path, path);
    pipe = popen(command, "r");
    if (pipe == NULL)
        return false;
    while (fgets(line, sizeof(line), pipe) != NULL)
        found = found || strstr(line, wanted) != NULL;
    return pclose(pipe) == 0 && found;
}

static void
expect_good_tables(struct bench *bench)
{
    char path[PATH_SIZE];
    uint64_t bytes;

    CU_ASSERT_EQUAL_FATAL(bench->st, KV_OK);
    CU_ASSERT_EQUAL(bench->ended_count, 1);
    for (uint32_t i = 0; i < FAMILY_COUNT; i++) {
        const struct table_summary *table = &bench->tables[i];
        const uint64_t tombstones = i == FAMILY_COUNT - 1 ? 1 : 0;

        table_path(bench, i, path);
        CU_ASSERT_EQUAL(table->file_number, FIRST_NUMBER + i);
        CU_ASSERT_EQUAL(table->range_tombstone_count, tombstones);
        CU_ASSERT_EQUAL(table->entry_count, bench->live_keys + tombstones);
        CU_ASSERT_EQUAL(crc_of_file(path, &bytes), table->checksum_crc32c);
        CU_ASSERT_EQUAL(bytes, table->file_bytes);
        if (access("/usr/bin/sst_dump", X_OK) == 0)
            CU_ASSERT_TRUE(sst_dump_accepts(path, bench->live_keys + tombstones));
    }
}

/* Method: 300,000 versions in three families, given before the worker has even started. */
static void
a_memtable_becomes_one_table_a_family(void)
{
    struct bench bench;

    bench_open(&bench, 1, 100000, NULL);
    start_job(&bench);
    CU_ASSERT_EQUAL(worker_pool_waiting_count(bench.pool), 1);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    CU_ASSERT_EQUAL(info_of(&bench, 0).jobs_done, 1);
    CU_ASSERT_EQUAL(info_of(&bench, 0).jobs_failed, 0);
    CU_ASSERT_TRUE(info_of(&bench, 0).bytes_written > 1000000);
    CU_ASSERT_TRUE(info_of(&bench, 0).bytes_per_s > 0);
    CU_ASSERT_EQUAL(worker_pool_waiting_count(bench.pool), 0);
    bench_close(&bench);
}

/* Method: each key has two versions; a snapshot between them keeps the older one. */
static void
a_snapshot_reaches_the_worker(void)
{
    enum { ENTRIES = 500 };
    const uint64_t between = ENTRIES / 2 * FAMILY_COUNT;
    struct bench bench;

    bench_open(&bench, 1, ENTRIES, NULL);
    bench.job.snapshots = &between;
    bench.job.snapshot_count = 1;
    start_job(&bench);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL_FATAL(bench.st, KV_OK);
    CU_ASSERT_EQUAL(bench.tables[0].entry_count, ENTRIES);
    CU_ASSERT_EQUAL(bench.tables[1].entry_count, ENTRIES);
    bench_close(&bench);
}

static void
leave_a_partial_output(const struct bench *bench)
{
    char path[PATH_SIZE];
    int fd;

    table_path(bench, 1, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE(fd >= 0 && write(fd, "half", 4) == 4);
    close(fd);
}

/* Method: the worker is stopped while idle, gets the job, "writes" half a table (we do), dies.
 * The half table must be gone before the next worker makes it anew. */
static void
a_killed_workers_job_goes_to_the_next(void)
{
    struct bench bench;
    pid_t pid;

    bench_open(&bench, 1, 500, NULL);
    wait_for(&bench, first_is_idle);
    pid = info_of(&bench, 0).pid;
    CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
    start_job(&bench);
    CU_ASSERT_STRING_EQUAL(info_of(&bench, 0).state, "busy");
    leave_a_partial_output(&bench);
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    CU_ASSERT_NOT_EQUAL(info_of(&bench, 0).pid, pid);
    CU_ASSERT_EQUAL(info_of(&bench, 0).restart_count, 1);
    CU_ASSERT_EQUAL(info_of(&bench, 0).jobs_failed, 1);
    bench_close(&bench);
}

/* Method: a worker that is stopped and stays so is found by its silence. */
static void
a_hung_worker_is_killed_and_its_job_redone(void)
{
    struct bench bench;
    pid_t pid;

    bench_open(&bench, 1, 500, NULL);
    wait_for(&bench, first_is_idle);
    pid = info_of(&bench, 0).pid;
    CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
    start_job(&bench);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    bench_close(&bench);
}

/* Method: a directory stands where a table should: the worker fails, is not killed for it, the job
 * is tried again, and succeeds once the directory is gone. */
static void
a_failed_job_is_tried_again(void)
{
    struct bench bench;
    char path[PATH_SIZE];

    bench_open(&bench, 1, 500, NULL);
    table_path(&bench, 2, path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    start_job(&bench);
    while (info_of(&bench, 0).jobs_failed < 2)
        (void)ring_turn(bench.ring, TURN_US);
    CU_ASSERT_FALSE(bench.ended);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    wait_for(&bench, has_ended);
    expect_good_tables(&bench);
    CU_ASSERT_EQUAL(info_of(&bench, 0).restart_count, 0);
    bench_close(&bench);
}

static void
on_many_done(struct flush_job *job, enum kv_status st, const struct table_summary *tables)
{
    struct bench *bench = job->owner;

    bench->ended = true;
    bench->st = st;
    for (uint32_t i = 0; st == KV_OK && i < job->output_count; i++) {
        CU_ASSERT_EQUAL(tables[i].file_number, job->outputs[i].file_number);
        CU_ASSERT_EQUAL(tables[i].entry_count, 1);
        CU_ASSERT_TRUE(tables[i].smallest.size > 8);
    }
}

/* Method: more families than a message holds; the worker dies between the parts at least once. */
static void
many_families_go_out_in_parts(void)
{
    enum { MANY = WORKER_JOB_OUTPUT_COUNT_MAX + 20 };
    static struct flush_output outputs[MANY];
    struct bench bench;

    bench_open(&bench, 1, 100, NULL);
    memtable_unref(bench.memtable);
    CU_ASSERT_EQUAL_FATAL(memtable_new(bench.memtables, 0, &bench.memtable), KV_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct batch_record record = {.cf_id = i,
                                            .type = TYPE_VALUE,
                                            .seq = i + 1,
                                            .key = slice_from_text("k"),
                                            .value = slice_from_text("v")};
        memtable_add(bench.memtable, &record);
        outputs[i] = bench.outputs[0];
        outputs[i].cf_id = i;
        outputs[i].file_number = 1000 + i;
    }
    memtable_freeze(bench.memtable);
    bench.job.memtable = bench.memtable;
    bench.job.outputs = outputs;
    bench.job.output_count = MANY;
    bench.job.on_done = on_many_done;
    start_job(&bench);
    while (info_of(&bench, 0).jobs_done == 0 && !bench.ended)
        (void)ring_turn(bench.ring, TURN_US);
    CU_ASSERT_FALSE(bench.ended);
    if (info_of(&bench, 0).pid > 0)
        (void)kill(info_of(&bench, 0).pid, SIGKILL);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_OK);
    bench_close(&bench);
}

/* Method: a directory in the way for good: in the end the engine is asked for other file numbers,
 * and nothing is left under the old ones. */
static void
a_job_that_keeps_failing_goes_back_to_the_engine(void)
{
    struct bench bench;
    char path[PATH_SIZE];

    bench_open(&bench, 1, 500, NULL);
    table_path(&bench, 2, path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    start_job(&bench);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT_FALSE(any_output_is_there(&bench));
    bench_close(&bench);
}

/* Method: worker-path names nothing; the job waits, closing ends it. */
static void
without_a_program_jobs_wait(void)
{
    struct bench bench;

    bench_open(&bench, 1, 500, "/nonexistent/kvd-worker");
    start_job(&bench);
    wait_for(&bench, first_has_restarted_twice);
    CU_ASSERT_FALSE(bench.ended);
    CU_ASSERT_STRING_EQUAL(info_of(&bench, 0).state, "down");
    CU_ASSERT_EQUAL(worker_pool_waiting_count(bench.pool), 1);
    worker_pool_close(bench.pool);
    bench.pool = NULL;
    CU_ASSERT_TRUE(bench.ended);
    CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
    bench_close(&bench);
}

/* --- this test as a worker from outside --- */

/* Is IDLE afterwards. */
static int
join_outside(struct bench *bench)
{
    const int fd = outside_worker_join(bench->ring, bench->socket_path, bench->dir);

    wait_for(bench, first_is_idle);
    return fd;
}

/* Takes the job and checks that the descriptor cannot be written through. */
static int
take_job_outside(struct bench *bench)
{
    const int fd = join_outside(bench);
    struct worker_msg msg;
    int memtable_fd = -1;

    start_job(bench);
    CU_ASSERT_EQUAL_FATAL(outside_worker_receive(bench->ring, fd, &msg, &memtable_fd), KV_OK);
    CU_ASSERT_EQUAL(msg.kind, WORKER_MSG_FLUSH);
    CU_ASSERT_EQUAL(msg.flush.output_count, FAMILY_COUNT);
    CU_ASSERT_TRUE(memtable_fd >= 0);
    CU_ASSERT_TRUE(write(memtable_fd, "x", 1) < 0);
    close(memtable_fd);
    worker_msg_deinit(&msg);
    return fd;
}

static void
fill_table_msg(const struct bench *bench, uint32_t output, struct worker_msg *msg)
{
    *msg = (struct worker_msg){.kind = WORKER_MSG_TABLE};
    msg->table = (struct worker_table){
        .job_id = 77,
        .file_number = FIRST_NUMBER + output,
        .file_bytes = 1000,
        .seq_smallest = 1,
        .seq_largest = bench->versions * FAMILY_COUNT,
        .entry_count = bench->live_keys + (output == FAMILY_COUNT - 1 ? 1 : 0),
        .range_tombstone_count = output == FAMILY_COUNT - 1 ? 1 : 0,
    };
    internal_key_append(&msg->table.smallest, slice_from_text("key"), 1, TYPE_VALUE);
    internal_key_append(&msg->table.largest, slice_from_text("kez"), 1, TYPE_VALUE);
}

typedef void lie_fn(struct bench *bench, struct worker_msg *table);

static void
lie_number(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    table->table.file_number = 1;
}

static void
lie_job(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    table->table.job_id = 78;
}

static void
lie_entries(struct bench *bench, struct worker_msg *table)
{
    table->table.entry_count = bench->versions + 1;
}

static void
lie_emptiness(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    table->table.entry_count = 0;
}

static void
lie_tombstones(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    table->table.range_tombstone_count = 1;
}

static void
lie_sequence(struct bench *bench, struct worker_msg *table)
{
    table->table.seq_largest = bench->versions * FAMILY_COUNT + 100;
}

static void
lie_order(struct bench *bench, struct worker_msg *table)
{
    const struct buffer swapped = table->table.smallest;

    (void)bench;
    table->table.smallest = table->table.largest;
    table->table.largest = swapped;
}

static void
lie_type(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    put_fixed64(table->table.smallest.data + 3, footer_pack(1, (enum value_type)0x42));
}

static void
lie_key_sequence(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    put_fixed64(table->table.smallest.data + 3, footer_pack(SEQUENCE_MAX, TYPE_VALUE));
}

static void
lie_state(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    worker_msg_deinit(table);
    table->kind = WORKER_MSG_HELLO;
    table->hello.protocol_version = WORKER_PROTOCOL_VERSION;
}

static void
lie_early_done(struct bench *bench, struct worker_msg *table)
{
    (void)bench;
    worker_msg_deinit(table);
    table->kind = WORKER_MSG_DONE;
    table->done.job_id = 77;
    table->done.table_count = FAMILY_COUNT;
}

/* Method: each lie about the first table is told once, by a worker of its own; it is hung up on
 * and the job ends with an error, for the engine to give it new numbers. */
static void
a_lying_worker_is_cut_off(void)
{
    static lie_fn *const lies[] = {
        lie_number, lie_job,  lie_entries, lie_emptiness,    lie_tombstones, lie_sequence,
        lie_order,  lie_type, lie_state,   lie_key_sequence, lie_early_done,
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct worker_msg msg;
        struct bench bench;
        int fd;

        bench_open(&bench, 0, 100, NULL);
        fd = take_job_outside(&bench);
        leave_a_partial_output(&bench);
        fill_table_msg(&bench, 0, &msg);
        lies[i](&bench, &msg);
        outside_worker_send(fd, &msg);
        worker_msg_deinit(&msg);
        wait_for(&bench, has_ended);
        CU_ASSERT_EQUAL(bench.st, KV_CANCELLED);
        CU_ASSERT_FALSE(any_output_is_there(&bench));
        CU_ASSERT_EQUAL(outside_worker_receive(bench.ring, fd, &msg, NULL), KV_CANCELLED);
        wait_for(&bench, none_is_there);
        close(fd);
        bench_close(&bench);
    }
}

static void
write_file(const struct bench *bench, uint32_t output, size_t size, bool with_magic)
{
    static const uint64_t magic = UINT64_C(0x88e241b785f4cff7);
    uint8_t bytes[1000] = {0};
    char path[PATH_SIZE];
    int fd;

    memcpy(bytes + size - sizeof(magic), &magic, with_magic ? sizeof(magic) : 0);
    table_path(bench, output, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

/* The whole of a flush by hand; the files are `size` bytes long. */
static void
claim_all(struct bench *bench, int fd)
{
    struct worker_msg msg;

    for (uint32_t i = 0; i < FAMILY_COUNT; i++) {
        fill_table_msg(bench, i, &msg);
        outside_worker_send(fd, &msg);
        worker_msg_deinit(&msg);
    }
    msg = (struct worker_msg){.kind = WORKER_MSG_DONE};
    msg.done.job_id = 77;
    msg.done.table_count = FAMILY_COUNT;
    outside_worker_send(fd, &msg);
}

/* Method: the words are right, but a file is missing, too short, or no table; with all three there
 * the result is taken, even if the worker leaves right after DONE. */
static void
claims_are_held_against_the_files(void)
{
    for (int kind = 0; kind < 4; kind++) {
        struct bench bench;
        int fd;

        bench_open(&bench, 0, 100, NULL);
        fd = take_job_outside(&bench);
        write_file(&bench, 0, 1000, true);
        write_file(&bench, 1, 1000, true);
        if (kind == 1)
            write_file(&bench, 2, 999, true);
        if (kind == 2)
            write_file(&bench, 2, 1000, false);
        if (kind == 3)
            write_file(&bench, 2, 1000, true);
        claim_all(&bench, fd);
        if (kind >= 2)
            close(fd);
        wait_for(&bench, has_ended);
        CU_ASSERT_EQUAL(bench.st, kind == 3 ? KV_OK : KV_CANCELLED);
        CU_ASSERT_EQUAL(any_output_is_there(&bench), kind == 3);
        if (kind < 2)
            close(fd);
        wait_for(&bench, none_is_there);
        bench_close(&bench);
    }
}

/* Method: a second pool on the socket of a living one is refused and leaves it be; what a dead
 * one has left is replaced. */
static void
a_living_pools_socket_is_not_taken(void)
{
    struct worker_pool *second;
    struct bench bench;
    struct worker_pool_options options = {.timeout_us = TIMEOUT_US};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    bench_open(&bench, 0, 100, NULL);
    options.ring = bench.ring;
    options.dir = bench.dir;
    options.socket_path = bench.socket_path;
    CU_ASSERT_EQUAL(worker_pool_open(&options, &second), KV_LOCKED);
    CU_ASSERT_PTR_NULL(second);
    fd = join_outside(&bench);
    close(fd);
    worker_pool_close(bench.pool);
    CU_ASSERT_EQUAL(access(bench.socket_path, F_OK), -1);

    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", bench.socket_path);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    CU_ASSERT_EQUAL_FATAL(worker_pool_open(&options, &bench.pool), KV_OK);
    fd = join_outside(&bench);
    close(fd);
    bench_close(&bench);
}

/* Method: noise, a wrong version and a descriptor out of turn, each before any job. */
static void
strangers_on_the_socket_are_cut_off(void)
{
    struct worker_msg msg = {.kind = WORKER_MSG_HELLO}, back;
    struct bench bench;
    struct stat st;
    int fd;

    bench_open(&bench, 0, 100, NULL);
    CU_ASSERT_EQUAL(stat(bench.socket_path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    fd = outside_worker_connect(bench.socket_path);
    CU_ASSERT_EQUAL(send(fd, "GET / HTTP/1.0", 14, 0), 14);
    CU_ASSERT_EQUAL(outside_worker_receive(bench.ring, fd, &back, NULL), KV_CANCELLED);
    close(fd);

    fd = outside_worker_connect(bench.socket_path);
    msg.hello.protocol_version = WORKER_PROTOCOL_VERSION + 1;
    outside_worker_send(fd, &msg);
    CU_ASSERT_EQUAL(outside_worker_receive(bench.ring, fd, &back, NULL), KV_CANCELLED);
    close(fd);

    fd = outside_worker_connect(bench.socket_path);
    msg.hello.protocol_version = WORKER_PROTOCOL_VERSION;
    CU_ASSERT_EQUAL(worker_channel_send(fd, CHANNEL_NOWAIT, &msg, fd), KV_OK);
    CU_ASSERT_EQUAL(outside_worker_receive(bench.ring, fd, &back, NULL), KV_CANCELLED);
    close(fd);

    fd = outside_worker_connect(bench.socket_path); /* says nothing at all */
    CU_ASSERT_EQUAL(outside_worker_receive(bench.ring, fd, &back, NULL), KV_CANCELLED);
    close(fd);
    wait_for(&bench, none_is_there);
    bench_close(&bench);
}

/* Method: a worker from outside reports a full disk; the engine hears just that. */
static void
a_full_disk_is_reported_as_such(void)
{
    struct worker_msg msg = {.kind = WORKER_MSG_FAILED};
    struct bench bench;
    int fd;

    bench_open(&bench, 0, 100, NULL);
    fd = take_job_outside(&bench);
    leave_a_partial_output(&bench);
    msg.failed.job_id = 77;
    msg.failed.status = KV_NO_SPACE;
    outside_worker_send(fd, &msg);
    wait_for(&bench, has_ended);
    CU_ASSERT_EQUAL(bench.st, KV_NO_SPACE);
    CU_ASSERT_FALSE(any_output_is_there(&bench));
    CU_ASSERT_STRING_EQUAL(info_of(&bench, 0).state, "idle");
    close(fd);
    bench_close(&bench);
}

/* Method: kill whatever runs, at random moments, until the job has ended all the same. */
static void
the_job_survives_a_killer(void)
{
    struct random random;
    struct bench bench;
    uint32_t kills = 0;

    random_init(&random, unit_seed());
    bench_open(&bench, 2, 20000, NULL);
    start_job(&bench);
    while (!bench.ended) {
        const struct worker_info info = info_of(&bench, (uint32_t)random_below(&random, 2));

        if (info.pid > 0 && kills < 6 && random_below(&random, 4) == 0 && ++kills > 0)
            (void)kill(info.pid, SIGKILL);
        (void)ring_turn(bench.ring, 1000 + random_below(&random, 20000));
    }
    expect_good_tables(&bench);
    bench_close(&bench);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_memtable_becomes_one_table_a_family),
        UNIT_TEST(a_snapshot_reaches_the_worker),
        UNIT_TEST(a_killed_workers_job_goes_to_the_next),
        UNIT_TEST(a_hung_worker_is_killed_and_its_job_redone),
        UNIT_TEST(a_failed_job_is_tried_again),
        UNIT_TEST(many_families_go_out_in_parts),
        UNIT_TEST(a_living_pools_socket_is_not_taken),
        UNIT_TEST(a_job_that_keeps_failing_goes_back_to_the_engine),
        UNIT_TEST(without_a_program_jobs_wait),
        UNIT_TEST(a_lying_worker_is_cut_off),
        UNIT_TEST(claims_are_held_against_the_files),
        UNIT_TEST(strangers_on_the_socket_are_cut_off),
        UNIT_TEST(a_full_disk_is_reported_as_such),
        UNIT_TEST(the_job_survives_a_killer),
        UNIT_TEST_END,
    };

    return unit_main("worker_pool", tests, argc, argv);
}
