/* scan_work.h - a walk over keys on behalf of one command, in as many tries as it takes.
 *
 * The walk sees the family as of its first try.  It keeps its place and what was collected between
 * the tries, so that a missing block costs nothing that was done before; it lets the other clients
 * run after SCAN_SLICE_US, and lets go of its blocks when it has walked SCAN_SLICE_BYTES of them.
 * If a write that it may have seen had to be taken back, it begins anew.
 *
 * A page is a walk with a budget of time: when that is used up it ends where it is, and `next` says
 * where to go on.  It has no memory of its own then: any server that has the data can go on.
 */
#ifndef KV_DAEMON_SCAN_WORK_H
#define KV_DAEMON_SCAN_WORK_H

#include "daemon/command.h"
#include "db/db_iter.h"
#include "db/db_view.h"

enum {
    SCAN_SLICE_US = 2000,
    SCAN_SLICE_BYTES = 4 * 1024 * 1024,
    SCAN_SLICE_SKIP_COUNT = 10000,
    SCAN_AHEAD_BYTES_MAX = 256 * 1024,
};

enum scan_verdict {
    SCAN_GO_ON,
    SCAN_STOP_AFTER,  /* this key was the last one */
    SCAN_STOP_BEFORE, /* this key is the next page's first */
};

struct scan_work;
/* Called with each live key; value is empty with keys_only.  Borrowed until it returns. */
typedef enum scan_verdict scan_visit_fn(struct scan_work *work, struct slice key,
                                        struct slice value);

/* What to walk: the same in every try.  Slices are borrowed until scan_run returns. */
struct scan_request {
    struct slice lower, upper; /* keys in [lower, upper) */
    bool has_upper;
    bool is_reverse;
    bool keys_only;
    uint64_t budget_us; /* 0: until the end */
    scan_visit_fn *visit;
    struct slice pattern; /* for `visit`, as are the next two */
    uint64_t count_max, bytes_max;
};

struct scan_work {
    struct command_work base;
    struct scan_request request; /* but for its bounds, which are gone */
    struct db *db;               /* borrowed */
    struct db_view view;
    struct db_iter *iter;       /* owned; NULL: to be made */
    bool has_started;           /* it has found its place, and */
    uint64_t start_bytes;       /* looked at so many bytes of blocks for that */
    struct buffer lower, upper; /* of what is left to walk */
    bool has_upper;
    bool is_from_first; /* the walk has begun without a lower bound */
    uint64_t seq_seen;

    /* Filled by `visit`. */
    struct buffer items;
    uint64_t item_count;
    uint64_t count;       /* of keys, as `visit` counts */
    struct slice pattern; /* of this try */

    /* When scan_run has returned KV_OK: */
    bool is_at_end;     /* no key is left in the direction; else: */
    struct buffer next; /* the key to go on with, */
    bool next_is_open;  /* or rather, behind (with is_reverse: before) it */
    struct buffer last; /* the last key that was visited before `next`, if has_last */
    bool has_last;
};

/* The client's work, made if there is none.  KV_OK: the walk has ended, call->seq_wait has been
 * raised, and *work_out is the client's until the command ends.  KV_WANT_BLOCK, KV_BUSY: the
 * handler returns that. */
MUST_CHECK enum kv_status scan_run(struct command_call *call, const struct scan_request *request,
                                   struct scan_work **work_out);
/* Ends it early, for a second walk of the same command. */
void scan_forget(struct command_call *call);

#endif
