/* Goal: the framing is FORMAT.md's to the byte, and the reader tells each damage apart. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "io/file.h"
#include "support/sim_io.h"
#include "support/unit.h"
#include "wal/log_reader.h"
#include "wal/log_writer.h"

/* A file of framed records on the simulated disk. */
struct fixture {
    struct sim_io *sim;
    struct io *io;
    struct log_writer writer;
    struct buffer bytes;
    struct log_reader reader;
    int fd;
};

static void
setup(struct fixture *fixture, bool recyclable, uint64_t log_number)
{
    *fixture = (struct fixture){.fd = -1};
    fixture->sim = sim_io_new(NULL);
    fixture->io = sim_io_base(fixture->sim);
    log_writer_init(&fixture->writer, recyclable, log_number);
}

static void
open_reader(struct fixture *fixture, uint64_t log_number)
{
    CU_ASSERT_EQUAL_FATAL(file_open(fixture->io, "/log", O_RDWR | O_CREAT, &fixture->fd), KV_OK);
    CU_ASSERT_EQUAL(
        file_write(fixture->io, fixture->fd, 0, fixture->bytes.data, fixture->bytes.size), KV_OK);
    log_reader_init(&fixture->reader, fixture->io, fixture->fd, fixture->bytes.size, log_number);
}

static void
teardown(struct fixture *fixture)
{
    log_reader_deinit(&fixture->reader);
    file_close(fixture->io, fixture->fd);
    sim_io_free(fixture->sim);
    buffer_deinit(&fixture->bytes);
}

static void
append_run(struct fixture *fixture, uint8_t byte, size_t size)
{
    uint8_t *record = malloc(size + 1);

    memset(record, byte, size);
    log_writer_append(&fixture->writer, &fixture->bytes, slice_of(record, size));
    free(record);
}

static bool
is_run(struct slice record, uint8_t byte, size_t size)
{
    for (size_t i = 0; i < record.size; i++)
        if (record.data[i] != byte)
            return false;
    return record.size == size;
}

/* Reads to the end; what each call said, as letters. */
static void
read_outcomes(struct fixture *fixture, char *outcomes, size_t size)
{
    static const char letters[] = {
        [LOG_READ_RECORD] = 'r',  [LOG_READ_END] = 'E',     [LOG_READ_TORN] = 'T',
        [LOG_READ_CORRUPT] = 'c', [LOG_READ_REFUSED] = 'R', [LOG_READ_FAILED] = 'F'};
    struct slice record;
    size_t used = 0;
    enum log_read result;

    do {
        result = log_reader_next(&fixture->reader, &record);
        outcomes[used++] = letters[result];
    } while ((result == LOG_READ_RECORD || result == LOG_READ_CORRUPT) && used < size - 1);
    outcomes[used] = '\0';
}

/* Method: the worked example of FORMAT.md section 13.3. */
static void
a_record_has_the_bytes_of_the_worked_example(void)
{
    static const uint8_t expected[] = {
        0x5c, 0xc0, 0xc9, 0xb3, 0x20, 0,    1, 4, 0, 0,    0, 0, 0, 0, 0, 2, 0, 0, 0, 1,
        1,    0x77, 3,    0x77, 0x61, 0x6c, 6, 1, 1, 0x63, 8, 7, 0, 0, 0, 0, 0, 0, 0};
    struct log_writer writer;
    struct buffer bytes = {0};

    log_writer_init(&writer, false, 9);
    log_writer_append(&writer, &bytes, slice_of(expected + 7, sizeof(expected) - 7));
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&bytes), slice_of(expected, sizeof(expected))));
    buffer_deinit(&bytes);
}

