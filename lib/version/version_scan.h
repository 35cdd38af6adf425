/* version_scan.h - a version's tables as the children of one scan.
 *
 * Each child is a place that holds at most one run of entries in key order: a table of level 0 or
 * a whole deeper level.  Children come newest first: what one says about a user key, a range
 * tombstone too, is newer than all that later ones say about it.  Tables that have no key in the
 * scope are left out.
 */
#ifndef KV_VERSION_VERSION_SCAN_H
#define KV_VERSION_VERSION_SCAN_H

#include "key/key_stretch.h"
#include "version/version_set.h"

struct scan_child {
    struct iter *iter;                 /* the caller frees it */
    const struct table_file *file;     /* of level 0, borrowed from the version; or */
    const struct version_level *level; /* of a deeper one */
};

/* The most children there can be. */
uint32_t version_scan_count(const struct version *version);
/* Fills `children`, returns how many.  The caller keeps version, ctx and scope while it uses
 * them. */
uint32_t version_scan_open(struct version *version, struct read_ctx *ctx, struct iter_scope *scope,
                           struct scan_child *children);
/* The stretch around the key over which the child's newest range tombstone <= seq_max is the
 * same.  Borrowed from the version.  KV_WANT_BLOCK while a table is not open. */
MUST_CHECK enum kv_status version_scan_stretch(const struct scan_child *child, struct read_ctx *ctx,
                                               struct slice key, uint64_t seq_max,
                                               struct tombstone_stretch *stretch_out);

/* Whether a stretch around the table's smallest key holds all of its keys. */
bool version_scan_is_within(const struct table_file *file, const struct key_stretch *keys);
/* Whether a table of level 0 that is newer than `file` has a range tombstone over all of it.
 * KV_WANT_BLOCK while one is not open that might. */
MUST_CHECK enum kv_status version_scan_is_deleted(const struct version *version,
                                                  const struct table_file *file,
                                                  struct read_ctx *ctx, bool *is_deleted);
/* What the tables hold of a stretch of keys; see table_reader_bytes_between. */
MUST_CHECK enum kv_status version_scan_bytes(struct version *version, struct read_ctx *ctx,
                                             const struct key_stretch *keys, uint64_t *bytes_out,
                                             uint64_t *entry_count_out);
/* A table that each one's entries have the same chance to lead to; NULL: there is no table. */
struct table_file *version_scan_pick(const struct version *version, uint64_t choice);
/* The sum of what version_scan_pick weighs by. */
uint64_t version_scan_weight(const struct version *version);

#endif
