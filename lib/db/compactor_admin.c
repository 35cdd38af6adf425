/* compactor_admin.c - what runs in the background, for KV.JOBS, and the numbers of it. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "db/compaction.h"
#include "db/compactor_manual.h"

/* --- the list --- */

static const char *
frozen_state_name(const struct frozen *frozen)
{
    switch (frozen->state) {
    case FROZEN_WAITING:
        return frozen->failure_count > 0 ? "resting" : "waiting";
    case FROZEN_RUNNING:
        return "running";
    case FROZEN_BUILT:
    case FROZEN_INSTALLING:
        return "installing";
    }
    return "";
}

static void
describe_flush(const struct frozen *frozen, struct db_job_info *info)
{
    const uint64_t bytes = memtable_bytes_used(frozen->memtable);

    *info = (struct db_job_info){
        .id = frozen->job.job_id,
        .kind = "flush",
        .state = frozen_state_name(frozen),
        .bytes_done = frozen->state >= FROZEN_BUILT ? bytes : 0,
        .bytes_total = bytes,
        .last_error = frozen->last_error,
    };
    (void)snprintf(info->text, sizeof(info->text), "a memtable of %llu entries",
                   (unsigned long long)memtable_entry_count(frozen->memtable));
}

static const char *
compaction_state_name(const struct compaction *compaction)
{
    switch (compaction->state) {
    case COMPACTION_RUNNING:
        return compaction->is_paused || compaction->db->compactor->is_paused ? "paused" : "running";
    case COMPACTION_ENDING:
        return "ending";
    case COMPACTION_PARKED:
        return "resting";
    case COMPACTION_INSTALLING:
        return "installing";
    }
    return "";
}

static uint64_t
rate_of(const struct compaction *compaction)
{
    uint64_t rate = 0;

    for (uint32_t i = 0; i < compaction->part_count; i++) {
        if (compaction->parts[i].state == PART_RUNNING)
            rate += compaction->parts[i].job.bytes_per_s;
    }
    return rate;
}

static void
describe_compaction(const struct compaction *compaction, struct db_job_info *info)
{
    *info = (struct db_job_info){
        .id = compaction->id,
        .kind = "compaction",
        .state = compaction_state_name(compaction),
        .cf_id = compaction->plan.cf_id,
        .level_from = compaction->plan.input_level,
        .level_to = compaction->plan.output_level,
        .part_count = compaction->part_count,
        .bytes_done = compaction_bytes_done(compaction),
        .bytes_total = compaction->plan.input_bytes,
        .bytes_per_s = rate_of(compaction),
        .age_us = io_now_us(compaction->db->io) - compaction->started_us,
        .last_error = compaction->state == COMPACTION_PARKED ? compaction->ending : KV_OK,
    };
    (void)snprintf(info->text, sizeof(info->text), "%s", compaction->plan.text);
}

static void
describe_manual(const struct manual_compaction *manual, struct db_job_info *info)
{
    const struct compaction *step = manual->step;

    *info = (struct db_job_info){
        .id = manual->id,
        .kind = "compact",
        .state = manual->is_paused         ? "paused"
                 : manual->ending != KV_OK ? "ending"
                 : manual->step != NULL    ? "running"
                                           : "waiting",
        .cf_id = manual->cf_id,
        .level_to = LEVEL_COUNT - 1,
        .bytes_done = manual->bytes_done + (step != NULL ? compaction_bytes_done(step) : 0),
        .bytes_total = manual->bytes_done + (step != NULL ? step->plan.input_bytes : 0),
        .bytes_per_s = step != NULL ? rate_of(step) : 0,
        .age_us = io_now_us(manual->db->io) - manual->started_us,
        .last_error = manual->last_error,
    };
    (void)snprintf(info->text, sizeof(info->text), "asked for, %llu steps so far",
                   (unsigned long long)manual->step_count);
}

uint32_t
db_jobs(const struct db *db, struct db_job_info *infos, uint32_t max)
{
    const struct compactor *compactor = db->compactor;
    const struct list *node;
    uint32_t count = 0;

    for (node = db->frozen.next; node != &db->frozen; node = node->next) {
        if (count++ < max)
            describe_flush(LIST_ENTRY(node, const struct frozen, link), &infos[count - 1]);
    }
    for (node = compactor->manuals.next; node != &compactor->manuals; node = node->next) {
        if (count++ < max)
            describe_manual(LIST_ENTRY(node, const struct manual_compaction, link),
                            &infos[count - 1]);
    }
    for (node = compactor->compactions.next; node != &compactor->compactions; node = node->next) {
        if (count++ < max)
            describe_compaction(LIST_ENTRY(node, const struct compaction, link), &infos[count - 1]);
    }
    return count;
}

