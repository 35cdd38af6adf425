/* A segment goes through these steps, one request at a time:
 *
 *     fresh     OPEN > ALLOCATE > FILL_FIRST > SYNC_FIRST > SYNC_DIR > ready > FILL ... > SYNC_FILL
 *     recycled  RENAME > SYNC_DIR > ready > FILL ...
 *     buffered  OPEN > SYNC_DIR > ready
 *     removed   CLOSE > UNLINK
 *
 * It is ready as soon as its name and its first zeros are durable; the rest is filled while it is
 * in use already, always ahead of the records: a chunk of zeros is only sent to where no write
 * is in flight, and a write waits while a chunk is in flight where it wants to go.  If the
 * records catch up, filling ends and they grow the file themselves, which is slower but as safe.
 *
 * A recycled file keeps its content.  Its records have the number of their own log, so they are
 * the end of this one; SYNC_DIR comes before the first record, since a record that is found under
 * the old name is lost. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "wal/wal_file.h"
#include "wal/wal_internal.h"

enum { RETRY_US = 1000 * 1000 };

static char *
path_of(const struct wal *wal, uint64_t number)
{
    char *path = kv_alloc(PATH_BYTES_MAX);

    wal_file_name(path, wal->dir, number);
    return path;
}

static struct wal_segment *
segment_of_recycled(struct wal *wal, uint64_t number)
{
    struct wal_segment *segment = LIST_ENTRY(wal->recycled.next, struct wal_segment, link);

    KV_ASSERT(wal->recycled_count > 0 && segment->use_count == 0);
    KV_ASSERT(segment->number < number);
    list_remove(&segment->link);
    wal->recycled_count--;
    if (segment->file_bytes > segment->prepared_bytes)
        segment->prepared_bytes = segment->file_bytes;
    segment->path_old = segment->path;
    segment->path = path_of(wal, number);
    segment->state = SEGMENT_PREPARING;
    segment->step = STEP_RENAME;
    segment->is_retired = segment->is_named = false;
    segment->stream_bytes = 0;
    segment->file_bytes = 0;
    return segment;
}

static struct wal_segment *
segment_blank(struct wal *wal, uint64_t number)
{
    struct wal_segment *segment = kv_alloc_zero(sizeof(*segment));

    list_init(&segment->link);
    segment->wal = wal;
    segment->path = path_of(wal, number);
    segment->fd = -1;
    return segment;
}

struct wal_segment *
wal_segment_new(struct wal *wal, bool may_recycle)
{
    const uint64_t number = wal->options.next_file_number(wal->options.owner);
    const bool is_aligned = wal->options.sync == WAL_SYNC_ALWAYS;
    struct wal_segment *segment;

    if (is_aligned && may_recycle && !list_empty(&wal->recycled))
        segment = segment_of_recycled(wal, number);
    else
        segment = segment_blank(wal, number);
    segment->number = number;
    segment->sync = wal->options.sync;
    segment->is_aligned = is_aligned;
    log_writer_init(&segment->writer, true, number);
    return segment;
}

void
wal_segment_free(struct wal_segment *segment)
{
    KV_ASSERT(segment->use_count == 0);
    KV_ASSERT(segment->fd < 0);
    list_remove(&segment->link);
    free(segment->path);
    free(segment->path_old);
    free(segment);
}

static size_t
fill_size(const struct wal_segment *segment)
{
    const uint64_t segment_bytes = segment->wal->options.segment_bytes;

    if (segment->prepared_bytes >= segment_bytes)
        return 0;
    return segment_bytes - segment->prepared_bytes < WAL_FILL_BYTES
               ? (size_t)(segment_bytes - segment->prepared_bytes)
               : (size_t)WAL_FILL_BYTES;
}

bool
wal_segment_fill_is_near(const struct wal_segment *segment, uint64_t end)
{
    return segment->request_busy && segment->step == STEP_FILL && end > segment->request.offset;
}

static void
request_fill(struct wal_segment *segment, struct io_request *request)
{
    request->op = IO_WRITE;
    request->buffer = segment->wal->zeros;
    request->offset = segment->prepared_bytes;
    request->size = fill_size(segment);
}

static void
request_for_step(struct wal_segment *segment, struct io_request *request)
{
    const int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;

    *request = (struct io_request){.fd = segment->fd, .owner = segment};
    switch (segment->step) {
    case STEP_OPEN:
    case STEP_OPEN_BUFFERED:
        request->op = IO_OPEN;
        request->path = segment->path;
        request->open_flags =
            segment->is_aligned && segment->step == STEP_OPEN ? flags | O_DIRECT : flags;
        break;
    case STEP_RENAME:
        request->op = IO_RENAME;
        request->path = segment->path_old;
        request->path_to = segment->path;
        break;
    case STEP_ALLOCATE:
        request->op = IO_ALLOCATE;
        request->size = (size_t)segment->wal->options.segment_bytes;
        break;
    case STEP_FILL_FIRST:
    case STEP_FILL:
        request_fill(segment, request);
        break;
    case STEP_SYNC_FIRST:
        request->op = IO_FSYNC;
        break;
    case STEP_SYNC_FILL:
        request->op = IO_FDATASYNC;
        break;
    case STEP_SYNC_DIR:
        request->op = IO_SYNC_DIR;
        request->path = segment->wal->dir;
        break;
    case STEP_CLOSE:
        request->op = IO_CLOSE;
        break;
    case STEP_UNLINK:
        request->op = IO_UNLINK;
        request->path = segment->path;
        break;
    case STEP_NONE:
        KV_ASSERT(segment->step != STEP_NONE);
    }
}

static enum kv_status
step_failed(struct wal_segment *segment, const char *what)
{
    const int negative_errno = wal_errno(segment->request.result);

    return KV_FAIL(kv_status_from_errno(negative_errno), "%s: cannot %s: %s", segment->path, what,
                   strerror(-negative_errno));
}

static enum segment_step
step_after_chunk(const struct wal_segment *segment)
{
    const struct wal *wal = segment->wal;
    const bool is_wanted = segment == wal->active || segment == wal->next;

    if (!segment->is_aligned || fill_size(segment) == 0)
        return segment->step == STEP_FILL ? STEP_SYNC_FILL : STEP_NONE;
    /* Two sectors: the rest of the last one and the zeros behind it may be in flight. */
    if (!is_wanted || segment->prepared_bytes < segment->stream_bytes + 2 * WAL_SECTOR_BYTES)
        return STEP_NONE;
    return STEP_FILL;
}

