/* Lifetime of versions, and reads in them.
 *
 * Sequences decide between levels: whatever a newer table says about a key is newer than all that
 * older tables and deeper levels say, so the first answer is the answer.  Inside a level below 0
 * a user key may stand in two neighbouring tables (FORMAT.md 8.4), the newer entries in the left
 * one, so the search goes on to the right while the tables still can hold the key. */
#include "version/version_internal.h"

#include <string.h>

#include "base/alloc.h"
#include "key/internal_key.h"
#include "key/lookup.h"
#include "version/file_name.h"
#include "version/level_iter.h"
#include "version/version_set_internal.h"

struct table_file *
table_file_new(struct version_set *set, const struct table_meta *meta, uint32_t level,
               const struct table_file *moved_from)
{
    struct table_file *file = kv_alloc_zero(sizeof(*file));

    KV_ASSERT(level < LEVEL_COUNT);
    KV_ASSERT(moved_from == NULL || moved_from->meta.number == meta->number);
    file->meta = *meta;
    file->meta.smallest = file->meta.largest = (struct buffer){0};
    buffer_append_slice(&file->meta.smallest, buffer_slice(&meta->smallest));
    buffer_append_slice(&file->meta.largest, buffer_slice(&meta->largest));
    file->ref_count = 1;
    file->level = level;
    if (moved_from != NULL) {
        file->share = moved_from->share;
        file->share->ref_count++;
        file->reader = moved_from->reader;
        table_reader_ref(file->reader);
    } else {
        file->share = kv_alloc(sizeof(*file->share));
        *file->share = (struct table_share){.set = set, .number = meta->number, .ref_count = 1};
        file->reader = version_set_make_reader(set, &file->meta);
    }
    return file;
}

void
table_file_ref(struct table_file *file)
{
    KV_ASSERT(file->ref_count > 0);
    file->ref_count++;
}

static void
table_share_unref(struct table_share *share)
{
    KV_ASSERT(share->ref_count > 0);
    if (--share->ref_count > 0)
        return;
    version_set_report_obsolete(share->set, share->number);
    free(share);
}

void
table_file_unref(struct table_file *file)
{
    KV_ASSERT(file->ref_count > 0);
    if (--file->ref_count > 0)
        return;
    /* The reader goes first: the file may be deleted as soon as it is reported. */
    table_reader_unref(file->reader);
    table_share_unref(file->share);
    buffer_deinit(&file->meta.smallest);
    buffer_deinit(&file->meta.largest);
    free(file);
}

struct level_array *
level_array_new(uint32_t count)
{
    struct level_array *array =
        kv_alloc_zero(sizeof(*array) + (size_t)count * sizeof(array->files[0]));

    array->ref_count = 1;
    return array;
}

void
version_level_set(struct version_level *level, struct level_array *array)
{
    KV_ASSERT(level->files == NULL && array->ref_count == 1);
    if (array->count == 0) {
        free(array);
        return;
    }
    level->files = array->files;
    level->count = array->count;
}

static struct level_array *
level_array_of(const struct version_level *level)
{
    return KV_CONTAINER_OF(level->files, struct level_array, files);
}

void
version_level_share(struct version_level *target, const struct version_level *source)
{
    KV_ASSERT(target->files == NULL);
    *target = *source;
    if (source->files != NULL)
        level_array_of(source)->ref_count++;
}

void
version_level_release(struct version_level *level)
{
    struct level_array *array;

    if (level->files == NULL)
        return;
    array = level_array_of(level);
    *level = (struct version_level){0};
    KV_ASSERT(array->ref_count > 0);
    if (--array->ref_count > 0)
        return;
    for (uint32_t i = 0; i < array->count; i++)
        table_file_unref(array->files[i]);
    free(array);
}

struct version *
version_new(struct version_set *set, uint32_t cf_id)
{
    struct version *version = kv_alloc_zero(sizeof(*version));

    version->set = set;
    version->ref_count = 1;
    version->cf_id = cf_id;
    set->live_version_count++;
    return version;
}

void
version_ref(struct version *version)
{
    KV_ASSERT(version->ref_count > 0);
    version->ref_count++;
}

void
version_unref(struct version *version)
{
    KV_ASSERT(version->ref_count > 0);
    if (--version->ref_count > 0)
        return;
    for (uint32_t i = 0; i < LEVEL_COUNT; i++)
        version_level_release(&version->levels[i]);
    KV_ASSERT(version->set->live_version_count > 0);
    version->set->live_version_count--;
    free(version);
}

