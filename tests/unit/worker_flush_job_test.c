/* Goal: a flush job writes what it says, and says so only if it is true.
 *
 * Method: flush_job and output_file called in place, with the other end of a socket pair as kvd. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "io/io_blocking.h"
#include "ipc/worker_channel.h"
#include "mem/memtable.h"
#include "support/quiet_log.h"
#include "support/scratch_dir.h"
#include "support/unit.h"
#include "worker/flush_job.h"
#include "worker/output_file.h"

enum { PATH_SIZE = 200, VERSION_COUNT = 10, MIB = 1024 * 1024 };

struct bench {
    char dir[SCRATCH_PATH_BYTES];
    int pair[2];
    struct io *io;
    struct heartbeat heartbeat;
    struct memtable_pool *pool;
    struct memtable *memtable;
    uint64_t snapshots[2];
    struct worker_flush_output output;
    struct worker_flush flush;
};

static void
put_text(struct buffer *target, const char *text)
{
    buffer_append(target, text, strlen(text) + 1);
    target->size--;
}

/* Family 3 with ten versions of one key, sequences 1 to 10. */
static void
bench_open(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    scratch_dir_make(bench->dir, "/var/tmp");
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bench->pair), 0);
    bench->io = io_blocking_new();
    bench->heartbeat = (struct heartbeat){
        .io = bench->io, .socket = bench->pair[0], .interval_us = UINT64_C(1) << 60};
    bench->pool = memtable_pool_new(1 << 20, 1);
    CU_ASSERT_EQUAL_FATAL(memtable_new(bench->pool, 0, &bench->memtable), KV_OK);
    for (uint64_t seq = 1; seq <= VERSION_COUNT; seq++) {
        const struct batch_record record = {.cf_id = 3,
                                            .type = TYPE_VALUE,
                                            .seq = seq,
                                            .key = slice_from_text("key"),
                                            .value = slice_from_text("value")};
        memtable_add(bench->memtable, &record);
    }
    memtable_freeze(bench->memtable);
    bench->output = (struct worker_flush_output){.cf_id = 3, .file_number = 7};
    put_text(&bench->output.cf_name, "three");
    put_text(&bench->output.merge_operator, "nullptr");
    bench->flush = (struct worker_flush){.job_id = 1,
                                         .seq_first = 1,
                                         .seq_last = VERSION_COUNT,
                                         .snapshots = bench->snapshots,
                                         .outputs = &bench->output,
                                         .output_count = 1};
    put_text(&bench->flush.db_identity, "");
    put_text(&bench->flush.session_identity, "");
}

static void
bench_close(struct bench *bench)
{
    buffer_deinit(&bench->output.cf_name);
    buffer_deinit(&bench->output.merge_operator);
    buffer_deinit(&bench->flush.db_identity);
    buffer_deinit(&bench->flush.session_identity);
    memtable_unref(bench->memtable);
    memtable_pool_free(bench->pool);
    io_blocking_free(bench->io);
    close(bench->pair[0]);
    close(bench->pair[1]);
    scratch_dir_remove(bench->dir);
}

static enum kv_status
run(struct bench *bench, struct flush_job_result *result)
{
    return flush_job_run(&bench->flush, memtable_fd(bench->memtable), bench->dir, &bench->heartbeat,
                         result);
}

/* Method: one key with versions 1..10: without snapshots the newest stays; snapshots at 4 and 9
 * keep one version each as well. */
static void
snapshots_keep_their_versions(void)
{
    struct flush_job_result result;
    struct bench bench;

    bench_open(&bench);
    CU_ASSERT_EQUAL_FATAL(run(&bench, &result), KV_OK);
    CU_ASSERT_EQUAL(result.table_count, 1);
    CU_ASSERT_EQUAL(result.tables[0].entry_count, 1);
    CU_ASSERT_EQUAL(result.tables[0].seq_smallest, VERSION_COUNT);
    flush_job_result_deinit(&result);

    bench.snapshots[0] = 4;
    bench.snapshots[1] = 9;
    bench.flush.snapshot_count = 2;
    bench.output.file_number = 8;
    CU_ASSERT_EQUAL_FATAL(run(&bench, &result), KV_OK);
    CU_ASSERT_EQUAL(result.tables[0].entry_count, 3);
    CU_ASSERT_EQUAL(result.tables[0].seq_smallest, 4);
    CU_ASSERT_EQUAL(result.tables[0].seq_largest, VERSION_COUNT);
    flush_job_result_deinit(&result);
    bench_close(&bench);
}

