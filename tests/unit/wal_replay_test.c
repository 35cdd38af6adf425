/* Goal: replay does in each recovery mode what RocksDB does (the table of FORMAT.md section 2.1).
 * Method: every cell of that table as a page: what is written, how it is damaged, and which
 * batches each of the four modes gives back; "-" is an open that fails. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/coding.h"
#include "base/log.h"
#include "io/file.h"
#include "key/write_batch.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"
#include "support/unit.h"
#include "wal/log_writer.h"
#include "wal/wal_replay.h"

enum damage { NONE, CUT, FLIP, LENGTH, ZEROS };

struct page {
    const char *name;
    const char *logs; /* batches as letters, capitals are larger than a block; '/': next log;
                       * '+': a sequence is left out; '-': one is used again; '!': a batch that
                       * cannot be applied */
    bool recyclable;
    enum damage damage;
    char at;     /* the batch that is damaged */
    long offset; /* in its framed bytes, from the end if negative */
    const char *expected[4];
};

static const struct page pages[] = {
    {"whole", "abc/de", false, NONE, 'a', 0, {"abcde", "abcde", "abcde", "abcde"}},
    {"body torn", "abc", false, CUT, 'c', -3, {"ab", "-", "ab", "ab"}},
    {"header torn", "abc", false, CUT, 'c', 3, {"ab", "-", "ab", "ab"}},
    {"crc first", "abc", false, FLIP, 'a', 12, {"-", "-", "", ""}},
    {"crc second", "abc", false, FLIP, 'b', 12, {"-", "-", "a", "a"}},
    {"crc last", "abc", false, FLIP, 'c', 12, {"-", "-", "ab", "ab"}},
    {"crc later block", "aBc", false, FLIP, 'B', 40000, {"-", "-", "a", "ac"}},
    {"zeros", "ab", false, ZEROS, 'b', 0, {"ab", "ab", "ab", "ab"}},
    {"length", "abc", false, LENGTH, 'b', 4, {"a", "-", "a", "a"}},
    {"torn, next", "ab/-cd", false, CUT, 'b', -3, {"acd", "-", "acd", "acd"}},
    {"torn, gap", "ab/+cd", false, CUT, 'b', -3, {"acd", "-", "a", "acd"}},
    {"not applied", "a!b", false, NONE, 'a', 0, {"-", "-", "a", "ab"}},
    {"recycled, lost tail", "abc", true, FLIP, 'c', 12, {"ab", "ab", "ab", "ab"}},
    {"recycled, next", "ab/-cd", true, FLIP, 'b', 12, {"acd", "acd", "acd", "acd"}},
    {"recycled, gap", "abc/de", true, FLIP, 'b', 12, {"ade", "-", "a", "ade"}},
    {"plain, gap", "ab/+cd", false, NONE, 'a', 0, {"abcd", "abcd", "abcd", "abcd"}},
    {"recycled, gap behind nothing", "+/ab", true, NONE, 'a', 0, {"ab", "-", "", "ab"}},
    {"plain, gap behind nothing", "+/ab", false, NONE, 'a', 0, {"ab", "ab", "ab", "ab"}},
    {"torn, resumes", "ab/c/--d", false, CUT, 'b', -3, {"-", "-", "ad", "ac"}},
    {"recycled, resumes", "ab/c/--d", true, FLIP, 'b', 12, {"-", "-", "ad", "ac"}},
};

struct replayed {
    char letters[64];
    size_t count;
};

static enum kv_status
on_batch(void *owner, uint64_t log_number, struct slice encoded)
{
    struct replayed *replayed = owner;
    struct write_batch_reader reader;
    struct batch_record record;
    bool found;

    (void)log_number;
    if (write_batch_reader_init(&reader, encoded) != KV_OK ||
        write_batch_reader_next(&reader, &record, &found) != KV_OK)
        return KV_INVALID;
    if (record.key.data[0] == '!')
        return KV_CORRUPT;
    replayed->letters[replayed->count++] = (char)record.key.data[0];
    return KV_OK;
}

static void
store_log(struct io *io, uint64_t number, const struct buffer *bytes)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/%06llu.log", (unsigned long long)number);
    CU_ASSERT_EQUAL_FATAL(file_open(io, path, O_RDWR | O_CREAT | O_TRUNC, &fd), KV_OK);
    CU_ASSERT_EQUAL(file_write(io, fd, 0, bytes->data, bytes->size), KV_OK);
    file_close(io, fd);
}

static void
inflict(struct buffer *bytes, const struct page *page, size_t begin)
{
    const size_t at =
        (size_t)(page->offset < 0 ? (long)bytes->size + page->offset : (long)begin + page->offset);

    switch (page->damage) {
    case NONE:
        break;
    case CUT:
        bytes->size = at;
        break;
    case FLIP:
        bytes->data[at] ^= 1;
        break;
    case LENGTH:
        put_fixed16(bytes->data + at, 0x7000);
        break;
    case ZEROS:
        memset(buffer_reserve(bytes, 90000), 0, 90000);
        bytes->size += 90000;
        break;
    }
}