/* Method: a first record that leaves 0 to 13 bytes in the block, then one of 0, 1 or 100,000. */
static void
every_rest_of_a_block_is_handled(void)
{
    static const size_t sizes[] = {0, 1, 100000};

    for (int recyclable = 0; recyclable < 2; recyclable++) {
        const size_t header = recyclable ? LOG_HEADER_RECYCLABLE_BYTES : LOG_HEADER_BYTES;

        for (size_t left = 0; left < 14; left++) {
            for (int i = 0; i < 3; i++) {
                const size_t size_first = LOG_BLOCK_BYTES - header - left;
                struct fixture f;
                struct slice record;

                setup(&f, recyclable == 1, 77);
                append_run(&f, 'a', size_first);
                CU_ASSERT_EQUAL(f.bytes.size, LOG_BLOCK_BYTES - left);
                append_run(&f, 'b', sizes[i]);
                append_run(&f, 'c', 5);
                open_reader(&f, 77);
                CU_ASSERT_EQUAL(log_reader_next(&f.reader, &record), LOG_READ_RECORD);
                CU_ASSERT_TRUE(is_run(record, 'a', size_first));
                CU_ASSERT_EQUAL(log_reader_next(&f.reader, &record), LOG_READ_RECORD);
                CU_ASSERT_TRUE(is_run(record, 'b', sizes[i]));
                CU_ASSERT_EQUAL(log_reader_next(&f.reader, &record), LOG_READ_RECORD);
                CU_ASSERT_TRUE(is_run(record, 'c', 5));
                CU_ASSERT_EQUAL(log_reader_next(&f.reader, &record), LOG_READ_END);
                teardown(&f);
            }
        }
    }
}

/* Method: records of random sizes up to several chunks come back, and the bound holds. */
static void
random_records_come_back(void)
{
    struct random random;
    const uint64_t seed = unit_seed();

    for (int round = 0; round < 20; round++) {
        struct fixture f;
        struct slice record;

        random_init(&random, seed + (uint64_t)round);
        setup(&f, round % 2 == 0, 5);
        for (int i = 0; i < 60; i++) {
            const size_t before = f.bytes.size;
            const size_t size = random_below(&random, 1u << random_below(&random, 20));

            append_run(&f, (uint8_t)i, size);
            CU_ASSERT_TRUE(f.bytes.size - before <= log_writer_bound(size));
        }
        open_reader(&f, 5);
        random_init(&random, seed + (uint64_t)round);
        for (int i = 0; i < 60; i++) {
            const size_t size = random_below(&random, 1u << random_below(&random, 20));

            CU_ASSERT_EQUAL(log_reader_next(&f.reader, &record), LOG_READ_RECORD);
            CU_ASSERT_TRUE(is_run(record, (uint8_t)i, size));
        }
        CU_ASSERT_EQUAL(log_reader_next(&f.reader, &record), LOG_READ_END);
        teardown(&f);
    }
}

enum damage { NONE, CUT, FLIP, ZEROS_BEHIND, OLD_BEHIND, ZERO_RUN, LENGTH, TYPE };

/* Three records a, b, c of `sizes` bytes, then one damage at `at` (from the end if negative). */
struct damage_case {
    const char *outcomes;
    size_t sizes[3];
    enum damage damage;
    long at;
    bool recyclable;
};

static void
set_type(struct fixture *f, size_t at, uint8_t type)
{
    const size_t length = load_fixed16(f->bytes.data + at + 4);

    f->bytes.data[at + 6] = type;
    put_fixed32(f->bytes.data + at,
                crc32c_mask(crc32c_extend(0, f->bytes.data + at + 6, 1 + length)));
}

static void
inflict(struct fixture *f, const struct damage_case *c)
{
    const size_t at = c->at < 0 ? f->bytes.size - (size_t)-c->at : (size_t)c->at;
    struct log_writer old;

    switch (c->damage) {
    case NONE:
        break;
    case CUT:
        f->bytes.size = at;
        break;
    case FLIP:
        f->bytes.data[at] ^= 1;
        break;
    case ZEROS_BEHIND:
        memset(buffer_reserve(&f->bytes, 100000), 0, 100000);
        f->bytes.size += 100000;
        break;
    case OLD_BEHIND:
        old = f->writer;
        old.log_number--;
        log_writer_append(&old, &f->bytes, slice_from_text("of a former life"));
        break;
    case ZERO_RUN:
        memset(f->bytes.data + at, 0, LOG_BLOCK_BYTES);
        break;
    case LENGTH:
        put_fixed16(f->bytes.data + at + 4, 0xffff);
        break;
    case TYPE:
        set_type(f, at, (uint8_t)c->sizes[2]);
        break;
    }
}

