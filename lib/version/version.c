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
    version->serial = ++set->version_serial;
    set->live_version_count++;
    return version;
}

struct version *
version_new_empty(struct version_set *set)
{
    return version_new(set, UINT32_MAX);
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

uint32_t
version_level_find_user(const struct version_level *level, struct slice user_key)
{
    uint32_t low = 0, high = level->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct slice largest = internal_key_user(table_largest(level->files[middle]));

        if (slice_compare(largest, user_key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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
