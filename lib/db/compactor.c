/* compactor.c - what is compacted next, and how much at once.
 *
 * The picker is asked when something has changed, never in a loop: after a flush, an installed
 * plan, a change of options, and once a minute for tables that become due by age, or every few
 * seconds where values have deadlines.  Families and KV.COMPACTs take turns, so none of them
 * starves; the bound on jobs leaves a worker to flushes.
 */
#include "db/compactor.h"

#include "base/alloc.h"
#include "db/compaction.h"
#include "db/compactor_manual.h"
#include "db/db_snapshot.h"
#include "db/family_record.h"

struct compactor *
compactor_new(struct db *db)
{
    struct compactor *compactor = kv_alloc_zero(sizeof(*compactor));

    compactor->db = db;
    compactor->must_pick = true;
    list_init(&compactor->compactions);
    list_init(&compactor->manuals);
    buried_search_init(&compactor->buried, compactor);
    return compactor;
}

void
compactor_free(struct compactor *compactor)
{
    if (compactor == NULL)
        return;
    io_timer_stop(compactor->db->io, &compactor->retry_timer);
    buried_search_deinit(&compactor->buried);
    while (!list_empty(&compactor->manuals))
        manual_free(LIST_ENTRY(compactor->manuals.next, struct manual_compaction, link));
    while (!list_empty(&compactor->compactions))
        compaction_free(LIST_ENTRY(compactor->compactions.next, struct compaction, link));
    free(compactor);
}

void
compactor_poke(struct compactor *compactor)
{
    compactor->must_pick = true;
    compactor->buried.is_due = true;
    compactor->db->pressure_is_stale = true;
}

static void
on_retry_timer(struct io_timer *timer)
{
    compactor_poke(KV_CONTAINER_OF(timer, struct compactor, retry_timer));
}

void
compactor_retry_later(struct compactor *compactor)
{
    struct io *io = compactor->db->io;

    compactor->retry_timer.on_expire = on_retry_timer;
    io_timer_start(io, &compactor->retry_timer, io_now_us(io) + COMPACT_SPACE_RETRY_US);
}

void
compactor_stop(struct compactor *compactor)
{
    struct list *node, *next;

    for (node = compactor->compactions.next; node != &compactor->compactions; node = next) {
        next = node->next;
        compaction_cancel(LIST_ENTRY(node, struct compaction, link), KV_CANCELLED);
    }
}

void
compactor_drop_family(struct compactor *compactor, uint32_t cf_id)
{
    struct list *node, *next;

    for (node = compactor->compactions.next; node != &compactor->compactions; node = next) {
        struct compaction *compaction = LIST_ENTRY(node, struct compaction, link);

        next = node->next;
        if (compaction->plan.cf_id != cf_id)
            continue;
        if (compaction->state == COMPACTION_PARKED)
            compaction_unpark(compaction);
        else
            compaction_cancel(compaction, KV_CANCELLED);
    }
    compactor_poke(compactor);
}

uint32_t
db_compaction_jobs(const struct db *db)
{
    return db->options.compaction.job_count > 0 ? db->options.compaction.job_count : 1;
}

/* --- asking the picker --- */

/* With little space, what is dead is wanted back now: what deletions hide, and what newer versions
 * do, without waiting for level 0 to have more tables. */
static void
set_view_options(struct compactor *compactor, const struct db_family *record)
{
    const struct space_reserve *reserve = &compactor->db->space.reserve;
    struct compaction_options *options = &compactor->view_options;

    *options = db_compaction_options(compactor->db, record);
    options->target_file_size_base =
        space_table_bytes(options->target_file_size_base, reserve->total_bytes);
    if (space_reserve_is_short(reserve))
        options->deletion_age_s = 0;
    if (reserve->level != SPACE_AMPLE)
        options->level0_file_num_compaction_trigger = 1;
}

void
compactor_view_init(struct compactor *compactor, const struct column_family *family,
                    struct compaction_view *view)
{
    struct db *db = compactor->db;
    const struct db_family *record = db_family_of(db, family->id);
    const struct compaction_plan **running;
    uint32_t count = 0;

    for (const struct list *node = compactor->compactions.next; node != &compactor->compactions;
         node = node->next)
        count++;
    set_view_options(compactor, record);
    running = kv_alloc(sizeof(*running) * (count + 1));
    *view = (struct compaction_view){
        .version = family->current,
        .options = &compactor->view_options,
        .compression = db_effective_options(db, record).compression,
        .running = running,
        .snapshot_oldest = db_snapshot_oldest(db),
        .snapshot_newest = db_snapshot_newest(db),
        .now_s = io_wall_us(db->io) / 1000000,
    };
    for (const struct list *node = compactor->compactions.next; node != &compactor->compactions;
         node = node->next) {
        const struct compaction *compaction = LIST_ENTRY(node, const struct compaction, link);

        if (compaction->plan.cf_id != family->id)
            continue;
        running[view->running_count++] = &compaction->plan;
        view->has_ending = view->has_ending || compaction->state == COMPACTION_OPENING ||
                           compaction->state == COMPACTION_INSTALLING;
    }
}

