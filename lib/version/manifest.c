/* Bytes to the MANIFEST, one step at a time; no step blocks.
 *
 *     append:  [RESERVE ->] WRITE -> SYNC -> installed
 *     roll:    OPEN -> RESERVE -> WRITE -> SYNC -> SYNC_DIR
 *              -> CURRENT_OPEN -> WRITE -> SYNC -> CLOSE -> RENAME -> SYNC_DIR -> installed
 *              -> the old MANIFEST is closed and unlinked
 *
 * A roll writes a new MANIFEST, of everything live and the batch.  It happens when the file has
 * grown too long (if there is no space for another one it grows longer), and after any failure of
 * an append: what a failed fsync left of a file is not knowable, so that file is never written or
 * synced again.
 * A roll that fails is undone and made again, with a new number, when the timer expires.  Once
 * the rename was tried CURRENT may name either file, so both stay until a later roll is durable.
 *
 * Space is reserved ahead, best effort: on a full disk the change that gives space back can be
 * written, since it is small, but it must be written before anything may be deleted.
 *
 * The same steps run in place at open (`blocking`), and there the first failure is the result. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "version/file_name.h"
#include "version/version_set_internal.h"

static void step_start(struct version_set *set, enum manifest_step step);
static void on_step_done(struct io_request *request);
static void append_begin(struct version_set *set);
static void roll_begin(struct version_set *set);

void
manifest_init(struct manifest *manifest)
{
    memset(manifest, 0, sizeof(*manifest));
    manifest->fd = manifest->roll_fd = manifest->tmp_fd = manifest->old_fd = -1;
    manifest->step = STEP_NONE;
}

void
manifest_deinit(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    io_timer_stop(set->io, &manifest->timer);
    file_close(set->io, manifest->fd);
    file_close(set->io, manifest->roll_fd);
    file_close(set->io, manifest->tmp_fd);
    file_close(set->io, manifest->old_fd);
    buffer_deinit(&manifest->out);
    free(manifest->stale);
}

static void
push_stale(struct manifest *manifest, uint64_t number)
{
    manifest->stale = kv_realloc(manifest->stale,
                                 ((size_t)manifest->stale_count + 1) * sizeof(manifest->stale[0]));
    manifest->stale[manifest->stale_count++] = number;
}

static void
submit(struct version_set *set)
{
    struct io_request *request = &set->manifest.request;

    request->done = on_step_done;
    request->owner = set;
    if (!set->manifest.blocking)
        io_submit(set->io, request);
}

static void
submit_open(struct version_set *set, enum file_kind kind)
{
    struct manifest *manifest = &set->manifest;

    file_name_format(manifest->path, set->dir, kind, manifest->roll_number);
    manifest->request = (struct io_request){.op = IO_OPEN,
                                            .path = manifest->path,
                                            .open_flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC};
    submit(set);
}

static void
submit_on_fd(struct version_set *set, enum io_op op, int fd)
{
    set->manifest.request = (struct io_request){.op = op, .fd = fd};
    submit(set);
}

/* For `out` and what comes next. */
static void
submit_reserve(struct version_set *set, int fd)
{
    struct manifest *manifest = &set->manifest;

    manifest->request = (struct io_request){.op = IO_ALLOCATE,
                                            .fd = fd,
                                            .keeps_size = true,
                                            .size = manifest->out.size + MANIFEST_RESERVE_BYTES,
                                            .offset = manifest->out_offset};
    submit(set);
}

/* What is left of `out`. */
static void
submit_write(struct version_set *set, int fd)
{
    struct manifest *manifest = &set->manifest;

    KV_ASSERT(manifest->out_done < manifest->out.size);
    manifest->request = (struct io_request){.op = IO_WRITE,
                                            .fd = fd,
                                            .buffer = manifest->out.data + manifest->out_done,
                                            .size = manifest->out.size - manifest->out_done,
                                            .offset = manifest->out_offset + manifest->out_done};
    submit(set);
}

static void
submit_current_write(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    snprintf(manifest->current_text, sizeof(manifest->current_text), "MANIFEST-%06" PRIu64 "\n",
             manifest->roll_number);
    manifest->request = (struct io_request){.op = IO_WRITE,
                                            .fd = manifest->tmp_fd,
                                            .buffer = manifest->current_text,
                                            .size = strlen(manifest->current_text)};
    submit(set);
}

