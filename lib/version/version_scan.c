/* version_scan.c - which tables a scan needs, and what they say about many keys at once. */
#include "version/version_scan.h"

#include "base/assert.h"
#include "key/internal_key.h"
#include "version/level_iter.h"
#include "version/version_internal.h"

enum { ENTRY_BYTES_GUESS = 100 }; /* of a table whose entries nobody has counted */

uint32_t
version_scan_count(const struct version *version)
{
    return version_iter_count(version);
}

static struct slice
smallest_user(const struct table_file *file)
{
    return internal_key_user(table_smallest(file));
}

static struct slice
largest_user(const struct table_file *file)
{
    return internal_key_user(table_largest(file));
}

static bool
is_in_scope(const struct table_file *first, const struct table_file *last,
            const struct iter_scope *scope)
{
    if (scope->has_upper && slice_compare(smallest_user(first), scope->upper) >= 0)
        return false;
    return slice_compare(largest_user(last), scope->lower) >= 0;
}

uint32_t
version_scan_open(struct version *version, struct read_ctx *ctx, struct iter_scope *scope,
                  struct scan_child *children)
{
    const struct version_level *level = &version->levels[0];
    uint32_t count = 0;

    KV_ASSERT(version->ref_count > 0);
    for (uint32_t i = 0; i < level->count; i++) {
        struct table_file *file = level->files[i];

        if (is_in_scope(file, file, scope))
            children[count++] = (struct scan_child){
                .iter = table_iter_new_in(file->reader, ctx, scope), .file = file};
    }
    for (uint32_t i = 1; i < LEVEL_COUNT; i++) {
        level = &version->levels[i];
        if (level->count > 0 && is_in_scope(level->files[0], level->files[level->count - 1], scope))
            children[count++] =
                (struct scan_child){.iter = level_iter_new(level, ctx, scope), .level = level};
    }
    KV_ASSERT(count <= version_scan_count(version));
    return count;
}

/* A table's stretch, which ends where the table ends.  The key lies in the table. */
static enum kv_status
stretch_in_table(const struct table_file *file, struct read_ctx *ctx, struct slice key,
                 uint64_t seq_max, struct tombstone_stretch *stretch)
{
    const struct key_stretch inside = {.begin = smallest_user(file),
                                       .has_begin = true,
                                       .end = largest_user(file),
                                       .has_end = true};
    enum kv_status st = table_reader_stretch(file->reader, ctx, key, seq_max, stretch);

    if (st != KV_OK)
        return st;
    if (key_stretch_contains(&inside, key)) {
        key_stretch_cut(&stretch->keys, &inside);
        return KV_OK;
    }
    /* The largest key itself, where a neighbour may have a say too: it alone. */
    stretch->keys = (struct key_stretch){.begin = largest_user(file),
                                         .has_begin = true,
                                         .end = largest_user(file),
                                         .has_end = true,
                                         .end_is_closed = true};
    return KV_OK;
}

/* One table of level 0: nothing lies over what is outside of it. */
static enum kv_status
file_stretch(const struct table_file *file, struct read_ctx *ctx, struct slice key,
             uint64_t seq_max, struct tombstone_stretch *stretch)
{
    *stretch = (struct tombstone_stretch){0};
    if (slice_compare(key, smallest_user(file)) < 0) {
        stretch->keys.end = smallest_user(file);
        stretch->keys.has_end = true;
        return KV_OK;
    }
    if (slice_compare(key, largest_user(file)) > 0) {
        stretch->keys.begin = largest_user(file);
        stretch->keys.begin_is_open = stretch->keys.has_begin = true;
        return KV_OK;
    }
    return stretch_in_table(file, ctx, key, seq_max, stretch);
}

/* A user key may stand at the end of one table and at the beginning of the next ones: then all of
 * them are asked, and the answer is about this key alone. */
static enum kv_status
level_stretch(const struct version_level *level, struct read_ctx *ctx, struct slice key,
              uint64_t seq_max, struct tombstone_stretch *stretch)
{
    uint32_t at = version_level_find_user(level, key);

    *stretch = (struct tombstone_stretch){0};
    if (at > 0) {
        stretch->keys.begin = largest_user(level->files[at - 1]);
        stretch->keys.begin_is_open = stretch->keys.has_begin = true;
    }
    if (at == level->count)
        return KV_OK;
    if (slice_compare(key, smallest_user(level->files[at])) < 0) {
        stretch->keys.end = smallest_user(level->files[at]);
        stretch->keys.has_end = true;
        return KV_OK;
    }
    for (; at < level->count && slice_compare(smallest_user(level->files[at]), key) <= 0; at++) {
        struct tombstone_stretch one;
        const enum kv_status st = stretch_in_table(level->files[at], ctx, key, seq_max, &one);

        if (st != KV_OK)
            return st;
        key_stretch_cut(&stretch->keys, &one.keys);
        if (one.seq > stretch->seq)
            stretch->seq = one.seq;
    }
    return KV_OK;
}

