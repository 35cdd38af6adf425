/* Goal: a scan stays right when a failed log takes back writes under it. */
#include <CUnit/Basic.h>
#include <errno.h>

#include "base/log.h"
#include "db/db.h"
#include "support/inline_port.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"
#include "support/unit.h"

enum { WAIT_US = 10 * 1000 * 1000 };

static struct sim_io *sim;
static struct inline_port port;
static struct db *db;
static uint64_t failed_above;

static void
on_write_failed(void *owner, uint64_t seq_durable)
{
    (void)owner;
    failed_above = seq_durable;
}

static void
start(void)
{
    struct db_options options = {
        .dir = "/db",
        .create_if_missing = true,
        .memory_limit_bytes = 8 << 20,
        .memtable_bytes = 1 << 20,
        .wal_bytes_max = 1 << 20,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .on_write_failed = on_write_failed,
    };

    quiet_log();
    failed_above = UINT64_MAX;
    sim = sim_io_new(&(struct sim_options){.seed = unit_seed()});
    options.io = sim_io_base(sim);
    inline_port_init(&port, options.io);
    options.port = &port.port;
    CU_ASSERT_EQUAL_FATAL(db_open(&options, &db), KV_OK);
}

static void
stop(void)
{
    const uint64_t limit_us = sim_io_now(sim) + WAIT_US;

    while (!db_is_idle(db) && sim_io_now(sim) < limit_us)
        (void)sim_io_turn(sim);
    inline_port_deinit(&port);
    CU_ASSERT_EQUAL(db_close(db), KV_OK);
    sim_io_drain(sim);
    sim_io_free(sim);
    log_set_sink(NULL, NULL);
}

static void
put(const char *key)
{
    struct write_batch batch;
    uint64_t seq;

    write_batch_init(&batch);
    write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_from_text("value"));
    CU_ASSERT_EQUAL(db_write(db, &batch, &seq), KV_OK);
    write_batch_deinit(&batch);
}

static bool
is_on(const struct db_scan *scan, const char *key)
{
    return slice_equal(db_scan_key(scan), slice_from_text(key));
}

/* Method: the scan stands in the middle of a leaf.  Two new keys before it move the leaf's
 * entries; their log write fails, so there are as many entries as there were, but not where they
 * were. */
static void
a_scan_goes_on_after_writes_were_taken_back(void)
{
    const struct sim_fault fault = {
        .op = IO_WRITE, .path_suffix = ".log", .fail_count = 1, .error = EIO};
    struct read_ctx ctx;
    struct db_scan *scan;
    bool found;

    start();
    put("m");
    put("n");
    put("o");
    put("p");
    while (db_durable_seq(db) < 4) {
        db_turn(db);
        (void)sim_io_turn(sim);
    }
    read_ctx_init(&ctx, db_block_cache(db));
    scan = db_scan_new(db, &ctx, CF_DEFAULT);
    CU_ASSERT_EQUAL(db_scan_seek(scan, slice_from_text("o"), &found), KV_OK);
    CU_ASSERT_TRUE(found && is_on(scan, "o"));
    while (!db_is_idle(db)) /* the log's zeros, which shall not fail */
        (void)sim_io_turn(sim);

    sim_io_add_fault(sim, &fault);
    put("a");
    put("b");
    while (failed_above == UINT64_MAX) {
        db_turn(db);
        (void)sim_io_turn(sim);
    }
    CU_ASSERT_EQUAL(failed_above, 4);
    CU_ASSERT_EQUAL(db_scan_next(scan, &found), KV_OK);
    CU_ASSERT_TRUE(found && is_on(scan, "p"));
    CU_ASSERT_EQUAL(db_scan_next(scan, &found), KV_OK);
    CU_ASSERT_FALSE(found);
    db_scan_free(scan);
    read_ctx_deinit(&ctx);
    stop();
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_scan_goes_on_after_writes_were_taken_back),
        UNIT_TEST_END,
    };

    return unit_main("scan_rollback", tests, argc, argv);
}