void
compactor_view_hide_parked(struct compaction_view *view)
{
    const struct compaction_plan **running =
        (const struct compaction_plan **)(uintptr_t)view->running;
    const uint32_t count = view->running_count;

    view->running_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (KV_CONTAINER_OF(running[i], const struct compaction, plan)->state != COMPACTION_PARKED)
            running[view->running_count++] = running[i];
    }
}

void
compactor_view_deinit(struct compaction_view *view)
{
    free((void *)(uintptr_t)view->running);
}

uint32_t
compactor_free_slots(const struct compactor *compactor)
{
    const uint32_t max = db_compaction_jobs(compactor->db);

    return compactor->running_count < max ? max - compactor->running_count : 0;
}

/* One that surely has space goes before one that would have to wait for it or be tried. */
static void
prefer_smaller(struct compactor *compactor, const struct compaction_view *view,
               struct compaction_plan *plan)
{
    const uint64_t room_bytes = db_space_room_instead(compactor->db, plan);
    struct compaction_plan smaller;

    if (room_bytes == 0 || compactor->running_count > 0 ||
        !compaction_pick_within(view, room_bytes, &smaller))
        return;
    compaction_plan_deinit(plan);
    *plan = smaller;
}

/* `only_level0`: of all that may start nothing else is wanted. */
static bool
start_for_family(struct compactor *compactor, const struct column_family *family, bool only_level0)
{
    struct compaction_view view;
    struct compaction_plan plan;
    struct compaction *compaction;
    bool has_space;

    compactor_view_init(compactor, family, &view);
    if (!compaction_pick(&view, &plan)) {
        compactor_view_deinit(&view);
        return false;
    }
    prefer_smaller(compactor, &view, &plan);
    compactor_view_deinit(&view);
    if (only_level0 && plan.input_level > 0) {
        compaction_plan_deinit(&plan);
        return false;
    }
    has_space = db_space_may_start(compactor->db, &plan);
    compaction = compaction_new(compactor->db, &plan, NULL, compactor_free_slots(compactor));
    if (has_space)
        compaction_start(compaction);
    else
        compaction_wait_for_space(compaction);
    return true;
}

/* One round over the families, from where the last one found something. */
static bool
start_automatic(struct compactor *compactor, bool only_level0)
{
    struct version_set *versions = compactor->db->versions;
    const struct column_family *family;
    uint32_t count = 0;

    while (version_set_family_at(versions, count) != NULL)
        count++;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = (compactor->family_next + i) % count;

        family = version_set_family_at(versions, at);
        if (start_for_family(compactor, family, only_level0)) {
            compactor->family_next = at + 1;
            return true;
        }
    }
    return false;
}

static bool
start_next(struct compactor *compactor)
{
    const bool manual_goes_first = compactor->manual_is_next;

    compactor->manual_is_next = !manual_goes_first;
    if (manual_goes_first)
        return manual_start_next(compactor) || start_automatic(compactor, false);
    return start_automatic(compactor, false) || manual_start_next(compactor);
}

static void
go_on_with_parts(struct compactor *compactor)
{
    compactor->has_waiting_parts = false;
    for (struct list *node = compactor->compactions.next; node != &compactor->compactions;
         node = node->next)
        compaction_go_on(LIST_ENTRY(node, struct compaction, link));
}

static bool
has_deadlines(const struct compactor *compactor)
{
    struct version_set *versions = compactor->db->versions;
    const struct column_family *family;

    for (uint32_t i = 0; (family = version_set_family_at(versions, i)) != NULL; i++) {
        if (family->current->deadline_table_count > 0)
            return true;
    }
    return false;
}

static void
look_for_age(struct compactor *compactor)
{
    const uint64_t now_us = io_now_us(compactor->db->io);

    if (now_us < compactor->deadline_check_us)
        return;
    compactor->deadline_check_us = now_us + COMPACT_DEADLINE_CHECK_US;
    if (now_us < compactor->age_check_us && !has_deadlines(compactor))
        return;
    compactor->age_check_us = now_us + COMPACT_AGE_CHECK_US;
    compactor->must_pick = true;
}

