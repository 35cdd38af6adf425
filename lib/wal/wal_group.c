/* Groups are written strictly one after the other, so what is durable is always a prefix.
 *
 * In an aligned segment a group begins with the partly filled sector that the one before left
 * (wal->tail) and ends with zeros to the end of a sector, at least a header's worth, so that the
 * reader finds an end there and not a former life's bytes:
 *
 *     | tail of the last group, records ... records, 0 0 0 |
 *     ^ file_offset, a multiple of WAL_SECTOR_BYTES        ^ again
 *
 * Writing the shared sector again is safe: the records in it are written with the same bytes, so
 * even a write torn inside the sector leaves them as they were. */
#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "wal/wal_internal.h"

enum { GROUP_CAPACITY_MIN = 64 * 1024 };

static size_t
sector_up(size_t size)
{
    return (size + WAL_SECTOR_BYTES - 1) / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES;
}

void
wal_group_free(struct wal_group *group)
{
    free(group->data);
    free(group);
}

static void __attribute__((noinline)) group_grow(struct wal_group *group, size_t needed)
{
    size_t capacity = group->capacity == 0 ? GROUP_CAPACITY_MIN : group->capacity;
    uint8_t *data;

    while (capacity < needed)
        capacity *= 2;
    data = kv_alloc_aligned(WAL_SECTOR_BYTES, capacity);
    if (group->size > 0)
        memcpy(data, group->data, group->size);
    free(group->data);
    group->data = data;
    group->capacity = capacity;
}

static inline void
group_reserve(struct wal_group *group, size_t more)
{
    /* The zeros at the end always fit. */
    const size_t needed = group->size + more + 2 * (size_t)WAL_SECTOR_BYTES;

    if (group->capacity < needed)
        group_grow(group, needed);
}

static struct wal_group *
group_take(struct wal *wal)
{
    struct list *first = wal->groups_free.next;

    if (list_empty(&wal->groups_free))
        return kv_alloc_zero(sizeof(struct wal_group));
    list_remove(first);
    return LIST_ENTRY(first, struct wal_group, link);
}

struct wal_group *
wal_group_begin(struct wal *wal)
{
    struct wal_segment *segment = wal->active;
    struct wal_group *group = group_take(wal);
    const size_t tail_bytes =
        segment->is_aligned ? (size_t)(segment->stream_bytes % WAL_SECTOR_BYTES) : 0;

    KV_ASSERT(wal->filling == NULL);
    KV_ASSERT(!segment->is_retired);
    group->segment = segment;
    group->file_offset = segment->stream_bytes - tail_bytes;
    group->size = 0;
    group->written_bytes = 0;
    group->is_abandoned = false;
    group_reserve(group, tail_bytes);
    memcpy(group->data, wal->tail, tail_bytes);
    group->size = tail_bytes;
    segment->use_count++;
    list_push_back(&wal->groups, &group->link);
    wal->filling = group;
    return group;
}

void
wal_group_append(struct wal_group *group, struct slice record)
{
    struct wal_segment *segment = group->segment;
    size_t framed_bytes;

    group_reserve(group, log_writer_bound(record.size));
    framed_bytes = log_writer_frame(&segment->writer, group->data + group->size, record);
    group->size += framed_bytes;
    segment->stream_bytes += framed_bytes;
    KV_DCHECK(group->file_offset + group->size == segment->stream_bytes);
    if (group->size >= WAL_GROUP_BYTES_TARGET)
        wal_group_close(group);
}

/* Nothing more is added: keeps the last sector for the next group and ends this one. */
void
wal_group_close(struct wal_group *group)
{
    struct wal_segment *segment = group->segment;
    struct wal *wal = segment->wal;
    const size_t tail_bytes = group->size % WAL_SECTOR_BYTES;
    size_t end = sector_up(group->size + LOG_HEADER_RECYCLABLE_BYTES);

    KV_ASSERT(wal->filling == group);
    wal->filling = NULL;
    if (!segment->is_aligned)
        return;
    memcpy(wal->tail, group->data + group->size - tail_bytes, tail_bytes);
    /* The end of the prepared file ends the log as well as zeros do. */
    if (group->file_offset + sector_up(group->size) == segment->prepared_bytes)
        end = sector_up(group->size);
    KV_ASSERT(end <= group->capacity);
    memset(group->data + group->size, 0, end - group->size);
    group->size = end;
}

static void
group_release(struct wal *wal, struct wal_group *group)
{
    struct wal_segment *segment = group->segment;

    list_remove(&group->link);
    group->segment = NULL;
    if (group->capacity > WAL_GROUP_BYTES_KEPT)
        wal_group_free(group);
    else
        list_push_front(&wal->groups_free, &group->link);
    segment->use_count--;
    wal_segment_settle(segment);
}

void
wal_drop_groups(struct wal *wal)
{
    wal->filling = NULL;
    if (wal->write_busy) {
        struct wal_group *group = LIST_ENTRY(wal->groups.next, struct wal_group, link);

        group->is_abandoned = true; /* the kernel has it; its completion lets it go */
        list_remove(&group->link);
        wal->write_busy = false;
    }
    while (!list_empty(&wal->groups))
        group_release(wal, LIST_ENTRY(wal->groups.next, struct wal_group, link));
}

static void
note_unsynced(struct wal *wal, const struct wal_group *group)
{
    struct wal_segment *segment = group->segment;

    if (!segment->is_dirty && !segment->sync_busy)
        segment->seq_synced = wal->durable_seq;
    segment->is_dirty = true;
    segment->seq_written = group->seq_last;
}

