/* Goal: a worker knows whether readers find a compaction's inputs in the page cache, and a new
 * table gets there when it is read back that way.
 *
 * Method: files that are written past the cache; then some are read through it.  Where the file
 * system keeps everything in memory, or does not tell, that part is left out. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "io/io_blocking.h"
#include "support/unit.h"
#include "worker/output_file.h"
#include "worker/page_cache.h"

enum { TABLE_COUNT = 3, TABLE_BYTES = 3 * 1024 * 1024 + 100, BEAT_US = 60 * 1000 * 1000 };

struct bench {
    struct io *io;
    struct heartbeat heartbeat;
    char dir[32];
    uint32_t checksum;
};

static void
path_of(const struct bench *bench, uint32_t number, char path[64])
{
    (void)snprintf(path, 64, "%s/%06u.sst", bench->dir, number);
}

static void
write_table(struct bench *bench, uint32_t number)
{
    static uint8_t bytes[TABLE_BYTES];
    struct output_file file;
    char path[64];

    path_of(bench, number, path);
    CU_ASSERT_EQUAL_FATAL(output_file_open(&file, bench->io, &bench->heartbeat, path), KV_OK);
    CU_ASSERT_EQUAL(output_file_append(&file, slice_of(bytes, sizeof(bytes))), KV_OK);
    CU_ASSERT_EQUAL(output_file_finish(&file), KV_OK);
    output_file_close(&file);
    bench->checksum = crc32c_extend(0, bytes, sizeof(bytes));
}

static void
verify(struct bench *bench, uint32_t number, bool into_cache)
{
    char path[64];

    path_of(bench, number, path);
    CU_ASSERT_EQUAL(output_file_verify(bench->io, &bench->heartbeat,
                                       &(struct output_expected){.path = path,
                                                                 .bytes = TABLE_BYTES,
                                                                 .checksum_crc32c = bench->checksum,
                                                                 .into_cache = into_cache}),
                    KV_OK);
}

static bool
has(const struct bench *bench, uint32_t first, uint32_t end)
{
    struct compact_input inputs[TABLE_COUNT] = {{0}};
    const struct compaction_spec spec = {.inputs = inputs, .input_count = end - first};

    for (uint32_t i = first; i < end; i++)
        inputs[i - first] = (struct compact_input){
            .file_number = i, .file_bytes = TABLE_BYTES, .level = i == 0 ? 0 : 6};
    return page_cache_has_inputs(bench->dir, &spec);
}

static void
the_cache_is_asked(void)
{
    struct bench bench = {.io = io_blocking_new(), .dir = "/var/tmp/kv-page-cache-XXXXXX"};
    char path[64];
    bool is_told;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(bench.dir));
    bench.heartbeat = (struct heartbeat){
        .io = bench.io, .socket = -1, .interval_us = BEAT_US, .sent_us = io_now_us(bench.io)};
    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        write_table(&bench, i);
        verify(&bench, i, false);
    }
    is_told = !has(&bench, 0, 1);
    verify(&bench, 0, true);
    is_told = is_told && has(&bench, 0, 1);
    if (is_told) {
        CU_ASSERT_FALSE(has(&bench, 0, 3)); /* that of level 0 does not count beside others */
        verify(&bench, 1, true);
        verify(&bench, 2, true);
        CU_ASSERT_TRUE(has(&bench, 0, 3));
        verify(&bench, 1, false); /* forgets it again */
        verify(&bench, 2, false);
        CU_ASSERT_FALSE(has(&bench, 1, 3));
    }
    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        path_of(&bench, i, path);
        CU_ASSERT_EQUAL(unlink(path), 0);
    }
    CU_ASSERT_FALSE(has(&bench, 0, 3)); /* of files that are not there */
    CU_ASSERT_EQUAL(rmdir(bench.dir), 0);
    io_blocking_free(bench.io);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_cache_is_asked),
        UNIT_TEST_END,
    };

    return unit_main("worker_page_cache", tests, argc, argv);
}
