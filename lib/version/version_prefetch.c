/* version_prefetch.c - begins the point reads of several keys in a version's tables.
 *
 * Each key passes the tables that exclude it, newest first.  A table that does so by its filter,
 * but has range tombstones, may still hide the key: that question is put off until all keys have
 * one, and the searches for the answers go side by side.  So a round asks at most one table a key,
 * and there are as many rounds as a key meets tables with range tombstones.
 */
#include "base/assert.h"
#include "base/limits.h"
#include "sst/table_prefetch.h"
#include "version/version_internal.h"

/* A key on its way down. */
struct descent {
    struct version_probe *probe;
    struct candidate_walk walk;
    const struct table_reader *table; /* where it has got to; NULL: the end */
    enum table_hint hint;             /* of that */
    bool is_done;
};

/* Lets the walk pass what excludes the key.  In level 0, where most tables exclude most keys, the
 * filter is asked before the range: it is near by now, and knows better. */
static void
go_on(struct descent *descent)
{
    const struct table_target *target = &descent->probe->target;
    const struct version_level *level = &descent->walk.version->levels[0];
    struct candidate_walk *walk = &descent->walk;
    const struct table_file *file;

    while (walk->level == 0 && walk->index < level->count) {
        file = level->files[walk->index++];
        descent->table = file->reader;
        descent->hint = table_reader_hint(file->reader, target);
        if (descent->hint != TABLE_EXCLUDES && table_file_may_hold(file, target->key))
            return;
    }
    while ((file = candidate_next(walk)) != NULL) {
        descent->table = file->reader;
        descent->hint = table_reader_hint(file->reader, target);
        if (descent->hint != TABLE_EXCLUDES)
            return;
    }
    descent->table = NULL;
}

/* The read begins at the table that the walk has come to. */
static void
settle(struct descent *descent)
{
    struct version_probe *probe = descent->probe;

    descent->is_done = true;
    probe->level = LEVEL_COUNT;
    if (descent->table == NULL)
        return;
    KV_ASSERT(descent->walk.index > 0);
    probe->level = descent->walk.level;
    probe->index = descent->walk.index - 1;
    if (descent->hint != TABLE_MAY_CONTAIN)
        descent->table = NULL; /* nothing to fetch */
}

/* Brings each key to a table that may decide about it, and tells what that has to say by way of
 * range tombstones. */
static void
descend(struct descent *descents, unsigned count)
{
    struct table_question questions[READ_PREFETCH_COUNT_MAX];
    struct descent *asking[READ_PREFETCH_COUNT_MAX];
    unsigned question_count;

    do {
        question_count = 0;
        for (unsigned i = 0; i < count; i++) {
            struct descent *descent = &descents[i];

            if (descent->is_done)
                continue;
            go_on(descent);
            if (descent->table == NULL || descent->hint == TABLE_UNKNOWN) {
                settle(descent);
                continue;
            }
            asking[question_count] = descent;
            questions[question_count++] =
                (struct table_question){.table = descent->table, .target = &descent->probe->target};
        }
        table_prefetch_ask(questions, question_count);
        for (unsigned i = 0; i < question_count; i++) {
            if (asking[i]->hint == TABLE_MAY_CONTAIN || asking[i]->probe->target.is_covered)
                settle(asking[i]);
        }
    } while (question_count > 0);
}

void
version_prefetch(const struct version *version, const struct block_cache *cache,
                 struct version_probe *probes, unsigned count, uint32_t skipped)
{
    struct table_prefetch items[READ_PREFETCH_COUNT_MAX];
    struct descent descents[READ_PREFETCH_COUNT_MAX];
    unsigned begun_count = 0;

    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    for (unsigned i = 0; i < count; i++) {
        if ((skipped & UINT32_C(1) << i) != 0)
            continue;
        probes[i].version = version;
        version_prefetch_filters(version, &probes[i].target);
        descents[begun_count++] = (struct descent){
            .probe = &probes[i], .walk = {.version = version, .key = probes[i].target.key}};
    }
    descend(descents, begun_count);
    for (unsigned i = 0; i < begun_count; i++)
        items[i] = (struct table_prefetch){.table = descents[i].table,
                                           .target = &descents[i].probe->target};
    table_prefetch_run(items, begun_count, cache);
}
