/* memtable_bench - nanoseconds an operation on the memtable alone, in the terms of BASELINES.md
 * section 5: keys "key:%012d", 100-byte values, 0.5 million entries unless an argument says how
 * many.  CPU time, best of ROUND_COUNT rounds; in a mapping used before unless it says "fresh".
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/random.h"
#include "mem/memtable_internal.h"
#include "support/bench_key.h"
#include "support/clock.h"

enum { KEY_BYTES = BENCH_KEY_BYTES, VALUE_BYTES = 100, ROUND_COUNT = 5 };

struct bench {
    struct memtable_pool *pool;
    struct memtable *memtable;
    uint32_t count;
    uint32_t *shuffled; /* 0 .. count - 1 */
    uint64_t next_seq;
    uint8_t value[VALUE_BYTES];
};

static void
memtable_renew(struct bench *bench)
{
    memtable_unref(bench->memtable);
    bench->next_seq = 1;
    if (memtable_new(bench->pool, 0, &bench->memtable) != KV_OK)
        exit(1);
}

static void
add(struct bench *bench, uint32_t number)
{
    uint8_t key[KEY_BYTES];
    const struct batch_record record = {.type = TYPE_VALUE,
                                        .seq = bench->next_seq++,
                                        .key = bench_key(key, number),
                                        .value = slice_of(bench->value, VALUE_BYTES)};

    memtable_add(bench->memtable, &record);
}

static void
insert_random(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->count; i++)
        add(bench, bench->shuffled[i]);
}

static void
insert_ascending(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->count; i++)
        add(bench, i);
}

static void
insert_groups(struct bench *bench)
{
    uint8_t keys[MEM_GROUP_COUNT_MAX][KEY_BYTES];
    struct batch_record records[MEM_GROUP_COUNT_MAX];
    uint32_t group_count = 0;

    for (uint32_t i = 0; i < bench->count; i++) {
        records[group_count] =
            (struct batch_record){.type = TYPE_VALUE,
                                  .seq = bench->next_seq++,
                                  .key = bench_key(keys[group_count], bench->shuffled[i]),
                                  .value = slice_of(bench->value, VALUE_BYTES)};
        if (++group_count == MEM_GROUP_COUNT_MAX || i + 1 == bench->count) {
            mem_add_group(bench->memtable, records, group_count);
            group_count = 0;
        }
    }
}

static void
get_hit(struct bench *bench)
{
    uint8_t key[KEY_BYTES];
    struct lookup found;

    for (uint32_t i = 0; i < bench->count; i++) {
        memtable_get(bench->memtable, 0, bench_key(key, bench->shuffled[bench->count - 1 - i]),
                     SEQUENCE_MAX, &found);
        if (found.kind != LOOKUP_VALUE)
            exit(1);
    }
}

/* Right behind a key that is there. */
static void
get_miss(struct bench *bench)
{
    uint8_t key[KEY_BYTES + 1];
    struct lookup found;

    key[KEY_BYTES] = 'x';
    for (uint32_t i = 0; i < bench->count; i++) {
        bench_key(key, bench->shuffled[bench->count - 1 - i]);
        memtable_get(bench->memtable, 0, slice_of(key, KEY_BYTES + 1), SEQUENCE_MAX, &found);
        if (found.kind != LOOKUP_ABSENT)
            exit(1);
    }
}

static void
seek_and_ten(struct bench *bench)
{
    struct iter *iter = memtable_iter_new(bench->memtable, 0);
    uint8_t target[KEY_BYTES + KEY_FOOTER_BYTES];

    put_fixed64(target + KEY_BYTES, footer_pack(SEQUENCE_MAX, TYPE_SEEK));
    for (uint32_t i = 0; i < bench->count; i++) {
        bench_key(target, bench->shuffled[bench->count - 1 - i]);
        if (iter_seek(iter, slice_of(target, sizeof(target))) != KV_OK)
            exit(1);
        for (unsigned step = 0; step < 10 && iter->valid; step++) {
            if (iter_next(iter) != KV_OK)
                exit(1);
        }
    }
    iter_free(iter);
}

/* What a flush does: map the descriptor, walk, touch the values. */
static void
walk_second_mapping(struct bench *bench)
{
    struct memtable *opened = NULL;
    struct iter *iter;
    uint32_t count = 0;
    uint64_t sum = 0;

    if (memtable_open(memtable_fd(bench->memtable), &opened) != KV_OK)
        exit(1);
    iter = memtable_iter_new(opened, 0);
    for (enum kv_status st = iter_seek_first(iter); st == KV_OK && iter->valid;
         st = iter_next(iter)) {
        sum += iter->key.data[KEY_BYTES - 1];
        sum += iter->value.data[0];
        sum += iter->value.data[VALUE_BYTES - 1];
        count++;
    }
    iter_free(iter);
    memtable_unref(opened);
    if (count != bench->count || sum == 0)
        exit(1);
}

static double
measure(struct bench *bench, void (*run)(struct bench *), bool renew)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        uint64_t start, took;

        if (renew)
            memtable_renew(bench);
        start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        run(bench);
        took = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
        if (took < best)
            best = took;
    }
    return (double)best / bench->count;
}

static void
shuffle(struct bench *bench)
{
    struct random random;

    random_init(&random, 1);
    for (uint32_t i = 0; i < bench->count; i++) {
        const uint32_t other = (uint32_t)random_below(&random, i + 1);

        bench->shuffled[i] = bench->shuffled[other];
        bench->shuffled[other] = i;
    }
}

int
main(int argc, char **argv)
{
    struct bench bench = {.count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 500000};
    uint64_t start;

    if (bench.count == 0 || bench.count > 8000000)
        return 2;
    bench.pool = memtable_pool_new((size_t)bench.count * 256 + (1 << 20), 1);
    bench.shuffled = kv_alloc(bench.count * sizeof(bench.shuffled[0]));
    memset(bench.value, 'v', sizeof(bench.value));
    shuffle(&bench);
    memtable_renew(&bench);
    start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    insert_random(&bench);
    printf("insert random, fresh  %7.1f ns\n",
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / bench.count);
    printf("bytes an entry        %7.1f\n",
           (double)memtable_bytes_used(bench.memtable) / bench.count);
    printf("insert ascending      %7.1f ns\n", measure(&bench, insert_ascending, true));
    printf("insert groups of 16   %7.1f ns\n", measure(&bench, insert_groups, true));
    printf("insert random         %7.1f ns\n", measure(&bench, insert_random, true));
    printf("get hit               %7.1f ns\n", measure(&bench, get_hit, false));
    printf("get miss              %7.1f ns\n", measure(&bench, get_miss, false));
    printf("seek and 10 next      %7.1f ns\n", measure(&bench, seek_and_ten, false));
    memtable_freeze(bench.memtable);
    printf("walk a second mapping %7.1f ns\n", measure(&bench, walk_second_mapping, false));
    memtable_unref(bench.memtable);
    memtable_pool_free(bench.pool);
    free(bench.shuffled);
    return 0;
}