static void
submit_rename(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    manifest->rename_was_tried = true;
    file_name_format(manifest->path, set->dir, FILE_TEMPORARY, manifest->roll_number);
    file_name_format(manifest->path_to, set->dir, FILE_CURRENT, 0);
    manifest->request =
        (struct io_request){.op = IO_RENAME, .path = manifest->path, .path_to = manifest->path_to};
    submit(set);
}

static void
submit_on_path(struct version_set *set, enum io_op op, const char *path)
{
    set->manifest.request = (struct io_request){.op = op, .path = path};
    submit(set);
}

static void
submit_unlink(struct version_set *set, enum file_kind kind, uint64_t number)
{
    file_name_format(set->manifest.path, set->dir, kind, number);
    submit_on_path(set, IO_UNLINK, set->manifest.path);
}

static void
step_start(struct version_set *set, enum manifest_step step)
{
    struct manifest *manifest = &set->manifest;

    KV_ASSERT(manifest->busy);
    manifest->step = step;
    switch (step) {
    case STEP_APPEND_RESERVE:
        submit_reserve(set, manifest->fd);
        break;
    case STEP_ROLL_RESERVE:
        submit_reserve(set, manifest->roll_fd);
        break;
    case STEP_APPEND_WRITE:
        submit_write(set, manifest->fd);
        break;
    case STEP_APPEND_SYNC:
        submit_on_fd(set, IO_FDATASYNC, manifest->fd);
        break;
    case STEP_ROLL_OPEN:
        submit_open(set, FILE_MANIFEST);
        break;
    case STEP_ROLL_WRITE:
        submit_write(set, manifest->roll_fd);
        break;
    case STEP_ROLL_SYNC:
        submit_on_fd(set, IO_FSYNC, manifest->roll_fd);
        break;
    case STEP_ROLL_SYNC_DIR:
    case STEP_CURRENT_SYNC_DIR:
        submit_on_path(set, IO_SYNC_DIR, set->dir);
        break;
    case STEP_CURRENT_OPEN:
        submit_open(set, FILE_TEMPORARY);
        break;
    case STEP_CURRENT_WRITE:
        submit_current_write(set);
        break;
    case STEP_CURRENT_SYNC:
        submit_on_fd(set, IO_FSYNC, manifest->tmp_fd);
        break;
    case STEP_CURRENT_CLOSE:
    case STEP_FAILED_CLOSE_TMP:
        submit_on_fd(set, IO_CLOSE, manifest->tmp_fd);
        manifest->tmp_fd = -1;
        break;
    case STEP_CURRENT_RENAME:
        submit_rename(set);
        break;
    case STEP_OLD_CLOSE:
        submit_on_fd(set, IO_CLOSE, manifest->old_fd);
        manifest->old_fd = -1;
        break;
    case STEP_OLD_UNLINK:
        submit_unlink(set, FILE_MANIFEST, manifest->stale[--manifest->stale_count]);
        break;
    case STEP_FAILED_CLOSE:
        submit_on_fd(set, IO_CLOSE, manifest->roll_fd);
        manifest->roll_fd = -1;
        break;
    case STEP_FAILED_UNLINK:
        submit_unlink(set, FILE_MANIFEST, manifest->roll_number);
        break;
    case STEP_FAILED_UNLINK_TMP:
        submit_unlink(set, FILE_TEMPORARY, manifest->roll_number);
        break;
    case STEP_NONE:
        KV_ASSERT(false);
    }
}

static void
finish(struct version_set *set, enum kv_status st)
{
    struct manifest *manifest = &set->manifest;

    KV_ASSERT(manifest->busy);
    manifest->busy = false;
    manifest->step = STEP_NONE;
    manifest->status = st;
    if (!manifest->blocking)
        version_set_pump(set);
}

static void
on_retry_timer(struct io_timer *timer)
{
    struct manifest *manifest = KV_CONTAINER_OF(timer, struct manifest, timer);

    roll_begin(KV_CONTAINER_OF(manifest, struct version_set, manifest));
}

static void
wait_and_retry(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    if (manifest->retry_us == 0)
        manifest->retry_us = RETRY_US_MIN;
    else
        manifest->retry_us *= 2;
    if (manifest->retry_us > RETRY_US_MAX)
        manifest->retry_us = RETRY_US_MAX;
    manifest->step = STEP_NONE;
    manifest->timer.on_expire = on_retry_timer;
    io_timer_start(set->io, &manifest->timer, io_now_us(set->io) + manifest->retry_us);
}

