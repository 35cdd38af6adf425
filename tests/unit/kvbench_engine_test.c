/* Goal: what kvbench --engine measures has happened: operations end once, with the right result.
 *
 * Method: a real ring, real workers (from beside this program), a directory of its own.  No waiting
 * but for events: each wait turns the engine until its condition holds, and gives up after a while.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cli/kvbench/engine.h"
#include "daemon/config.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

enum { KEY_BYTES = 16, SLOT_COUNT = 8, TURN_US = 100 * 1000, TURN_COUNT_MAX = 600 };

struct bench {
    char dir[SCRATCH_PATH_BYTES];
    struct config config;
    struct engine *engine;
    struct engine_op ops[SLOT_COUNT];
    char keys[SLOT_COUNT][KEY_BYTES + 1];
};

static void
set(struct config *config, const char *name, const char *value)
{
    const int index = config_option_find(slice_from_text(name));
    char error[CONFIG_ERROR_BYTES];

    CU_ASSERT_TRUE_FATAL(index >= 0);
    CU_ASSERT_TRUE_FATAL(config_set(config, (uint32_t)index, slice_from_text(value),
                                    CONFIG_FROM_COMMAND_LINE, error));
}

static void
bench_init(struct bench *bench, const char *wal_sync)
{
    *bench = (struct bench){0};
    scratch_dir_make(bench->dir, ".");
    log_set_level(LOG_LEVEL_WARNING);
    config_init(&bench->config);
    set(&bench->config, "dir", bench->dir);
    set(&bench->config, "wal-sync", wal_sync);
    set(&bench->config, "memory-limit", "16mb");
    set(&bench->config, "memtable-size", "1mb");
    for (int i = 0; i < SLOT_COUNT; i++)
        engine_op_init(&bench->ops[i]);
}

static void
bench_open(struct bench *bench, uint32_t batch_count)
{
    CU_ASSERT_EQUAL_FATAL(engine_open(&bench->config, batch_count, &bench->engine), 0);
}

static void
bench_close(struct bench *bench)
{
    CU_ASSERT_EQUAL(engine_close(bench->engine), 0);
    bench->engine = NULL;
}

static void
bench_deinit(struct bench *bench)
{
    scratch_dir_remove(bench->dir);
    config_deinit(&bench->config);
}

static void
start(struct bench *bench, uint32_t slot, enum engine_op_kind kind, uint64_t key,
      struct slice value)
{
    struct engine_op *op = &bench->ops[slot];

    (void)snprintf(bench->keys[slot], sizeof(bench->keys[slot]), "%016llu",
                   (unsigned long long)key);
    op->kind = kind;
    op->key = slice_of(bench->keys[slot], KEY_BYTES);
    op->value = value;
    engine_start(bench->engine, op);
}

/* The next one that ends. */
static struct engine_op *
wait_done(struct bench *bench)
{
    struct engine_op *op = engine_next_done(bench->engine);

    for (int i = 0; op == NULL && i < TURN_COUNT_MAX; i++) {
        engine_turn(bench->engine, TURN_US);
        op = engine_next_done(bench->engine);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(op);
    CU_ASSERT_EQUAL(op->st, KV_OK);
    return op;
}

/* Keys 0 to count - 1, SLOT_COUNT at a time; the value of a key is its name. */
static void
put_all(struct bench *bench, uint64_t count)
{
    uint64_t started_count = 0, done_count = 0;

    while (done_count < count) {
        uint32_t slot = (uint32_t)started_count;

        if (started_count >= SLOT_COUNT || started_count == count) {
            slot = (uint32_t)(wait_done(bench) - bench->ops);
            done_count++;
        }
        if (started_count < count)
            start(bench, slot, ENGINE_PUT, started_count++, slice_of(bench->keys[slot], KEY_BYTES));
    }
    CU_ASSERT_EQUAL(engine_busy_count(bench->engine), 0);
}

/* Goal: what was put is read back, before and after a flush and a restart; what was deleted and
 * what never was is not found.
 * Method: 3,000 keys in 1 MiB memtables, as single writes and in batches of four. */
static void
gets_find_what_was_put(uint32_t batch_count, const char *wal_sync)
{
    enum { KEY_COUNT = 3000 };
    struct bench bench;
    struct buffer value = {0};

    bench_init(&bench, wal_sync);
    bench_open(&bench, batch_count);
    put_all(&bench, KEY_COUNT);
    start(&bench, 0, ENGINE_DELETE, 17, slice_of(NULL, 0));
    (void)wait_done(&bench);
    for (int round = 0; round < 3; round++) {
        bench.ops[1].read_value = &value;
        for (uint64_t key = 0; key < KEY_COUNT + 10; key += 7) {
            const bool is_there = key < KEY_COUNT && key != 17;

            buffer_clear(&value);
            start(&bench, 1, ENGINE_GET, key, slice_of(NULL, 0));
            CU_ASSERT_PTR_EQUAL(wait_done(&bench), &bench.ops[1]);
            CU_ASSERT_EQUAL(bench.ops[1].entry_count, is_there);
            CU_ASSERT_EQUAL(slice_equal(buffer_slice(&value), bench.ops[1].key), is_there);
        }
        if (round == 0)
            engine_settle(bench.engine);
        if (round == 1) {
            bench_close(&bench);
            bench_open(&bench, batch_count);
        }
    }
    bench_close(&bench);
    buffer_deinit(&value);
    bench_deinit(&bench);
}

static void
gets_find_single_writes(void)
{
    gets_find_what_was_put(1, "always");
}

static void
gets_find_batched_writes(void)
{
    gets_find_what_was_put(4, "never");
}

/* Goal: a scan sees as many entries as asked for, or as there are, in memory and in tables.
 * Method: from the middle of 1,000 keys. */
static void
scans_count_entries(void)
{
    struct bench bench;

    bench_init(&bench, "never");
    bench_open(&bench, 1);
    put_all(&bench, 1000);
    for (int round = 0; round < 2; round++) {
        bench.ops[2].entry_count_max = 100;
        start(&bench, 2, ENGINE_SCAN, 500, slice_of(NULL, 0));
        CU_ASSERT_EQUAL(wait_done(&bench)->entry_count, 100);
        CU_ASSERT_EQUAL(bench.ops[2].value_bytes, 100 * KEY_BYTES);
        start(&bench, 2, ENGINE_SCAN, 950, slice_of(NULL, 0));
        CU_ASSERT_EQUAL(wait_done(&bench)->entry_count, 50);
        engine_settle(bench.engine);
    }
    bench_close(&bench);
    bench_deinit(&bench);
}

/* Goal: writes that find no room wait, in their order, and none is lost; the workers' CPU time is
 * seen.
 * Method: 40 MB of values through 1 MiB memtables, much faster than they can be flushed. */
static void
full_memtables_delay_writes(void)
{
    enum { VALUE_BYTES = 20000, KEY_COUNT = 2000 };
    struct bench bench;
    struct engine_usage usage;
    uint8_t *value = kv_alloc_zero(VALUE_BYTES);
    uint64_t done_count = 0;

    bench_init(&bench, "never");
    bench_open(&bench, 1);
    for (uint64_t key = 0; key < KEY_COUNT; key++) {
        uint32_t slot = (uint32_t)key;

        if (key >= SLOT_COUNT) {
            slot = (uint32_t)(wait_done(&bench) - bench.ops);
            done_count++;
        }
        start(&bench, slot, ENGINE_PUT, key, slice_of(value, VALUE_BYTES));
    }
    for (; done_count < KEY_COUNT; done_count++)
        (void)wait_done(&bench);
    CU_ASSERT_EQUAL(db_last_seq(engine_db(bench.engine)), KEY_COUNT);
    engine_settle(bench.engine);
    engine_get_usage(bench.engine, &usage);
    CU_ASSERT_TRUE(usage.cpu_us > 0 && usage.worker_cpu_us > 0);
    bench_close(&bench);
    bench_deinit(&bench);
    free(value);
}

/* Goal: a directory that cannot be made is an error, and leaves nothing behind.
 * Method: one below a file. */
static void
impossible_directory_is_an_error(void)
{
    struct bench bench;
    char file[SCRATCH_PATH_BYTES + 16], below[sizeof(file) + 16];

    bench_init(&bench, "never");
    (void)snprintf(file, sizeof(file), "%s/file", bench.dir);
    (void)snprintf(below, sizeof(below), "%s/below", file);
    CU_ASSERT_EQUAL(close(creat(file, 0600)), 0);
    set(&bench.config, "dir", below);
    CU_ASSERT_NOT_EQUAL(engine_open(&bench.config, 1, &bench.engine), 0);
    CU_ASSERT_PTR_NULL(bench.engine);
    bench_deinit(&bench);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(gets_find_single_writes),
        UNIT_TEST(gets_find_batched_writes),
        UNIT_TEST(scans_count_entries),
        UNIT_TEST(full_memtables_delay_writes),
        UNIT_TEST(impossible_directory_is_an_error),
        UNIT_TEST_END,
    };

    return unit_main("kvbench_engine", tests, argc, argv);
}
