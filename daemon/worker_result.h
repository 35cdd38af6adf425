/* worker_result.h - what a worker says about a table, held against what kvd knows.
 *
 * A worker parses other people's bytes and may have been taken over, or be plainly wrong; what
 * passes here goes into the MANIFEST.
 */
#ifndef KV_DAEMON_WORKER_RESULT_H
#define KV_DAEMON_WORKER_RESULT_H

#include "ipc/worker_msg.h"
#include "sst/table_builder.h"

/* What the memtable and the job allow. */
struct worker_result_bounds {
    uint64_t file_number;
    uint64_t entry_count_max; /* point entries of the family in the memtable */
    uint64_t range_tombstone_count;
    uint64_t seq_first, seq_last;
};

/* What the inputs of a compaction and what was reported before allow. */
struct worker_compact_bounds {
    uint64_t file_number;           /* of the next table */
    struct slice smallest, largest; /* user keys; both may occur; borrowed from the job */
    struct slice end;               /* a user key that may only end a range; empty: none */
    uint64_t seq_smallest, seq_largest;
    uint64_t entry_count_max; /* point entries still to come */
};

enum { TABLE_FOOTER_BYTES = 53 }; /* FORMAT.md section 5.1; the magic number ends it */

/* KV_CORRUPT: something is not as it can be; one line says what. */
MUST_CHECK enum kv_status worker_result_check(const struct worker_table *table,
                                              const struct worker_result_bounds *bounds);
void worker_compact_bounds_init(struct worker_compact_bounds *bounds,
                                const struct compaction_spec *spec);
/* `before` is the table that was reported last, or NULL.  Likewise. */
MUST_CHECK enum kv_status worker_result_check_compact(const struct worker_table *table,
                                                      const struct worker_compact_bounds *bounds,
                                                      const struct table_summary *before);
/* Whether these last bytes of a file end as a table of ours does. */
bool worker_result_footer_is_ours(struct slice footer);

#endif