void
compactor_turn(struct compactor *compactor)
{
    bool may_start;

    if (compactor->db->is_closing || compactor->db->options.port->start_compact == NULL)
        return;
    manual_look_at_flushes(compactor);
    manual_finish_cancelled(compactor);
    if (compactor->is_paused || compactor->db->is_holding)
        return;
    look_for_age(compactor);
    may_start = buried_search_turn(&compactor->buried);
    /* Level 0 does not wait until a large plan is through all its parts. */
    if (compactor->has_waiting_parts && compactor->must_pick && may_start &&
        compactor_free_slots(compactor) > 0 && compactor->db->urgency == JOB_PRESSING)
        (void)start_automatic(compactor, true);
    if (compactor->has_waiting_parts)
        go_on_with_parts(compactor);
    for (uint32_t i = 0; i < COMPACT_STARTS_PER_TURN && may_start; i++) {
        if (!compactor->must_pick || compactor_free_slots(compactor) == 0)
            break;
        compactor->must_pick = start_next(compactor);
    }
}

/* --- what is dead to those under way --- */

static inline uint64_t
later(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* Parts have the time of their start; one that must begin anew gets another. */
static uint64_t
newest_ms(const struct compaction *compaction)
{
    uint64_t time_ms = compaction->plan.kind == COMPACTION_DROP ? compaction->plan.now_s * 1000 : 0;

    if (compaction->state == COMPACTION_ENDING || compaction->state == COMPACTION_PARKED)
        return 0;
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        if (compaction->parts[i].state != PART_WAITING)
            time_ms = later(time_ms, compaction->parts[i].job.spec.now_ms);
    }
    return time_ms;
}

uint64_t
compactor_newest_ms(const struct compactor *compactor)
{
    uint64_t time_ms = 0;

    for (const struct list *node = compactor->compactions.next; node != &compactor->compactions;
         node = node->next)
        time_ms = later(time_ms, newest_ms(LIST_ENTRY(node, const struct compaction, link)));
    return time_ms;
}

/* --- the end of one --- */

/* How fast level 0 gets rid of what flushes bring. */
static void
measure_drain(struct compactor *compactor, const struct compaction *compaction)
{
    const struct compaction_plan *plan = &compaction->plan;
    uint64_t level0_bytes = 0;

    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (plan->inputs[i].level == 0)
            level0_bytes += plan->inputs[i].bytes;
    }
    compactor->drain_bytes_per_s =
        write_drain_mix(compactor->drain_bytes_per_s, level0_bytes,
                        io_now_us(compactor->db->io) - compaction->started_us);
}

/* A table that went unread had nothing but what was dead and deletions. */
static uint64_t
count_expired(const struct compaction *compaction)
{
    const struct compaction_plan *plan = &compaction->plan;
    uint64_t count = 0;

    for (uint32_t i = 0; i < compaction->part_count; i++)
        count += compaction->parts[i].job.expired_count;
    for (uint32_t i = 0; plan->reason == COMPACTION_DEAD && i < plan->input_count; i++)
        count += plan->kind == COMPACTION_DROP ? plan->inputs[i].deadline_count : 0;
    return count;
}

static void
count_success(struct compactor *compactor, const struct compaction *compaction)
{
    struct db_compaction_totals *totals = &compactor->totals;
    const struct compaction_plan *plan = &compaction->plan;

    compactor->failure_count = 0;
    compactor->db->expired_count += count_expired(compaction);
    switch (plan->kind) {
    case COMPACTION_MERGE:
        if (plan->input_level == 0)
            measure_drain(compactor, compaction);
        totals->count++;
        totals->job_count += compaction->part_count;
        totals->read_bytes += plan->input_bytes;
        totals->written_bytes += compaction->output_bytes;
        totals->level_written_bytes[plan->output_level] += compaction->output_bytes;
        break;
    case COMPACTION_MOVE:
        totals->move_count++;
        totals->moved_bytes += plan->input_bytes;
        break;
    case COMPACTION_DROP:
        totals->drop_count++;
        totals->dropped_bytes += plan->input_bytes;
        break;
    }
}

void
compactor_on_end(struct compaction *compaction, enum kv_status st)
{
    struct compactor *compactor = compaction->db->compactor;

    if (st == KV_OK) {
        count_success(compactor, compaction);
        space_reserve_compacted(&compactor->db->space.reserve);
    } else if (st != KV_CANCELLED) {
        compactor->failure_count++;
        compactor->totals.failure_count++;
    }
    if (compaction->manual != NULL)
        manual_step_ended(compaction->manual, compaction, st);
    compaction->manual = NULL;
    compactor_poke(compactor);
}