/* Method: the reader's verdicts, call by call, for every damage of FORMAT.md section 2. */
static void
each_damage_has_its_verdict(void)
{
    static const struct damage_case cases[] = {
        {"rrrE", {10, 10, 10}, NONE, 0, false},
        {"rrrE", {10, 10, 10}, ZEROS_BEHIND, 0, false},
        {"rrrE", {10, 10, 10}, ZEROS_BEHIND, 0, true},
        {"rrrE", {10, 10, 10}, OLD_BEHIND, 0, true},
        {"rrT", {10, 10, 10}, CUT, -1, false},    /* in the body */
        {"rrT", {10, 10, 10}, CUT, -13, false},   /* in the header */
        {"rrE", {10, 10, 10}, CUT, -17, false},   /* between records */
        {"rrE", {10, 10, 10}, CUT, -1, true},     /* cannot be told from an end */
        {"rrT", {10, 10, 70000}, CUT, -1, false}, /* in the last fragment */
        {"rrT", {10, 10, 70000}, CUT, 65536, false},
        {"rrT", {10, 10, 70000}, CUT, 65536, true},
        {"cE", {10, 10, 10}, FLIP, 8, false},
        {"rcE", {10, 10, 10}, FLIP, 17 + 8, false},
        {"rrcE", {10, 10, 10}, FLIP, -1, false},
        {"rE", {10, 10, 10}, FLIP, 21 + 12, true},
        {"rccrE", {10, 70000, 33000}, FLIP, 40000, false}, /* the MIDDLE of b, LAST is an orphan */
        {"rcE", {10, 70000, 10}, FLIP, 65536 + 100, false},
        {"rT", {10, 70000, 10}, FLIP, 40000, true},
        {"rccrE", {10, 70000, 10}, ZERO_RUN, 32768, false},
        {"rT", {10, 70000, 10}, ZERO_RUN, 32768, true},
        {"rT", {10, 10, 10}, LENGTH, 17, false},
        {"rccrE", {10, 40000, 10}, LENGTH, 17, false},
        {"rE", {10, 10, 10}, LENGTH, 21, true},
        {"rcrE", {10, 10, 4}, TYPE, 17, false},   /* LAST without FIRST */
        {"rcrE", {10, 10, 2}, TYPE, 17, false},   /* FIRST, then FULL */
        {"rR", {10, 10, 9}, TYPE, 17, false},     /* compressed */
        {"rcrE", {10, 10, 200}, TYPE, 17, false}, /* unknown */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct damage_case *c = &cases[i];
        struct fixture f;
        char outcomes[32];

        setup(&f, c->recyclable, 12);
        for (int j = 0; j < 3; j++)
            append_run(&f, (uint8_t)('a' + j), c->sizes[j]);
        inflict(&f, c);
        open_reader(&f, 12);
        read_outcomes(&f, outcomes, sizeof(outcomes));
        if (strcmp(outcomes, c->outcomes) != 0)
            printf("case %zu: %s, expected %s\n", i, outcomes, c->outcomes);
        CU_ASSERT_STRING_EQUAL(outcomes, c->outcomes);
        teardown(&f);
    }
}

/* Method: the first block of a prepared file was never written, the second one was. */
static void
a_recyclable_record_behind_zeros_is_not_believed(void)
{
    struct fixture f;
    char outcomes[32];

    setup(&f, true, 12);
    memset(buffer_reserve(&f.bytes, LOG_BLOCK_BYTES), 0, LOG_BLOCK_BYTES);
    f.bytes.size = LOG_BLOCK_BYTES;
    append_run(&f, 'x', 100);
    open_reader(&f, 12);
    read_outcomes(&f, outcomes, sizeof(outcomes));
    CU_ASSERT_STRING_EQUAL(outcomes, "E");
    teardown(&f);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_record_has_the_bytes_of_the_worked_example),
        UNIT_TEST(every_rest_of_a_block_is_handled),
        UNIT_TEST(random_records_come_back),
        UNIT_TEST(each_damage_has_its_verdict),
        UNIT_TEST(a_recyclable_record_behind_zeros_is_not_believed),
        UNIT_TEST_END,
    };

    return unit_main("log_format", tests, argc, argv);
}