enum kv_status
version_scan_stretch(const struct scan_child *child, struct read_ctx *ctx, struct slice key,
                     uint64_t seq_max, struct tombstone_stretch *stretch_out)
{
    KV_ASSERT((child->file == NULL) != (child->level == NULL));
    return child->file != NULL ? file_stretch(child->file, ctx, key, seq_max, stretch_out)
                               : level_stretch(child->level, ctx, key, seq_max, stretch_out);
}

/* A table may end where one of its tombstones does: no key of it is there. */
bool
version_scan_is_within(const struct table_file *file, const struct key_stretch *keys)
{
    if (internal_key_is_tombstone_end(table_largest(file)))
        return !keys->has_end || slice_compare(largest_user(file), keys->end) <= 0;
    return key_stretch_contains(keys, largest_user(file));
}

enum kv_status
version_scan_is_deleted(const struct version *version, const struct table_file *file,
                        struct read_ctx *ctx, bool *is_deleted)
{
    const struct version_level *level = &version->levels[0];

    *is_deleted = false;
    for (uint32_t i = 0; i < level->count; i++) {
        const struct table_file *newer = level->files[i];
        struct tombstone_stretch stretch;
        enum kv_status st;

        if (newer == file || newer->meta.seq_largest <= file->meta.seq_largest ||
            !table_meta_may_have_tombstones(&newer->meta))
            continue;
        st = file_stretch(newer, ctx, smallest_user(file), SEQUENCE_MAX, &stretch);
        if (st != KV_OK)
            return st;
        if (stretch.seq > file->meta.seq_largest && version_scan_is_within(file, &stretch.keys)) {
            *is_deleted = true;
            return KV_OK;
        }
    }
    return KV_OK;
}

/* Whether all of the table, or nothing of it, lies in the stretch. */
static bool
is_whole(const struct table_file *file, const struct key_stretch *keys)
{
    return key_stretch_contains(keys, smallest_user(file)) &&
           key_stretch_contains(keys, largest_user(file));
}

static bool
is_outside(const struct table_file *file, const struct key_stretch *keys)
{
    return (keys->has_begin && slice_compare(largest_user(file), keys->begin) < 0) ||
           (keys->has_end && slice_compare(smallest_user(file), keys->end) >= 0);
}

static enum kv_status
add_bytes(const struct table_file *file, struct read_ctx *ctx, const struct key_stretch *keys,
          uint64_t *bytes, uint64_t *entry_count)
{
    struct table_properties properties = {0};
    uint64_t part;
    enum kv_status st;

    if (is_outside(file, keys))
        return KV_OK;
    if (is_whole(file, keys)) {
        *bytes += file->meta.bytes;
        *entry_count +=
            file->meta.has_counts ? file->meta.entry_count : file->meta.bytes / ENTRY_BYTES_GUESS;
        return KV_OK;
    }
    st = table_reader_bytes_between(file->reader, ctx, keys, &part);
    if (st == KV_OK)
        st = table_reader_properties(file->reader, ctx, &properties);
    if (st != KV_OK)
        return st;
    *bytes += part;
    if (properties.data_bytes > 0)
        *entry_count += (uint64_t)((double)properties.entry_count * (double)part /
                                   (double)properties.data_bytes);
    return KV_OK;
}

enum kv_status
version_scan_bytes(struct version *version, struct read_ctx *ctx, const struct key_stretch *keys,
                   uint64_t *bytes_out, uint64_t *entry_count_out)
{
    enum kv_status result = KV_OK;

    *bytes_out = *entry_count_out = 0;
    for (uint32_t i = 0; i < LEVEL_COUNT; i++) {
        const struct version_level *level = &version->levels[i];

        for (uint32_t j = 0; j < level->count; j++) {
            const enum kv_status st =
                add_bytes(level->files[j], ctx, keys, bytes_out, entry_count_out);

            /* Goes on after KV_WANT_BLOCK, so that one round brings all. */
            if (st == KV_WANT_BLOCK)
                result = st;
            else if (st != KV_OK)
                return st;
        }
    }
    return result;
}

uint64_t
version_scan_weight(const struct version *version)
{
    uint64_t weight = 0;

    for (uint32_t i = 0; i < LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < version->levels[i].count; j++)
            weight += version->levels[i].files[j]->meta.bytes;
    }
    return weight;
}

struct table_file *
version_scan_pick(const struct version *version, uint64_t choice)
{
    for (uint32_t i = 0; i < LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < version->levels[i].count; j++) {
            struct table_file *file = version->levels[i].files[j];

            if (choice < file->meta.bytes)
                return file;
            choice -= file->meta.bytes;
        }
    }
    return NULL;
}
