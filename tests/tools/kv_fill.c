/* kv_fill DIR COUNT SEED [STYLE [compact]] - COUNT random puts and deletions (a quarter of them,
 * and a few of ranges) through the engine, with flushes in between, and the last part left in the
 * log.  With a style (leveled, universal) tables are small and compacted into many levels; "compact":
 * all of them at the end, into the last one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "support/tool_db.h"

static void
random_record(struct random *random, struct write_batch *batch, uint64_t key_count)
{
    static uint8_t value[400];
    char key[32];
    const int key_size = snprintf(key, sizeof(key), "key:%010llu",
                                  (unsigned long long)random_below(random, key_count));
    const size_t value_size = random_below(random, sizeof(value) / 2);

    if (random_below(random, 4) == 0) {
        write_batch_delete(batch, CF_DEFAULT, slice_of(key, (size_t)key_size));
        return;
    }
    /* Half of it repeats, so that compression has something to do. */
    for (size_t i = 0; i < value_size; i++)
        value[i] = (uint8_t)(i % 2 == 0 ? i : random_next(random) & 0xff);
    write_batch_put(batch, CF_DEFAULT, slice_of(key, (size_t)key_size),
                    slice_of(value, value_size));
}

static void
random_range(struct random *random, struct write_batch *batch, uint64_t key_count)
{
    const uint64_t from = random_below(random, key_count);
    char begin[32], end[32];
    const int begin_size = snprintf(begin, sizeof(begin), "key:%010llu", (unsigned long long)from);
    const int end_size = snprintf(end, sizeof(end), "key:%010llu",
                                  (unsigned long long)(from + 1 + random_below(random, 100)));

    write_batch_delete_range(batch, CF_DEFAULT, slice_of(begin, (size_t)begin_size),
                             slice_of(end, (size_t)end_size));
}

static void
choose_style(struct tool_db *tool, const char *name)
{
    struct db_compaction_settings *settings = &tool->options.compaction;

    if (!compaction_style_parse(name, &settings->style)) {
        fprintf(stderr, "%s: no style\n", name);
        exit(64);
    }
    tool->options.memtable_bytes = 2 << 20;
    settings->has_style = true;
    settings->job_count = 2;
    settings->file_bytes = 512 << 10;
    settings->level_base_bytes = 2 << 20;
    settings->level0_trigger = 2;
    settings->part_bytes_min = 1 << 20;
}

int
main(int argc, char **argv)
{
    struct tool_db tool;
    struct write_batch batch;
    struct random random;
    uint64_t count;

    if (argc < 4 || argc > 6) {
        fprintf(stderr, "usage: kv_fill DIR COUNT SEED [STYLE [compact]]\n");
        return 64;
    }
    count = strtoull(argv[2], NULL, 10);
    random_init(&random, strtoull(argv[3], NULL, 10));
    tool_db_init(&tool, argv[1]);
    if (argc > 4)
        choose_style(&tool, argv[4]);
    tool_db_open(&tool);
    write_batch_init(&batch);
    for (uint64_t done = 0; done < count;) {
        const uint64_t records = 1 + random_below(&random, 8);

        write_batch_clear(&batch);
        for (uint64_t i = 0; i < records; i++)
            random_record(&random, &batch, count / 2 + 1);
        if (argc > 4 && random_below(&random, 1000) == 0)
            random_range(&random, &batch, count / 2 + 1);
        tool_db_write(&tool, &batch);
        done += records;
        if (random_below(&random, count / 8 + 1) == 0)
            tool_db_flush(&tool);
    }
    write_batch_deinit(&batch);
    if (argc > 4)
        tool_db_compact(&tool, argc > 5);
    tool_db_close(&tool);
    return 0;
}
