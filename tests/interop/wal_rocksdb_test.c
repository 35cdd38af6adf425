/* Goal: librocksdb replays our logs, and we replay its.
 * Method: real directories under the build folder; processes die without closing, so that the
 * data is in the log only. */
#include <CUnit/Basic.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/coding.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "key/write_batch.h"
#include "support/unit.h"
#include "wal/wal.h"
#include "wal/wal_replay.h"

enum { KEY_COUNT = 3000 };

static char dir[64];
static uint64_t file_number;
static uint64_t durable_seq;

static void
make_dir(const char *name)
{
    char command[128];

    snprintf(dir, sizeof(dir), "wal_rocksdb_%s", name);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0755), 0);
}

/* Values of many sizes, some longer than a block. */
static size_t
value_size(uint64_t i)
{
    return i % 97 == 0 ? 50000 + i : i * 37 % 4000;
}

static rocksdb_t *
open_rocksdb(bool recycle)
{
    rocksdb_options_t *options = rocksdb_options_create();
    char *error = NULL;
    rocksdb_t *db;

    rocksdb_options_set_create_if_missing(options, 1);
    if (recycle) {
        rocksdb_options_set_recycle_log_file_num(options, 2);
        rocksdb_options_set_wal_recovery_mode(options, 3);
    }
    db = rocksdb_open(options, dir, &error);
    if (error != NULL)
        fprintf(stderr, "rocksdb: %s\n", error);
    rocksdb_options_destroy(options);
    return db;
}

