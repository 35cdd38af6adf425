#include "db/db_survey.h"

#include "base/alloc.h"
#include "base/random.h"
#include "db/db_internal.h"
#include "db/db_view.h"
#include "version/version_scan.h"

bool
db_family_at(struct db *db, uint32_t index, uint32_t *cf_id_out)
{
    const struct column_family *family = version_set_family_at(db->versions, index);

    if (family == NULL)
        return false;
    *cf_id_out = family->id;
    return true;
}

/* --- the end of all keys --- */

/* To what is behind the key, or is the key itself if `is_end` already. */
static void
raise_bound(struct buffer *bound, bool *found, struct slice key, bool is_end)
{
    if (*found && slice_compare(key, buffer_slice(bound)) < is_end)
        return;
    *found = true;
    buffer_clear(bound);
    buffer_append_slice(bound, key);
    if (!is_end)
        buffer_append_byte(bound, 0); /* the next possible key */
}

/* A table may end where one of its tombstones does: no key of it is there, and an end behind the
 * end would grow with each deletion of all. */
static void
raise_to_table(const struct table_file *file, struct buffer *bound, bool *found)
{
    const struct slice largest = buffer_slice(&file->meta.largest);

    raise_bound(bound, found, internal_key_user(largest), internal_key_is_tombstone_end(largest));
}

static void
raise_to_tables(const struct version *version, struct buffer *bound, bool *found)
{
    for (uint32_t i = 0; i < LEVEL_COUNT; i++) {
        const struct version_level *level = &version->levels[i];

        /* Below level 0 the last one ends last. */
        for (uint32_t j = i == 0 || level->count == 0 ? 0 : level->count - 1; j < level->count; j++)
            raise_to_table(level->files[j], bound, found);
    }
}

static void
raise_to_memtable(const struct memtable *memtable, uint32_t cf_id, struct buffer *bound,
                  bool *found)
{
    struct slice first, last;

    if (memtable_key_span(memtable, cf_id, &first, &last))
        raise_bound(bound, found, last, false);
}

enum kv_status
db_key_bound(struct db *db, uint32_t cf_id, struct buffer *end_out, bool *found)
{
    struct memtable *own;
    struct db_view view;
    const enum kv_status st = db_txn_memtable(db, &own);

    *found = false;
    if (st != KV_OK)
        return st;
    if (own != NULL)
        raise_to_memtable(own, cf_id, end_out, found);
    db_view_pin(&view, db, cf_id, SEQUENCE_MAX);
    for (uint32_t i = 0; i < view.memtable_count; i++)
        raise_to_memtable(view.memtables[i], cf_id, end_out, found);
    raise_to_tables(view.version, end_out, found);
    db_view_unpin(&view);
    return KV_OK;
}

/* --- how many keys there are --- */

static void
stretch_at(const struct db_view *view, uint32_t memtable, struct slice key,
           struct tombstone_stretch *stretch)
{
    memtable_tombstone_stretch(view->memtables[memtable], view->cf_id, key, SEQUENCE_MAX, stretch);
}

struct table_survey {
    const struct db_view *view;
    struct read_ctx *ctx;
    enum kv_status st; /* of the first look into a table that failed */
};

/* Whether a single tombstone that is newer lies over all of the table. */
static bool
is_table_deleted(void *owner, const struct table_file *file)
{
    struct table_survey *survey = owner;
    const struct db_view *view = survey->view;
    bool is_deleted;
    enum kv_status st;

    for (uint32_t i = 0; i < view->memtable_count; i++) {
        struct tombstone_stretch stretch;

        stretch_at(view, i, internal_key_user(buffer_slice(&file->meta.smallest)), &stretch);
        if (stretch.seq > file->meta.seq_largest && version_scan_is_within(file, &stretch.keys))
            return true;
    }
    st = version_scan_is_deleted(view->version, file, survey->ctx, &is_deleted);
    if (survey->st == KV_OK)
        survey->st = st;
    return st == KV_OK && is_deleted;
}

/* Likewise for a memtable, and the ones that are newer. */
static bool
is_memtable_deleted(const struct db_view *view, uint32_t memtable)
{
    const uint64_t seq_last = memtable_seq_last(view->memtables[memtable]);
    struct slice first, last;

    if (!memtable_key_span(view->memtables[memtable], view->cf_id, &first, &last))
        return false;
    for (uint32_t i = 0; i < memtable; i++) {
        struct tombstone_stretch stretch;

        stretch_at(view, i, first, &stretch);
        if (stretch.seq > seq_last && key_stretch_contains(&stretch.keys, last))
            return true;
    }
    return false;
}

/* Puts minus deletions of the memtables, but of those that a newer one's tombstone has emptied. */
static int64_t
count_memtables(const struct db_view *view, int64_t *with_deadline)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < view->memtable_count; i++) {
        struct memtable_family family;

        if (!memtable_find_family(view->memtables[i], view->cf_id, &family) ||
            is_memtable_deleted(view, i))
            continue;
        count += (int64_t)family.key_count_delta;
        *with_deadline += (int64_t)family.entity_count;
    }
    return count;
}

