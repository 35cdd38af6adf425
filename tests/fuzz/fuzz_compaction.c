/* Goal: no bytes of an input make a compaction crash, leak or loop for ever.
 *
 * Method: one table is sound, the other is the input, or, if that is too short to be a table, a
 * sound one with the edits that it lists.  Both lie in files; the outputs go nowhere.  Checksums
 * would stop every mutation, so the footer's checksum kind is set to "none" first.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "compact/compaction_run.h"
#include "io/io_blocking.h"
#include "sst/block_checksum.h"
#include "sst/sst_format.h"
#include "support/quiet_log.h"
#include "support/test_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_SIZE = 128, EDIT_BYTES = 3, EDIT_INPUT_BYTES_MAX = 60, INPUT_COUNT = 2 };

struct world {
    char dir[64];
    struct io *io;
    struct buffer files[INPUT_COUNT];
    struct table_summary summaries[INPUT_COUNT];
};

static enum kv_status
append_bytes(void *owner, struct slice bytes)
{
    buffer_append_slice(owner, bytes);
    return KV_OK;
}

static void
build(struct world *world, uint32_t index)
{
    static const enum value_type types[] = {TYPE_VALUE, TYPE_MERGE, TYPE_DELETION, TYPE_VALUE,
                                            TYPE_SINGLE_DELETION};
    struct table_build_options options =
        test_table_options(1 + index, index == 0 ? COMPRESSION_NONE : COMPRESSION_LZ4, 100);
    struct table_builder *builder;

    options.bloom_bits_per_key = 0; /* compactions read no filters */
    builder = table_builder_new(&options, append_bytes, &world->files[index]);
    for (unsigned i = 0; i < 40; i++) {
        char key[24];
        const int used = snprintf(key, sizeof(key), "key%03u", i / 2);

        put_fixed64((uint8_t *)key + used,
                    footer_pack(200 - 100 * index - i, types[(i + index) % 5]));
        KV_ASSERT(table_builder_add(builder, slice_of(key, (size_t)used + KEY_FOOTER_BYTES),
                                    slice_from_text("value value")) == KV_OK);
    }
    table_builder_add_tombstone(builder, slice_from_text("key005"), slice_from_text("key009"), 95);
    table_builder_add_tombstone(builder, slice_from_text("key007"), slice_from_text("key012"), 70);
    KV_ASSERT(table_builder_finish(builder, &world->summaries[index]) == KV_OK);
    table_builder_free(builder);
}

static void
write_file(const struct world *world, uint32_t index, struct slice bytes)
{
    char path[PATH_SIZE];
    int fd;

    snprintf(path, sizeof(path), "%s/%06u.sst", world->dir, index + 1);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    KV_ASSERT(fd >= 0);
    KV_ASSERT(write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    close(fd);
}

static struct world the_world;

static void
remove_world(void)
{
    char path[PATH_SIZE];

    for (unsigned i = 1; i <= INPUT_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%06u.sst", the_world.dir, i);
        unlink(path);
    }
    rmdir(the_world.dir);
}

static struct world *
world_of_process(void)
{
    struct world *world = &the_world;

    if (world->io != NULL)
        return world;
    snprintf(world->dir, sizeof(world->dir), "/dev/shm/kv-fuzz-XXXXXX");
    KV_ASSERT(mkdtemp(world->dir) != NULL);
    atexit(remove_world);
    world->io = io_blocking_new();
    for (uint32_t i = 0; i < INPUT_COUNT; i++)
        build(world, i);
    write_file(world, 0, buffer_slice(&world->files[0]));
    return world;
}

static uint64_t
write_input(const struct world *world, const uint8_t *data, size_t size)
{
    struct buffer file = {0};
    uint64_t bytes;

    if (size > EDIT_INPUT_BYTES_MAX) {
        buffer_append(&file, data, size);
    } else {
        buffer_append_slice(&file, buffer_slice(&world->files[1]));
        for (size_t i = 0; i + EDIT_BYTES <= size; i += EDIT_BYTES)
            file.data[(data[i] | (size_t)data[i + 1] << 8) % file.size] ^= data[i + 2];
    }
    if (file.size >= FOOTER_BYTES)
        file.data[file.size - FOOTER_BYTES] = CHECKSUM_NONE;
    write_file(world, 1, buffer_slice(&file));
    bytes = file.size;
    buffer_deinit(&file);
    return bytes;
}

static enum kv_status
begin(void *owner, uint64_t file_number)
{
    (void)owner;
    (void)file_number;
    return KV_OK;
}

static enum kv_status
swallow(void *owner, struct slice bytes)
{
    (void)owner;
    (void)bytes;
    return KV_OK;
}

static enum kv_status
finish(void *owner, const struct table_summary *summary)
{
    (void)owner;
    KV_ASSERT(internal_key_compare(buffer_slice(&summary->smallest),
                                   buffer_slice(&summary->largest)) <= 0);
    return KV_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t snapshots[] = {60, 120};
    static const struct compaction_sink sink = {.begin = begin, .write = swallow, .finish = finish};
    struct world *world = world_of_process();
    struct compact_input inputs[INPUT_COUNT];
    struct compaction_spec spec = {.db_identity = "",
                                   .cf_name = "default",
                                   .merge_operator = size % 2 == 0 ? "nullptr" : "stringappend",
                                   .inputs = inputs,
                                   .input_count = INPUT_COUNT,
                                   .snapshots = snapshots,
                                   .snapshot_count = (uint32_t)(size % 3),
                                   .output_level = 2,
                                   .output_bytes_max = 500,
                                   .output_number_first = 10,
                                   .output_number_count = 4};
    const struct compaction_run run = {
        .spec = &spec, .io = world->io, .dir = world->dir, .session_identity = "", .sink = &sink};
    struct compaction_result result;

    quiet_log();
    for (uint32_t i = 0; i < INPUT_COUNT; i++)
        inputs[i] = (struct compact_input){
            .file_number = 1 + i,
            .file_bytes = world->files[i].size,
            .level = i,
            .smallest = buffer_slice(&world->summaries[i].smallest),
            .largest = buffer_slice(&world->summaries[i].largest),
            .seq_smallest = world->summaries[i].seq_smallest,
            .seq_largest = world->summaries[i].seq_largest,
        };
    inputs[1].file_bytes = write_input(world, data, size);
    if (compaction_run(&run, &result) == KV_CORRUPT)
        KV_ASSERT(result.table_count == 0);
    compaction_result_deinit(&result);
    return 0;
}