static void
group_is_written(struct wal *wal, struct wal_group *group)
{
    const uint64_t took_us = io_now_us(wal->io) - group->submitted_us;

    wal->stats.group_count++;
    wal->stats.written_bytes += group->size;
    wal->stats.write_us_total += took_us;
    if (took_us > wal->stats.write_us_max)
        wal->stats.write_us_max = took_us;
    if (group->segment->is_aligned)
        wal->stats.sync_count++;
    else
        note_unsynced(wal, group);
    if (group->segment->sync == WAL_SYNC_INTERVAL)
        wal_start_timer(wal);
    group->segment->file_bytes = group->file_offset + group->size;
    KV_ASSERT(group->seq_last >= wal->durable_seq);
    wal->durable_seq = group->seq_last;
    group_release(wal, group);
    wal->options.on_durable(wal->options.owner, wal->durable_seq);
}

/* The next piece of the group. */
static void
piece_prepare(struct wal_group *group)
{
    size_t piece_bytes = group->size - group->written_bytes;

    if (piece_bytes > WAL_PIECE_BYTES_MAX)
        piece_bytes = WAL_PIECE_BYTES_MAX;
    group->request = (struct io_request){
        .op = IO_WRITE,
        .fd = group->segment->fd,
        .write_sync = group->segment->is_aligned,
        .buffer = group->data + group->written_bytes,
        .size = piece_bytes,
        .offset = group->file_offset + group->written_bytes,
        .owner = group,
    };
}

/* A short write is a failure like others. */
static enum kv_status
piece_check(struct wal_group *group)
{
    const struct io_request *request = &group->request;
    const int negative_errno = wal_errno(request->result);

    if (request->result == (int64_t)request->size) {
        group->written_bytes += request->size;
        return KV_OK;
    }
    return KV_FAIL(kv_status_from_errno(negative_errno),
                   "%s: write of %zu bytes at %" PRIu64 ": %s", group->segment->path, request->size,
                   request->offset, strerror(-negative_errno));
}

/* A late completion: whatever it says, it is not believed. */
static void
group_abandoned(struct wal *wal, struct wal_group *group)
{
    struct wal_segment *segment = group->segment;

    group_release(wal, group);
    if (wal->is_closed)
        wal_segment_end(segment);
    wal_request_ended(wal);
}

static void
on_piece_written(struct io_request *request)
{
    struct wal_group *group = request->owner;
    struct wal *wal = group->segment->wal;
    enum kv_status st;

    if (group->is_abandoned) {
        group_abandoned(wal, group);
        return;
    }
    KV_ASSERT(wal->write_busy);
    KV_ASSERT(wal->groups.next == &group->link);
    wal->write_busy = false;
    wal_request_ended(wal);
    st = piece_check(group);
    if (st != KV_OK)
        wal_fail(wal, st);
    else if (group->written_bytes < group->size)
        wal_write_next(wal);
    else
        group_is_written(wal, group);
}

static void
piece_submit(struct wal *wal, struct wal_group *group)
{
    if (group->written_bytes == 0)
        group->submitted_us = io_now_us(wal->io);
    piece_prepare(group);
    group->request.done = on_piece_written;
    wal->write_busy = true;
    wal->pending_count++;
    io_submit(wal->io, &group->request);
}

static enum kv_status
group_write_now(struct wal *wal, struct wal_group *group)
{
    enum kv_status st = KV_OK;

    group->submitted_us = io_now_us(wal->io);
    while (st == KV_OK && group->written_bytes < group->size) {
        piece_prepare(group);
        (void)io_call(wal->io, &group->request);
        st = piece_check(group);
    }
    return st;
}

/* Before an aligned segment is written, those before it that went through the page cache must be
 * synced: else what is durable would not be a prefix.  True: nothing is left to wait for. */
static bool
older_are_synced(struct wal *wal, const struct wal_segment *segment)
{
    bool synced = true;

    for (struct list *at = wal->segments.next; at != &segment->link; at = at->next) {
        struct wal_segment *older = LIST_ENTRY(at, struct wal_segment, link);

        if (older->is_aligned || older->is_retired || older->state == SEGMENT_FAILED)
            continue;
        if (older->is_dirty && !older->sync_busy)
            wal_segment_sync(older);
        synced = synced && !older->sync_busy;
    }
    return synced;
}

void
wal_write_next(struct wal *wal)
{
    while (!wal->is_failed && !wal->write_busy && !list_empty(&wal->groups)) {
        struct wal_group *group = LIST_ENTRY(wal->groups.next, struct wal_group, link);
        struct wal_segment *segment = group->segment;
        enum kv_status st = segment->status;

        if (segment->state == SEGMENT_PREPARING)
            return;
        if (group == wal->filling)
            wal_group_close(group);
        if (segment->state == SEGMENT_READY && segment->is_aligned) {
            if (older_are_synced(wal, segment) &&
                !wal_segment_fill_is_near(segment, group->file_offset + group->size))
                piece_submit(wal, group);
            return;
        }
        if (segment->state == SEGMENT_READY)
            st = group_write_now(wal, group);
        if (st != KV_OK) {
            wal_fail(wal, st);
            return;
        }
        group_is_written(wal, group);
    }
}

enum kv_status
wal_write_all_now(struct wal *wal)
{
    KV_ASSERT(!wal->write_busy);
    while (!list_empty(&wal->groups)) {
        struct wal_group *group = LIST_ENTRY(wal->groups.next, struct wal_group, link);
        enum kv_status st;

        KV_ASSERT(group->segment->state == SEGMENT_READY);
        if (group == wal->filling)
            wal_group_close(group);
        st = group->segment->is_aligned ? wal_sync_all_now(wal) : KV_OK;
        if (st != KV_OK)
            return st;
        st = group_write_now(wal, group);
        if (st != KV_OK) {
            wal_fail(wal, st);
            return st;
        }
        group_is_written(wal, group);
    }
    return KV_OK;
}