/* RocksDB's estimate-num-keys, a key in several places is counted several times; but what lies
 * under a single range tombstone is not counted, so that an emptied family shows as empty. */
enum kv_status
db_count_keys(struct db *db, struct read_ctx *ctx, uint32_t cf_id, struct db_key_counts *counts_out)
{
    struct table_survey survey = {.ctx = ctx};
    struct db_view view;
    int64_t count, with_deadline;

    *counts_out = (struct db_key_counts){0};
    if (version_set_family(db->versions, cf_id) == NULL)
        return KV_OK;
    db_view_pin(&view, db, cf_id, SEQUENCE_MAX);
    survey.view = &view;
    count = version_key_count_estimate(view.version, db->cache, is_table_deleted, &survey,
                                       view.now_ms, &with_deadline);
    count += count_memtables(&view, &with_deadline);
    db_view_unpin(&view);
    if (count > 0) {
        counts_out->key_count = (uint64_t)count;
        counts_out->deadline_count = (uint64_t)(with_deadline < count ? with_deadline : count);
    }
    return survey.st;
}

void
db_key_counts(struct db *db, uint32_t cf_id, struct db_key_counts *counts_out)
{
    struct read_ctx ctx;

    read_ctx_init(&ctx, db->cache);
    if (db_count_keys(db, &ctx, cf_id, counts_out) != KV_OK)
        read_ctx_clear_wants(&ctx); /* a table that is not open is taken for not deleted */
    read_ctx_deinit(&ctx);
}

uint64_t
db_key_count_estimate(struct db *db, uint32_t cf_id)
{
    struct db_key_counts counts;

    db_key_counts(db, cf_id, &counts);
    return counts.key_count;
}

/* --- how large a range is --- */

static void
add_memtable(const struct memtable *memtable, uint32_t cf_id, const struct key_stretch *keys,
             struct db_range_size *size)
{
    struct memtable_family family;
    double begin = 0, end = 1, part;

    if (!memtable_find_family(memtable, cf_id, &family) || family.entry_count == 0)
        return;
    if (keys->has_begin)
        begin = memtable_part_below(memtable, cf_id, keys->begin);
    if (keys->has_end)
        end = memtable_part_below(memtable, cf_id, keys->end);
    part = end > begin ? (end - begin) * (double)family.entry_count : 0;
    size->entry_count += (uint64_t)part;
    size->memtable_bytes += (uint64_t)(part / (double)memtable_entry_count(memtable) *
                                       (double)memtable_bytes_used(memtable));
}

enum kv_status
db_range_size(struct db *db, struct read_ctx *ctx, uint32_t cf_id, const struct key_stretch *keys,
              struct db_range_size *size_out)
{
    struct db_view view;
    enum kv_status st;

    *size_out = (struct db_range_size){0};
    db_view_pin(&view, db, cf_id, SEQUENCE_MAX);
    st =
        version_scan_bytes(view.version, ctx, keys, &size_out->table_bytes, &size_out->entry_count);
    for (uint32_t i = 0; i < view.memtable_count; i++)
        add_memtable(view.memtables[i], cf_id, keys, size_out);
    db_view_unpin(&view);
    return st;
}

/* --- any key --- */

static uint64_t
family_bytes(const struct memtable *memtable, uint32_t cf_id)
{
    struct memtable_family family;

    if (!memtable_find_family(memtable, cf_id, &family) || family.entry_count == 0)
        return 0;
    return 1 + memtable_bytes_used(memtable) * family.entry_count / memtable_entry_count(memtable);
}

enum kv_status
db_pick_key(struct db *db, struct read_ctx *ctx, uint32_t cf_id, uint64_t random,
            struct buffer *user_key, bool *found)
{
    enum kv_status st = KV_OK;
    struct random source;
    uint64_t weight, choice;
    struct db_view view;
    struct slice key;

    *found = false;
    random_init(&source, random);
    db_view_pin(&view, db, cf_id, SEQUENCE_MAX);
    weight = version_scan_weight(view.version);
    for (uint32_t i = 0; i < view.memtable_count; i++)
        weight += family_bytes(view.memtables[i], cf_id);
    choice = weight == 0 ? 0 : random_below(&source, weight);
    for (uint32_t i = 0; weight > 0 && i < view.memtable_count && !*found; i++) {
        const uint64_t bytes = family_bytes(view.memtables[i], cf_id);

        if (choice >= bytes) {
            choice -= bytes;
            continue;
        }
        *found = memtable_pick(view.memtables[i], cf_id, random_next(&source), &key);
        KV_ASSERT(*found);
        buffer_clear(user_key);
        buffer_append_slice(user_key, key);
    }
    if (weight > 0 && !*found) {
        const struct table_file *file = version_scan_pick(view.version, choice);

        KV_ASSERT(file != NULL);
        st = table_reader_pick(file->reader, ctx, random_next(&source), user_key, found);
    }
    db_view_unpin(&view);
    return st;
}
