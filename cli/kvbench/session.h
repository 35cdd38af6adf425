/* session.h - what lasts from the first run to the last one: the data set as far as kvbench knows
 * it, chance, the result.
 */
#ifndef KV_KVBENCH_SESSION_H
#define KV_KVBENCH_SESSION_H

#include <stdio.h>

#include "base/random.h"
#include "cli/exit_code.h"
#include "cli/kvbench/bench_options.h"
#include "cli/kvbench/journal.h"
#include "cli/kvbench/progress.h"
#include "cli/kvbench/result.h"

struct session {
    const struct bench_options *options; /* borrowed */
    struct random random;
    struct filler filler;
    struct result result;
    struct progress progress;
    FILE *seconds_file; /* owned; NULL: not wanted */

    uint64_t key_end;     /* keys 0 to key_end - 1 were written, or are taken to be */
    uint64_t key_limit;   /* inserts begin anew at options->key_count when they reach it */
    uint64_t insert_next; /* the key of the next insert */

    /* --verify. */
    struct journal_head head;
    struct ledger ledger;
    struct journal journal;
    bool has_journal;
    uint64_t fault_count; /* reads that found what cannot be */
};

/* EXIT_OK, or another code after a message.  To be closed anyway. */
enum exit_code session_open(struct session *session, const struct bench_options *options);
/* Where tables go: standard output, unless a document that was asked for goes there. */
FILE *session_tables(const struct session *session);
/* Prints what repeated runs say together, and writes the files that were asked for. */
enum exit_code session_report(struct session *session);
enum exit_code session_close(struct session *session);

#endif