static enum kv_status
opened(struct wal_segment *segment)
{
    const int64_t result = segment->request.result;

    if (segment->step == STEP_OPEN && segment->is_aligned &&
        (result == -EINVAL || result == -EOPNOTSUPP)) {
        segment->step = STEP_OPEN_BUFFERED;
        return KV_OK;
    }
    if (result < 0)
        return step_failed(segment, "create");
    segment->fd = (int)result;
    segment->is_direct = segment->is_aligned && segment->step == STEP_OPEN;
    segment->step = segment->is_aligned ? STEP_ALLOCATE : STEP_SYNC_DIR;
    return KV_OK;
}

static enum kv_status
chunk_written(struct wal_segment *segment)
{
    const int64_t result = segment->request.result;

    if (result == (int64_t)segment->request.size) {
        segment->prepared_bytes += segment->request.size;
        segment->step =
            segment->step == STEP_FILL_FIRST ? STEP_SYNC_FIRST : step_after_chunk(segment);
        return KV_OK;
    }
    /* Without room for all of it, what there is will do. */
    if (segment->step == STEP_FILL && (result >= 0 || result == -ENOSPC || result == -EDQUOT)) {
        segment->step = STEP_NONE;
        return KV_OK;
    }
    return step_failed(segment, "write zeros");
}

