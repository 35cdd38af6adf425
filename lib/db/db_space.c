/* db_space.c - the space on the disk: measured, kept, given back.
 *
 *     AMPLE --less free than is kept--> writes are refused, a timer looks every two seconds
 *       ^                                 |         |
 *       |                                 |   deletions come in: flushed soon after, and what they
 *       |                                 |   hide is compacted
 *       `--enough free, whoever freed it--'
 *
 * Nothing that was accepted depends on a measurement: other processes may fill the disk at any
 * moment, and what then fails is tried again until it works.  Measuring only makes that rare.
 */
#include "db/db_space.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/compaction.h"
#include "db/db_internal.h"
#include "db/family_record.h"
#include "key/write_batch.h"

enum {
    TIMER_US = 2 * 1000 * 1000,
    MEASURE_US = 1000 * 1000,      /* while there is plenty */
    MEASURE_TIGHT_US = 100 * 1000, /* while there is not */
    PLENTY = 4,                    /* times what is kept */
    MANIFEST_BYTES = 2 << 20,
    MANIFEST_TABLE_BYTES = 256,         /* of each table in a new one */
    RANGE_BATCH_BYTES_MAX = 256 * 1024, /* let in on a full disk; the log has room prepared */
};

/* --- what is needed --- */

static uint64_t
memory_bytes(const struct db *db)
{
    uint64_t bytes = memtable_bytes_used(db->active);

    for (const struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        const struct frozen *frozen = LIST_ENTRY(node, const struct frozen, link);

        if (frozen->state == FROZEN_WAITING || frozen->state == FROZEN_RUNNING)
            bytes += memtable_bytes_used(frozen->memtable);
    }
    return bytes;
}

static uint64_t
family_step_bytes(struct db *db, const struct column_family *family)
{
    const struct compaction_options options =
        db_compaction_options(db, db_family_of(db, family->id));
    const struct version *version = family->current;
    uint64_t level0_bytes = 0;

    for (uint32_t i = 0; i < version->levels[0].count; i++)
        level0_bytes += version->levels[0].files[i]->meta.bytes;
    return space_step_bytes(
        version->bytes_total, level0_bytes,
        space_table_bytes(options.target_file_size_base, db->space.reserve.total_bytes),
        db->space.reserve.total_bytes);
}

static uint64_t
running_bytes(const struct db *db)
{
    const struct list *head = &db->compactor->compactions;
    uint64_t bytes = 0;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct compaction *compaction = LIST_ENTRY(node, const struct compaction, link);

        if (compaction->state == COMPACTION_RUNNING)
            bytes += compaction_bytes_left(compaction);
    }
    return bytes;
}

static struct space_need
need_of(struct db *db)
{
    const struct column_family *family;
    struct space_need need = {
        .flush_bytes = memory_bytes(db) + db_segment_bytes(db) + MANIFEST_BYTES,
        .running_bytes = running_bytes(db),
    };

    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++) {
        const uint64_t step_bytes = family_step_bytes(db, family);

        need.step_bytes = step_bytes > need.step_bytes ? step_bytes : need.step_bytes;
        for (uint32_t level = 0; level < LEVEL_COUNT; level++)
            need.flush_bytes +=
                (uint64_t)family->current->levels[level].count * MANIFEST_TABLE_BYTES;
    }
    return need;
}

/* --- measuring --- */

static void on_timer(struct io_timer *timer);

static void
say_level(const struct space_reserve *reserve)
{
    const unsigned long long free_bytes = reserve->free_bytes;
    const unsigned long long kept_bytes = space_reserve_kept_bytes(reserve);

    if (reserve->level == SPACE_AMPLE)
        kv_log(LOG_LEVEL_NOTICE, "the disk has %llu bytes free, which is enough again", free_bytes);
    else
        kv_log(LOG_LEVEL_WARNING,
               "the disk is nearly full: %llu bytes are free, %llu are kept to flush and compact; "
               "writes are refused but for %s, reads go on",
               free_bytes, kept_bytes,
               reserve->level == SPACE_FULL ? "deletions of ranges" : "deletions");
}

static void
start_timer(struct db *db)
{
    struct io_timer *timer = &db->space.timer;

    if (timer->heap_index != 0)
        return;
    timer->on_expire = on_timer;
    io_timer_start(db->io, timer, io_now_us(db->io) + TIMER_US);
}

/* Deletions that came while there was space hide what is needed now; in memory they free nothing.
 */
static bool
has_deletions_in_memory(const struct db *db)
{
    const uint32_t count = memtable_families(db->active, NULL, 0);
    struct memtable_family *families;
    bool found = false;

    if (count == 0)
        return false;
    families = kv_alloc(sizeof(families[0]) * count);
    memtable_families(db->active, families, count);
    for (uint32_t i = 0; i < count && !found; i++)
        found = families[i].range_tombstone_count > 0;
    free(families);
    return found || memtable_deletion_count(db->active) > 0;
}

