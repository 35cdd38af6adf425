/* compact_bench.c - how fast a compaction is: compact_bench [MiB] [VALUE_BYTES] [DIR]
 *
 * Four tables of level 0 and one sorted run of level 1, with keys in random order over the same
 * space, become level 2; once a compression.  Values are half compressible, keys 16 bytes.  Rates
 * are of what is stored in the inputs, and of keys and values before compression.  Files are read
 * and written as by a worker but for the reading back. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "compact/compaction_run.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "support/test_table.h"

enum {
    RUN_COUNT = 5,
    LEVEL_TABLE_COUNT = 4, /* of level 1 */
    INPUT_COUNT = RUN_COUNT - 1 + LEVEL_TABLE_COUNT,
    KEY_BYTES = 16,
    MIB = 1024 * 1024,
    OUTPUT_BYTES = 64 * MIB,
};

struct bench {
    struct io *io;
    const char *dir;
    uint64_t entries; /* of a run */
    uint32_t value_bytes;
    enum compression compression;
    struct random random;
    struct table_summary summaries[INPUT_COUNT];
    struct compact_input inputs[INPUT_COUNT];
    uint64_t raw_bytes, stored_bytes;
};

struct sink {
    struct io *io;
    int fd;
    struct buffer bytes;
    uint64_t offset;
};

static void
check(enum kv_status st)
{
    if (st != KV_OK) {
        fprintf(stderr, "compact_bench: %s\n", kv_status_text(st));
        exit(1);
    }
}

static enum kv_status
write_bytes(void *owner, struct slice bytes)
{
    struct sink *sink = owner;
    enum kv_status st = KV_OK;

    buffer_append_slice(&sink->bytes, bytes);
    if (sink->bytes.size >= MIB) {
        st = file_write(sink->io, sink->fd, sink->offset, sink->bytes.data, sink->bytes.size);
        sink->offset += sink->bytes.size;
        buffer_clear(&sink->bytes);
    }
    return st;
}

static void
fill_value(struct bench *bench, uint8_t *value)
{
    for (uint32_t i = 0; i < bench->value_bytes / 2; i += 8) {
        const uint64_t noise = random_next(&bench->random);

        memcpy(value + i, &noise, sizeof(noise));
    }
}

/* Entries [first, first + count) of the run, whose keys are its residue class of all numbers. */
static void
write_table(struct bench *bench, uint32_t index, uint32_t run, uint64_t first, uint64_t count)
{
    const struct table_build_options options = test_table_options(1 + index, bench->compression, 0);
    struct sink sink = {.io = bench->io};
    struct table_builder *builder = table_builder_new(&options, write_bytes, &sink);
    uint8_t *value = kv_alloc_zero(bench->value_bytes + 8), key[KEY_BYTES + 17];
    char path[PATH_BYTES_MAX];

    snprintf(path, sizeof(path), "%s/%06u.sst", bench->dir, 1 + index);
    check(file_open(bench->io, path, O_WRONLY | O_CREAT | O_TRUNC, &sink.fd));
    for (uint64_t i = first; i < first + count; i++) {
        /* At random within its step, so that runs alternate irregularly. */
        const uint64_t number = i * 2 * RUN_COUNT + random_below(&bench->random, 2 * RUN_COUNT);

        snprintf((char *)key, sizeof(key), "user%012" PRIu64, number);
        put_fixed64(key + KEY_BYTES, footer_pack(1 + run * 1000000000ull + i, TYPE_VALUE));
        fill_value(bench, value);
        check(table_builder_add(builder, slice_of(key, KEY_BYTES + KEY_FOOTER_BYTES),
                                slice_of(value, bench->value_bytes)));
    }
    check(table_builder_finish(builder, &bench->summaries[index]));
    check(file_write(bench->io, sink.fd, sink.offset, sink.bytes.data, sink.bytes.size));
    check(file_sync(bench->io, sink.fd));
    file_close(bench->io, sink.fd);
    bench->raw_bytes += count * (KEY_BYTES + bench->value_bytes);
    bench->stored_bytes += bench->summaries[index].file_bytes;
    table_builder_free(builder);
    buffer_deinit(&sink.bytes);
    free(value);
}