/* Judges the result of the step and sets the next one. */
static enum kv_status
step_finish(struct wal_segment *segment)
{
    const int64_t result = segment->request.result;

    switch (segment->step) {
    case STEP_OPEN:
    case STEP_OPEN_BUFFERED:
        return opened(segment);
    case STEP_RENAME:
        if (result < 0)
            return step_failed(segment, "recycle a file as this one");
        free(segment->path_old);
        segment->path_old = NULL;
        segment->step = STEP_SYNC_DIR;
        return KV_OK;
    case STEP_ALLOCATE: /* a favour to the file system; the zeros count */
        segment->step = STEP_FILL_FIRST;
        return KV_OK;
    case STEP_FILL_FIRST:
    case STEP_FILL:
        return chunk_written(segment);
    case STEP_SYNC_FIRST:
        segment->step = STEP_SYNC_DIR;
        return result < 0 ? step_failed(segment, "sync it") : KV_OK;
    case STEP_SYNC_DIR:
        if (result < 0)
            return step_failed(segment, "sync its directory");
        segment->state = SEGMENT_READY;
        segment->is_named = true;
        segment->step = step_after_chunk(segment);
        return KV_OK;
    case STEP_SYNC_FILL:
        segment->step = STEP_NONE;
        return result < 0 ? step_failed(segment, "sync it") : KV_OK;
    case STEP_CLOSE:
        segment->fd = -1;
        segment->step = STEP_UNLINK;
        return KV_OK;
    case STEP_UNLINK:
        if (result < 0 && result != -ENOENT)
            (void)step_failed(segment, "remove it"); /* the next start will */
        segment->step = STEP_NONE;
        return KV_OK;
    case STEP_NONE:
        break;
    }
    KV_ASSERT(segment->step != STEP_NONE);
    return KV_INVALID;
}

/* A failed rename leaves the file where it was, to be removed from there. */
static void
take_back_name(struct wal_segment *segment)
{
    if (segment->path_old == NULL || segment->step != STEP_RENAME)
        return;
    free(segment->path);
    segment->path = segment->path_old;
    segment->path_old = NULL;
}

enum kv_status
wal_segment_prepare_now(struct wal_segment *segment)
{
    enum kv_status st = KV_OK;

    KV_ASSERT(segment->state == SEGMENT_PREPARING && !segment->request_busy);
    while (st == KV_OK && segment->state == SEGMENT_PREPARING) {
        request_for_step(segment, &segment->request);
        (void)io_call(segment->wal->io, &segment->request);
        st = step_finish(segment);
    }
    if (st != KV_OK)
        take_back_name(segment);
    return st;
}

static void
segment_failed(struct wal_segment *segment, enum kv_status st)
{
    struct wal *wal = segment->wal;

    take_back_name(segment);
    if (segment->state == SEGMENT_READY && segment->use_count == 0 && segment != wal->active &&
        segment != wal->next) {
        segment->step = STEP_NONE; /* its records are durable without those zeros */
        wal_segment_settle(segment);
        return;
    }
    segment->state = SEGMENT_FAILED;
    segment->status = st;
    segment->step = STEP_NONE;
    wal->next_retry_us = io_now_us(wal->io) + RETRY_US;
    if (segment == wal->next) {
        wal->next = NULL;
        segment->is_discarded = true;
        wal_segment_settle(segment);
    } else if (segment->is_discarded || segment->is_retired) {
        wal_segment_settle(segment);
    } else {
        wal_fail(wal, st);
    }
}

static void
on_step_done(struct io_request *request)
{
    struct wal_segment *segment = request->owner;
    struct wal *wal = segment->wal;
    const bool was_failed = segment->state == SEGMENT_FAILED;
    enum kv_status st;

    KV_ASSERT(segment->request_busy && segment->use_count > 0);
    segment->request_busy = false;
    segment->use_count--;
    st = step_finish(segment);
    if (was_failed)
        segment->state = SEGMENT_FAILED;
    if (wal->is_closed) {
        wal_segment_end(segment);
        wal_request_ended(wal);
        return;
    }
    wal_request_ended(wal);
    if (segment->is_doomed && segment->step == STEP_NONE)
        wal_segment_free(segment);
    else if (segment->is_doomed)
        wal_segment_go(segment);
    else if (was_failed || segment->is_retired || segment->is_discarded)
        wal_segment_settle(segment);
    else if (st != KV_OK)
        segment_failed(segment, st);
    else
        wal_segment_go(segment);
}

