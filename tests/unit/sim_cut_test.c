/* Goal: the simulated machine keeps what it must keep over a power cut, and loses the rest often
 * enough to find bugs.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "io/file.h"
#include "support/quiet_log.h"
#include "support/sim_call.h"
#include "support/sim_io.h"
#include "support/unit.h"

enum { SEED_COUNT = 1000, FILE_BYTES = 5000 };

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

static void
cut_and_boot(void)
{
    sim_io_power_cut(sim);
    sim_io_boot(sim);
}

/* Method: random writes and a resize, half of them synced by one of three ways; after the cut
 * each synced byte is there. */
static void
what_is_synced_survives_every_cut(void)
{
    uint8_t *expected = kv_alloc(FILE_BYTES);
    uint8_t *found = kv_alloc(FILE_BYTES);

    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct random random;
        uint64_t size;
        int fd;

        random_init(&random, unit_seed() + seed);
        start((struct sim_options){.seed = unit_seed() + seed, .harsh_directories = seed % 2 == 0});
        fd = sim_open(sim, "/a", O_RDWR | O_CREAT);
        memset(expected, 0, FILE_BYTES);
        for (uint32_t i = 0; i < 10; i++) {
            const uint64_t from = random_below(&random, FILE_BYTES);
            const size_t count = 1 + random_below(&random, FILE_BYTES - from);

            memset(expected + from, (int)(i + 1), count);
            CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_WRITE,
                                                              .fd = fd,
                                                              .buffer = expected + from,
                                                              .size = count,
                                                              .offset = from,
                                                              .write_sync = i == 9}),
                            (int64_t)count);
            if (i == 4 && seed % 3 == 0)
                CU_ASSERT_EQUAL(
                    sim_call(sim,
                             (struct io_request){.op = IO_TRUNCATE, .fd = fd, .size = FILE_BYTES}),
                    0);
            if (i == 8)
                CU_ASSERT_EQUAL(
                    sim_call(sim, (struct io_request){.op = seed % 2 == 0 ? IO_FSYNC : IO_FDATASYNC,
                                                      .fd = fd}),
                    0);
        }
        CU_ASSERT_EQUAL(sim_sync_dir(sim, "/"), 0);
        CU_ASSERT_EQUAL(file_size(io, fd, &size), KV_OK);
        cut_and_boot();
        fd = sim_open(sim, "/a", O_RDONLY);
        CU_ASSERT_TRUE_FATAL(fd >= 0);
        CU_ASSERT_EQUAL(sim_call(sim,
                                 (struct io_request){
                                     .op = IO_READ, .fd = fd, .buffer = found, .size = FILE_BYTES}),
                        (int64_t)size);
        if (memcmp(found, expected, size) != 0) {
            printf("seed %" PRIu64 " lost synced bytes\n", unit_seed() + seed);
            CU_FAIL();
        }
        stop();
    }
    free(expected);
    free(found);
}

enum { ABSENT = 63, MODEL_BYTES = 2000 };

/* What each byte may be after a cut: a set of values below 63, and ABSENT. */
static uint64_t possible[MODEL_BYTES];
static uint8_t current[MODEL_BYTES];
static uint64_t current_size;

static void
model_write(uint64_t from, uint64_t to, uint8_t value, bool durable)
{
    for (uint64_t i = 0; i < to; i++) {
        if (i >= current_size)
            current[i] = 0;
        if (i < from && durable && (possible[i] >> ABSENT & 1) != 0)
            possible[i] = (possible[i] & ~(UINT64_C(1) << ABSENT)) | 1;
        if (i >= from) {
            current[i] = value;
            possible[i] = durable ? UINT64_C(1) << value : possible[i] | UINT64_C(1) << value;
        }
        if (!durable && (possible[i] >> ABSENT & 1) != 0)
            possible[i] |= 1;
    }
    if (to > current_size)
        current_size = to;
}

static void
model_resize(uint64_t size)
{
    for (uint64_t i = 0; i < MODEL_BYTES; i++) {
        if (i >= size)
            possible[i] |= UINT64_C(1) << ABSENT | 1;
        else if (i >= current_size)
            possible[i] |= 1;
        if (i >= current_size || i >= size)
            current[i] = 0;
    }
    current_size = size;
}

static void
model_sync(void)
{
    for (uint64_t i = 0; i < MODEL_BYTES; i++)
        possible[i] = i < current_size ? UINT64_C(1) << current[i] : UINT64_C(1) << ABSENT;
}

