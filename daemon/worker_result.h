/* worker_result.h - what a worker says about a table, held against what kvd knows.
 *
 * A worker parses other people's bytes and may have been taken over, or be plainly wrong; what
 * passes here goes into the MANIFEST.
 */
#ifndef KV_DAEMON_WORKER_RESULT_H
#define KV_DAEMON_WORKER_RESULT_H

#include "ipc/worker_msg.h"

/* What the memtable and the job allow. */
struct worker_result_bounds {
    uint64_t file_number;
    uint64_t entry_count_max; /* point entries of the family in the memtable */
    uint64_t range_tombstone_count;
    uint64_t seq_first, seq_last;
};

enum { TABLE_FOOTER_BYTES = 53 }; /* FORMAT.md section 5.1; the magic number ends it */

/* KV_CORRUPT: something is not as it can be; one line says what. */
MUST_CHECK enum kv_status worker_result_check(const struct worker_table *table,
                                              const struct worker_result_bounds *bounds);
/* Whether these last bytes of a file end as a table of ours does. */
bool worker_result_footer_is_ours(struct slice footer);

#endif
