/* flush_bench.c - what a flush costs the CPU, without a disk: a memtable of random keys becomes a
 * table that goes nowhere.
 *
 *     flush_bench [entries [compression [rounds]]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/random.h"
#include "compact/flush_build.h"
#include "support/clock.h"
#include "support/test_table.h"

enum { KEY_BYTES = 16, VALUE_BYTES = 100, MEMTABLE_BYTES = 256 * 1024 * 1024 };

static enum kv_status
count_bytes(void *owner, struct slice bytes)
{
    *(uint64_t *)owner += bytes.size;
    return KV_OK;
}

static void
fill(struct memtable *memtable, uint32_t count)
{
    struct random random;
    char key[KEY_BYTES + 1], value[VALUE_BYTES];

    random_init(&random, 1);
    memset(value, 'x', sizeof(value)); /* as redis-benchmark */
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "key:%012llu",
                 (unsigned long long)random_below(&random, 100000000));
        memtable_add(memtable, &(struct batch_record){.type = TYPE_VALUE,
                                                      .seq = i + 1,
                                                      .key = slice_of(key, KEY_BYTES),
                                                      .value = slice_of(value, VALUE_BYTES)});
    }
    memtable_freeze(memtable);
}

static void
flush(const struct memtable *memtable, enum compression compression, uint32_t count)
{
    const struct table_build_options options = test_table_options(1, compression, 0);
    uint64_t bytes = 0;
    const struct flush_build build = {
        .memtable = memtable, .options = &options, .sink = count_bytes, .sink_owner = &bytes};
    struct table_summary summary;
    const uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const enum kv_status st = flush_build_run(&build, &summary);
    const double each = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / count;

    KV_ASSERT(st == KV_OK);
    printf("%7.1f ns an entry, %5.0f MB/s of keys and values, %llu bytes of table\n", each,
           (KEY_BYTES + VALUE_BYTES) * 1000.0 / each, (unsigned long long)bytes);
    table_summary_deinit(&summary);
}

int
main(int argc, char **argv)
{
    const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 400000;
    const int round_count = argc > 3 ? atoi(argv[3]) : 5;
    struct memtable_pool *pool = memtable_pool_new(MEMTABLE_BYTES, 1);
    struct memtable *memtable = NULL;
    enum compression compression = COMPRESSION_LZ4;

    if ((argc > 2 && !compression_parse(argv[2], &compression)) || count == 0 ||
        memtable_new(pool, 0, &memtable) != KV_OK)
        return 1;
    fill(memtable, count);
    for (int i = 0; i < round_count; i++)
        flush(memtable, compression, count);
    memtable_unref(memtable);
    memtable_pool_free(pool);
    return 0;
}
