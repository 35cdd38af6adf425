/* compaction_input.h - the inputs of a compaction as one sequence of versions in internal-key
 * order.
 *
 * Blocking.  Tables are opened when their turn comes and closed behind it; the range tombstones
 * of each are handed over when it is opened, which is before the first key they can cover, and
 * those of tables that are still closed begin at or behind the current key.
 */
#ifndef KV_COMPACT_COMPACTION_INPUT_H
#define KV_COMPACT_COMPACTION_INPUT_H

#include "base/status.h"
#include "compact/compaction_spec.h"
#include "sst/table_reader.h"

struct io;
struct compaction_run_input;
struct compaction_place;

struct compaction_input_options {
    struct io *io; /* borrowed, as all here */
    const char *dir;
    const struct compaction_spec *spec;
    bool cached; /* the page cache has the tables */
    void (*on_tombstone)(void *owner, const struct range_tombstone *tombstone);
    /* Before a table is opened, which may take a while; what is not KV_OK ends it all. */
    enum kv_status (*on_open)(void *owner);
    void *owner;
};

struct compaction_input {
    struct compaction_input_options options;
    bool valid;
    struct slice key, value;   /* until the next step; the key has been checked to be one */
    uint64_t bad_input_number; /* the table at which KV_CORRUPT was met */

    struct compaction_run_input *runs; /* owned */
    uint32_t run_count;
    struct compaction_place *heap; /* owned; the runs that stand on an entry */
    uint32_t heap_count;
    const uint8_t *shared; /* borrowed from the spec: all user keys begin with these bytes */
    size_t shared_bytes;
    size_t window_bytes;
    uint64_t bytes_closed; /* read of the tables that are closed again */
};

void compaction_input_init(struct compaction_input *input,
                           const struct compaction_input_options *options);
void compaction_input_deinit(struct compaction_input *input);
/* After a failure nothing but deinit makes sense. */
MUST_CHECK enum kv_status compaction_input_start(struct compaction_input *input);
MUST_CHECK enum kv_status compaction_input_next(struct compaction_input *input);
/* Stored bytes so far, out of the sum of the inputs' sizes. */
uint64_t compaction_input_bytes_done(const struct compaction_input *input);

#endif
