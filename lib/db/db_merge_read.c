#include "db/db_merge_read.h"

#include "db/db_internal.h"
#include "key/entity.h"

/* What has been met so far. */
struct walk {
    const struct db_merge_view *view;
    struct read_ctx *ctx;
    struct slice key;
    struct merge_fold *fold;
    uint64_t seq_max; /* older versions than the last operand */
    bool has_ended;
    struct merge_version base; /* when has_ended */
};

static void
end(struct walk *walk, enum value_type type, struct slice value)
{
    const bool is_value = type == TYPE_VALUE || type == TYPE_ENTITY;

    walk->has_ended = true;
    walk->base = (struct merge_version){.type = is_value ? type : TYPE_DELETION};
    if (is_value)
        walk->base.value = value;
}

static enum kv_status
take(struct walk *walk, enum value_type type, uint64_t seq, struct slice value)
{
    enum kv_status st;

    if (type != TYPE_MERGE) {
        end(walk, type, value);
        return KV_OK;
    }
    st = merge_fold_add(walk->fold, value, seq, false);
    if (st == KV_OK && seq == 0)
        end(walk, TYPE_DELETION, value);
    else
        walk->seq_max = seq - 1;
    return st;
}

/* The versions of the key that stand in `iter`, older than seq_max; those below a tombstone are
 * not there. */
static enum kv_status
take_versions(struct walk *walk, struct iter *iter, uint64_t tombstone_seq)
{
    struct buffer target = {0};
    struct internal_key key;
    enum kv_status st;

    internal_key_append(&target, walk->key, walk->seq_max, TYPE_SEEK);
    st = iter_seek(iter, buffer_slice(&target));
    buffer_deinit(&target);
    while (st == KV_OK && iter->valid && !walk->has_ended) {
        if (!internal_key_parse(iter->key, &key))
            return KV_FAIL(KV_CORRUPT, "memtable: an entry has no valid key");
        if (!slice_equal(key.user_key, walk->key) || key.seq < tombstone_seq)
            break;
        st = take(walk, key.type, key.seq, iter->value);
        if (st == KV_OK)
            st = iter_next(iter);
    }
    if (st == KV_OK && !walk->has_ended && tombstone_seq > 0)
        end(walk, TYPE_DELETION, walk->key);
    return st;
}

/* An iterator's steps are cheaper than look-ups, but most memtables have at most one version.  What
 * it shows lies in the memtable, so it outlives the iterator. */
static enum kv_status
take_memtable(struct walk *walk, const struct memtable *memtable)
{
    const uint32_t cf_id = walk->view->cf_id;
    struct lookup found;
    struct iter *iter;
    enum kv_status st;

    memtable_get(memtable, cf_id, walk->key, walk->seq_max, &found);
    if (found.kind == LOOKUP_ABSENT)
        return KV_OK;
    if (found.kind != LOOKUP_MERGE)
        return take(walk, found.type, found.seq, found.value);
    iter = memtable_iter_new(memtable, cf_id);
    st = take_versions(walk, iter,
                       memtable_covering_tombstone(memtable, cf_id, walk->key, walk->seq_max));
    iter_free(iter);
    return st;
}

static enum kv_status
take_tables(struct walk *walk)
{
    while (!walk->has_ended) {
        struct lookup found;
        enum kv_status st =
            version_get(walk->view->version, walk->ctx, walk->key, walk->seq_max, &found);

        if (st == KV_OK && found.kind == LOOKUP_ABSENT)
            end(walk, TYPE_DELETION, walk->key);
        else if (st == KV_OK)
            st = take(walk, found.type, found.seq, found.value);
        if (st != KV_OK)
            return st;
    }
    return KV_OK;
}

/* What is dead is nothing to merge onto. */
static enum kv_status
drop_dead_base(struct walk *walk)
{
    struct entity entity;
    enum kv_status st;

    if (walk->base.type != TYPE_ENTITY)
        return KV_OK;
    st = entity_parse(walk->base.value, &entity);
    if (st == KV_OK && entity_is_dead(&entity, walk->view->now_ms))
        end(walk, TYPE_DELETION, walk->key);
    return st;
}

static enum kv_status
show(struct lookup *found, const struct merge_version *result)
{
    *found = (struct lookup){
        .kind = LOOKUP_VALUE, .type = result->type, .seq = found->seq, .value = result->value};
    if (result->type != TYPE_ENTITY)
        return KV_OK;
    found->entity = result->value;
    return entity_default_column(found->entity, &found->value);
}

enum kv_status
db_merge_walk(const struct db_merge_view *view, struct read_ctx *ctx, struct slice key,
              struct merge_fold *fold, struct lookup *found)
{
    struct walk walk = {.view = view, .ctx = ctx, .key = key, .fold = fold};
    struct merge_version result;
    enum kv_status st;

    KV_ASSERT(found->kind == LOOKUP_MERGE);
    merge_fold_start(fold, key);
    st = take(&walk, TYPE_MERGE, found->seq, found->value);
    for (uint32_t i = 0; st == KV_OK && i < view->memtable_count && !walk.has_ended; i++)
        st = take_memtable(&walk, view->memtables[i]);
    if (st == KV_OK)
        st = take_tables(&walk);
    if (st == KV_OK)
        st = drop_dead_base(&walk);
    if (st == KV_OK)
        st = merge_fold_finish(fold, &walk.base, &result);
    return st == KV_OK ? show(found, &result) : st;
}

static struct slice
keep(struct read_ctx *ctx, struct slice value)
{
    uint8_t *kept;

    if (value.size == 0)
        return slice_of(NULL, 0);
    kept = read_ctx_alloc(ctx, value.size);
    memcpy(kept, value.data, value.size);
    return slice_of(kept, value.size);
}

enum kv_status
db_merge_read(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
              const struct table_target *target, struct lookup *found)
{
    struct column_family *family = version_set_family(db->versions, cf_id);
    struct memtable *memtables[3 + FROZEN_MEMTABLE_COUNT_MAX];
    struct db_merge_view view = {
        .memtables = memtables, .cf_id = cf_id, .now_ms = db_time_at(db, target->seq_max)};
    struct merge_fold fold;
    enum kv_status st;

    KV_ASSERT(family != NULL);
    /* The repair of the log freezes one more. */
    KV_ASSERT(db->frozen_count <= FROZEN_MEMTABLE_COUNT_MAX + 1);
    view.version = family->current;
    st = db_txn_memtable(db, &memtables[0]);
    if (st != KV_OK)
        return st;
    view.memtable_count = memtables[0] != NULL;
    memtables[view.memtable_count++] = db->active;
    for (struct list *node = db->frozen.prev; node != &db->frozen; node = node->prev)
        memtables[view.memtable_count++] = LIST_ENTRY(node, struct frozen, link)->memtable;
    merge_fold_init(&fold, db_merge_operator(db, cf_id));
    st = db_merge_walk(&view, ctx, target->key, &fold, found);
    if (st == KV_OK && found->type == TYPE_ENTITY) {
        found->entity = keep(ctx, found->entity);
        st = entity_default_column(found->entity, &found->value);
    } else if (st == KV_OK) {
        found->value = keep(ctx, found->value);
    }
    merge_fold_deinit(&fold);
    return st;
}