/* The roll that failed was only made for the file's length. */
static bool
may_append(const struct manifest *manifest)
{
    return manifest->fd >= 0 && !manifest->must_roll && !manifest->rename_was_tried;
}

/* What is left of the failed roll to take away after `done`; best effort. */
static void
clean_after(struct version_set *set, enum manifest_step done)
{
    struct manifest *manifest = &set->manifest;

    if (manifest->roll_fd >= 0) {
        step_start(set, STEP_FAILED_CLOSE);
    } else if (manifest->tmp_fd >= 0) {
        step_start(set, STEP_FAILED_CLOSE_TMP);
    } else if (done < STEP_FAILED_UNLINK && !manifest->rename_was_tried) {
        step_start(set, STEP_FAILED_UNLINK);
    } else if (done < STEP_FAILED_UNLINK_TMP) {
        step_start(set, STEP_FAILED_UNLINK_TMP);
    } else if (manifest->blocking) {
        finish(set, manifest->status);
    } else if (may_append(manifest)) {
        manifest->roll_bytes_min = manifest->bytes + MANIFEST_RESERVE_BYTES;
        append_begin(set);
    } else {
        wait_and_retry(set);
    }
}

static void
step_failed(struct version_set *set, int negative_errno)
{
    struct manifest *manifest = &set->manifest;
    const bool is_append = manifest->step <= STEP_APPEND_SYNC;

    KV_ASSERT(manifest->step < STEP_OLD_CLOSE);
    manifest->status =
        KV_FAIL(kv_status_from_errno(negative_errno), "%s: MANIFEST-%06" PRIu64 ": %s: %s",
                set->dir, is_append ? manifest->number : manifest->roll_number,
                is_append ? "cannot append" : "cannot switch to it", strerror(-negative_errno));
    manifest->failing = true;
    if (is_append) {
        manifest->must_roll = true;
        roll_begin(set);
        return;
    }
    if (manifest->rename_was_tried)
        push_stale(manifest, manifest->roll_number);
    clean_after(set, manifest->step);
}

static bool
has_reserve(const struct manifest *manifest)
{
    return manifest->out_offset + manifest->out.size + MANIFEST_RESERVE_BYTES / 2 <=
           manifest->reserved_bytes;
}

static void
append_begin(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    KV_ASSERT(manifest->fd >= 0 && !manifest->must_roll);
    buffer_clear(&manifest->out);
    manifest->out_writer = manifest->writer;
    manifest->out_done = 0;
    manifest->out_offset = manifest->bytes;
    batch_encode(set, &manifest->out_writer, &manifest->out);
    step_start(set, has_reserve(manifest) ? STEP_APPEND_WRITE : STEP_APPEND_RESERVE);
}

static void
roll_begin(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    manifest->roll_number = version_set_next_file_number(set);
    manifest->rename_was_tried = false;
    buffer_clear(&manifest->out);
    log_writer_init(&manifest->out_writer, false, manifest->roll_number);
    manifest->out_done = manifest->out_offset = manifest->reserved_bytes = 0;
    snapshot_encode(set, &manifest->out_writer, &manifest->out);
    manifest->out_snapshot_bytes = manifest->out.size;
    batch_encode(set, &manifest->out_writer, &manifest->out);
    step_start(set, STEP_ROLL_OPEN);
}

static void
append_succeeded(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    manifest->bytes += manifest->out.size;
    manifest->writer = manifest->out_writer;
    manifest->failing = false;
    batch_install(set);
    finish(set, KV_OK);
}

static void
old_step_succeeded(struct version_set *set)
{
    if (set->manifest.old_fd >= 0)
        step_start(set, STEP_OLD_CLOSE);
    else if (set->manifest.stale_count > 0)
        step_start(set, STEP_OLD_UNLINK);
    else
        finish(set, KV_OK);
}

static void
roll_succeeded(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    if (manifest->number != 0)
        push_stale(manifest, manifest->number);
    if (manifest->failing)
        kv_log(LOG_LEVEL_NOTICE, "%s: MANIFEST-%06" PRIu64 " works; changes are durable again",
               set->dir, manifest->roll_number);
    manifest->old_fd = manifest->fd;
    manifest->fd = manifest->roll_fd;
    manifest->roll_fd = -1;
    manifest->number = manifest->roll_number;
    manifest->bytes = manifest->out.size;
    manifest->snapshot_bytes = manifest->out_snapshot_bytes;
    manifest->writer = manifest->out_writer;
    manifest->failing = manifest->must_roll = false;
    manifest->roll_bytes_min = 0;
    manifest->retry_us = 0;
    buffer_deinit(&manifest->out); /* a snapshot may be large */
    batch_install(set);
    old_step_succeeded(set);
}

