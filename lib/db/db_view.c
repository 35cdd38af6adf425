#include "db/db_view.h"

#include "base/alloc.h"
#include "db/db_merge_read.h"
#include "db/family_record.h"

void
db_view_pin(struct db_view *view, struct db *db, uint32_t cf_id, uint64_t seq_max)
{
    const struct column_family *family = version_set_family(db->versions, cf_id);

    KV_ASSERT(family != NULL || cf_id >= CF_NONE_MIN);
    *view = (struct db_view){
        .memtables = kv_alloc(sizeof(struct memtable *) * (1 + db->frozen_count)),
        .version = family != NULL ? family->current : db->no_tables,
        .family = family != NULL ? db_family_pin(db, cf_id) : NULL,
        .cf_id = cf_id,
        .seq = seq_max < db->last_seq ? seq_max : db->last_seq,
        .now_ms = db_time_at(db, seq_max),
        .rollback_count = db->rollback_count,
    };
    view->memtables[view->memtable_count++] = db->active;
    for (struct list *node = db->frozen.prev; node != &db->frozen; node = node->prev)
        view->memtables[view->memtable_count++] = LIST_ENTRY(node, struct frozen, link)->memtable;
    KV_ASSERT(view->memtable_count == 1 + db->frozen_count);
    for (uint32_t i = 0; i < view->memtable_count; i++)
        memtable_ref(view->memtables[i]);
    version_ref(view->version);
}

void
db_view_share(struct db_view *view, const struct db_view *source)
{
    *view = *source;
    if (view->family != NULL)
        view->family->ref_count++;
    view->memtables = kv_alloc(sizeof(struct memtable *) * source->memtable_count);
    for (uint32_t i = 0; i < view->memtable_count; i++) {
        view->memtables[i] = source->memtables[i];
        memtable_ref(view->memtables[i]);
    }
    version_ref(view->version);
}

const struct merge_operator *
db_view_operator(const struct db_view *view)
{
    static const struct merge_operator none;

    return view->family != NULL ? &view->family->op : &none;
}

bool
db_view_holds(const struct db_view *view, const struct db *db)
{
    return view->rollback_count == db->rollback_count;
}

void
db_view_unpin(struct db_view *view)
{
    for (uint32_t i = 0; i < view->memtable_count; i++)
        memtable_unref(view->memtables[i]);
    free(view->memtables);
    version_unref(view->version);
    db_family_unpin(view->family);
    *view = (struct db_view){0};
}

enum kv_status
db_view_fold(const struct db_view *view, struct read_ctx *ctx, const struct internal_key *key,
             struct merge_fold *fold, struct slice *value)
{
    const struct db_merge_view places = {.memtables = view->memtables,
                                         .memtable_count = view->memtable_count,
                                         .version = view->version,
                                         .cf_id = view->cf_id,
                                         .now_ms = view->now_ms};
    struct lookup found = {.kind = LOOKUP_MERGE, .seq = key->seq, .value = *value};
    const enum kv_status st = db_merge_walk(&places, ctx, key->user_key, fold, &found);

    KV_ASSERT(key->type == TYPE_MERGE);
    *value = found.value;
    return st;
}
