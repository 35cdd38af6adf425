/* db_cover.h - the range tombstones of all places that a scan reads, seen as one.
 *
 * Places are numbered newest first, as the children of the scan's merge are.  Each one's answer is
 * kept for the stretch of keys for which it holds, so that inside a stretch a question costs two
 * comparisons, and at its end only those places are asked that end there.
 */
#ifndef KV_DB_DB_COVER_H
#define KV_DB_DB_COVER_H

#include "db/db_view.h"
#include "key/key_stretch.h"
#include "version/version_scan.h"

struct db_cover {
    const struct db_view *view; /* borrowed, as are the next two */
    const struct scan_child *children;
    struct read_ctx *ctx;
    uint32_t place_count;
    struct tombstone_stretch *places; /* owned */
    bool *is_known;                   /* owned: the place has been asked */
    bool has_stretch;
    struct tombstone_stretch stretch; /* what all places say together */
};

/* Places are the view's memtables, then the children. */
void db_cover_init(struct db_cover *cover, const struct db_view *view,
                   const struct scan_child *children, uint32_t child_count, struct read_ctx *ctx);
void db_cover_deinit(struct db_cover *cover);
/* The newest visible tombstone over the key, 0: none. */
MUST_CHECK enum kv_status db_cover_find(struct db_cover *cover, struct slice user_key,
                                        uint64_t *seq_out);
/* After db_cover_find for a key: the stretch around it that tombstones of places newer than
 * `place` lie over, so that nothing which `place` has there is visible.  False: none do. */
bool db_cover_hides(const struct db_cover *cover, uint32_t place, struct key_stretch *keys_out,
                    bool forward);

#endif
