/* Every style: tables that lie under a range tombstone go without being read.
 *
 *     level 0    |-----------------| @900    a tombstone over a whole stretch of keys
 *     level 5       [..] [....]     [..]     largest sequences below 900: the first two are buried
 *     level 6      [.......]  [...]          both are
 *
 * A tombstone hides what is older, and what lies deeper in the tree is; so a table of which the
 * first and the last key and all between lie under tombstones of one place above it says nothing to
 * anybody, unless a snapshot lies in between.  Its own tombstones aren't missed: what they hide
 * lies under the same one.  The tombstone stays until a compaction finds nothing below it, as
 * always; so tables of the same keys may go or stay in any combination, and no clean cuts are
 * needed.
 *
 * A place is a table of level 0 or all of a deeper level, where tables go on with each other's
 * tombstones. */
#include "compact/picker_internal.h"

#include <stdlib.h>

#include "base/alloc.h"

enum {
#ifdef KV_DEBUG
    DROP_COUNT_MAX = 8, /* so that there is a next one */
#else
    DROP_COUNT_MAX = 4096, /* tables in a plan; the next one has more */
#endif
    STRETCH_COUNT_MAX = 256, /* tombstones, side by side, that a table is looked for under */
};

struct burial {
    const struct picker *picker;
    const struct tombstone_source *source;
    bool *is_buried[LEVEL_COUNT]; /* owned; by index */
    struct buffer behind;         /* owned: the key behind a stretch */
    uint32_t count;
    bool wants_blocks;
};

/* The first possible key that isn't in it any more. */
static struct slice
key_behind(struct burial *burial, const struct key_stretch *keys)
{
    KV_ASSERT(keys->has_end);
    if (!keys->end_is_closed)
        return keys->end;
    buffer_clear(&burial->behind);
    buffer_append_slice(&burial->behind, keys->end);
    buffer_append_byte(&burial->behind, 0);
    return buffer_slice(&burial->behind);
}

/* Whoever sees an entry of the table sees a tombstone over it that is no newer than this. */
static uint64_t
tombstone_seq_max(const struct picker *picker, const struct table_file *file)
{
    const struct compaction_view *view = picker->view;

    return view->snapshot_newest < file->meta.seq_smallest ? SEQUENCE_MAX : view->snapshot_oldest;
}

/* If not, *clear_end may be the end of a stretch that the table begins in, and over which no
 * tombstone lies that would do; else it is left alone. */
static bool
is_buried(struct burial *burial, const struct scan_child *place, const struct table_file *file,
          struct slice *clear_end)
{
    const struct tombstone_source *source = burial->source;
    const uint64_t seq_max = tombstone_seq_max(burial->picker, file);
    struct slice key = file_first_key(file);

    for (uint32_t i = 0; i < STRETCH_COUNT_MAX; i++) {
        struct tombstone_stretch stretch;
        const enum kv_status st = source->stretch(source->owner, place, key, seq_max, &stretch);

        if (st == KV_WANT_BLOCK)
            burial->wants_blocks = true;
        if (st == KV_OK && i == 0 && stretch.seq == 0 && stretch.keys.has_end)
            *clear_end = stretch.keys.end;
        if (st != KV_OK || stretch.seq <= file->meta.seq_largest)
            return false;
        if (version_scan_is_within(file, &stretch.keys))
            return true;
        KV_ASSERT(slice_compare(stretch.keys.end, key) >= !stretch.keys.end_is_closed);
        key = key_behind(burial, &stretch.keys);
    }
    return false;
}

/* Worth a question about tombstones of the table `over`: it begins in there, and it is older. */
static bool
is_candidate(const struct burial *burial, const struct table_file *over,
             const struct table_file *file)
{
    return file->meta.seq_largest < over->meta.seq_largest &&
           slice_compare(file_first_key(file), file_first_key(over)) >= 0 &&
           slice_compare(file_first_key(file), file_last_key(over)) <= 0 &&
           !picker_is_busy(burial->picker, file);
}

/* The next table that doesn't end before the key; a level below 0. */
static uint32_t
next_from(const struct version_level *tables, uint32_t index, struct slice key)
{
    const uint32_t found = version_level_find_user(tables, key);

    return found > index ? found : index + 1;
}

/* In a stretch that is known to be clear. */
static bool
begins_before(const struct table_file *file, struct slice clear_end)
{
    return clear_end.size > 0 && slice_compare(file_first_key(file), clear_end) < 0;
}

