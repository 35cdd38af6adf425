/* The log is a row of segments, each with its groups, and one pointer moves along it: the write
 * in flight.  Everything before that pointer is durable, everything behind it waits; so the
 * order of writes, of segments and of on_durable is the order of wal_append by construction.
 *
 *     segments   [retired] ... [old, groups in flight] [active, groups filling]    [next: prepared]
 *
 * Per group of n records in mode ALWAYS: one write, no other system call, no allocation once the
 * buffers have grown; each record is copied once.
 *
 * Failure has one way: wal_fail.  It kills the segments that have something outstanding, and
 * only wal_restart, with a new file, brings the log back. */
#include "wal/wal.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "wal/wal_internal.h"

enum { DIR_ROOM_BYTES = 64 };

static void
log_free(struct wal *wal)
{
    KV_ASSERT(wal->pending_count == 0);
    KV_ASSERT(list_empty(&wal->segments) && list_empty(&wal->doomed));
    while (!list_empty(&wal->groups_free)) {
        struct wal_group *group = LIST_ENTRY(wal->groups_free.next, struct wal_group, link);

        list_remove(&group->link);
        wal_group_free(group);
    }
    free(wal->zeros);
    free(wal->dir);
    free(wal);
}

void
wal_request_ended(struct wal *wal)
{
    KV_ASSERT(wal->pending_count > 0);
    wal->pending_count--;
    if (wal->is_closed && wal->pending_count == 0)
        log_free(wal);
}

void
wal_fail(struct wal *wal, enum kv_status st)
{
    KV_ASSERT(st != KV_OK);
    if (wal->is_failed)
        return;
    wal->is_failed = true;
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        if (segment != wal->active && segment->use_count == 0)
            continue;
        segment->state = SEGMENT_FAILED;
        segment->status = st;
    }
    wal_drop_groups(wal);
    wal->sync_target_seq = 0;
    kv_log(LOG_LEVEL_WARNING,
           "the write-ahead log %" PRIu64 " is dead after sequence %" PRIu64 ": %s",
           wal->active->number, wal->durable_seq, kv_status_text(st));
    wal->options.on_failed(wal->options.owner, st);
}

static struct wal *
log_new(const struct wal_options *options)
{
    struct wal *wal = kv_alloc_zero(sizeof(*wal));
    const uint64_t segment_bytes = options->segment_bytes + WAL_SECTOR_BYTES - 1;

    wal->options = *options;
    wal->options.segment_bytes = segment_bytes - segment_bytes % WAL_SECTOR_BYTES;
    wal->io = options->io;
    wal->dir = kv_alloc(strlen(options->dir) + 1);
    strcpy(wal->dir, options->dir);
    wal->options.dir = wal->dir;
    wal->zeros = kv_alloc_aligned(WAL_SECTOR_BYTES, WAL_FILL_BYTES);
    memset(wal->zeros, 0, WAL_FILL_BYTES);
    list_init(&wal->segments);
    list_init(&wal->recycled);
    list_init(&wal->doomed);
    list_init(&wal->groups);
    list_init(&wal->groups_free);
    return wal;
}

/* A new active segment, prepared here and now; its zeros go on in the background.  Not a recycled
 * one: writing a new file shows that the disk works. */
static enum kv_status
activate_new_segment(struct wal *wal)
{
    struct wal_segment *segment = wal_segment_new(wal, false);
    struct wal_segment *before = wal->active;
    enum kv_status st;

    list_push_back(&wal->segments, &segment->link);
    wal->active = segment;
    st = wal_segment_prepare_now(segment);
    if (st == KV_OK) {
        wal_segment_go(segment);
        return KV_OK;
    }
    wal->active = before;
    segment->is_discarded = true;
    wal_segment_end(segment);
    return st;
}

enum kv_status
wal_open(const struct wal_options *options, struct wal **wal_out)
{
    struct wal *wal;
    enum kv_status st;

    *wal_out = NULL;
    KV_ASSERT(options->on_durable != NULL && options->on_failed != NULL);
    KV_ASSERT(options->next_file_number != NULL && options->segment_bytes > 0);
    if (strlen(options->dir) + DIR_ROOM_BYTES > PATH_BYTES_MAX)
        return KV_FAIL(KV_LIMIT, "the directory's name is too long: %.100s...", options->dir);
    wal = log_new(options);
    st = activate_new_segment(wal);
    if (st != KV_OK) {
        log_free(wal);
        return st;
    }
    wal->number_first = wal->active->number;
    *wal_out = wal;
    return KV_OK;
}

struct wal *
wal_open_dead(const struct wal_options *options)
{
    struct wal *wal;

    KV_ASSERT(options->on_durable != NULL && options->on_failed != NULL);
    KV_ASSERT(strlen(options->dir) + DIR_ROOM_BYTES <= PATH_BYTES_MAX);
    wal = log_new(options);
    wal->is_failed = true;
    return wal;
}

