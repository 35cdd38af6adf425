/* compactor_buried.c - a deletion of a range gives its space back without a job.
 *
 * After each change of tables the picker is asked which ones lie under range tombstones
 * (compact/picker_buried.c).  For that the few tables that have some must be open; what is lacking
 * is fetched, as for a read, and the question put again.  Meanwhile no new plan is started, because
 * it might read, merge and write what can go as it is; and on a full disk it would fail.
 *
 * Plans that rest leave their tables to this: with those gone they would be others.
 */
#include "db/compactor_buried.h"

#include "db/compaction.h"

enum { FAILURE_REST_US = 300 * 1000 * 1000 };

static void
let_go(struct buried_search *search)
{
    read_ctx_deinit(&search->ctx);
    version_unref(search->version);
    search->version = NULL;
    search->is_fetching = false;
}

static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct buried_search *search = KV_CONTAINER_OF(waiter, struct buried_search, waiter);

    KV_ASSERT(search->is_fetching);
    let_go(search);
    if (st != KV_OK)
        search->rest_us = io_now_us(search->compactor->db->io) + FAILURE_REST_US;
    compactor_poke(search->compactor);
}

void
buried_search_init(struct buried_search *search, struct compactor *compactor)
{
    *search = (struct buried_search){.compactor = compactor, .is_due = true};
    search->waiter.on_arrived = on_arrived;
}

void
buried_search_deinit(struct buried_search *search)
{
    if (search->is_fetching)
        let_go(search);
}

static enum kv_status
stretch_of(void *owner, const struct scan_child *place, struct slice key, uint64_t seq_max,
           struct tombstone_stretch *stretch_out)
{
    struct buried_search *search = owner;

    return version_scan_stretch(place, &search->ctx, key, seq_max, stretch_out);
}

static bool
shares_input(const struct compaction_plan *a, const struct compaction_plan *b)
{
    for (uint32_t i = 0; i < a->input_count; i++) {
        for (uint32_t j = 0; j < b->input_count; j++) {
            if (a->inputs[i].number == b->inputs[j].number)
                return true;
        }
    }
    return false;
}

static void
drop(struct compactor *compactor, struct compaction_plan *plan)
{
    struct list *node, *next;

    for (node = compactor->compactions.next; node != &compactor->compactions; node = next) {
        struct compaction *compaction = LIST_ENTRY(node, struct compaction, link);

        next = node->next;
        if (compaction->state == COMPACTION_PARKED && shares_input(&compaction->plan, plan))
            compaction_unpark(compaction);
    }
    compaction_start(compaction_new(compactor->db, plan, NULL, 1));
}

/* With automatic compactions switched off tables stay as they are, unless somebody has asked. */
static bool
is_allowed(const struct compactor *compactor, const struct compaction_view *view)
{
    if (!view->options->disable_auto_compactions && view->options->style != COMPACTION_OFF)
        return true;
    for (const struct list *node = compactor->manuals.next; node != &compactor->manuals;
         node = node->next) {
        if (LIST_ENTRY(node, const struct manual_compaction, link)->cf_id == view->version->cf_id)
            return true;
    }
    return false;
}

/* KV_OK: there was a plan, and is none any more. */
static enum kv_status
drop_of_family(struct buried_search *search, const struct column_family *family)
{
    const struct tombstone_source source = {.stretch = stretch_of, .owner = search};
    struct compactor *compactor = search->compactor;
    struct compaction_plan plan;
    struct compaction_view view;
    enum kv_status st = KV_OK;
    bool is_found;

    do {
        is_found = false;
        compactor_view_init(compactor, family, &view);
        compactor_view_hide_parked(&view);
        if (is_allowed(compactor, &view)) {
            read_ctx_clear_wants(&search->ctx);
            st = compaction_pick_buried(&view, &source, &plan);
            is_found = st == KV_OK && plan.input_count > 0;
        }
        compactor_view_deinit(&view);
        if (is_found)
            drop(compactor, &plan);
    } while (is_found);
    return st;
}

/* False: what is wanted is on its way. */
static bool
search_all(struct buried_search *search)
{
    struct db *db = search->compactor->db;
    const struct column_family *family;

    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++) {
        if (family->current->tombstone_table_count == 0)
            continue;
        if (drop_of_family(search, family) == KV_WANT_BLOCK) {
            search->version = family->current;
            version_ref(search->version);
            search->is_fetching = true;
            db_fetch(db, &search->ctx, &search->waiter);
            return false;
        }
    }
    return true;
}

bool
buried_search_turn(struct buried_search *search)
{
    struct db *db = search->compactor->db;

    if (search->is_fetching)
        return false;
    if (!search->is_due || io_now_us(db->io) < search->rest_us)
        return true;
    search->is_due = false;
    read_ctx_init(&search->ctx, db->cache);
    if (!search_all(search))
        return false;
    read_ctx_deinit(&search->ctx);
    return true;
}