static void
random_file_op(struct random *random, int fd, uint8_t value)
{
    uint8_t bytes[MODEL_BYTES];
    const uint64_t kind = random_below(random, 8);
    const uint64_t from = random_below(random, MODEL_BYTES);
    const uint64_t count = 1 + random_below(random, MODEL_BYTES - from);

    if (kind == 0) {
        CU_ASSERT_EQUAL(sim_sync(sim, fd), 0);
        model_sync();
    } else if (kind == 1) {
        CU_ASSERT_EQUAL(
            sim_call(sim, (struct io_request){.op = IO_TRUNCATE, .fd = fd, .size = from}), 0);
        model_resize(from);
    } else {
        memset(bytes, value, count);
        CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_WRITE,
                                                          .fd = fd,
                                                          .buffer = bytes,
                                                          .size = count,
                                                          .offset = from,
                                                          .write_sync = kind == 2}),
                        (int64_t)count);
        model_write(from, from + count, value, kind == 2);
    }
}

/* Method: random writes, synchronous ones, syncs and resizes against a model of what each byte
 * may be.  Before the cut reads see the latest; after it no byte has an impossible value. */
static void
every_byte_is_one_that_the_model_allows(void)
{
    uint8_t found[MODEL_BYTES];

    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct random random;
        bool ok = true;
        int64_t size;
        int fd;

        random_init(&random, unit_seed() + seed);
        start((struct sim_options){.seed = unit_seed() + seed});
        fd = sim_open(sim, "/a", O_RDWR | O_CREAT);
        current_size = 0;
        model_sync();
        for (uint8_t value = 1; value < 2 + seed % 30; value++)
            random_file_op(&random, fd, value);
        sim_sync_dir(sim, "/");
        size = sim_call(sim, (struct io_request){
                                 .op = IO_READ, .fd = fd, .buffer = found, .size = sizeof(found)});
        ok &= size == (int64_t)current_size && memcmp(found, current, current_size) == 0;
        cut_and_boot();
        fd = sim_open(sim, "/a", O_RDONLY);
        size = sim_call(sim, (struct io_request){
                                 .op = IO_READ, .fd = fd, .buffer = found, .size = sizeof(found)});
        for (int64_t i = 0; i < MODEL_BYTES; i++)
            ok &= (possible[i] >> (i < size ? found[i] : ABSENT) & 1) != 0;
        if (!ok)
            printf("seed %" PRIu64 " breaks the model\n", unit_seed() + seed);
        CU_ASSERT_TRUE(ok);
        stop();
    }
}

struct fates {
    uint32_t all, none, part, zeros, torn;
};

/* Method: eight sectors of 'o' are durable; 'n' over them and eight sectors beyond are not. */
static void
cut_unsynced_write(struct fates *fates)
{
    static uint8_t bytes[16 * 512];
    int fd = sim_open(sim, "/a", O_RDWR | O_CREAT);
    uint32_t new_count = 0;
    bool torn = false, zeros = false;
    int64_t size;

    memset(bytes, 'o', sizeof(bytes));
    CU_ASSERT_EQUAL(file_write(io, fd, 0, bytes, sizeof(bytes) / 2), KV_OK);
    CU_ASSERT_EQUAL(sim_sync(sim, fd), 0);
    CU_ASSERT_EQUAL(sim_sync_dir(sim, "/"), 0);
    memset(bytes, 'n', sizeof(bytes));
    CU_ASSERT_EQUAL(file_write(io, fd, 0, bytes, sizeof(bytes)), KV_OK);
    cut_and_boot();
    fd = sim_open(sim, "/a", O_RDONLY);
    size = sim_call(
        sim, (struct io_request){.op = IO_READ, .fd = fd, .buffer = bytes, .size = sizeof(bytes)});
    CU_ASSERT_TRUE_FATAL(size >= (int64_t)sizeof(bytes) / 2);
    for (int64_t i = 0; i < size; i++) {
        CU_ASSERT_TRUE(bytes[i] == 'o' || bytes[i] == 'n' || (bytes[i] == 0 && i >= 8 * 512));
        new_count += bytes[i] == 'n';
        zeros |= bytes[i] == 0;
        torn |= i % 512 != 0 && bytes[i] != bytes[i - 1];
    }
    fates->all += new_count == sizeof(bytes);
    fates->none += new_count == 0 && size == (int64_t)sizeof(bytes) / 2;
    fates->part += new_count > 0 && new_count < sizeof(bytes);
    fates->zeros += zeros;
    fates->torn += torn;
}