/* What `letter` is as a batch: one Put of the letter, capitals with a value of 90,000 bytes. */
static void
append_letter(struct buffer *bytes, struct log_writer *writer, char letter, uint64_t seq)
{
    const size_t value_bytes = letter >= 'A' && letter <= 'Z' ? 90000 : 20;
    uint8_t *value = calloc(1, value_bytes);
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_put(&batch, 0, slice_of(&letter, 1), slice_of(value, value_bytes));
    write_batch_set_sequence(&batch, seq);
    log_writer_append(writer, bytes, buffer_slice(&batch.bytes));
    write_batch_deinit(&batch);
    free(value);
}

/* Returns the number of logs, which are 1, 2, 3. */
static uint32_t
store_page(struct io *io, const struct page *page)
{
    struct log_writer writer;
    struct buffer bytes = {0};
    uint64_t number = 1, seq = 100;

    log_writer_init(&writer, page->recyclable, number);
    for (const char *at = page->logs; *at != '\0'; at++) {
        const size_t begin = bytes.size;

        if (*at == '+') {
            seq++;
        } else if (*at == '-') {
            seq--;
        } else if (*at == '/') {
            store_log(io, number++, &bytes);
            buffer_clear(&bytes);
            log_writer_init(&writer, page->recyclable, number);
        } else {
            append_letter(&bytes, &writer, *at, seq++);
            /* A record behind one of several blocks begins in a block of its own. */
            if (page->damage == FLIP && *at == 'B') {
                const size_t rest = LOG_BLOCK_BYTES - bytes.size % LOG_BLOCK_BYTES;

                memset(buffer_reserve(&bytes, rest), 0, rest);
                bytes.size += rest;
                writer.block_offset = 0;
            }
        }
        if (*at == page->at)
            inflict(&bytes, page, begin);
    }
    store_log(io, number, &bytes);
    buffer_deinit(&bytes);
    return (uint32_t)number;
}

static void
every_cell_of_the_table(void)
{
    static const uint64_t numbers[] = {1, 2, 3};

    quiet_log();
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        for (int mode = 0; mode < 4; mode++) {
            struct sim_io *sim = sim_io_new(NULL);
            struct replayed replayed = {.count = 0};
            struct wal_replay replay = {
                .io = sim_io_base(sim),
                .dir = "",
                .mode = (enum wal_recovery_mode)mode,
                .on_batch = on_batch,
                .owner = &replayed,
                .seq_next = 100,
            };
            const uint32_t count = store_page(replay.io, &pages[i]);

            if (wal_replay_run(&replay, numbers, count) != KV_OK)
                strcpy(replayed.letters, "-");
            if (strcmp(replayed.letters, pages[i].expected[mode]) != 0)
                printf("%s, mode %d: %s, expected %s\n", pages[i].name, mode, replayed.letters,
                       pages[i].expected[mode]);
            CU_ASSERT_STRING_EQUAL(replayed.letters, pages[i].expected[mode]);
            sim_io_free(sim);
        }
    }
    log_set_sink(NULL, NULL);
}

static void
mode_names_come_back(void)
{
    enum wal_recovery_mode mode;

    for (int i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(
            wal_recovery_mode_parse(wal_recovery_mode_name((enum wal_recovery_mode)i), &mode));
        CU_ASSERT_EQUAL((int)mode, i);
    }
    CU_ASSERT_FALSE(wal_recovery_mode_parse("hope", &mode));
}

/* Method: a log with two-phase commit; no mode may open it. */
static void
what_cannot_be_replayed_is_refused(void)
{
    static const uint8_t prepare[] = {100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x09};
    static const uint64_t number = 1;

    quiet_log();
    for (int mode = 0; mode < 4; mode++) {
        struct sim_io *sim = sim_io_new(NULL);
        struct replayed replayed = {.count = 0};
        struct buffer bytes = {0};
        struct log_writer writer;
        struct wal_replay replay = {.io = sim_io_base(sim),
                                    .dir = "",
                                    .mode = (enum wal_recovery_mode)mode,
                                    .on_batch = on_batch,
                                    .owner = &replayed,
                                    .seq_next = 100};

        log_writer_init(&writer, false, 1);
        log_writer_append(&writer, &bytes, slice_of(prepare, sizeof(prepare)));
        store_log(replay.io, 1, &bytes);
        CU_ASSERT_EQUAL(wal_replay_run(&replay, &number, 1), KV_UNSUPPORTED);
        buffer_deinit(&bytes);
        sim_io_free(sim);
    }
    log_set_sink(NULL, NULL);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(every_cell_of_the_table),
        UNIT_TEST(mode_names_come_back),
        UNIT_TEST(what_cannot_be_replayed_is_refused),
        UNIT_TEST_END,
    };

    return unit_main("wal_replay", tests, argc, argv);
}
