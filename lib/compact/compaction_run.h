/* compaction_run.h - a whole compaction: tables in, fewer or smaller tables out.
 *
 * Blocking, and without a process of its own: the worker runs it with files of its making, the
 * in-place port and the tests with plain ones.
 */
#ifndef KV_COMPACT_COMPACTION_RUN_H
#define KV_COMPACT_COMPACTION_RUN_H

#include "base/status.h"
#include "compact/compaction_output.h"

struct io;

struct compaction_run {
    const struct compaction_spec *spec;
    struct io *io;                /* inputs are read through it */
    const char *dir;              /* of the inputs */
    bool inputs_cached;           /* by the page cache, so they are read from there */
    const char *session_identity; /* properties only; may be "" */
    const struct compaction_sink *sink;
};

struct compaction_result {
    struct table_summary *tables; /* owned array, in key order; NULL: nothing is left */
    uint32_t table_count;
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t entries_read;
    uint64_t expired_count;    /* newest values of their keys that were dead */
    uint64_t bad_input_number; /* after KV_CORRUPT, KV_UNSUPPORTED, KV_NO_FILE; 0: unknown */
};
void compaction_result_deinit(struct compaction_result *result);

/* Deinit *result_out in any case; after a failure it has no tables, and what was begun in the sink
 * is the caller's to clean up.  KV_CANCELLED: on_progress said so. */
MUST_CHECK enum kv_status compaction_run(const struct compaction_run *run,
                                         struct compaction_result *result_out);
/* The same into new files of `dir` (`sink` is not used but for its on_progress; it may be NULL),
 * which are durable afterwards, with their directory entries.  What a failure leaves behind, no
 * one names: it may be removed. */
MUST_CHECK enum kv_status compaction_run_files(const struct compaction_run *run,
                                               struct compaction_result *result_out);

#endif
