/* version_get.c - a point read in the tables of a version, newest first.
 *
 * A key is in any number of tables of level 0, and in at most one of each deeper level.
 */
#include "base/assert.h"
#include "version/version_internal.h"

static bool
starts_at_or_before(const struct table_file *file, struct slice key)
{
    return slice_compare(internal_key_user(table_smallest(file)), key) <= 0;
}

bool
table_file_may_hold(const struct table_file *file, struct slice key)
{
    return starts_at_or_before(file, key) &&
           slice_compare(key, internal_key_user(table_largest(file))) <= 0;
}

static struct table_file *
next_in_level_0(struct candidate_walk *walk)
{
    const struct version_level *level = &walk->version->levels[0];

    while (walk->index < level->count) {
        struct table_file *file = level->files[walk->index++];

        if (table_file_may_hold(file, walk->key))
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

struct table_file *
candidate_next(struct candidate_walk *walk)
{
    while (walk->level < LEVEL_COUNT) {
        struct table_file *file =
            walk->level == 0 ? next_in_level_0(walk) : next_in_sorted_level(walk);

        if (file != NULL)
            return file;
        if (++walk->level < LEVEL_COUNT)
            walk->index = version_level_find_user(&walk->version->levels[walk->level], walk->key);
    }
    return NULL;
}

void
version_prefetch_filters(const struct version *version, const struct table_target *target)
{
    const struct version_level *level_0 = &version->levels[0];

    for (uint32_t i = 0; i < level_0->count; i++)
        table_reader_prefetch(level_0->files[i]->reader, target);
}

/* The tables from the walk's next one on. */
static enum kv_status
find_in_tables(struct candidate_walk *walk, struct read_ctx *ctx, const struct table_target *target,
               struct lookup *found)
{
    struct table_file *file;
    enum kv_status st;

    *found = (struct lookup){.kind = LOOKUP_ABSENT};
    while ((file = candidate_next(walk)) != NULL) {
        if (file->meta.seq_smallest > target->seq_max)
            continue;
        st = table_reader_find(file->reader, ctx, target, found);
        if (st != KV_OK || found->kind != LOOKUP_ABSENT)
            return st;
    }
    return KV_OK;
}

enum kv_status
version_get(struct version *version, struct read_ctx *ctx, struct slice key, uint64_t seq_max,
            struct lookup *found)
{
    const struct table_target target = table_target_of(key, seq_max);

    return version_find(version, ctx, &target, found);
}

enum kv_status
version_find(struct version *version, struct read_ctx *ctx, const struct table_target *target,
             struct lookup *found)
{
    struct candidate_walk walk = {.version = version, .key = target->key};

    KV_ASSERT(version->ref_count > 0);
    version_prefetch_filters(version, target);
    return find_in_tables(&walk, ctx, target, found);
}

enum kv_status
version_get_probed(struct version *version, struct read_ctx *ctx, const struct version_probe *probe,
                   struct lookup *found)
{
    struct candidate_walk walk = {
        .version = version, .key = probe->target.key, .level = probe->level, .index = probe->index};

    KV_ASSERT(probe->version == version && version->ref_count > 0);
    return find_in_tables(&walk, ctx, &probe->target, found);
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