static void
end_all(struct list *segments)
{
    struct list *at = segments->next;

    while (at != segments) {
        struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        at = at->next;
        wal_segment_end(segment);
    }
}

void
wal_close(struct wal *wal)
{
    if (wal == NULL)
        return;
    KV_ASSERT(!wal->is_closed);
    io_timer_stop(wal->io, &wal->sync_timer);
    wal_drop_groups(wal);
    wal->is_closed = true;
    if (wal->next != NULL) {
        wal->next->is_discarded = true;
        list_push_back(&wal->doomed, &wal->next->link);
    }
    end_all(&wal->segments);
    end_all(&wal->recycled);
    end_all(&wal->doomed);
    if (wal->pending_count == 0)
        log_free(wal);
}

uint64_t
wal_number(const struct wal *wal)
{
    return wal->active != NULL ? wal->active->number : 0;
}

uint64_t
wal_bytes(const struct wal *wal)
{
    return wal->active != NULL ? wal->active->stream_bytes : 0;
}

bool
wal_is_failed(const struct wal *wal)
{
    return wal->is_failed;
}

bool
wal_is_idle(const struct wal *wal)
{
    return wal->pending_count == 0;
}

uint64_t
wal_durable_seq(const struct wal *wal)
{
    return wal->durable_seq;
}

/* The segments are in the order of their sequences: the first that is not synced tells. */
uint64_t
wal_synced_seq(const struct wal *wal)
{
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        const struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        if (!segment->is_aligned && !segment->is_retired &&
            (segment->is_dirty || segment->sync_busy || segment->sync_failed)) {
            KV_ASSERT(segment->seq_synced <= wal->durable_seq);
            return segment->seq_synced;
        }
    }
    return wal->durable_seq;
}

uint64_t
wal_submitted_seq(const struct wal *wal)
{
    const struct wal_group *first;

    if (!wal->write_busy)
        return wal->durable_seq;
    first = LIST_ENTRY(wal->groups.next, const struct wal_group, link);
    /* Of a group in several pieces only the first may have been handed over. */
    return first->size - first->written_bytes <= WAL_PIECE_BYTES_MAX ? first->seq_last
                                                                     : wal->durable_seq;
}

void
wal_sync_to(struct wal *wal, uint64_t seq)
{
    const uint64_t target = seq < wal->seq_appended ? seq : wal->seq_appended;

    if (!wal->is_failed && target > wal->sync_target_seq)
        wal->sync_target_seq = target;
}

void
wal_hurry_sync(struct wal *wal)
{
    if (wal_synced_seq(wal) >= wal->sync_target_seq) {
        wal->sync_target_seq = 0;
        return;
    }
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        if (segment->is_dirty && !segment->is_retired && !segment->sync_busy &&
            segment->state == SEGMENT_READY)
            wal_segment_sync(segment);
    }
}

void
wal_set_durable_seq(struct wal *wal, uint64_t seq)
{
    KV_ASSERT(list_empty(&wal->groups));
    KV_ASSERT(seq >= wal->durable_seq);
    wal->durable_seq = seq;
    wal->seq_appended = seq;
}

enum kv_status
wal_append(struct wal *wal, struct slice record, uint64_t seq_last)
{
    struct wal_group *group = wal->filling;

    if (wal->is_failed)
        return KV_READ_ONLY;
    KV_ASSERT(seq_last >= wal->seq_appended);
    KV_ASSERT(record.size <= (size_t)BATCH_BYTES_MAX);
    if (group == NULL)
        group = wal_group_begin(wal);
    group->seq_last = seq_last;
    wal->seq_appended = seq_last;
    wal->stats.record_count++;
    wal->stats.record_bytes += record.size;
    wal_group_append(group, record);
    return KV_OK;
}

/* Keeps one segment ready; the active one gets its zeros first. */
static void
prepare_next(struct wal *wal)
{
    if (wal->next != NULL || wal->active->step != STEP_NONE ||
        io_now_us(wal->io) < wal->next_retry_us)
        return;
    wal->next = wal_segment_new(wal, true);
    wal_segment_go(wal->next);
}

void
wal_turn(struct wal *wal)
{
    if (!wal->is_failed)
        wal_write_next(wal);
    if (!wal->is_failed && wal->next == NULL)
        prepare_next(wal);
    if (wal->sync_target_seq > 0 && !wal->is_failed)
        wal_hurry_sync(wal);
}

uint64_t
wal_switch(struct wal *wal)
{
    if (wal->filling != NULL)
        wal_group_close(wal->filling);
    if (wal->is_failed)
        return wal_number(wal); /* dead already: wal_restart brings the next one */
    if (wal->next == NULL) {
        wal->next = wal_segment_new(wal, true);
        wal_segment_go(wal->next);
    }
    wal->active = wal->next;
    wal->next = NULL;
    list_push_back(&wal->segments, &wal->active->link);
    return wal->active->number;
}