static void
rocksdb_writes_and_dies(bool recycle, uint64_t count)
{
    const pid_t child = fork();
    int status = 0;

    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        rocksdb_t *db = open_rocksdb(recycle);
        rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
        char *value = calloc(1, 100000);
        char *error = NULL;

        for (uint64_t i = 1; db != NULL && i <= count; i++)
            rocksdb_put(db, options, (const char *)&i, sizeof(i), value, value_size(i), &error);
        _exit(db != NULL && error == NULL ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static uint64_t
next_file_number(void *owner)
{
    (void)owner;
    return file_number++;
}

static void
on_durable(void *owner, uint64_t seq)
{
    (void)owner;
    durable_seq = seq;
}

static void
on_failed(void *owner, enum kv_status st)
{
    (void)owner;
    (void)st;
    CU_FAIL("the log failed");
}

/* Through segments of every kind: fresh, recycled, and through the page cache. */
static void
write_our_logs(struct io *io, bool retire)
{
    struct wal_options options = {.io = io,
                                  .dir = dir,
                                  .segment_bytes = 4 * 1024 * 1024,
                                  .recycle_count_max = 2,
                                  .next_file_number = next_file_number,
                                  .on_durable = on_durable,
                                  .on_failed = on_failed};
    char *value = calloc(1, 100000);
    uint64_t old = 0, seq = 0;
    struct write_batch batch;
    struct wal *wal;

    CU_ASSERT_EQUAL_FATAL(wal_open(&options, &wal), KV_OK);
    write_batch_init(&batch);
    /* First a life whose segments are retired, so that the next ones are recycled files. */
    for (int round = retire ? 0 : 1; round < 2; round++) {
        seq = 0;
        for (uint64_t i = 1; i <= KEY_COUNT; i++) {
            write_batch_clear(&batch);
            write_batch_put(&batch, 0, slice_of(&i, sizeof(i)), slice_of(value, value_size(i)));
            write_batch_set_sequence(&batch, ++seq);
            CU_ASSERT_EQUAL(
                wal_append(wal, buffer_slice(&batch.bytes), seq + (uint64_t)round * KEY_COUNT),
                KV_OK);
            if (i % 7 == 0) {
                wal_turn(wal);
                while (io_blocking_turn(io)) {
                }
            }
            if (i % 1000 == 500 && i < 2000)
                (void)wal_switch(wal);
            if (i == 2500)
                wal_set_sync(wal, WAL_SYNC_NEVER, 0);
            if (i == 2600)
                (void)wal_switch(wal);
        }
        while (wal_drain(wal) == KV_BUSY || !wal_is_idle(wal)) {
            wal_turn(wal);
            (void)io_blocking_turn(io);
        }
        if (round == 0) {
            wal_set_sync(wal, WAL_SYNC_ALWAYS, 0);
            (void)wal_switch(wal);
            for (old = 100; old < wal_number(wal); old++)
                wal_retire(wal, old);
            while (!wal_is_idle(wal)) {
                wal_turn(wal);
                (void)io_blocking_turn(io);
            }
        }
    }
    wal_close(wal);
    write_batch_deinit(&batch);
    free(value);
}

static void
check_with_rocksdb(void)
{
    rocksdb_t *db = open_rocksdb(false);
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    uint64_t found_count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(db);
    for (uint64_t i = 1; i <= KEY_COUNT; i++) {
        char *error = NULL;
        size_t size = 0;
        char *value = rocksdb_get(db, options, (const char *)&i, sizeof(i), &size, &error);

        if (value != NULL && error == NULL && size == value_size(i))
            found_count++;
        free(value);
    }
    CU_ASSERT_EQUAL(found_count, KEY_COUNT);
    rocksdb_readoptions_destroy(options);
    rocksdb_close(db);
}

static void
rocksdb_replays_our_logs(void)
{
    for (int retire = 0; retire < 2; retire++) {
        struct io *io = io_blocking_new();

        make_dir("ours");
        rocksdb_writes_and_dies(false, 0);
        file_number = 100;
        write_our_logs(io, retire == 1);
        io_blocking_free(io);
        check_with_rocksdb();
    }
}

struct replayed {
    uint64_t count;
    bool is_bad;
};

static enum kv_status
on_batch(void *owner, uint64_t log_number, struct slice encoded)
{
    struct replayed *replayed = owner;
    struct write_batch_reader reader;
    struct batch_record record;
    bool found = false;

    (void)log_number;
    if (write_batch_reader_init(&reader, encoded) != KV_OK ||
        write_batch_reader_next(&reader, &record, &found) != KV_OK || !found)
        return KV_INVALID;
    replayed->count++;
    if (record.seq != replayed->count || record.key.size != 8 ||
        load_fixed64(record.key.data) != replayed->count ||
        record.value.size != value_size(replayed->count))
        replayed->is_bad = true;
    return KV_OK;
}

struct log_names {
    uint64_t numbers[8];
    uint32_t count;
};

static bool
note_log(void *owner, const char *name)
{
    struct log_names *names = owner;
    const char *dot = strchr(name, '.');

    if (dot != NULL && strcmp(dot, ".log") == 0 && names->count < 8)
        names->numbers[names->count++] = strtoul(name, NULL, 10);
    return true;
}

static void
we_replay_the_logs_of_rocksdb(void)
{
    for (int recycle = 0; recycle < 2; recycle++) {
        struct io *io = io_blocking_new();
        struct replayed replayed = {0};
        struct log_names names = {.count = 0};
        struct wal_replay replay = {.io = io,
                                    .dir = dir,
                                    .mode = WAL_POINT_IN_TIME,
                                    .on_batch = on_batch,
                                    .owner = &replayed,
                                    .seq_next = 1};

        make_dir("theirs");
        rocksdb_writes_and_dies(recycle == 1, KEY_COUNT);
        CU_ASSERT_EQUAL(io_list_dir(io, dir, note_log, &names), 0);
        CU_ASSERT_EQUAL(names.count, 1);
        CU_ASSERT_EQUAL(wal_replay_run(&replay, names.numbers, names.count), KV_OK);
        CU_ASSERT_EQUAL(replayed.count, KEY_COUNT);
        CU_ASSERT_FALSE(replayed.is_bad);
        CU_ASSERT_EQUAL(replay.stopped_in, 0);
        io_blocking_free(io);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(rocksdb_replays_our_logs),
        UNIT_TEST(we_replay_the_logs_of_rocksdb),
        UNIT_TEST_END,
    };

    return unit_main("wal_rocksdb", tests, argc, argv);
}