static void
what_is_not_synced_has_every_fate(void)
{
    struct fates fates = {0};

    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        start((struct sim_options){.seed = unit_seed() + seed});
        cut_unsynced_write(&fates);
        stop();
    }
    CU_ASSERT_TRUE(fates.all > 50);
    CU_ASSERT_TRUE(fates.none > 50);
    CU_ASSERT_TRUE(fates.part > 50);
    CU_ASSERT_TRUE(fates.zeros > 50);
    CU_ASSERT_TRUE(fates.torn > 50);
}

/* Method: a name is replaced by rename, with or without a directory sync.  The name always holds
 * one of the two contents, whole; without the sync it is now and then the old one. */
static void
a_rename_is_atomic_and_durable_only_after_a_directory_sync(void)
{
    for (int synced = 0; synced <= 1; synced++) {
        uint32_t old_count = 0, new_count = 0;

        for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
            int fd;

            start((struct sim_options){.seed = unit_seed() + seed,
                                       .harsh_directories = seed % 2 == 0});
            CU_ASSERT_EQUAL(file_replace(io, "/", "/tmp", "/name", slice_from_text("old")), KV_OK);
            fd = sim_open(sim, "/tmp", O_WRONLY | O_CREAT);
            CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "new"), 3);
            CU_ASSERT_EQUAL(sim_sync(sim, fd), 0);
            CU_ASSERT_EQUAL(file_rename(io, "/tmp", "/name"), KV_OK);
            if (synced)
                CU_ASSERT_EQUAL(sim_sync_dir(sim, "/"), 0);
            cut_and_boot();
            old_count += sim_file_holds(sim, "/name", "old");
            new_count += sim_file_holds(sim, "/name", "new");
            stop();
        }
        CU_ASSERT_EQUAL(old_count + new_count, SEED_COUNT);
        CU_ASSERT_TRUE(synced ? old_count == 0 : old_count > 50 && new_count > 50);
    }
}

/* Method: two files are created in order and only the data is synced.  A journal never keeps the
 * second name without the first; a harsh system does.  A sync of one directory keeps only its
 * own changes there. */
static void
harsh_directories_keep_any_subset(void)
{
    for (int harsh = 0; harsh <= 1; harsh++) {
        uint32_t second_only = 0, none = 0, other_dir = 0;

        for (uint64_t seed = 0; seed < 300; seed++) {
            bool first, second, other;

            start((struct sim_options){.seed = unit_seed() + seed, .harsh_directories = harsh});
            CU_ASSERT_EQUAL(sim_call(sim, (struct io_request){.op = IO_MKDIR, .path = "/d"}), 0);
            CU_ASSERT_EQUAL(sim_sync_dir(sim, "/"), 0);
            CU_ASSERT_EQUAL(sim_sync(sim, sim_open(sim, "/other", O_WRONLY | O_CREAT)), 0);
            CU_ASSERT_TRUE(sim_open(sim, "/d/synced", O_WRONLY | O_CREAT) >= 0);
            CU_ASSERT_EQUAL(sim_sync_dir(sim, "/d"), 0);
            CU_ASSERT_EQUAL(sim_sync(sim, sim_open(sim, "/d/first", O_WRONLY | O_CREAT)), 0);
            CU_ASSERT_EQUAL(sim_sync(sim, sim_open(sim, "/d/second", O_WRONLY | O_CREAT)), 0);
            cut_and_boot();
            CU_ASSERT_TRUE(sim_file_holds(sim, "/d/synced", ""));
            other = sim_file_holds(sim, "/other", "");
            first = sim_file_holds(sim, "/d/first", "");
            second = sim_file_holds(sim, "/d/second", "");
            second_only += second && !first;
            none += !second && !first;
            other_dir += other;
            stop();
        }
        CU_ASSERT_TRUE(none > 10);
        CU_ASSERT_EQUAL(second_only > 0, harsh == 1);
        CU_ASSERT_EQUAL(other_dir < 300, harsh == 1);
    }
}

/* Method: the sync fails; the next returns 0; a buffered read shows the new bytes, a direct one
 * does not always; after a kill the lie lives on; a cut ends it. */
