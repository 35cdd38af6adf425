/* db_scan.c - all live keys of a family in order, as of one sequence.
 *
 * A merge of every place that may hold a version; of each key the newest version that the scan's
 * sequence can see decides, unless a range tombstone above it covers the key.  A scan pins what
 * it looks at, so flushes may go on; it looks its position up again when a memtable may have
 * changed, since a memtable's iterator survives neither a write nor a rollback.
 */
#include "base/alloc.h"
#include "db/db_internal.h"
#include "db/db_merge_read.h"
#include "iter/merge_iter.h"
#include "key/entity.h"

struct db_scan {
    struct db *db;
    struct read_ctx *ctx;
    uint32_t cf_id;
    uint64_t seq;
    struct memtable **memtables; /* owned references, newest first */
    uint32_t memtable_count;
    struct version *version; /* owned reference */
    struct iter *merged;     /* owned; NULL before the first seek and after a failed one */
    uint64_t change_count;   /* of the memtables when `merged` was made */
    struct merge_fold fold;  /* of the key that was judged last */
    struct buffer key;       /* of the live key that the scan stands on */
    struct slice value;
};

static void
pin_view(struct db_scan *scan)
{
    struct db *db = scan->db;

    scan->memtables = kv_alloc(sizeof(struct memtable *) * (1 + db->frozen_count));
    scan->memtables[scan->memtable_count++] = db->active;
    for (struct list *node = db->frozen.prev; node != &db->frozen; node = node->prev)
        scan->memtables[scan->memtable_count++] = LIST_ENTRY(node, struct frozen, link)->memtable;
    for (uint32_t i = 0; i < scan->memtable_count; i++)
        memtable_ref(scan->memtables[i]);
    scan->version = version_set_family(db->versions, scan->cf_id)->current;
    version_ref(scan->version);
}

struct db_scan *
db_scan_new(struct db *db, struct read_ctx *ctx, uint32_t cf_id)
{
    struct db_scan *scan = kv_alloc_zero(sizeof(*scan));

    scan->db = db;
    scan->ctx = ctx;
    scan->cf_id = cf_id;
    scan->seq = db->last_seq;
    pin_view(scan);
    merge_fold_init(&scan->fold, db_merge_operator(db, cf_id));
    return scan;
}

void
db_scan_free(struct db_scan *scan)
{
    if (scan == NULL)
        return;
    iter_free(scan->merged);
    for (uint32_t i = 0; i < scan->memtable_count; i++)
        memtable_unref(scan->memtables[i]);
    free(scan->memtables);
    version_unref(scan->version);
    merge_fold_deinit(&scan->fold);
    buffer_deinit(&scan->key);
    free(scan);
}

static void
make_merged(struct db_scan *scan)
{
    const uint32_t count = scan->memtable_count + version_iter_count(scan->version);
    struct iter **children = kv_alloc(sizeof(struct iter *) * count);

    iter_free(scan->merged);
    for (uint32_t i = 0; i < scan->memtable_count; i++)
        children[i] = memtable_iter_new(scan->memtables[i], scan->cf_id);
    version_iters(scan->version, scan->ctx, children + scan->memtable_count);
    scan->merged = merge_iter_new(children, count);
    scan->change_count = scan->db->memtable_change_count;
    free(children);
}

static enum kv_status
covering_tombstone(struct db_scan *scan, struct slice user_key, uint64_t *seq_out)
{
    enum kv_status st =
        version_covering_tombstone(scan->version, scan->ctx, user_key, scan->seq, seq_out);

    for (uint32_t i = 0; st == KV_OK && i < scan->memtable_count; i++) {
        const uint64_t seq =
            memtable_covering_tombstone(scan->memtables[i], scan->cf_id, user_key, scan->seq);

        if (seq > *seq_out)
            *seq_out = seq;
    }
    return st;
}

