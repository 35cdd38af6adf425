/* tombstone_bench DIR DELETED RANGES - what deletions cost those who read.
 *
 * First the nanoseconds of a point read from a table and from the memtable, with no range deletion
 * and with RANGES of them in it: of processor time, and the best of some rounds, since others may
 * use the machine.  Then DELETED keys are set and deleted one by one, and as many are set and
 * deleted by one range deletion, and the first key behind each crowd is looked for.  DIR is to be
 * empty.
 */
#include <stdio.h>
#include <stdlib.h>

#include "db/db_iter.h"
#include "support/clock.h"
#include "support/tool_db.h"

enum { READ_COUNT = 500000, ROUND_COUNT = 5, KEY_COUNT = 100000, BATCH_COUNT = 100 };

static struct tool_db tool;

static struct slice
key_of(char text[32], char head, uint64_t number)
{
    (void)snprintf(text, 32, "%c%012llu", head, (unsigned long long)number);
    return slice_from_text(text);
}

static void
write_keys(char head, uint64_t count, bool is_deletion)
{
    struct write_batch batch;
    char text[32];

    write_batch_init(&batch);
    for (uint64_t i = 0; i < count; i++) {
        const struct slice key = key_of(text, head, i);

        if (is_deletion)
            write_batch_delete(&batch, CF_DEFAULT, key);
        else
            write_batch_put(&batch, CF_DEFAULT, key, slice_from_text("value"));
        if ((i + 1) % BATCH_COUNT == 0 || i + 1 == count) {
            tool_db_write(&tool, &batch);
            write_batch_clear(&batch);
        }
    }
    write_batch_deinit(&batch);
}

static void
delete_range(struct slice begin, struct slice end)
{
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_delete_range(&batch, CF_DEFAULT, begin, end);
    tool_db_write(&tool, &batch);
    write_batch_deinit(&batch);
}

static uint64_t
read_all(char head, uint64_t *found_count)
{
    const uint64_t start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    char text[32];

    *found_count = 0;
    for (uint64_t i = 0; i < READ_COUNT; i++) {
        struct read_ctx ctx;
        struct lookup found;

        read_ctx_init(&ctx, db_block_cache(tool.db));
        while (db_get(tool.db, &ctx, CF_DEFAULT, key_of(text, head, i * 7919 % KEY_COUNT),
                      SEQUENCE_MAX, &found) == KV_WANT_BLOCK)
            (void)tool_db_fetch(&tool, &ctx);
        *found_count += found.kind == LOOKUP_VALUE;
        read_ctx_deinit(&ctx);
    }
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
}

static void
read_points(const char *what, char head)
{
    uint64_t best_ns = UINT64_MAX, found_count = 0;

    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        const uint64_t ns = read_all(head, &found_count);

        best_ns = ns < best_ns ? ns : best_ns;
    }
    (void)printf("%-44s %8.1f ns a read, %llu found\n", what, (double)best_ns / READ_COUNT,
                 (unsigned long long)found_count);
}

static void
seek_past(const char *what, char head)
{
    struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    const char first[] = {head, '\0'};
    struct db_iter_stats stats;
    struct db_iter *iter;
    struct read_ctx ctx;
    uint64_t start_ns;

    options.ahead_bytes_max = 256 * 1024;
    read_ctx_init(&ctx, db_block_cache(tool.db));
    iter = db_iter_new(tool.db, &ctx, &options);
    start_ns = clock_ns(CLOCK_MONOTONIC);
    while (db_iter_seek(iter, slice_from_text(first)) == KV_WANT_BLOCK)
        (void)tool_db_fetch(&tool, &ctx);
    db_iter_get_stats(iter, &stats);
    (void)printf("%-44s %8.3f ms to the next key, %llu skipped, %llu leaps\n", what,
                 (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e6,
                 (unsigned long long)stats.skip_count, (unsigned long long)stats.leap_count);
    db_iter_free(iter);
    read_ctx_deinit(&ctx);
}

static void
run(uint64_t deleted_count, uint64_t range_count)
{
    char begin[32], end[32];

    write_keys('n', KEY_COUNT, false);
    tool_db_flush(&tool);
    read_points("no range deletion, from a table", 'n');
    write_keys('m', KEY_COUNT, false);
    read_points("no range deletion, from memory", 'm');
    for (uint64_t i = 0; i < range_count; i++)
        delete_range(key_of(begin, 'm', i * 10 + 3), key_of(end, 'm', i * 10 + 4));
    read_points("with range deletions in memory", 'm');
    tool_db_flush(&tool);
    read_points("with range deletions in a table", 'm');
    write_keys('a', deleted_count, false);
    tool_db_flush(&tool);
    write_keys('a', deleted_count, true);
    seek_past("keys deleted one by one", 'a');
    write_keys('b', deleted_count, false);
    tool_db_flush(&tool);
    delete_range(slice_from_text("b"), slice_from_text("c"));
    seek_past("keys deleted by one range", 'b');
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: tombstone_bench DIR DELETED RANGES\n");
        return 64;
    }
    tool_db_init(&tool, argv[1]);
    tool_db_open(&tool);
    db_compaction_pause(tool.db, true);
    run(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    tool_db_close(&tool);
    return 0;
}
