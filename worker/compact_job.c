/* compact_job.c - compaction_run into files that are written and read back as a flush's are.
 *
 * When this has returned KV_OK kvd deletes the inputs, so every byte of the outputs has come back
 * from the disk once, and each opens as a table.
 */
#include "worker/compact_job.h"

#include <time.h>

#include "worker/give_way.h"
#include "worker/output_file.h"
#include "worker/page_cache.h"
#include "worker/rate_limit.h"
#include "worker/table_check.h"

struct compact_job {
    const char *dir;
    struct heartbeat *heartbeat;
    struct io *io;
    struct output_file file;
    bool file_is_open;
    struct rate_limit limit;
    uint64_t bytes_read; /* of the inputs */
    bool into_cache;     /* readers found the inputs in the page cache */
};

/* kvd sees how much of the inputs is done, not what was written. */
static enum kv_status
on_progress(void *owner, uint64_t bytes_done)
{
    struct compact_job *job = owner;

    job->bytes_read = bytes_done;
    job->heartbeat->bytes_done = bytes_done;
    give_way(job->io); /* even if nothing is written */
    return heartbeat_beat(job->heartbeat);
}

static enum kv_status
path_of(const struct compact_job *job, uint64_t file_number, char path[PATH_BYTES_MAX])
{
    if (worker_output_path(path, PATH_BYTES_MAX, job->dir, file_number))
        return KV_OK;
    return KV_FAIL(KV_LIMIT, "%s is too long for a path", job->dir);
}

static enum kv_status
begin_file(void *owner, uint64_t file_number)
{
    struct compact_job *job = owner;
    char path[PATH_BYTES_MAX];
    enum kv_status st = path_of(job, file_number, path);

    if (st == KV_OK)
        st = output_file_open(&job->file, job->io, job->heartbeat, path);
    job->file_is_open = st == KV_OK;
    return st;
}

static enum kv_status
wait_for_rate(struct compact_job *job)
{
    uint64_t wait_us;

    while ((wait_us = rate_limit_wait_us(&job->limit)) > 0) {
        const struct timespec nap = {.tv_nsec = (long)wait_us * 1000};
        const enum kv_status st = heartbeat_beat(job->heartbeat);

        if (st != KV_OK)
            return st;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL); /* a signal only makes it shorter */
    }
    return KV_OK;
}

static enum kv_status
write_file(void *owner, struct slice bytes)
{
    struct compact_job *job = owner;
    const uint64_t offset_before = job->file.offset;
    enum kv_status st = output_file_append(&job->file, bytes);

    job->heartbeat->bytes_done = job->bytes_read;
    /* Only what really went to the disk is waited for, which is a block at a time. */
    if (st != KV_OK || job->file.offset == offset_before)
        return st;
    rate_limit_take(&job->limit, job->file.offset - offset_before);
    return wait_for_rate(job);
}

static void
close_file(struct compact_job *job)
{
    if (job->file_is_open)
        output_file_close(&job->file);
    job->file_is_open = false;
}

static enum kv_status
finish_file(void *owner, const struct table_summary *summary)
{
    struct compact_job *job = owner;
    char path[PATH_BYTES_MAX];
    const uint64_t offset_before = job->file.offset;
    enum kv_status st = output_file_finish(&job->file);

    rate_limit_take(&job->limit, job->file.offset - offset_before);
    close_file(job);
    if (st == KV_OK)
        st = wait_for_rate(job);
    if (st == KV_OK)
        st = path_of(job, summary->file_number, path);
    if (st == KV_OK)
        st = output_file_verify(
            job->io, job->heartbeat,
            &(struct output_expected){.path = path,
                                      .bytes = summary->file_bytes,
                                      .checksum_crc32c = summary->checksum_crc32c,
                                      .into_cache = job->into_cache});
    if (st == KV_OK)
        st = table_check_run(job->io, path, summary);
    job->heartbeat->bytes_done = job->bytes_read;
    return st == KV_OK ? heartbeat_beat(job->heartbeat) : st;
}

enum kv_status
compact_job_run(const struct worker_compact *compact, const char *dir, struct heartbeat *heartbeat,
                struct compaction_result *result_out)
{
    struct compact_job job = {.dir = dir, .heartbeat = heartbeat, .io = heartbeat->io};
    const struct compaction_sink sink = {.begin = begin_file,
                                         .write = write_file,
                                         .finish = finish_file,
                                         .on_progress = on_progress,
                                         .owner = &job};
    const bool cached = page_cache_has_inputs(dir, &compact->spec);
    const struct compaction_run run = {.spec = &compact->spec,
                                       .io = job.io,
                                       .dir = dir,
                                       .inputs_cached = cached,
                                       .session_identity = compact->session_identity,
                                       .sink = &sink};
    enum kv_status st;

    job.into_cache = cached;
    rate_limit_init(&job.limit, job.io, run.spec->rate_bytes_per_s);
    give_way_leaves_core(run.spec->leaves_core);
    st = compaction_run(&run, result_out);
    give_way_leaves_core(false);
    close_file(&job);
    if (st == KV_OK)
        st = file_sync_dir(job.io, dir);
    return st;
}