static void
a_failed_sync_lies_until_the_power_fails(void)
{
    uint32_t lost_count = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        const struct sim_fault fault = {
            .op = IO_FSYNC, .path_suffix = ".log", .fail_count = 1, .error = EIO};
        int fd;

        start((struct sim_options){.seed = unit_seed() + seed});
        fd = sim_open(sim, "/1.log", O_RDWR | O_CREAT);
        CU_ASSERT_EQUAL(sim_sync_dir(sim, "/"), 0);
        CU_ASSERT_EQUAL(sim_sync(sim, fd), 0);
        CU_ASSERT_EQUAL(sim_write_text(sim, fd, 0, "precious"), 8);
        sim_io_add_fault(sim, &fault);
        CU_ASSERT_EQUAL(sim_sync(sim, fd), -EIO);
        CU_ASSERT_EQUAL(sim_sync(sim, fd), 0);
        CU_ASSERT_TRUE(sim_file_holds(sim, "/1.log", "precious"));
        sim_io_kill(sim);
        sim_io_boot(sim);
        CU_ASSERT_TRUE(sim_file_holds(sim, "/1.log", "precious"));
        if (seed % 2 == 0)
            sim_io_drop_caches(sim);
        else
            cut_and_boot();
        lost_count += !sim_file_holds(sim, "/1.log", "precious");
        stop();
    }
    CU_ASSERT_TRUE(lost_count > 30);
}

static void
never_done(struct io_request *request)
{
    (void)request;
    CU_FAIL("a request of a machine without power is done");
}

/* Method: a cut while one synchronous write of eight sectors is in flight, under many seeds. */
static void
a_write_in_flight_survives_in_part(void)
{
    uint32_t all_count = 0, none_count = 0, part_count = 0;

    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        uint8_t bytes[8 * 512], found[8 * 512] = {0};
        struct io_request request;
        uint32_t new_count = 0;
        int fd;

        start((struct sim_options){.seed = unit_seed() + seed});
        fd = sim_open(sim, "/a", O_RDWR | O_CREAT);
        sim_sync_dir(sim, "/");
        memset(bytes, 'n', sizeof(found));
        request = (struct io_request){.op = IO_WRITE,
                                      .fd = fd,
                                      .buffer = bytes,
                                      .size = sizeof(found),
                                      .write_sync = true,
                                      .done = never_done};
        io_submit(io, &request);
        cut_and_boot();
        fd = sim_open(sim, "/a", O_RDONLY);
        sim_call(sim, (struct io_request){
                          .op = IO_READ, .fd = fd, .buffer = found, .size = sizeof(found)});
        for (size_t i = 0; i < sizeof(found); i++)
            new_count += found[i] == 'n';
        none_count += new_count == 0;
        all_count += new_count == sizeof(found);
        part_count += new_count > 0 && new_count < sizeof(found);
        stop();
    }
    CU_ASSERT_TRUE(none_count > 300);
    CU_ASSERT_TRUE(all_count > 20);
    CU_ASSERT_TRUE(part_count > 200);
}

/* Method: the power fails in every operation of file_replace in turn, under many seeds; the name
 * holds the old or the new content; after success the new one. */
static void
a_replacement_survives_a_cut_at_every_operation(void)
{
    uint32_t old_count = 0, new_count = 0;

    quiet_log();
    for (uint64_t seed = 0; seed < 100; seed++) {
        for (uint64_t op_number = 1;; op_number++) {
            enum kv_status st;
            bool is_down;

            start((struct sim_options){.seed = unit_seed() + seed,
                                       .harsh_directories = seed % 2 == 0});
            CU_ASSERT_EQUAL(file_replace(io, "/", "/t", "/n", slice_from_text("old")), KV_OK);
            sim_io_cut_at(sim, op_number);
            st = file_replace(io, "/", "/t", "/n", slice_from_text("new"));
            is_down = sim_io_is_down(sim);
            sim_io_boot(sim);
            CU_ASSERT_TRUE(sim_file_holds(sim, "/n", "new") ||
                           (st != KV_OK && sim_file_holds(sim, "/n", "old")));
            old_count += sim_file_holds(sim, "/n", "old");
            new_count += sim_file_holds(sim, "/n", "new");
            stop();
            if (!is_down)
                break;
        }
    }
    log_set_sink(NULL, NULL);
    CU_ASSERT_TRUE(old_count > 100);
    CU_ASSERT_TRUE(new_count > 100);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(what_is_synced_survives_every_cut),
        UNIT_TEST(every_byte_is_one_that_the_model_allows),
        UNIT_TEST(what_is_not_synced_has_every_fate),
        UNIT_TEST(a_rename_is_atomic_and_durable_only_after_a_directory_sync),
        UNIT_TEST(harsh_directories_keep_any_subset),
        UNIT_TEST(a_failed_sync_lies_until_the_power_fails),
        UNIT_TEST(a_write_in_flight_survives_in_part),
        UNIT_TEST(a_replacement_survives_a_cut_at_every_operation),
        UNIT_TEST_END,
    };

    return unit_main("sim_cut", tests, argc, argv);
}
