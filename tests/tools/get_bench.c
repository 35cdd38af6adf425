/* get_bench DIR KEYS TABLES [RANGES] - nanoseconds of CPU a point read from level-0 tables, all
 * cached.
 *
 * Fills DIR once with 3 x KEYS random sets of KEYS keys ("key:%012u", 100-byte values), flushed
 * into TABLES tables, each with RANGES range deletions between two keys, and reads them
 * afterwards in three ways: any key, a hot set of a hundredth of them, and keys that are not there;
 * each alone, and told to the engine in groups beforehand.  Best of ROUND_COUNT rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "support/bench_key.h"
#include "support/clock.h"
#include "support/tool_db.h"

enum {
    KEY_BYTES = BENCH_KEY_BYTES,
    VALUE_BYTES = 100,
    ROUND_COUNT = 16,
    READ_COUNT = 200000,
    GROUP_COUNT = READ_PREFETCH_COUNT_MAX,
    BATCH_COUNT = 8
};

struct bench {
    struct tool_db tool;
    struct random random;
    uint32_t key_count;
    uint64_t found_count;
    bool prefetch; /* tell a group of reads beforehand */
    bool absent;   /* read keys that lie between those that are there */
};

/* Behind a key and before the next one. */
static void
delete_ranges(struct bench *bench, uint64_t count)
{
    uint8_t begin[KEY_BYTES + 1], end[KEY_BYTES + 1];
    struct write_batch batch;

    write_batch_init(&batch);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t number = i * bench->key_count / count;

        (void)bench_key(begin, number);
        (void)bench_key(end, number);
        begin[KEY_BYTES] = '!';
        end[KEY_BYTES] = '~';
        write_batch_clear(&batch);
        write_batch_delete_range(&batch, CF_DEFAULT, slice_of(begin, sizeof(begin)),
                                 slice_of(end, sizeof(end)));
        tool_db_write(&bench->tool, &batch);
    }
    write_batch_deinit(&batch);
}

static void
fill_table(struct bench *bench, uint64_t count, uint64_t range_count)
{
    static const uint8_t value[VALUE_BYTES];
    struct write_batch batch;
    uint8_t key[KEY_BYTES];

    write_batch_init(&batch);
    for (uint64_t done = 0; done < count; done += BATCH_COUNT) {
        write_batch_clear(&batch);
        for (unsigned i = 0; i < BATCH_COUNT; i++)
            write_batch_put(&batch, CF_DEFAULT,
                            bench_key(key, random_below(&bench->random, bench->key_count)),
                            slice_of(value, VALUE_BYTES));
        tool_db_write(&bench->tool, &batch);
    }
    write_batch_deinit(&batch);
    delete_ranges(bench, range_count);
    tool_db_flush(&bench->tool);
}

static struct slice
probe_make(const struct bench *bench, uint8_t *target, uint64_t number)
{
    const struct slice key = bench_key(target, number);

    if (bench->absent)
        target[KEY_BYTES - 1] = 'x';
    return key;
}

static void
get(struct bench *bench, const struct version_probe *probe)
{
    struct read_ctx ctx;
    struct lookup found;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(bench->tool.db));
    while ((st = db_get_probed(bench->tool.db, &ctx, CF_DEFAULT, probe, &found)) == KV_WANT_BLOCK) {
        if (tool_db_fetch(&bench->tool, &ctx) != KV_OK)
            exit(74);
    }
    if (st != KV_OK || (found.kind == LOOKUP_VALUE && found.value.size != VALUE_BYTES))
        exit(65);
    bench->found_count += found.kind == LOOKUP_VALUE;
    read_ctx_deinit(&ctx);
}

/* As a pipeline's reads are: told together, then made one by one. */
static void
get_group(struct bench *bench, uint64_t first, uint64_t count)
{
    uint8_t bytes[GROUP_COUNT][KEY_BYTES];
    struct version_probe probes[GROUP_COUNT] = {0};
    struct slice keys[GROUP_COUNT];

    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        keys[i] = probe_make(bench, bytes[i], first + random_below(&bench->random, count));
        probes[i].target = table_target_of(keys[i], SEQUENCE_MAX);
    }
    if (bench->prefetch)
        db_prefetch(bench->tool.db, CF_DEFAULT, SEQUENCE_MAX, keys, GROUP_COUNT, probes);
    for (unsigned i = 0; i < GROUP_COUNT; i++)
        get(bench, &probes[i]);
}

/* Random keys of [first, first + count). */
static void
measure_groups(struct bench *bench, const char *name, uint64_t first, uint64_t count)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        uint64_t start, taken;

        bench->found_count = 0;
        start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        for (unsigned i = 0; i < READ_COUNT; i += GROUP_COUNT)
            get_group(bench, first, count);
        taken = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
        best = taken < best ? taken : best;
    }
    printf("%-8s %-10s %6llu ns  (%llu of %u found)\n", name,
           bench->prefetch ? "prefetched" : "alone", (unsigned long long)(best / READ_COUNT),
           (unsigned long long)bench->found_count, READ_COUNT);
}

static void
measure(struct bench *bench, const char *name, uint64_t first, uint64_t count)
{
    bench->prefetch = false;
    measure_groups(bench, name, first, count);
    bench->prefetch = true;
    measure_groups(bench, name, first, count);
}

int
main(int argc, char **argv)
{
    struct bench bench = {0};
    uint8_t key[KEY_BYTES];
    bool is_filled;
    unsigned table_count;
    uint64_t range_count;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: get_bench DIR KEYS TABLES [RANGES]\n");
        return 64;
    }
    bench.key_count = (uint32_t)strtoul(argv[2], NULL, 10);
    table_count = (unsigned)strtoul(argv[3], NULL, 10);
    range_count = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
    is_filled = access(argv[1], F_OK) == 0;
    random_init(&bench.random, 1);
    tool_db_init(&bench.tool, argv[1]);
    bench.tool.options.memory_limit_bytes = (uint64_t)3 << 30;
    bench.tool.options.memtable_bytes = 512 << 20;
    bench.tool.options.wal_bytes_max = (uint64_t)2 << 30;
    tool_db_open(&bench.tool);
    for (unsigned i = 0; i < table_count && !is_filled; i++)
        fill_table(&bench, 3 * (uint64_t)bench.key_count / table_count, range_count);
    random_init(&bench.random, 2); /* whether it was filled now or before */
    for (uint64_t i = 0; i < bench.key_count; i++)
        get(&bench,
            &(struct version_probe){.target = table_target_of(bench_key(key, i), SEQUENCE_MAX)});
    tool_db_turn(&bench.tool);
    measure(&bench, "any", 0, bench.key_count);
    measure(&bench, "hot", bench.key_count / 2, bench.key_count / 100);
    bench.absent = true;
    measure(&bench, "absent", 0, bench.key_count);
    tool_db_close(&bench.tool);
    return 0;
}
