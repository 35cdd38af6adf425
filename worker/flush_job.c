/* flush_job.c - memfd -> flush_build -> direct writes -> syncs -> read back -> directory sync.
 *
 * All tables are written before the first is synced: each sync would wait for a commit of the file
 * system's journal, and the first one's takes the others' along.
 *
 * When this has returned KV_OK kvd may forget the memtable and delete the WAL, so everything that
 * can be known is checked first: the memtable is the one that the job names, each family is there
 * and gives at least one entry, the bytes that the disk returns are those that were built, and
 * they open as a table.
 */
#include "worker/flush_job.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "compact/flush_build.h"
#include "mem/memtable.h"
#include "worker/output_file.h"
#include "worker/table_check.h"

/* A job at work. */
struct writing {
    const struct worker_flush *flush;
    struct memtable *memtable; /* owned */
    const char *dir;
    struct heartbeat *heartbeat;
    int fds[WORKER_JOB_OUTPUT_COUNT_MAX]; /* owned: of tables that are not synced yet; -1: none */
};

void
flush_job_result_deinit(struct flush_job_result *result)
{
    for (uint32_t i = 0; i < result->table_count; i++)
        table_summary_deinit(&result->tables[i]);
    free(result->tables);
    *result = (struct flush_job_result){0};
}

static enum kv_status
sink(void *owner, struct slice bytes)
{
    return output_file_append(owner, bytes);
}

static enum kv_status
on_progress(void *owner, uint64_t entry_count)
{
    (void)entry_count;
    return heartbeat_beat(owner);
}

static enum kv_status
path_of(const struct writing *writing, uint32_t index, char path[PATH_BYTES_MAX])
{
    if (worker_output_path(path, PATH_BYTES_MAX, writing->dir,
                           writing->flush->outputs[index].file_number))
        return KV_OK;
    return KV_FAIL(KV_LIMIT, "%s is too long for a path", writing->dir);
}

static struct table_build_options
build_options(const struct worker_flush *flush, const struct worker_flush_output *output)
{
    return (struct table_build_options){
        .file_number = output->file_number,
        .cf_id = output->cf_id,
        .cf_name = (const char *)output->cf_name.data,
        .db_identity = (const char *)flush->db_identity.data,
        .session_identity = (const char *)flush->session_identity.data,
        .merge_operator = (const char *)output->merge_operator.data,
        .compression = (enum compression)output->compression,
        .block_bytes = output->block_bytes,
        .bloom_bits_per_key = output->bloom_bits_per_key,
        .creation_time_s = flush->creation_time_s,
    };
}

static enum kv_status
build_table(const struct worker_flush *flush, const struct worker_flush_output *output,
            const struct memtable *memtable, struct output_file *file,
            struct table_summary *summary)
{
    const struct table_build_options options = build_options(flush, output);
    const struct flush_build build = {.memtable = memtable,
                                      .options = &options,
                                      .snapshots = flush->snapshots,
                                      .snapshot_count = flush->snapshot_count,
                                      .now_ms = flush->now_ms,
                                      .sink = sink,
                                      .sink_owner = file,
                                      .on_progress = on_progress,
                                      .progress_owner = file->heartbeat};

    return flush_build_run(&build, summary);
}

/* *fd_out is to be synced and closed. */
static enum kv_status
write_table(struct writing *writing, uint32_t index, struct table_summary *summary, int *fd_out)
{
    const struct worker_flush_output *output = &writing->flush->outputs[index];
    struct output_file file;
    char path[PATH_BYTES_MAX];
    enum kv_status st = path_of(writing, index, path);

    if (st == KV_OK)
        st = output_file_open(&file, writing->heartbeat->io, writing->heartbeat, path);
    if (st != KV_OK)
        return st;
    st = build_table(writing->flush, output, writing->memtable, &file, summary);
    if (st == KV_OK)
        st = output_file_finish_unsynced(&file, fd_out);
    output_file_close(&file);
    return st;
}

