/* compactor_buried.h - tables under range tombstones are dropped as soon as that is known; for
 * lib/db only. */
#ifndef KV_DB_COMPACTOR_BURIED_H
#define KV_DB_COMPACTOR_BURIED_H

#include "cache/read_ctx.h"
#include "db/db.h"
#include "version/version_set.h"

struct compactor;

struct buried_search {
    struct compactor *compactor;
    bool is_due;             /* tables have changed since the last one */
    bool is_fetching;        /* a table's tombstones are on their way */
    uint64_t rest_us;        /* something could not be read: not before this time */
    struct version *version; /* owned reference while fetching */
    struct read_ctx ctx;     /* likewise */
    struct db_waiter waiter;
};

void buried_search_init(struct buried_search *search, struct compactor *compactor);
/* After the last fetch. */
void buried_search_deinit(struct buried_search *search);
/* Once a turn of the compactor: drops what can be dropped, whatever else runs.  False: more may be
 * known in a moment, and what is started now may be in vain. */
bool buried_search_turn(struct buried_search *search);

#endif
