/* compactor_manual.c - KV.COMPACT: what a range holds goes down to the last level.
 *
 * It runs beside the picker's own plans and takes turns with them, so it delays nobody: a step
 * that would touch what another plan has waits until that one is installed.  What is written
 * after the request isn't its business, so it ends under any load.
 */
#include "db/compactor_manual.h"

#include "base/alloc.h"
#include "base/log.h"
#include "db/compaction.h"

void
manual_free(struct manual_compaction *manual)
{
    list_remove(&manual->link);
    if (manual->step != NULL)
        manual->step->manual = NULL;
    buffer_deinit(&manual->begin);
    buffer_deinit(&manual->end);
    free(manual);
}

static void
finish(struct manual_compaction *manual, enum kv_status st)
{
    db_done_fn *on_done = manual->on_done;
    void *owner = manual->owner;

    KV_ASSERT(manual->step == NULL && manual->state != MANUAL_FLUSHING);
    manual_free(manual);
    if (on_done != NULL)
        on_done(owner, st);
}

/* What was in memory at the request is in tables now, with smaller numbers than all that the
 * steps will write. */
static void
on_flushed(void *owner, enum kv_status st)
{
    struct manual_compaction *manual = owner;

    KV_ASSERT(manual->state == MANUAL_FLUSHING);
    manual->state = MANUAL_STEPPING;
    manual->request.number_next = version_set_next_file_number(manual->db->versions);
    if (st != KV_OK && manual->ending == KV_OK)
        manual->ending = st;
    compactor_poke(manual->db->compactor);
}

/* A user who asks again wants to know whether a bad table can be read by now. */
static void
unpark_family(struct compactor *compactor, uint32_t cf_id)
{
    const struct list *head = &compactor->compactions;

    for (struct list *node = head->next, *next; node != head; node = next) {
        struct compaction *compaction = LIST_ENTRY(node, struct compaction, link);

        next = node->next;
        if (compaction->state == COMPACTION_PARKED && compaction->plan.cf_id == cf_id)
            compaction_unpark(compaction);
    }
}

uint64_t
db_compact(struct db *db, const struct db_compact_request *request, db_done_fn *on_done,
           void *owner)
{
    struct manual_compaction *manual = kv_alloc_zero(sizeof(*manual));

    manual->db = db;
    manual->id = db->job_id_next++;
    manual->state = MANUAL_FLUSHING;
    manual->cf_id = request->cf_id;
    manual->started_us = io_now_us(db->io);
    manual->on_done = on_done;
    manual->owner = owner;
    manual->is_patient = request->is_patient;
    buffer_append_slice(&manual->begin, request->begin);
    buffer_append_slice(&manual->end, request->end);
    manual->request = (struct compaction_request){
        .begin = buffer_slice(&manual->begin),
        .end = buffer_slice(&manual->end),
        .seq_max = db->last_seq,
        .is_forced = request->is_forced,
    };
    list_push_back(&db->compactor->manuals, &manual->link);
    unpark_family(db->compactor, request->cf_id);
    db_flush(db, on_flushed, manual);
    return manual->id;
}

/* --- steps --- */

static void
give_up(struct manual_compaction *manual, enum kv_status why)
{
    kv_log(LOG_LEVEL_WARNING, "KV.COMPACT %llu gives up after %llu steps: %s",
           (unsigned long long)manual->id, (unsigned long long)manual->step_count,
           kv_status_text(why));
    finish(manual, why);
}

/* Nothing can run, for this reason.  That may pass, but not forever without an answer. */
static void
was_refused(struct manual_compaction *manual, enum kv_status why)
{
    struct compactor *compactor = manual->db->compactor;
    const uint64_t now_us = io_now_us(manual->db->io);

    KV_ASSERT(why != KV_OK);
    manual->last_error = why;
    if (compactor->running_count == 0 && now_us - manual->refused_us >= COMPACT_REFUSAL_US) {
        manual->refusal_count++;
        manual->refused_us = now_us;
    }
    if (manual->refusal_count >= COMPACT_REFUSAL_COUNT_MAX && !manual->is_patient)
        give_up(manual, why);
    else
        compactor_retry_later(compactor);
}

/* Whether all that is in the way are plans that have failed and rest; what became of them is then
 * the answer, at once if it was a bad table, which rests for minutes.  KV_OK: no. */
static enum kv_status
why_blocked(const struct manual_compaction *manual, bool *is_for_long)
{
    const struct list *head = &manual->db->compactor->compactions;
    enum kv_status why = KV_OK;

    *is_for_long = false;
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct compaction *other = LIST_ENTRY(node, const struct compaction, link);

        if (other->plan.cf_id != manual->cf_id)
            continue;
        if (other->state != COMPACTION_PARKED || other->is_unwanted)
            return KV_OK;
        if (*is_for_long)
            continue;
        *is_for_long = compaction_met_bad_table(other);
        why = other->ending;
    }
    return why;
}