/* Of the tables in the range, those that begin in `over` and lie under tombstones of its place.  A
 * few tombstones far apart are asked few questions, however many tables there are between them; so
 * are those that are too new for a snapshot, about the tables that it may see. */
static void
bury(struct burial *burial, const struct scan_child *place, const struct table_file *over,
     uint32_t level, struct level_range range)
{
    const struct version_level *tables = &burial->picker->version->levels[level];
    struct slice clear_all = {0}, clear_seen = {0}; /* of all tombstones; of those for snapshots */
    uint32_t next;

    for (uint32_t i = range.first; i < range.end && burial->count < DROP_COUNT_MAX; i = next) {
        const struct table_file *file = tables->files[i];
        const bool is_seen = tombstone_seq_max(burial->picker, file) != SEQUENCE_MAX;

        next = i + 1;
        if (burial->is_buried[level][i] || !is_candidate(burial, over, file) ||
            (level > 0 && is_seen && begins_before(file, clear_seen)))
            continue;
        if (is_buried(burial, place, file, is_seen ? &clear_seen : &clear_all)) {
            burial->is_buried[level][i] = true;
            burial->count++;
        } else if (level > 0 && clear_all.size > 0) {
            next = next_from(tables, i, clear_all);
        }
    }
}

static void
bury_below(struct burial *burial, const struct scan_child *place, const struct table_file *over,
           uint32_t level_first)
{
    for (uint32_t level = level_first; level < LEVEL_COUNT; level++)
        bury(burial, place, over, level,
             picker_overlap(burial->picker, level, file_first_key(over), file_last_key(over)));
}

/* Under each table of level 0 lie the older ones and all levels. */
static void
bury_under_level0(struct burial *burial)
{
    const struct version_level *level0 = &burial->picker->version->levels[0];

    for (uint32_t i = 0; i < level0->count; i++) {
        const struct scan_child place = {.file = level0->files[i]};

        if (!table_meta_may_have_tombstones(&place.file->meta))
            continue;
        bury(burial, &place, place.file, 0,
             (struct level_range){.first = i + 1, .end = level0->count});
        bury_below(burial, &place, place.file, 1);
    }
}

/* Of tables that somebody else wrote nobody knows whether they have tombstones, and to open them
 * all would be too dear. */
static void
bury_under_level(struct burial *burial, uint32_t level)
{
    const struct version_level *tables = &burial->picker->version->levels[level];
    const struct scan_child place = {.level = tables};

    for (uint32_t i = 0; i < tables->count; i++) {
        const struct table_file *file = tables->files[i];

        if (file->meta.has_counts && table_meta_may_have_tombstones(&file->meta))
            bury_below(burial, &place, file, level + 1);
    }
}

static void
collect(const struct burial *burial, struct compaction_plan *plan_out)
{
    const struct picker *picker = burial->picker;
    const struct table_file **files = kv_alloc(sizeof(struct table_file *) * burial->count);
    uint32_t count = 0;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *tables = &picker->version->levels[level];

        for (uint32_t i = 0; i < tables->count; i++) {
            if (burial->is_buried[level][i])
                files[count++] = tables->files[i];
        }
    }
    KV_ASSERT(count == burial->count);
    plan_of_drop(picker, files, count, COMPACTION_BURIED, plan_out);
    free(files);
}

static void
find_buried(struct burial *burial)
{
    const struct version *version = burial->picker->version;

    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        burial->is_buried[level] = kv_alloc_zero(sizeof(bool) * (version->levels[level].count + 1));
    bury_under_level0(burial);
    for (uint32_t level = 1; level + 1 < LEVEL_COUNT; level++)
        bury_under_level(burial, level);
}

enum kv_status
compaction_pick_buried(const struct compaction_view *view, const struct tombstone_source *source,
                       struct compaction_plan *plan_out)
{
    struct picker picker;
    struct burial burial = {.picker = &picker, .source = source};

    KV_ASSERT(view->version != NULL && source->stretch != NULL);
    *plan_out = (struct compaction_plan){0};
    if (view->version->tombstone_table_count == 0)
        return KV_OK;
    picker_init(&picker, view);
    find_buried(&burial);
    if (burial.count > 0)
        collect(&burial, plan_out);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        free(burial.is_buried[level]);
    buffer_deinit(&burial.behind);
    picker_deinit(&picker);
    return burial.count == 0 && burial.wants_blocks ? KV_WANT_BLOCK : KV_OK;
}