static void
write_succeeded(struct version_set *set, uint64_t bytes)
{
    struct manifest *manifest = &set->manifest;

    if (bytes == 0) {
        step_failed(set, -EIO);
        return;
    }
    manifest->out_done += bytes;
    KV_ASSERT(manifest->out_done <= manifest->out.size);
    step_start(set, manifest->out_done < manifest->out.size ? manifest->step : manifest->step + 1);
}

/* A file system that cannot is not asked again; one that is full may not be the next time. */
static void
reserve_ended(struct version_set *set, int64_t result)
{
    struct manifest *manifest = &set->manifest;

    if (result == -EOPNOTSUPP || result == -ENOSYS)
        manifest->reserved_bytes = UINT64_MAX;
    else if (result >= 0)
        manifest->reserved_bytes =
            manifest->out_offset + manifest->out.size + MANIFEST_RESERVE_BYTES;
    step_start(set, manifest->step + 1);
}

/* The text is a few bytes: a short write of it is as good as a failed one. */
static void
current_write_succeeded(struct version_set *set, uint64_t bytes)
{
    if (bytes != strlen(set->manifest.current_text))
        step_failed(set, -ENOSPC);
    else
        step_start(set, STEP_CURRENT_SYNC);
}

static void
step_succeeded(struct version_set *set, int64_t result)
{
    struct manifest *manifest = &set->manifest;

    switch (manifest->step) {
    case STEP_APPEND_RESERVE:
    case STEP_ROLL_RESERVE:
        reserve_ended(set, result);
        break;
    case STEP_APPEND_WRITE:
    case STEP_ROLL_WRITE:
        write_succeeded(set, (uint64_t)result);
        break;
    case STEP_APPEND_SYNC:
        append_succeeded(set);
        break;
    case STEP_ROLL_OPEN:
        manifest->roll_fd = (int)result;
        step_start(set, STEP_ROLL_RESERVE);
        break;
    case STEP_CURRENT_OPEN:
        manifest->tmp_fd = (int)result;
        step_start(set, STEP_CURRENT_WRITE);
        break;
    case STEP_CURRENT_WRITE:
        current_write_succeeded(set, (uint64_t)result);
        break;
    case STEP_CURRENT_SYNC_DIR:
        roll_succeeded(set);
        break;
    case STEP_OLD_CLOSE:
    case STEP_OLD_UNLINK:
        old_step_succeeded(set);
        break;
    case STEP_FAILED_CLOSE:
    case STEP_FAILED_CLOSE_TMP:
    case STEP_FAILED_UNLINK:
    case STEP_FAILED_UNLINK_TMP:
        clean_after(set, manifest->step);
        break;
    default:
        step_start(set, manifest->step + 1);
        break;
    }
}

/* Without it the others work, or not. */
static bool
may_fail(enum manifest_step step)
{
    return step == STEP_APPEND_RESERVE || step == STEP_ROLL_RESERVE || step >= STEP_OLD_CLOSE;
}

static void
on_step_done(struct io_request *request)
{
    struct version_set *set = request->owner;

    KV_ASSERT(set->manifest.busy && set->manifest.step != STEP_NONE);
    if (request->result < 0 && !may_fail(set->manifest.step))
        step_failed(set, (int)request->result);
    else
        step_succeeded(set, request->result);
}

void
manifest_write_batch(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;
    uint64_t limit = manifest->snapshot_bytes * 10 > set->manifest_bytes_max
                         ? manifest->snapshot_bytes * 10
                         : set->manifest_bytes_max;

    KV_ASSERT(!manifest->busy);
    limit = limit > manifest->roll_bytes_min ? limit : manifest->roll_bytes_min;
    manifest->busy = true;
    if (manifest->fd < 0 || manifest->must_roll || manifest->bytes > limit)
        roll_begin(set);
    else
        append_begin(set);
}

enum kv_status
manifest_roll_blocking(struct version_set *set)
{
    struct manifest *manifest = &set->manifest;

    KV_ASSERT(!manifest->busy && !set->started);
    manifest->busy = manifest->blocking = true;
    roll_begin(set);
    while (manifest->busy) {
        io_call(set->io, &manifest->request);
        on_step_done(&manifest->request);
    }
    manifest->blocking = false;
    return manifest->status;
}