void
wal_segment_go(struct wal_segment *segment)
{
    KV_ASSERT(!segment->request_busy);
    if (segment->step == STEP_NONE)
        return;
    request_for_step(segment, &segment->request);
    segment->request.done = on_step_done;
    segment->request_busy = true;
    segment->use_count++;
    segment->wal->pending_count++;
    io_submit(segment->wal->io, &segment->request);
}

static void
segment_doom(struct wal_segment *segment)
{
    segment->is_doomed = true;
    segment->step = segment->fd >= 0 ? STEP_CLOSE : STEP_UNLINK;
    list_remove(&segment->link);
    list_push_back(&segment->wal->doomed, &segment->link);
    wal_segment_go(segment);
}

void
wal_segment_remove(struct wal *wal, uint64_t number)
{
    struct wal_segment *segment = segment_blank(wal, number);

    segment->number = number;
    segment_doom(segment);
}

void
wal_segment_settle(struct wal_segment *segment)
{
    struct wal *wal = segment->wal;
    const bool is_good = segment->state == SEGMENT_READY && segment->is_aligned;

    if (segment->use_count > 0 || segment->is_doomed || wal->is_closed ||
        (!segment->is_retired && !segment->is_discarded))
        return;
    if (is_good && !segment->is_discarded && wal->options.sync == WAL_SYNC_ALWAYS &&
        wal->recycled_count < wal->options.recycle_count_max) {
        segment->step = STEP_NONE;
        list_remove(&segment->link);
        list_push_back(&wal->recycled, &segment->link);
        wal->recycled_count++;
        return;
    }
    segment_doom(segment);
}

static void
segment_is_synced(struct wal_segment *segment)
{
    struct wal *wal = segment->wal;

    segment->seq_synced = segment->seq_syncing;
    wal_segment_settle(segment);
    if (wal->options.on_synced != NULL)
        wal->options.on_synced(wal->options.owner, wal_synced_seq(wal));
}

static void
on_synced(struct io_request *request)
{
    struct wal_segment *segment = request->owner;
    struct wal *wal = segment->wal;
    const bool matters = !wal->is_closed && !segment->is_retired;

    KV_ASSERT(segment->sync_busy && segment->use_count > 0);
    segment->sync_busy = false;
    segment->use_count--;
    wal->stats.sync_count++;
    if (wal->is_closed) {
        wal_segment_end(segment);
        wal_request_ended(wal);
        return;
    }
    wal_request_ended(wal);
    segment->sync_failed |= request->result < 0;
    if (request->result < 0 && matters)
        wal_fail(wal, KV_FAIL(kv_status_from_errno((int)request->result), "%s: cannot sync it: %s",
                              segment->path, strerror((int)-request->result)));
    else
        segment_is_synced(segment);
}

void
wal_segment_sync(struct wal_segment *segment)
{
    KV_ASSERT(!segment->sync_busy);
    segment->is_dirty = false;
    segment->sync_busy = true;
    segment->seq_syncing = segment->seq_written;
    segment->use_count++;
    segment->wal->pending_count++;
    segment->sync_request = (struct io_request){
        .op = IO_FDATASYNC, .fd = segment->fd, .owner = segment, .done = on_synced};
    io_submit(segment->wal->io, &segment->sync_request);
}

void
wal_segment_end(struct wal_segment *segment)
{
    struct wal *wal = segment->wal;
    struct io_request unlink = {.op = IO_UNLINK, .path = segment->path};

    if (segment->use_count > 0)
        return;
    file_close(wal->io, segment->fd);
    segment->fd = -1;
    if (segment->is_retired || segment->is_discarded || segment->is_doomed)
        (void)io_call(wal->io, &unlink); /* the next start removes what stays */
    wal_segment_free(segment);
}