enum { MANY = 20 };

static uint32_t
count_descriptors(void)
{
    uint32_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

/* Goal: the tables of many families, which are synced together, are all there and all right; and
 * when one of them cannot be made nothing stays open. */
static void
many_families_go_together(void)
{
    struct worker_flush_output outputs[MANY];
    struct flush_job_result result;
    struct bench bench;
    uint32_t open_count;

    bench_open(&bench);
    memtable_unref(bench.memtable);
    CU_ASSERT_EQUAL_FATAL(memtable_new(bench.pool, 0, &bench.memtable), KV_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct batch_record record = {.cf_id = 10 + i,
                                            .type = TYPE_VALUE,
                                            .seq = 1 + i,
                                            .key = slice_from_text("key"),
                                            .value = slice_from_text("value")};

        memtable_add(bench.memtable, &record);
        outputs[i] = bench.output;
        outputs[i].cf_id = 10 + i;
        outputs[i].file_number = 100 + i;
    }
    memtable_freeze(bench.memtable);
    bench.flush.outputs = outputs;
    bench.flush.output_count = MANY;
    bench.flush.seq_last = MANY;
    open_count = count_descriptors();
    CU_ASSERT_EQUAL_FATAL(run(&bench, &result), KV_OK);
    CU_ASSERT_EQUAL(result.table_count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(result.tables[i].seq_smallest, 1 + i);
    flush_job_result_deinit(&result);
    CU_ASSERT_EQUAL(count_descriptors(), open_count);

    for (uint32_t i = 0; i < MANY; i++)
        outputs[i].file_number = 200 + i;
    outputs[MANY - 1].file_number = 100; /* is there */
    CU_ASSERT_EQUAL(run(&bench, &result), KV_IO);
    CU_ASSERT_EQUAL(result.table_count, 0);
    CU_ASSERT_EQUAL(count_descriptors(), open_count);
    bench_close(&bench);
}

/* Method: a job that names other sequences, a family that is not there, a number whose file is,
 * a directory that is not; a descriptor that is no memtable. */
static void
jobs_that_do_not_fit_fail(void)
{
    const int noise = memfd_create("noise", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct flush_job_result result;
    struct bench bench;
    char path[PATH_SIZE];
    int fd;

    bench_open(&bench);
    bench.flush.seq_last--;
    CU_ASSERT_EQUAL(run(&bench, &result), KV_CORRUPT);
    CU_ASSERT_EQUAL(result.table_count, 0);
    bench.flush.seq_last++;

    bench.output.cf_id = 4;
    CU_ASSERT_EQUAL(run(&bench, &result), KV_CORRUPT);
    bench.output.cf_id = 3;

    snprintf(path, sizeof(path), "%s/000007.sst", bench.dir);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CU_ASSERT_NOT_EQUAL(run(&bench, &result), KV_OK);
    close(fd);
    bench.output.file_number = 9;

    CU_ASSERT_EQUAL(ftruncate(noise, MIB), 0);
    CU_ASSERT_EQUAL(flush_job_run(&bench.flush, noise, bench.dir, &bench.heartbeat, &result),
                    KV_CORRUPT);
    close(noise);
    CU_ASSERT_EQUAL(flush_job_run(&bench.flush, memtable_fd(bench.memtable), "/var/tmp/no/such/dir",
                                  &bench.heartbeat, &result),
                    KV_NO_FILE);
    CU_ASSERT_EQUAL(run(&bench, &result), KV_OK);
    flush_job_result_deinit(&result);
    bench_close(&bench);
}

/* Method: kvd's end is closed; the first beat tells, and the job stops there. */
static void
a_job_stops_when_kvd_is_gone(void)
{
    struct flush_job_result result;
    struct bench bench;

    bench_open(&bench);
    close(bench.pair[1]);
    bench.pair[1] = dup(bench.pair[0]);
    bench.heartbeat.interval_us = 0;
    CU_ASSERT_EQUAL(run(&bench, &result), KV_CANCELLED);
    bench_close(&bench);
}

static enum kv_status
write_in_pieces(struct bench *bench, const char *path, struct slice bytes)
{
    struct output_file file;
    enum kv_status st = output_file_open(&file, bench->io, &bench->heartbeat, path);
    struct random random;

    if (st != KV_OK)
        return st;
    random_init(&random, unit_seed());
    while (bytes.size > 0 && st == KV_OK) {
        size_t take = 1 + random_below(&random, 300000);

        take = take < bytes.size ? take : bytes.size;
        st = output_file_append(&file, slice_of(bytes.data, take));
        bytes = slice_of(bytes.data + take, bytes.size - take);
    }
    if (st == KV_OK)
        st = output_file_finish(&file);
    output_file_close(&file);
    return st;
}

/* Method: sizes round the direct-I/O block, in random pieces, on a disk and (where O_DIRECT may be
 * refused) in memory; then a byte is changed, and one is cut off. */
static void
files_are_written_whole_and_read_back(void)
{
    static const size_t sizes[] = {1, 4095, 4096, MIB - 1, MIB, MIB + 1, 3 * MIB + 4097};
    static const char *const dirs[] = {"", "/dev/shm/kv_flush_test"};
    uint8_t *bytes = kv_alloc(4 * MIB);
    struct bench bench;
    struct random random;
    char path[PATH_SIZE];

    bench_open(&bench);
    random_init(&random, unit_seed());
    for (size_t i = 0; i < 4 * MIB; i++)
        bytes[i] = (uint8_t)random_next(&random);
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t size = sizes[i / 2];
        const struct output_expected expected = {.path = path,
                                                 .bytes = size,
                                                 .checksum_crc32c = crc32c_extend(0, bytes, size),
                                                 .into_cache = (size & 1) != 0};
        struct stat st;
        int fd;

        snprintf(path, sizeof(path), "%s.%zu", i % 2 == 0 ? bench.dir : dirs[1], i);
        CU_ASSERT_EQUAL(write_in_pieces(&bench, path, slice_of(bytes, size)), KV_OK);
        CU_ASSERT_EQUAL(stat(path, &st), 0);
        CU_ASSERT_EQUAL((size_t)st.st_size, size);
        CU_ASSERT_EQUAL(output_file_verify(bench.io, &bench.heartbeat, &expected), KV_OK);
        CU_ASSERT_NOT_EQUAL(write_in_pieces(&bench, path, slice_of(bytes, size)), KV_OK);

        fd = open(path, O_RDWR | O_CLOEXEC);
        CU_ASSERT_EQUAL(pwrite(fd, (uint8_t[]){(uint8_t)~bytes[size / 2]}, 1, (off_t)size / 2), 1);
        CU_ASSERT_EQUAL(output_file_verify(bench.io, &bench.heartbeat, &expected), KV_CORRUPT);
        CU_ASSERT_EQUAL(pwrite(fd, bytes + size / 2, 1, (off_t)size / 2), 1);
        CU_ASSERT_EQUAL(output_file_verify(bench.io, &bench.heartbeat, &expected), KV_OK);
        CU_ASSERT_EQUAL(ftruncate(fd, (off_t)size - 1), 0);
        CU_ASSERT_EQUAL(output_file_verify(bench.io, &bench.heartbeat, &expected), KV_CORRUPT);
        close(fd);
        unlink(path);
    }
    free(bytes);
    bench_close(&bench);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(snapshots_keep_their_versions),
        UNIT_TEST(many_families_go_together),
        UNIT_TEST(jobs_that_do_not_fit_fail),
        UNIT_TEST(a_job_stops_when_kvd_is_gone),
        UNIT_TEST(files_are_written_whole_and_read_back),
        UNIT_TEST_END,
    };

    quiet_log();
    return unit_main("flush_job", tests, argc, argv);
}
