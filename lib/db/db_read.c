/* db_read.c - a point read: memtables newest first, then the tables of the current version.
 *
 * Everything that a pass looks at cannot change under it, since nothing else runs; what it finds
 * is folded to what a user sees.  A pass that misses a block has changed nothing but ctx.
 */
#include "db/db_internal.h"
#include "db/db_merge_read.h"
#include "key/entity.h"

enum kv_status
db_find_in_memtables(struct db *db, uint32_t cf_id, const struct table_target *target,
                     struct lookup *found)
{
    struct memtable *own = NULL;
    const enum kv_status st = db_txn_memtable(db, &own);

    if (st == KV_OK && own != NULL)
        memtable_get_hashed(own, cf_id, target->key, target->filter_hash, target->seq_max, found);
    if (st != KV_OK || found->kind != LOOKUP_ABSENT)
        return st;
    memtable_get_hashed(db->active, cf_id, target->key, target->filter_hash, target->seq_max,
                        found);
    for (const struct list *node = db->frozen.prev;
         found->kind == LOOKUP_ABSENT && node != &db->frozen; node = node->prev)
        memtable_get_hashed(LIST_ENTRY(node, struct frozen, link)->memtable, cf_id, target->key,
                            target->filter_hash, target->seq_max, found);
    return KV_OK;
}

static enum kv_status
unpack(struct db *db, uint64_t seq_max, struct lookup *found)
{
    struct entity entity;
    const enum kv_status st = entity_parse(found->value, &entity);

    if (st != KV_OK)
        return st;
    found->entity = found->value;
    found->value = entity.value;
    if (entity.deadline_ms != DEADLINE_NONE && entity_is_dead(&entity, db_time_at(db, seq_max))) {
        found->kind = LOOKUP_ABSENT;
        found->entity = found->value = slice_of(NULL, 0);
    }
    return KV_OK;
}

/* From what is stored to what a user sees. */
static enum kv_status
fold(struct db *db, struct read_ctx *ctx, uint32_t cf_id, const struct table_target *target,
     struct lookup *found)
{
    switch (found->kind) {
    case LOOKUP_ABSENT:
        found->seq = 0;
        return KV_OK;
    case LOOKUP_TOMBSTONE:
        found->kind = LOOKUP_ABSENT;
        return KV_OK;
    case LOOKUP_MERGE:
        return db_merge_read(db, ctx, cf_id, target, found);
    case LOOKUP_VALUE:
        return found->type == TYPE_ENTITY ? unpack(db, target->seq_max, found) : KV_OK;
    }
    KV_ASSERT(false && "a lookup of no kind");
    return KV_CORRUPT;
}

enum kv_status
db_get(struct db *db, struct read_ctx *ctx, uint32_t cf_id, struct slice key, uint64_t seq_max,
       struct lookup *found)
{
    const struct version_probe probe = {.target = table_target_of(key, seq_max)};

    return db_get_probed(db, ctx, cf_id, &probe, found);
}

enum kv_status
db_get_probed(struct db *db, struct read_ctx *ctx, uint32_t cf_id,
              const struct version_probe *probe, struct lookup *found)
{
    const struct table_target *target = &probe->target;
    const uint32_t wants_before = ctx->want_count;
    struct column_family *family;
    enum kv_status st;

    *found = (struct lookup){.kind = LOOKUP_ABSENT};
    st = db_find_in_memtables(db, cf_id, target, found);
    if (st != KV_OK)
        return st;
    if (found->kind != LOOKUP_ABSENT)
        return fold(db, ctx, cf_id, target, found);
    family = version_set_family(db->versions, cf_id);
    if (family == NULL)
        return fold(db, ctx, cf_id, target, found);
    if (probe->version == family->current)
        st = version_get_probed(family->current, ctx, probe, found);
    else
        st = version_find(family->current, ctx, target, found);
    /* A layer that swallowed KV_WANT_BLOCK would turn "not read yet" into "not there". */
    KV_ASSERT(st == KV_WANT_BLOCK || ctx->want_count == wants_before);
    return st == KV_OK ? fold(db, ctx, cf_id, target, found) : st;
}

void
db_prefetch(struct db *db, uint32_t cf_id, uint64_t seq_max, const struct slice *keys,
            unsigned count, struct version_probe *probes_out)
{
    const struct column_family *family = version_set_family(db->versions, cf_id);
    uint64_t hashes[READ_PREFETCH_COUNT_MAX];
    uint32_t in_memtables;

    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    for (unsigned i = 0; i < count; i++) {
        probes_out[i] = (struct version_probe){.target = table_target_of(keys[i], seq_max)};
        hashes[i] = probes_out[i].target.filter_hash;
    }
    if (family == NULL)
        return;
    in_memtables = memtable_prefetch(db->active, cf_id, keys, hashes, count);
    for (const struct list *node = db->frozen.prev; node != &db->frozen; node = node->prev)
        in_memtables |= memtable_prefetch(LIST_ENTRY(node, struct frozen, link)->memtable, cf_id,
                                          keys, hashes, count);
    /* What a memtable has of a key may be too new for an old sequence. */
    if (seq_max < db->last_seq)
        in_memtables = 0;
    version_prefetch(family->current, db->cache, probes_out, count, in_memtables);
}

void
db_prefetch_puts(struct db *db, uint32_t cf_id, const struct slice *keys, unsigned count)
{
    memtable_prefetch_puts(db->active, cf_id, keys, count);
}

struct block_cache *
db_block_cache(struct db *db)
{
    return db->cache;
}

void
db_fetch(struct db *db, struct read_ctx *ctx, struct db_waiter *waiter)
{
    block_fetch(db->fetcher, ctx, waiter);
}

bool
db_find_family(struct db *db, struct slice name, uint32_t *cf_id_out)
{
    struct column_family *family = version_set_family_by_name(db->versions, name);

    if (family == NULL)
        return false;
    *cf_id_out = family->id;
    return true;
}
