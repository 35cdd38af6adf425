/* compaction_run.c - input -> filter -> output, and a word about progress now and then. */
#include "compact/compaction_run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "compact/compaction_filter.h"
#include "compact/compaction_input.h"
#include "io/file.h"

enum {
    PROGRESS_BYTES = 256 * 1024, /* of the inputs, or so many versions of small ones */
    PROGRESS_ENTRY_COUNT = 4096,
    PROGRESS_LOOK_COUNT = 32,
};

struct compaction {
    const struct compaction_run *run;
    struct compaction_input input;
    struct compaction_output output;
    struct compaction_filter filter;
    uint64_t bytes_told;
    uint64_t entries_read;
};

void
compaction_result_deinit(struct compaction_result *result)
{
    for (uint32_t i = 0; i < result->table_count; i++)
        table_summary_deinit(&result->tables[i]);
    free(result->tables);
    *result = (struct compaction_result){0};
}

static void
on_tombstone(void *owner, const struct range_tombstone *tombstone)
{
    struct compaction *compaction = owner;

    compaction_output_add_tombstone(&compaction->output, tombstone,
                                    compaction_filter_user_key(&compaction->filter));
}

static enum kv_status
tell_progress(struct compaction *compaction)
{
    const struct compaction_sink *sink = compaction->run->sink;

    if (sink->on_progress == NULL)
        return KV_OK;
    compaction->bytes_told = compaction_input_bytes_done(&compaction->input);
    return sink->on_progress(sink->owner, compaction->bytes_told);
}

static enum kv_status
on_open(void *owner)
{
    return tell_progress(owner);
}

static bool
progress_is_due(const struct compaction *compaction)
{
    const uint64_t entries = compaction->entries_read;

    if (entries % PROGRESS_LOOK_COUNT != 0)
        return false;
    return entries % PROGRESS_ENTRY_COUNT == 0 ||
           compaction_input_bytes_done(&compaction->input) - compaction->bytes_told >=
               PROGRESS_BYTES;
}

static enum kv_status
run_through(struct compaction *compaction)
{
    struct compaction_input *input = &compaction->input;
    enum kv_status st = compaction_input_start(input);

    while (st == KV_OK && input->valid) {
        compaction->entries_read++;
        st = compaction_filter_add(&compaction->filter, input->key, input->value);
        if (st == KV_OK && progress_is_due(compaction))
            st = tell_progress(compaction);
        if (st == KV_OK)
            st = compaction_input_next(input);
    }
    if (st == KV_OK)
        st = compaction_filter_finish(&compaction->filter);
    if (st == KV_OK)
        st = compaction_output_finish(&compaction->output);
    return st;
}

static void
fill_result(struct compaction *compaction, enum kv_status st, struct compaction_result *result)
{
    struct compaction_output *output = &compaction->output;

    result->bytes_read = compaction_input_bytes_done(&compaction->input);
    result->entries_read = compaction->entries_read;
    result->expired_count = compaction->filter.expired_count;
    result->bad_input_number = compaction->input.bad_input_number;
    if (st != KV_OK)
        return;
    result->tables = output->tables;
    result->table_count = output->table_count;
    output->tables = NULL;
    output->table_count = 0;
    for (uint32_t i = 0; i < result->table_count; i++)
        result->bytes_written += result->tables[i].file_bytes;
}

enum kv_status
compaction_run(const struct compaction_run *run, struct compaction_result *result_out)
{
    struct compaction *compaction = kv_alloc_zero(sizeof(*compaction));
    const struct compaction_input_options options = {.io = run->io,
                                                     .dir = run->dir,
                                                     .spec = run->spec,
                                                     .cached = run->inputs_cached,
                                                     .on_tombstone = on_tombstone,
                                                     .on_open = on_open,
                                                     .owner = compaction};
    enum kv_status st;

    *result_out = (struct compaction_result){0};
    compaction->run = run;
    compaction_input_init(&compaction->input, &options);
    compaction_output_init(&compaction->output, run->spec, run->session_identity, run->sink);
    compaction_filter_init(&compaction->filter, run->spec, &compaction->output);
    st = run_through(compaction);
    KV_ASSERT(st != KV_WANT_BLOCK);
    fill_result(compaction, st, result_out);
    compaction_filter_deinit(&compaction->filter);
    compaction_output_deinit(&compaction->output);
    compaction_input_deinit(&compaction->input);
    free(compaction);
    return st;
}

/* --- into plain files --- */

struct file_sink {
    const struct compaction_run *run;
    int fd;
    uint64_t offset;
};

static enum kv_status
file_sink_begin(void *owner, uint64_t file_number)
{
    struct file_sink *sink = owner;
    char path[PATH_BYTES_MAX];

    snprintf(path, sizeof(path), "%s/%06" PRIu64 ".sst", sink->run->dir, file_number);
    sink->offset = 0;
    return file_open(sink->run->io, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, &sink->fd);
}

static enum kv_status
file_sink_write(void *owner, struct slice bytes)
{
    struct file_sink *sink = owner;
    const enum kv_status st =
        file_write(sink->run->io, sink->fd, sink->offset, bytes.data, bytes.size);

    sink->offset += bytes.size;
    return st;
}

static enum kv_status
file_sink_finish(void *owner, const struct table_summary *summary)
{
    struct file_sink *sink = owner;
    const enum kv_status st = file_sync(sink->run->io, sink->fd);

    KV_ASSERT(sink->offset == summary->file_bytes);
    file_close(sink->run->io, sink->fd);
    sink->fd = -1;
    return st;
}

static enum kv_status
file_sink_progress(void *owner, uint64_t bytes_done)
{
    const struct file_sink *sink = owner;
    const struct compaction_sink *outer = sink->run->sink;

    if (outer == NULL || outer->on_progress == NULL)
        return KV_OK;
    return outer->on_progress(outer->owner, bytes_done);
}

enum kv_status
compaction_run_files(const struct compaction_run *run, struct compaction_result *result_out)
{
    struct file_sink files = {.run = run, .fd = -1};
    const struct compaction_sink sink = {.begin = file_sink_begin,
                                         .write = file_sink_write,
                                         .finish = file_sink_finish,
                                         .on_progress = file_sink_progress,
                                         .owner = &files};
    struct compaction_run into_files = *run;
    enum kv_status st;

    into_files.sink = &sink;
    st = compaction_run(&into_files, result_out);
    file_close(run->io, files.fd);
    if (st == KV_OK)
        st = file_sync_dir(run->io, run->dir);
    if (st != KV_OK) {
        const uint64_t bad_input_number = result_out->bad_input_number;

        compaction_result_deinit(result_out);
        result_out->bad_input_number = bad_input_number;
    }
    return st;
}