static void
write_inputs(struct bench *bench)
{
    const uint64_t part = bench->entries / LEVEL_TABLE_COUNT;
    uint32_t index = 0;

    for (uint32_t run = 0; run < RUN_COUNT - 1; run++)
        write_table(bench, index++, RUN_COUNT - run, 0, bench->entries);
    for (uint32_t i = 0; i < LEVEL_TABLE_COUNT; i++)
        write_table(bench, index++, 0, i * part, part);
    for (uint32_t i = 0; i < INPUT_COUNT; i++) {
        const struct table_summary *summary = &bench->summaries[i];

        bench->inputs[i] = (struct compact_input){.file_number = summary->file_number,
                                                  .file_bytes = summary->file_bytes,
                                                  .level = i < RUN_COUNT - 1 ? 0 : 1,
                                                  .smallest = buffer_slice(&summary->smallest),
                                                  .largest = buffer_slice(&summary->largest),
                                                  .seq_smallest = summary->seq_smallest,
                                                  .seq_largest = summary->seq_largest};
    }
}

static double
cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
run(struct bench *bench)
{
    const struct compaction_spec spec = {.db_identity = "",
                                         .cf_name = "default",
                                         .merge_operator = "nullptr",
                                         .inputs = bench->inputs,
                                         .input_count = INPUT_COUNT,
                                         .output_level = 2,
                                         .output_bytes_max = OUTPUT_BYTES,
                                         .output_number_first = 100,
                                         .output_number_count = 1000,
                                         .compression = bench->compression,
                                         .bloom_bits_per_key = 10};
    const struct compaction_run job = {
        .spec = &spec, .io = bench->io, .dir = bench->dir, .session_identity = ""};
    const uint64_t started_us = io_now_us(bench->io);
    const double cpu_before_s = cpu_s();
    struct compaction_result result;
    double wall_s, used_s;

    check(compaction_run_files(&job, &result));
    wall_s = (double)(io_now_us(bench->io) - started_us) / 1e6;
    used_s = cpu_s() - cpu_before_s;
    printf("%-13s %4.0f MB in, %4.0f MB raw: %5.2f s, %5.0f MB/s in, %5.0f MB/s raw; "
           "cpu %5.2f s, %5.0f MB/s raw, %4.0f ns an entry\n",
           compression_property_name(bench->compression), (double)bench->stored_bytes / 1e6,
           (double)bench->raw_bytes / 1e6, wall_s, (double)bench->stored_bytes / 1e6 / wall_s,
           (double)bench->raw_bytes / 1e6 / wall_s, used_s, (double)bench->raw_bytes / 1e6 / used_s,
           used_s * 1e9 / (double)result.entries_read);
    compaction_result_deinit(&result);
}

static void
run_with(struct bench *bench, enum compression compression)
{
    char command[PATH_BYTES_MAX];

    bench->compression = compression;
    bench->raw_bytes = bench->stored_bytes = 0;
    write_inputs(bench);
    run(bench);
    for (uint32_t i = 0; i < INPUT_COUNT; i++)
        table_summary_deinit(&bench->summaries[i]);
    snprintf(command, sizeof(command), "rm -f %s/*.sst", bench->dir);
    if (system(command) != 0)
        exit(1);
}

int
main(int argc, char **argv)
{
    const uint64_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 256;
    char dir[PATH_BYTES_MAX];
    struct bench bench = {.value_bytes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100};

    snprintf(dir, sizeof(dir), "%s/kv_compact_XXXXXX", argc > 3 ? argv[3] : "/var/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }
    bench.dir = dir;
    bench.io = io_blocking_new();
    bench.entries = mib * MIB / RUN_COUNT / (KEY_BYTES + bench.value_bytes);
    random_init(&bench.random, 1);
    run_with(&bench, COMPRESSION_NONE);
    run_with(&bench, COMPRESSION_LZ4);
    run_with(&bench, COMPRESSION_ZSTD);
    io_blocking_free(bench.io);
    return rmdir(dir) == 0 ? 0 : 1;
}