static void
set_next(struct db *db)
{
    struct db_space *space = &db->space;
    const struct space_reserve *reserve = &space->reserve;
    const bool is_plenty = reserve->level == SPACE_AMPLE &&
                           reserve->free_bytes / PLENTY >= space_reserve_kept_bytes(reserve);
    const uint64_t now_us = io_now_us(db->io);

    space->next_us = now_us + (is_plenty ? MEASURE_US : MEASURE_TIGHT_US);
    space->has_charged = false;
    if (space_reserve_is_short(reserve) && has_deletions_in_memory(db))
        space->has_deletions = true;
    if (reserve->level == SPACE_AMPLE && !space->has_deletions)
        io_timer_stop(db->io, &space->timer);
    else
        start_timer(db);
}

/* A compaction that was worth a try but takes what flushes need, or on a disk without even that
 * half of what there was, is given up. */
static void
watch_probe(struct db *db)
{
    struct db_space *space = &db->space;

    if (space->probe_floor_bytes == 0)
        return;
    if (space->reserve.need.running_bytes > 0 &&
        space->reserve.free_bytes >= space->probe_floor_bytes)
        return;
    if (space->reserve.need.running_bytes > 0)
        compaction_yield_space(db);
    space->probe_floor_bytes = 0;
    space->reserve.is_probing = false;
}

void
db_space_measure(struct db *db)
{
    struct io_request request = {.op = IO_SPACE, .path = db->dir};
    struct space_reserve *reserve = &db->space.reserve;
    const enum space_level before = reserve->level;
    struct space_need need;

    if (io_call(db->io, &request) >= 0) {
        reserve->total_bytes = request.total_out;
        need = need_of(db);
        space_reserve_update(reserve, request.size_out, request.total_out, &need);
    }
    if (reserve->level != before) {
        say_level(reserve);
        compactor_poke(db->compactor);
        if (before == SPACE_FULL)
            db_retry_flushes(db);
    }
    set_next(db);
}

static void
measure_and_act(struct db *db)
{
    db_space_measure(db);
    watch_probe(db);
}

void
db_space_turn(struct db *db)
{
    struct db_space *space = &db->space;

    if ((space->has_charged || db->compactor->running_count > 0) &&
        io_now_us(db->io) >= space->next_us)
        measure_and_act(db);
}

/* --- writes --- */

enum batch_kind { BATCH_PUTS, BATCH_DELETES, BATCH_DELETES_RANGES };

static enum batch_kind
kind_of(const struct write_batch *batch)
{
    struct write_batch_reader reader;
    struct batch_record record;
    enum batch_kind kind = BATCH_DELETES_RANGES;

    write_batch_walk_init(&reader, buffer_slice(&batch->bytes));
    while (write_batch_walk_next(&reader, &record)) {
        if (record.type == TYPE_DELETION || record.type == TYPE_SINGLE_DELETION)
            kind = BATCH_DELETES;
        else if (record.type != TYPE_RANGE_DELETION)
            return BATCH_PUTS;
    }
    return kind;
}

static struct space_range *
range_for(struct db_space *space, uint32_t cf_id, bool *is_new)
{
    *is_new = space->range_count < SPACE_RANGE_COUNT_MAX;
    if (*is_new) {
        space->ranges[space->range_count] = (struct space_range){.cf_id = cf_id};
        return &space->ranges[space->range_count++];
    }
    for (uint32_t i = 0; i < space->range_count; i++) {
        if (space->ranges[i].cf_id == cf_id)
            return &space->ranges[i];
    }
    return NULL; /* it will be compacted when its turn comes */
}

static void
note_range(struct db_space *space, const struct batch_record *record)
{
    bool is_new;
    struct space_range *range = range_for(space, record->cf_id, &is_new);

    if (range == NULL)
        return;
    if (is_new || slice_compare(record->key, buffer_slice(&range->begin)) < 0) {
        buffer_clear(&range->begin);
        buffer_append_slice(&range->begin, record->key);
    }
    if (is_new || slice_compare(record->value, buffer_slice(&range->end)) > 0) {
        buffer_clear(&range->end);
        buffer_append_slice(&range->end, record->value);
    }
}

static void
note_deletions(struct db *db, const struct write_batch *batch)
{
    struct write_batch_reader reader;
    struct batch_record record;

    write_batch_walk_init(&reader, buffer_slice(&batch->bytes));
    while (write_batch_walk_next(&reader, &record)) {
        if (record.type == TYPE_RANGE_DELETION)
            note_range(&db->space, &record);
    }
    db->space.has_deletions = true;
    start_timer(db);
}

enum kv_status
db_space_admit(struct db *db, const struct write_batch *batch)
{
    struct db_space *space = &db->space;
    const size_t bytes = batch->bytes.size;
    enum batch_kind kind;

    if (bytes <= space->reserve.budget_bytes)
        return KV_OK;
    if (space->reserve.level == SPACE_AMPLE || io_now_us(db->io) >= space->next_us)
        db_space_measure(db);
    if (space_reserve_admits(&space->reserve, bytes))
        return KV_OK;
    kind = kind_of(batch);
    if (kind == BATCH_DELETES_RANGES && bytes <= RANGE_BATCH_BYTES_MAX)
        return KV_OK;
    if (kind != BATCH_PUTS && space->reserve.level != SPACE_FULL)
        return KV_OK;
    space->refused_count++;
    return KV_NO_SPACE;
}