/* --- one of them --- */

static struct compaction *
find_compaction(const struct db *db, uint64_t id)
{
    const struct list *head = &db->compactor->compactions;

    for (struct list *node = head->next; node != head; node = node->next) {
        struct compaction *compaction = LIST_ENTRY(node, struct compaction, link);

        if (compaction->id == id)
            return compaction;
    }
    return NULL;
}

static struct manual_compaction *
find_manual(const struct db *db, uint64_t id)
{
    const struct list *head = &db->compactor->manuals;

    for (struct list *node = head->next; node != head; node = node->next) {
        struct manual_compaction *manual = LIST_ENTRY(node, struct manual_compaction, link);

        if (manual->id == id)
            return manual;
    }
    return NULL;
}

/* Neither: a flush, which goes on in any case, or nothing. */
static enum kv_status
why_not(const struct db *db, uint64_t id)
{
    for (const struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        const struct frozen *frozen = LIST_ENTRY(node, const struct frozen, link);

        if (id != 0 && frozen->job.job_id == id)
            return KV_UNSUPPORTED;
    }
    return KV_NO_FILE;
}

enum kv_status
db_job_cancel(struct db *db, uint64_t id)
{
    struct compaction *compaction = find_compaction(db, id);
    struct manual_compaction *manual = find_manual(db, id);

    if (compaction != NULL && compaction->manual != NULL)
        manual = compaction->manual;
    if (manual != NULL) {
        manual_cancel(manual, KV_CANCELLED);
        return KV_OK;
    }
    if (compaction == NULL)
        return why_not(db, id);
    compaction_reject(compaction);
    return KV_OK;
}

enum kv_status
db_job_pause(struct db *db, uint64_t id, bool is_paused)
{
    struct compaction *compaction = find_compaction(db, id);
    struct manual_compaction *manual = find_manual(db, id);

    if (manual != NULL) {
        manual_pause(manual, is_paused);
        return KV_OK;
    }
    if (compaction == NULL)
        return why_not(db, id);
    compaction_pause(compaction, is_paused);
    return KV_OK;
}

/* Going on means all of them, also those that were paused alone. */
void
db_compaction_pause(struct db *db, bool is_paused)
{
    struct compactor *compactor = db->compactor;
    struct list *node;

    compactor->is_paused = is_paused;
    for (node = compactor->compactions.next; node != &compactor->compactions; node = node->next)
        compaction_pause(LIST_ENTRY(node, struct compaction, link), is_paused);
    for (node = compactor->manuals.next; node != &compactor->manuals && !is_paused;
         node = node->next)
        LIST_ENTRY(node, struct manual_compaction, link)->is_paused = false;
    compactor_poke(compactor);
}

/* --- numbers --- */

static void
add_shape(struct db *db, const struct column_family *family, struct db_stats *stats)
{
    struct compaction_view view;
    struct compaction_shape shape;

    compactor_view_init(db->compactor, family, &view);
    compaction_shape_of(&view, &shape);
    compactor_view_deinit(&view);
    stats->compaction_debt_bytes += shape.debt_bytes;
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        if (shape.levels[level].score > stats->level_score[level])
            stats->level_score[level] = shape.levels[level].score;
    }
}

void
compactor_get_stats(struct compactor *compactor, struct db_stats *stats)
{
    struct db *db = compactor->db;
    const struct column_family *family;

    stats->compaction = compactor->totals;
    stats->compaction_is_paused = compactor->is_paused;
    stats->compaction_is_settled =
        !compactor->must_pick && !compactor->has_waiting_parts && !compactor->buried.is_fetching &&
        list_empty(&compactor->compactions) && list_empty(&compactor->manuals);
    for (struct list *node = compactor->compactions.next; node != &compactor->compactions;
         node = node->next) {
        const struct compaction *compaction = LIST_ENTRY(node, struct compaction, link);

        if (compaction->state == COMPACTION_PARKED)
            stats->compaction_parked_count++;
        else
            stats->compaction_running_count++;
    }
    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++)
        add_shape(db, family, stats);
}
