/* compaction.c - the life of one plan.
 *
 * The states are drawn in compactor.h.  A plan is all or nothing: when one of its jobs fails the
 * others are cancelled, what was written is deleted, and the picker is asked anew, because by
 * then it may know better.  Inputs stay in the version until an edit that lists the outputs in
 * their place is durable, so a crash anywhere leaves either the old tables or the new ones.
 */
#include "db/compaction.h"

#include "base/alloc.h"
#include "base/log.h"
#include "db/family_record.h"

static void on_part_done(struct compact_job *job, enum kv_status st,
                         const struct table_summary *tables, uint32_t table_count);

struct compaction *
compaction_new(struct db *db, struct compaction_plan *plan, struct manual_compaction *manual,
               uint32_t slot_count)
{
    struct compaction *compaction = kv_alloc_zero(sizeof(*compaction));

    compaction->db = db;
    compaction->manual = manual;
    compaction->id = db->job_id_next++;
    compaction->state = COMPACTION_RUNNING;
    compaction->plan = *plan;
    compaction->family = db_family_pin(db, plan->cf_id);
    *plan = (struct compaction_plan){0};
    compaction->started_us = io_now_us(db->io);
    compaction->creation_time_s = io_wall_us(db->io) / 1000000;
    list_push_back(&db->compactor->compactions, &compaction->link);
    compaction_make_parts(compaction, slot_count);
    if (compaction->part_count > 0)
        compaction_pin_inputs(compaction);
    return compaction;
}

void
compaction_free(struct compaction *compaction)
{
    io_timer_stop(compaction->db->io, &compaction->park_timer);
    compaction_end_opening(compaction);
    list_remove(&compaction->link);
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        compaction_drop_tables(&compaction->parts[i]);
        free(compaction->parts[i].inputs);
        free(compaction->parts[i].below);
        free(compaction->parts[i].snapshots);
    }
    free(compaction->parts);
    free(compaction->grandparents);
    compaction_unpin_inputs(compaction);
    compaction_plan_deinit(&compaction->plan);
    db_family_unpin(compaction->family);
    free(compaction);
}

uint64_t
compaction_bytes_done(const struct compaction *compaction)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < compaction->part_count; i++)
        bytes += compaction->parts[i].job.bytes_done;
    return bytes < compaction->plan.input_bytes ? bytes : compaction->plan.input_bytes;
}

uint64_t
compaction_bytes_left(const struct compaction *compaction)
{
    if (compaction->plan.kind != COMPACTION_MERGE)
        return 0;
    return compaction->plan.input_bytes - compaction_bytes_done(compaction);
}

/* --- the end --- */

static void
log_end(const struct compaction *compaction, enum kv_status st)
{
    const uint64_t took_us = io_now_us(compaction->db->io) - compaction->started_us;
    const unsigned long long id = compaction->id;

    if (st == KV_OK)
        kv_log(LOG_LEVEL_VERBOSE, "compaction %llu, %s: %llu bytes became %llu in %llu ms", id,
               compaction->plan.text, (unsigned long long)compaction->plan.input_bytes,
               (unsigned long long)compaction->output_bytes, (unsigned long long)(took_us / 1000));
    else if (st != KV_CANCELLED)
        kv_log(LOG_LEVEL_WARNING, "compaction %llu, %s: %s; its tables stay as they are", id,
               compaction->plan.text, kv_status_text(st));
}

/* For it, or now for a part of what it wanted. */
static bool
there_may_be_space(const struct compaction *compaction)
{
    struct db *db = compaction->db;

    return db_space_might_start(db, &compaction->plan) ||
           space_reserve_room(&db->space.reserve) > compaction->parked_room_bytes;
}

/* One that was made for nothing is tried again when its tables have rested, and one for which
 * there was no space not before there may be. */
static void
on_park_timer(struct io_timer *timer)
{
    struct compaction *compaction = KV_CONTAINER_OF(timer, struct compaction, park_timer);
    struct db *db = compaction->db;

    if (compaction->ending == KV_NO_SPACE && !there_may_be_space(compaction))
        io_timer_start(db->io, timer, io_now_us(db->io) + COMPACT_SPACE_RETRY_US);
    else
        compaction_unpark(compaction);
}

bool
compaction_met_bad_table(const struct compaction *compaction)
{
    return compaction->ending == KV_CORRUPT || compaction->ending == KV_UNSUPPORTED ||
           compaction->ending == KV_NO_FILE;
}

static uint64_t
retry_us(uint32_t failure_count)
{
    uint64_t delay_us = COMPACT_RETRY_US_MIN;

    for (uint32_t i = 1; i < failure_count && delay_us < COMPACT_RETRY_US_MAX; i++)
        delay_us *= 2;
    return delay_us;
}

