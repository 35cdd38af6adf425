/* check.h - `kvbench check JOURNAL`: asks a server for every key that a journal knows, and says
 * whether anything that was acknowledged is lost.
 */
#ifndef KV_KVBENCH_CHECK_H
#define KV_KVBENCH_CHECK_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

struct check_target {
    const char *socket_path; /* NULL: TCP */
    const char *host;
    const char *password; /* NULL: none */
    uint32_t timeout_ms;  /* for connecting and for each reply; 0: for ever */
    uint32_t db_index;
    uint16_t port;
};

struct check_report {
    uint64_t key_count;      /* keys that were asked for */
    uint64_t in_doubt_count; /* of those: with a write of unknown fate, whatever it was */
    uint64_t survivor_count; /* of those: it seems done; a deletion of nothing always does */
    uint64_t fault_count;    /* keys that are wrong */
    uint64_t torn_bytes;     /* at the end of the journal, dropped */
};

/* Prints the first faults and a summary.  KV_OK: all is as it must be.  KV_CORRUPT: it is not, or
 * the journal is damaged.  KV_NO_FILE, KV_IO, KV_BUSY (no connection, or it was lost), KV_INVALID
 * (the server refuses); a message was logged. */
MUST_CHECK enum kv_status check_run(FILE *target, const char *journal_path,
                                    const struct check_target *server,
                                    struct check_report *report_out);

#endif
