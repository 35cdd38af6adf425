/* compaction_output.h - what is left of the inputs, cut into tables.
 *
 * A table ends only between two user keys: when it is large enough, or when it overlaps so much
 * of the level below the output that its own next compaction would be too large.  Range
 * tombstones that are met go through here too: they leave with the table that they lie in, cut at
 * its end, and are dropped where nothing older can lie below them (FORMAT.md section 8.5).
 */
#ifndef KV_COMPACT_COMPACTION_OUTPUT_H
#define KV_COMPACT_COMPACTION_OUTPUT_H

#include "compact/compaction_spec.h"
#include "compact/key_ranges.h"
#include "compact/pending_tombstones.h"
#include "merge/merge_operator.h"
#include "sst/table_builder.h"

/* Where tables go.  The first failure of any of them ends the compaction with it. */
struct compaction_sink {
    enum kv_status (*begin)(void *owner, uint64_t file_number);
    table_sink_fn *write;
    /* The table is complete, and all has been written. */
    enum kv_status (*finish)(void *owner, const struct table_summary *summary);
    /* Called now and then; `bytes_done` of the inputs.  May be NULL. */
    enum kv_status (*on_progress)(void *owner, uint64_t bytes_done);
    void *owner;
};

struct compaction_output {
    const struct compaction_spec *spec; /* borrowed, as are the next two */
    const char *session_identity;
    const struct compaction_sink *sink;
    struct merge_operator op; /* for its name */
    struct key_ranges below;
    struct pending_tombstones tombstones;
    size_t retire_count;   /* so many of them are looked through for those that are behind */
    enum kv_status status; /* the first failure */
    struct table_builder *builder; /* owned; NULL: no table is open */
    uint32_t grandparent_at;
    uint64_t grandparent_bytes;   /* that the open table has passed */
    struct table_summary *tables; /* owned array */
    uint32_t table_count, table_capacity;
};

void compaction_output_init(struct compaction_output *output, const struct compaction_spec *spec,
                            const char *session_identity, const struct compaction_sink *sink);
/* Finished or not; the tables, too. */
void compaction_output_deinit(struct compaction_output *output);
/* `key` is an internal key above all before; `is_first`: of its user key. */
MUST_CHECK enum kv_status compaction_output_add(struct compaction_output *output, struct slice key,
                                                struct slice value, bool is_first);
/* Takes note of a tombstone of an input; `key` is the user key where the compaction stands, or
 * empty. */
void compaction_output_add_tombstone(struct compaction_output *output,
                                     const struct range_tombstone *tombstone, struct slice key);
/* Closes the last table. */
MUST_CHECK enum kv_status compaction_output_finish(struct compaction_output *output);

#endif