uint32_t
version_level_find(const struct version_level *level, struct slice target)
{
    uint32_t low = 0, high = level->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (internal_key_compare(table_largest(level->files[middle]), target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first file of a sorted level whose largest user key is >= key. */
static uint32_t
find_user_key(const struct version_level *level, struct slice key)
{
    uint32_t low = 0, high = level->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct slice largest = internal_key_user(table_largest(level->files[middle]));

        if (slice_compare(largest, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
starts_at_or_before(const struct table_file *file, struct slice key)
{
    return slice_compare(internal_key_user(table_smallest(file)), key) <= 0;
}

static bool
may_hold(const struct table_file *file, struct slice key)
{
    return starts_at_or_before(file, key) &&
           slice_compare(key, internal_key_user(table_largest(file))) <= 0;
}

/* Walks the tables whose user-key range covers a key, in reading order. */
struct candidate_walk {
    const struct version *version;
    struct slice key;
    uint32_t level;
    uint32_t index; /* in the level, of the next file to look at */
};

static struct table_file *
next_in_level_0(struct candidate_walk *walk)
{
    const struct version_level *level = &walk->version->levels[0];

    while (walk->index < level->count) {
        struct table_file *file = level->files[walk->index++];

        if (may_hold(file, walk->key))
            return file;
    }
    return NULL;
}

static struct table_file *
next_in_sorted_level(struct candidate_walk *walk)
{
    const struct version_level *level = &walk->version->levels[walk->level];

    if (walk->index < level->count && starts_at_or_before(level->files[walk->index], walk->key))
        return level->files[walk->index++];
    return NULL;
}

static struct table_file *
candidate_next(struct candidate_walk *walk)
{
    while (walk->level < LEVEL_COUNT) {
        struct table_file *file =
            walk->level == 0 ? next_in_level_0(walk) : next_in_sorted_level(walk);

        if (file != NULL)
            return file;
        if (++walk->level < LEVEL_COUNT)
            walk->index = find_user_key(&walk->version->levels[walk->level], walk->key);
    }
    return NULL;
}

enum kv_status
version_get(struct version *version, struct read_ctx *ctx, struct slice key, uint64_t seq_max,
            struct lookup *found)
{
    struct candidate_walk walk = {.version = version, .key = key};
    const struct table_target target = table_target_of(key, seq_max);
    const struct version_level *level_0 = &version->levels[0];
    struct table_file *file;
    enum kv_status st;

    KV_ASSERT(version->ref_count > 0);
    *found = (struct lookup){.kind = LOOKUP_ABSENT};
    /* Most of them will be asked, and each would wait for its filter alone. */
    for (uint32_t i = 0; i < level_0->count; i++)
        table_reader_prefetch(level_0->files[i]->reader, &target);
    while ((file = candidate_next(&walk)) != NULL) {
        if (file->meta.seq_smallest > seq_max)
            continue;
        st = table_reader_find(file->reader, ctx, &target, found);
        if (st != KV_OK || found->kind != LOOKUP_ABSENT)
            return st;
    }
    return KV_OK;
}

/* Raises *seq to the newest tombstone <= seq_max of one table that covers key. */
static enum kv_status
raise_to_tombstone(struct table_reader *table, struct read_ctx *ctx, struct slice key,
                   uint64_t seq_max, uint64_t *seq)
{
    uint64_t found;
    enum kv_status st = table_reader_covering_tombstone(table, ctx, key, seq_max, &found);

    if (st == KV_OK && found > *seq)
        *seq = found;
    return st;
}

enum kv_status
version_covering_tombstone(struct version *version, struct read_ctx *ctx, struct slice key,
                           uint64_t seq_max, uint64_t *seq_out)
{
    struct candidate_walk walk = {.version = version, .key = key};
    enum kv_status result = KV_OK;
    struct table_file *file;

    KV_ASSERT(version->ref_count > 0);
    *seq_out = 0;
    /* Goes on after KV_WANT_BLOCK, so that one pass asks for everything that is missing. */
    while ((file = candidate_next(&walk)) != NULL) {
        const enum kv_status st = raise_to_tombstone(file->reader, ctx, key, seq_max, seq_out);

        if (st == KV_WANT_BLOCK)
            result = st;
        else if (st != KV_OK)
            return st;
    }
    return result;
}

uint32_t
version_iter_count(const struct version *version)
{
    uint32_t count = version->levels[0].count;

    for (uint32_t i = 1; i < LEVEL_COUNT; i++)
        count += version->levels[i].count > 0 ? 1 : 0;
    return count;
}

void
version_iters(struct version *version, struct read_ctx *ctx, struct iter **iters_out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < version->levels[0].count; i++)
        iters_out[count++] = table_iter_new(version->levels[0].files[i]->reader, ctx);
    for (uint32_t i = 1; i < LEVEL_COUNT; i++) {
        if (version->levels[i].count > 0)
            iters_out[count++] = level_iter_new(&version->levels[i], ctx, NULL);
    }
    KV_ASSERT(count == version_iter_count(version));
}