static enum kv_status
fold(struct db_scan *scan, const struct internal_key *key)
{
    const struct db_merge_view view = {.memtables = scan->memtables,
                                       .memtable_count = scan->memtable_count,
                                       .version = scan->version,
                                       .cf_id = scan->cf_id};
    struct lookup found = {.kind = LOOKUP_MERGE, .seq = key->seq, .value = scan->merged->value};
    const enum kv_status st = db_merge_walk(&view, scan->ctx, key->user_key, &scan->fold, &found);

    scan->value = found.value;
    return st;
}

/* What the newest visible version says: a live value, or nothing. */
static enum kv_status
judge(struct db_scan *scan, const struct internal_key *key, bool *is_live)
{
    uint64_t tombstone_seq;
    enum kv_status st;

    *is_live = false;
    if (key->type == TYPE_DELETION || key->type == TYPE_SINGLE_DELETION)
        return KV_OK;
    st = covering_tombstone(scan, key->user_key, &tombstone_seq);
    if (st != KV_OK || tombstone_seq > key->seq)
        return st;
    if (key->type == TYPE_MERGE) {
        st = fold(scan, key);
        *is_live = st == KV_OK;
        return st;
    }
    scan->value = scan->merged->value;
    if (key->type == TYPE_ENTITY) {
        st = entity_default_column(scan->merged->value, &scan->value);
        if (st != KV_OK)
            return st;
    }
    *is_live = true;
    return KV_OK;
}

/* From where `merged` stands to the next live key.  Keys equal to scan->key are behind us when
 * `skip_key` is set.  Each step happens or does not, so after KV_WANT_BLOCK the call can be made
 * again: scan->key names the key that has been judged. */
static enum kv_status
find_live(struct db_scan *scan, bool *found)
{
    enum kv_status st;

    *found = false;
    while (scan->merged->valid) {
        struct internal_key key;
        bool is_live = false;

        if (!internal_key_parse(scan->merged->key, &key))
            return KV_FAIL(KV_CORRUPT, "scan: an entry has no valid key");
        if (key.seq <= scan->seq && !slice_equal(key.user_key, buffer_slice(&scan->key))) {
            st = judge(scan, &key, &is_live);
            if (st != KV_OK)
                return st;
            buffer_clear(&scan->key);
            buffer_append_slice(&scan->key, key.user_key);
        }
        if (is_live) {
            *found = true;
            return KV_OK;
        }
        st = iter_next(scan->merged);
        if (st != KV_OK)
            return st;
    }
    return KV_OK;
}

static enum kv_status
position(struct db_scan *scan, struct slice user_key, uint64_t seq)
{
    struct buffer target = {0};
    enum kv_status st;

    make_merged(scan);
    internal_key_append(&target, user_key, seq, TYPE_SEEK);
    st = iter_seek(scan->merged, buffer_slice(&target));
    buffer_deinit(&target);
    if (st != KV_OK) {
        iter_free(scan->merged);
        scan->merged = NULL;
    }
    return st;
}

/* A key that no user key can equal marks "nothing judged yet": the empty key is a valid key, so
 * the mark is one byte longer than the longest. */
static void
forget_key(struct db_scan *scan)
{
    buffer_clear(&scan->key);
    buffer_reserve(&scan->key, KEY_BYTES_MAX + 1);
    memset(scan->key.data, 0xff, KEY_BYTES_MAX + 1);
    scan->key.size = KEY_BYTES_MAX + 1;
}

enum kv_status
db_scan_seek(struct db_scan *scan, struct slice from, bool *found)
{
    enum kv_status st;

    forget_key(scan);
    st = position(scan, from, SEQUENCE_MAX);
    return st == KV_OK ? find_live(scan, found) : st;
}

enum kv_status
db_scan_next(struct db_scan *scan, bool *found)
{
    KV_ASSERT(scan->key.size <= KEY_BYTES_MAX);
    if (scan->merged == NULL || scan->db->memtable_change_count != scan->change_count) {
        const enum kv_status st = position(scan, buffer_slice(&scan->key), SEQUENCE_MAX);

        if (st != KV_OK)
            return st;
    }
    return find_live(scan, found);
}

struct slice
db_scan_key(const struct db_scan *scan)
{
    return buffer_slice(&scan->key);
}

struct slice
db_scan_value(const struct db_scan *scan)
{
    return scan->value;
}