static enum kv_status
check_table(struct writing *writing, uint32_t index, const struct table_summary *summary)
{
    struct heartbeat *heartbeat = writing->heartbeat;
    char path[PATH_BYTES_MAX];
    enum kv_status st = path_of(writing, index, path);

    if (st == KV_OK)
        st = output_file_verify(
            heartbeat->io, heartbeat,
            &(struct output_expected){.path = path,
                                      .bytes = summary->file_bytes,
                                      .checksum_crc32c = summary->checksum_crc32c,
                                      .into_cache = true}); /* what is new is read */
    if (st == KV_OK)
        st = table_check_run(heartbeat->io, path, summary);
    return st;
}

static enum kv_status
check_memtable(const struct worker_flush *flush, const struct memtable *memtable)
{
    const uint32_t count = memtable_families(memtable, NULL, 0);
    struct memtable_family *families = kv_alloc_zero(((size_t)count + 1) * sizeof(*families));
    enum kv_status st = KV_OK;
    uint32_t f = 0;

    (void)memtable_families(memtable, families, count);
    if (memtable_seq_first(memtable) != flush->seq_first ||
        memtable_seq_last(memtable) != flush->seq_last)
        st = KV_FAIL(KV_CORRUPT,
                     "the memtable has sequences %" PRIu64 "..%" PRIu64 ", the job %" PRIu64
                     "..%" PRIu64,
                     memtable_seq_first(memtable), memtable_seq_last(memtable), flush->seq_first,
                     flush->seq_last);
    for (uint32_t i = 0; i < flush->output_count && st == KV_OK; i++) {
        while (f < count && families[f].cf_id < flush->outputs[i].cf_id)
            f++;
        if (f == count || families[f].cf_id != flush->outputs[i].cf_id ||
            families[f].entry_count + families[f].range_tombstone_count == 0)
            st = KV_FAIL(KV_CORRUPT, "the memtable has nothing of family %u",
                         flush->outputs[i].cf_id);
    }
    free(families);
    return st;
}

static enum kv_status
sync_tables(struct writing *writing)
{
    struct heartbeat *heartbeat = writing->heartbeat;
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < writing->flush->output_count && st == KV_OK; i++) {
        st = file_sync(heartbeat->io, writing->fds[i]);
        if (st == KV_OK)
            st = heartbeat_beat(heartbeat);
    }
    return st;
}

static void
close_all(const struct writing *writing)
{
    for (uint32_t i = 0; i < writing->flush->output_count; i++)
        file_close(writing->heartbeat->io, writing->fds[i]);
}

static enum kv_status
write_tables(struct writing *writing, struct flush_job_result *result)
{
    const uint32_t count = writing->flush->output_count;
    enum kv_status st = check_memtable(writing->flush, writing->memtable);

    for (uint32_t i = 0; i < count; i++)
        writing->fds[i] = -1;
    for (uint32_t i = 0; i < count && st == KV_OK; i++) {
        result->table_count++;
        st = write_table(writing, i, &result->tables[i], &writing->fds[i]);
        result->bytes_written += result->tables[i].file_bytes;
    }
    if (st == KV_OK)
        st = sync_tables(writing);
    close_all(writing);
    for (uint32_t i = 0; i < count && st == KV_OK; i++)
        st = check_table(writing, i, &result->tables[i]);
    if (st == KV_OK)
        st = file_sync_dir(writing->heartbeat->io, writing->dir);
    return st;
}

enum kv_status
flush_job_run(const struct worker_flush *flush, int memtable_fd, const char *dir,
              struct heartbeat *heartbeat, struct flush_job_result *result_out)
{
    struct writing writing = {.flush = flush, .dir = dir, .heartbeat = heartbeat};
    enum kv_status st;

    KV_ASSERT(flush->output_count > 0 && flush->output_count <= WORKER_JOB_OUTPUT_COUNT_MAX);
    KV_ASSERT(memtable_fd >= 0);
    *result_out = (struct flush_job_result){0};
    st = memtable_open(memtable_fd, &writing.memtable);
    if (st != KV_OK)
        return st;
    result_out->tables = kv_alloc_zero(flush->output_count * sizeof(*result_out->tables));
    st = write_tables(&writing, result_out);
    memtable_unref(writing.memtable);
    if (st != KV_OK)
        flush_job_result_deinit(result_out);
    return st;
}
