/* version_builder.h - from one version and the edits after it to the next version.
 *
 * Collects the edits of one column family; costs what the edits cost until finish, which copies
 * only the levels that changed.  Used for replaying a MANIFEST (base NULL) and for every change.
 */
#ifndef KV_VERSION_VERSION_BUILDER_H
#define KV_VERSION_VERSION_BUILDER_H

#include "version/version_set.h"

/* What is known of one file number. */
struct builder_table {
    uint64_t number;
    bool is_added;   /* at `level`, described by `meta` */
    bool is_removed; /* from level `base_level` of the base */
    uint32_t level;
    uint32_t base_level;
    struct table_meta meta;       /* owned, when is_added */
    struct table_file *base_file; /* borrowed; found by finish */
};

struct version_builder {
    struct version_set *set;     /* borrowed */
    const struct version *base;  /* borrowed; NULL: empty */
    struct builder_table *items; /* owned array */
    uint32_t item_count, item_capacity;
    uint32_t *slots; /* owned hash table of item index + 1; a power of two of them */
    uint32_t slot_count;
    bool level_changed[LEVEL_COUNT];
};

void version_builder_init(struct version_builder *builder, struct version_set *set,
                          const struct version *base);
void version_builder_deinit(struct version_builder *builder);
/* Copies what it needs.  KV_CORRUPT: removes what is not there, or adds what is. */
MUST_CHECK enum kv_status version_builder_apply(struct version_builder *builder,
                                                const struct version_edit *edit);
/* A version with one reference, whose levels keep the order of FORMAT.md 6.6, or KV_CORRUPT. */
MUST_CHECK enum kv_status version_builder_finish(struct version_builder *builder, uint32_t cf_id,
                                                 struct version **version_out);

#endif
