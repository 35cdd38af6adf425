/* version_internal.h - how versions share their levels and tables; for lib/version only.
 *
 * A level's array is shared by all versions between which the level did not change, so a flush
 * copies level 0 and nothing else.  A table_file belongs to one level; a table that moves gets a
 * second one, with the same reader and the same table_share.
 */
#ifndef KV_VERSION_VERSION_INTERNAL_H
#define KV_VERSION_VERSION_INTERNAL_H

#include "version/version_set.h"

/* Dies with the last table_file of its number, and then the file is obsolete. */
struct table_share {
    struct version_set *set; /* borrowed */
    uint64_t number;
    uint32_t ref_count;
};

/* version_level.files points at `files` of one of these. */
struct level_array {
    uint32_t ref_count;
    uint32_t count;
    struct table_file *files[]; /* one reference each */
};

/* One with ref_count 1 and room for `count` files. */
struct level_array *level_array_new(uint32_t count);
/* With one reference, which the level keeps; empty arrays are freed. */
void version_level_set(struct version_level *level, struct level_array *array);
/* `target` becomes the same level as `source`. */
void version_level_share(struct version_level *target, const struct version_level *source);
void version_level_release(struct version_level *level);

struct version *version_new(struct version_set *set, uint32_t cf_id);
/* A table_file with one reference.  Copies `meta`; `moved_from` may be NULL. */
struct table_file *table_file_new(struct version_set *set, const struct table_meta *meta,
                                  uint32_t level, const struct table_file *moved_from);
void table_file_ref(struct table_file *file);
void table_file_unref(struct table_file *file);

static inline struct slice
table_smallest(const struct table_file *file)
{
    return buffer_slice(&file->meta.smallest);
}

static inline struct slice
table_largest(const struct table_file *file)
{
    return buffer_slice(&file->meta.largest);
}

/* Walks the tables whose user-key range covers a key, in reading order. */
struct candidate_walk {
    const struct version *version;
    struct slice key;
    uint32_t level;
    uint32_t index; /* in the level, of the next file to look at */
};
struct table_file *candidate_next(struct candidate_walk *walk); /* NULL: the end */
/* Whether the file's range has the key. */
bool table_file_may_hold(const struct table_file *file, struct slice key);
/* Of level 0: most of them will be asked, and each would wait for its filter alone. */
void version_prefetch_filters(const struct version *version, const struct table_target *target);

#endif