void
db_space_charge(struct db *db, const struct write_batch *batch)
{
    db->space.has_charged = true;
    space_reserve_charge(&db->space.reserve, batch->bytes.size);
    if (space_reserve_is_short(&db->space.reserve) && kind_of(batch) != BATCH_PUTS)
        note_deletions(db, batch);
}

/* --- deletions give their space back --- */

static void
compact_ranges(struct db *db)
{
    struct db_space *space = &db->space;

    for (uint32_t i = 0; i < space->range_count; i++) {
        struct space_range *range = &space->ranges[i];
        const struct db_compact_request request = {
            .cf_id = range->cf_id,
            .begin = buffer_slice(&range->begin),
            .end = buffer_slice(&range->end),
            .is_patient = true,
        };

        (void)db_compact(db, &request, NULL, NULL);
        buffer_deinit(&range->begin);
        buffer_deinit(&range->end);
    }
    space->range_count = 0;
}

static void
on_flushed(void *owner, enum kv_status st)
{
    struct db *db = owner;

    (void)st;
    db->space.is_flushing = false;
    space_reserve_compacted(&db->space.reserve); /* what didn't fit may now */
    compactor_poke(db->compactor);
}

/* In memory a deletion frees nothing: it is flushed without waiting for more, and a plan that
 * would wait for the deletions to grow old does not (compactor_view_init). */
static void
free_what_is_deleted(struct db *db)
{
    struct db_space *space = &db->space;

    space->has_deletions = false;
    space->is_flushing = true;
    db_flush(db, on_flushed, db);
    compact_ranges(db);
}

static void
on_timer(struct io_timer *timer)
{
    struct db *db = KV_CONTAINER_OF(timer, struct db, space.timer);

    if (db->is_closing)
        return;
    if (db->space.has_deletions && !db->space.is_flushing && db->fault == KV_OK)
        free_what_is_deleted(db);
    measure_and_act(db);
}

/* --- compactions --- */

bool
db_space_might_start(struct db *db, const struct compaction_plan *plan)
{
    const struct space_reserve *reserve = &db->space.reserve;

    return plan->kind != COMPACTION_MERGE || plan->input_bytes <= space_reserve_room(reserve) ||
           space_reserve_may_probe(reserve, io_now_us(db->io));
}

uint64_t
db_space_room_instead(struct db *db, const struct compaction_plan *plan)
{
    uint64_t room;

    if (plan->kind != COMPACTION_MERGE)
        return 0;
    db_space_measure(db);
    room = space_reserve_room(&db->space.reserve);
    return plan->input_bytes > room ? room : 0;
}

bool
db_space_may_start(struct db *db, const struct compaction_plan *plan)
{
    struct space_reserve *reserve = &db->space.reserve;

    if (plan->kind != COMPACTION_MERGE)
        return true;
    db_space_measure(db);
    if (plan->input_bytes <= space_reserve_room(reserve))
        return true;
    if (!db_space_might_start(db, plan))
        return false;
    space_reserve_probed(reserve, io_now_us(db->io));
    reserve->is_probing = true;
    db->space.probe_floor_bytes = reserve->free_bytes / 2 < reserve->need.flush_bytes
                                      ? reserve->free_bytes / 2 + 1
                                      : reserve->need.flush_bytes;
    kv_log(LOG_LEVEL_NOTICE,
           "a compaction of %" PRIu64 " bytes is tried with %" PRIu64
           " free: it works out if it drops enough",
           plan->input_bytes, reserve->free_bytes);
    return true;
}

/* --- the beginning and the end --- */

void
db_space_init(struct db *db)
{
    space_reserve_init(&db->space.reserve);
}

void
db_space_deinit(struct db *db)
{
    struct db_space *space = &db->space;

    io_timer_stop(db->io, &space->timer);
    for (uint32_t i = 0; i < space->range_count; i++) {
        buffer_deinit(&space->ranges[i].begin);
        buffer_deinit(&space->ranges[i].end);
    }
}

void
db_get_space(struct db *db, struct db_space_info *info_out)
{
    const struct space_reserve *reserve = &db->space.reserve;

    if (io_now_us(db->io) >= db->space.next_us)
        db_space_measure(db);

    *info_out = (struct db_space_info){
        .free_bytes = reserve->free_bytes,
        .total_bytes = reserve->total_bytes,
        .kept_bytes = space_reserve_kept_bytes(reserve),
        .state = reserve->level == SPACE_AMPLE       ? "ample"
                 : reserve->level == SPACE_DELETIONS ? "deletions-only"
                                                     : "full",
        .is_refusing = reserve->level != SPACE_AMPLE && db->fault == KV_OK,
        .is_full = reserve->level == SPACE_FULL,
        .refused_count = db->space.refused_count,
    };
}