/* It has come as far as it can now. */
static void
stand_still(struct manual_compaction *manual)
{
    bool is_for_long;
    const enum kv_status why = why_blocked(manual, &is_for_long);

    if (is_for_long)
        give_up(manual, why);
    else if (why != KV_OK)
        was_refused(manual, why);
}

/* True: a step was started. */
static bool
start_step(struct manual_compaction *manual)
{
    struct compactor *compactor = manual->db->compactor;
    const struct column_family *family = version_set_family(manual->db->versions, manual->cf_id);
    struct compaction_view view;
    struct compaction_plan plan;
    enum compaction_manual answer;

    if (family == NULL) { /* dropped: nothing is left of it */
        finish(manual, KV_OK);
        return false;
    }
    compactor_view_init(compactor, family, &view);
    answer = compaction_pick_manual(&view, &manual->request, &plan);
    compactor_view_deinit(&view);
    if (answer == COMPACTION_MANUAL_DONE) {
        finish(manual, KV_OK);
    } else if (answer == COMPACTION_MANUAL_WAIT) {
        stand_still(manual);
    } else if (!db_space_may_start(manual->db, &plan)) {
        compaction_plan_deinit(&plan);
        was_refused(manual, KV_NO_SPACE);
    } else {
        manual->step_count++;
        manual->step = compaction_new(manual->db, &plan, manual, compactor_free_slots(compactor));
        compaction_start(manual->step);
        return true;
    }
    return false;
}

/* What was in memory at the request may not be able to become tables. */
static void
look_at_flushes(struct manual_compaction *manual)
{
    struct db *db = manual->db;
    const struct frozen *oldest;

    if (manual->state != MANUAL_FLUSHING || list_empty(&db->frozen))
        return;
    oldest = LIST_ENTRY(db->frozen.next, const struct frozen, link);
    manual->last_error = oldest->failure_count > 0 ? oldest->last_error : KV_OK;
    if (oldest->failure_count == 0 || oldest->state != FROZEN_WAITING || manual->is_patient ||
        io_now_us(db->io) - manual->started_us < COMPACT_FLUSH_WAIT_US)
        return;
    db_flush_forget(db, manual);
    manual->state = MANUAL_STEPPING;
    give_up(manual, oldest->last_error);
}

/* `visit` may free the one that it is given. */
static void
visit_all(struct compactor *compactor, void (*visit)(struct manual_compaction *manual))
{
    const struct list *head = &compactor->manuals;

    for (struct list *node = head->next, *next; node != head; node = next) {
        next = node->next;
        visit(LIST_ENTRY(node, struct manual_compaction, link));
    }
}

void
manual_look_at_flushes(struct compactor *compactor)
{
    visit_all(compactor, look_at_flushes);
}

bool
manual_start_next(struct compactor *compactor)
{
    const struct list *head = &compactor->manuals;

    for (struct list *node = head->next, *next; node != head; node = next) {
        struct manual_compaction *manual = LIST_ENTRY(node, struct manual_compaction, link);

        next = node->next;
        if (manual->state != MANUAL_STEPPING || manual->step != NULL || manual->is_paused ||
            manual->ending != KV_OK)
            continue;
        if (start_step(manual))
            return true;
    }
    return false;
}

void
manual_step_ended(struct manual_compaction *manual, const struct compaction *step,
                  enum kv_status st)
{
    KV_ASSERT(manual->step == step);
    manual->step = NULL;
    manual->bytes_done += step->plan.input_bytes;
    if (st != KV_OK && manual->ending == KV_OK)
        manual->ending = st;
    if (st == KV_OK) {
        manual->refusal_count = 0;
        manual->last_error = KV_OK;
    }
}

/* --- from outside --- */

static void
finish_if_cancelled(struct manual_compaction *manual)
{
    if (manual->ending != KV_OK && manual->step == NULL && manual->state == MANUAL_STEPPING)
        finish(manual, manual->ending);
}

void
manual_finish_cancelled(struct compactor *compactor)
{
    visit_all(compactor, finish_if_cancelled);
}

void
manual_cancel(struct manual_compaction *manual, enum kv_status why)
{
    KV_ASSERT(why != KV_OK);
    if (manual->ending == KV_OK)
        manual->ending = why;
    if (manual->step != NULL)
        compaction_cancel(manual->step, KV_CANCELLED);
}

void
manual_pause(struct manual_compaction *manual, bool is_paused)
{
    manual->is_paused = is_paused;
    if (manual->step != NULL)
        compaction_pause(manual->step, is_paused);
    compactor_poke(manual->db->compactor);
}