static uint64_t
park_us(const struct compaction *compaction)
{
    if (compaction_met_bad_table(compaction))
        return COMPACT_BAD_TABLE_RETRY_US;
    if (compaction->is_unwanted)
        return COMPACT_UNWANTED_RETRY_US;
    return retry_us(compaction->db->compactor->failure_count);
}

static void
park(struct compaction *compaction)
{
    struct io *io = compaction->db->io;

    compaction_unpin_inputs(compaction); /* no job reads them */
    compaction->state = COMPACTION_PARKED;
    compaction->parked_room_bytes = space_reserve_room(&compaction->db->space.reserve);
    compaction->park_timer.on_expire = on_park_timer;
    io_timer_start(io, &compaction->park_timer, io_now_us(io) + park_us(compaction));
}

void
compaction_wait_for_space(struct compaction *compaction)
{
    KV_ASSERT(compaction->state == COMPACTION_RUNNING);
    kv_log(LOG_LEVEL_VERBOSE, "compaction %llu, %s: it waits until it has space for %llu bytes",
           (unsigned long long)compaction->id, compaction->plan.text,
           (unsigned long long)compaction->plan.input_bytes);
    compaction->ending = KV_NO_SPACE;
    park(compaction);
}

void
compaction_unpark(struct compaction *compaction)
{
    struct compactor *compactor = compaction->db->compactor;

    KV_ASSERT(compaction->state == COMPACTION_PARKED);
    compaction_free(compaction);
    compactor_poke(compactor);
}

static void
end(struct compaction *compaction, enum kv_status st)
{
    log_end(compaction, st);
    compactor_on_end(compaction, st);
    if (!compaction->db->is_closing &&
        (compaction->is_unwanted || (st != KV_OK && st != KV_CANCELLED)))
        park(compaction);
    else
        compaction_free(compaction);
}

static void
delete_outputs(struct compaction *compaction)
{
    compaction_end_opening(compaction); /* an open file keeps its space */
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        const struct compaction_part *part = &compaction->parts[i];

        for (uint32_t j = 0; j < part->table_count; j++)
            db_delete_file(compaction->db, part->tables[j].number);
    }
}

static bool
has_part(const struct compaction *compaction, enum part_state state)
{
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        if (compaction->parts[i].state == state)
            return true;
    }
    return false;
}

static void
end_when_alone(struct compaction *compaction)
{
    KV_ASSERT(compaction->state == COMPACTION_ENDING);
    if (has_part(compaction, PART_RUNNING))
        return;
    delete_outputs(compaction);
    end(compaction, compaction->ending);
}

static void
cancel_parts(struct compaction *compaction)
{
    struct job_port *port = compaction->db->options.port;

    for (uint32_t i = 0; i < compaction->part_count; i++) {
        if (compaction->parts[i].state != PART_RUNNING)
            continue;
        compaction->parts[i].job.has_made_way = true;
        port->cancel_compact(port, &compaction->parts[i].job);
    }
}

void
compaction_cancel(struct compaction *compaction, enum kv_status why)
{
    KV_ASSERT(why != KV_OK);
    if (compaction->state != COMPACTION_RUNNING)
        return;
    compaction->state = COMPACTION_ENDING;
    compaction->ending = why;
    cancel_parts(compaction);
    end_when_alone(compaction);
}

void
compaction_yield_space(struct db *db)
{
    struct list *const head = &db->compactor->compactions;
    struct list *node, *next;

    for (node = head->next; node != head; node = next) {
        struct compaction *compaction = LIST_ENTRY(node, struct compaction, link);

        next = node->next;
        if (compaction->plan.kind == COMPACTION_MERGE)
            compaction_cancel(compaction, KV_NO_SPACE);
    }
}

/* --- installing --- */

static void
on_installed(void *owner, enum kv_status st)
{
    struct compaction *compaction = owner;
    struct db *db = compaction->db;

    KV_ASSERT(compaction->state == COMPACTION_INSTALLING);
    KV_ASSERT(st == KV_OK || st == KV_CANCELLED); /* cancelled: the family was dropped */
    db->changes_in_flight--;
    end(compaction, st);
    db_update_budget(db);
    db_repair_step(db);
}

static void
install(struct compaction *compaction)
{
    struct db *db = compaction->db;
    struct version_edit edit = {.cf_id = compaction->plan.cf_id};
    const struct column_family *family = version_set_family(db->versions, edit.cf_id);

    if (family == NULL) { /* dropped meanwhile */
        compaction_cancel(compaction, KV_CANCELLED);
        return;
    }
    compaction->state = COMPACTION_INSTALLING;
    compaction_make_edit(compaction, family->current, &edit);
    db->changes_in_flight++;
    version_set_apply(db->versions, &edit, 1, on_installed, compaction);
}