bool
wal_is_named(const struct wal *wal, uint64_t number)
{
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        const struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        if (segment->number == number)
            return segment->is_named;
    }
    return true;
}

void
wal_retire(struct wal *wal, uint64_t number)
{
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        if (segment->number != number)
            continue;
        KV_ASSERT(segment != wal->active);
        segment->is_retired = true;
        wal_segment_settle(segment);
        return;
    }
    if (number < wal->number_first)
        wal_segment_remove(wal, number);
}

static void
discard_next(struct wal *wal)
{
    struct wal_segment *next = wal->next;

    wal->next = NULL;
    if (next == NULL)
        return;
    next->is_discarded = true;
    wal_segment_settle(next);
}

enum kv_status
wal_restart(struct wal *wal)
{
    enum kv_status st;

    KV_ASSERT(wal->is_failed);
    KV_ASSERT(list_empty(&wal->groups));
    discard_next(wal);
    st = activate_new_segment(wal);
    if (st != KV_OK)
        return st;
    wal->seq_appended = wal->durable_seq;
    wal->number_restarted = wal->active->number;
    if (wal->number_first == 0)
        wal->number_first = wal->active->number;
    wal->is_failed = false;
    return KV_OK;
}

void
wal_set_sync(struct wal *wal, enum wal_sync sync, uint64_t interval_us)
{
    const bool is_sooner = interval_us < wal->options.interval_us;

    wal->options.interval_us = interval_us;
    if (is_sooner && wal->timer_busy) {
        wal->timer_busy = false;
        wal_start_timer(wal);
    }
    if (wal->options.sync == sync)
        return;
    wal->options.sync = sync;
    discard_next(wal);
    /* A segment keeps its mode.  One that wal_restart made begins behind sequences that were
     * lost; were it left empty, recovery would take that for a gap before the next one. */
    if (!wal->is_failed &&
        (wal->active->stream_bytes > 0 || wal->active->number != wal->number_restarted))
        (void)wal_switch(wal);
}

static void
on_sync_timer(struct io_timer *timer)
{
    struct wal *wal = KV_CONTAINER_OF(timer, struct wal, sync_timer);
    bool again = false;

    wal->timer_busy = false;
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        if (!segment->is_dirty || segment->is_retired || segment->state != SEGMENT_READY)
            continue;
        if (segment->sync_busy)
            again = true;
        else
            wal_segment_sync(segment);
    }
    if (again)
        wal_start_timer(wal);
}

void
wal_start_timer(struct wal *wal)
{
    if (wal->timer_busy)
        return;
    wal->timer_busy = true;
    wal->sync_timer.on_expire = on_sync_timer;
    io_timer_start(wal->io, &wal->sync_timer, io_now_us(wal->io) + wal->options.interval_us);
}

/* Whether something was submitted that io_call cannot wait for. */
static bool
must_wait(const struct wal *wal)
{
    if (wal->write_busy)
        return true;
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        const struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);
        const uint64_t end = segment->stream_bytes + 2 * WAL_SECTOR_BYTES;

        if (segment->sync_busy || wal_segment_fill_is_near(segment, end) ||
            segment->state == SEGMENT_PREPARING)
            return true;
    }
    return false;
}

enum kv_status
wal_sync_all_now(struct wal *wal)
{
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);
        enum kv_status st;

        if (!segment->is_dirty || segment->is_retired || segment->state != SEGMENT_READY)
            continue;
        segment->is_dirty = false;
        st = file_sync(wal->io, segment->fd);
        wal->stats.sync_count++;
        segment->sync_failed |= st != KV_OK;
        if (st != KV_OK) {
            wal_fail(wal, st);
            return st;
        }
    }
    return KV_OK;
}

enum kv_status
wal_drain(struct wal *wal)
{
    enum kv_status st;

    if (wal->is_failed)
        return KV_READ_ONLY;
    if (must_wait(wal))
        return KV_BUSY;
    st = wal_write_all_now(wal);
    return st == KV_OK ? wal_sync_all_now(wal) : st;
}

void
wal_get_stats(const struct wal *wal, struct wal_stats *stats)
{
    *stats = wal->stats;
    stats->direct_io = wal->active != NULL && wal->active->is_direct;
    stats->segment_bytes_live = 0;
    for (struct list *at = wal->segments.next; at != &wal->segments; at = at->next) {
        const struct wal_segment *segment = LIST_ENTRY(at, struct wal_segment, link);

        stats->segment_bytes_live += segment->prepared_bytes > segment->file_bytes
                                         ? segment->prepared_bytes
                                         : segment->file_bytes;
    }
}