static void
finish(struct compaction *compaction)
{
    const enum kv_status st = compaction_check_tables(compaction);

    KV_ASSERT(!has_part(compaction, PART_RUNNING));
    if (st != KV_OK) {
        compaction_cancel(compaction, st);
        return;
    }
    compaction->state = COMPACTION_OPENING;
    compaction_open_tables(compaction);
}

void
compaction_on_opened(struct compaction *compaction, enum kv_status st)
{
    KV_ASSERT(compaction->state == COMPACTION_OPENING);
    compaction->state = COMPACTION_RUNNING;
    if (st != KV_OK)
        compaction_cancel(compaction, st);
    else
        install(compaction);
}

/* --- jobs --- */

static void
start_part(struct compaction_part *part)
{
    struct db *db = part->compaction->db;

    KV_ASSERT(part->state == PART_WAITING);
    compaction_fill_job(part);
    part->job.on_done = on_part_done;
    part->job.owner = part;
    part->state = PART_RUNNING;
    db->compactor->running_count++;
    db->options.port->start_compact(db->options.port, &part->job);
}

void
compaction_reject(struct compaction *compaction)
{
    if (compaction->state != COMPACTION_RUNNING)
        return;
    compaction->is_unwanted = true;
    compaction_cancel(compaction, KV_CANCELLED);
}

void
compaction_go_on(struct compaction *compaction)
{
    struct compactor *compactor = compaction->db->compactor;

    if (compaction->state != COMPACTION_RUNNING || compaction->is_paused ||
        compaction->park_timer.heap_index != 0)
        return;
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        if (compaction->parts[i].state != PART_WAITING)
            continue;
        if (compactor_free_slots(compactor) == 0) {
            compactor->has_waiting_parts = true;
            return;
        }
        start_part(&compaction->parts[i]);
    }
}

static void
on_go_on_timer(struct io_timer *timer)
{
    KV_CONTAINER_OF(timer, struct compaction, park_timer)->db->compactor->has_waiting_parts = true;
}

/* A job that cost its worker its life may cost the next one's too: no faster each time, and in the
 * end the plan rests. */
static void
worker_was_lost(struct compaction *compaction)
{
    struct io *io = compaction->db->io;

    compaction->db->compactor->lost_count++;
    compaction->lost_count++;
    if (compaction->lost_count >= COMPACT_LOST_COUNT_MAX) {
        compaction_cancel(compaction, KV_IO);
        return;
    }
    compaction->park_timer.on_expire = on_go_on_timer;
    io_timer_start(io, &compaction->park_timer,
                   io_now_us(io) + retry_us(compaction->db->compactor->lost_count));
}

/* The job has ended without a result, through nothing that it did itself. */
static void
was_cancelled(struct compaction_part *part)
{
    struct compaction *compaction = part->compaction;

    part->job.bytes_done = 0;
    if (part->job.has_made_way)
        compaction->db->compactor->has_waiting_parts = true;
    else
        worker_was_lost(compaction);
}

static void
on_part_done(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
             uint32_t table_count)
{
    struct compaction_part *part = job->owner;
    struct compaction *compaction = part->compaction;

    KV_ASSERT(part->state == PART_RUNNING);
    compaction->db->compactor->running_count--;
    part->state = PART_WAITING;
    if (job->is_abandoned)
        db_delete_whole(compaction->db);
    if (st == KV_OK) {
        part->state = PART_DONE;
        compaction->db->compactor->lost_count = 0;
        compaction_keep_tables(part, tables, table_count);
    }
    if (compaction->state == COMPACTION_ENDING)
        end_when_alone(compaction);
    else if (st == KV_CANCELLED)
        was_cancelled(part);
    else if (st != KV_OK)
        compaction_cancel(compaction, st);
    else if (has_part(compaction, PART_WAITING))
        compaction->db->compactor->has_waiting_parts = true;
    else if (!has_part(compaction, PART_RUNNING))
        finish(compaction);
}

void
compaction_start(struct compaction *compaction)
{
    KV_ASSERT(compaction->state == COMPACTION_RUNNING);
    if (compaction->part_count == 0)
        install(compaction);
    else
        compaction_go_on(compaction);
}

void
compaction_pause(struct compaction *compaction, bool is_paused)
{
    if (compaction->is_paused == is_paused || compaction->state != COMPACTION_RUNNING)
        return;
    compaction->is_paused = is_paused;
    if (is_paused)
        cancel_parts(compaction);
    else
        compaction->db->compactor->has_waiting_parts = true;
}
