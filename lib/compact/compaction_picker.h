/* compaction_picker.h - what to compact next: a pure function from a version to a plan.
 *
 * Nothing here looks at a clock, a file or a global, or remembers anything: the same view gives
 * the same plan, whose golden pages are tests/data/compaction_picker.td.  A plan is a value that
 * owns all it points to, so it outlives the version that it was picked from; whoever runs it
 * keeps the inputs (table_file_ref) as long as a job may read them.
 *
 * The caller keeps the plans that run and shows them in the next view: no two plans share a
 * table, and no two write to overlapping ranges of one level.  A plan that failed may stay among
 * them for as long as its tables shall be left alone.
 *
 *     pick -> plan -+-> MERGE: jobs (compaction_plan_cut) -> one edit: inputs out, outputs in
 *                   +-> MOVE: one edit: the same tables, at output_level
 *                   +-> DROP: one edit: inputs out (FIFO, or all of them is dead or buried)
 *
 * Ask again after each flush and each installed plan, until the answer is no; and once a minute,
 * for tables that became due by age or by deadlines.
 */
#ifndef KV_COMPACT_COMPACTION_PICKER_H
#define KV_COMPACT_COMPACTION_PICKER_H

#include "version/compaction_options.h"
#include "version/version_scan.h"
#include "version/version_set.h"

enum compaction_kind {
    COMPACTION_MERGE, /* rewrite the inputs */
    COMPACTION_MOVE,  /* nothing overlaps at output_level or on the way: one edit moves them */
    COMPACTION_DROP,  /* one edit removes them, with all that is in them */
};

enum compaction_reason {
    COMPACTION_LEVEL0_COUNT, /* too many tables in level 0 */
    COMPACTION_LEVEL0_BYTES,
    COMPACTION_LEVEL0_MERGE, /* level 0 into itself, since its way down is busy */
    COMPACTION_LEVEL0_SPACE, /* level 0 a part at a time, for want of space for all of it */
    COMPACTION_LEVEL_BYTES,  /* a level above its target */
    COMPACTION_LEVEL_UNUSED, /* a level that should be empty: foreign, or the data shrank */
    COMPACTION_MARKED,       /* the MANIFEST says marked for compaction */
    COMPACTION_DELETIONS,    /* many deletions */
    COMPACTION_DEAD,         /* many values whose deadline has passed, or nothing else */
    COMPACTION_BURIED,       /* all of it lies under newer range tombstones */
    COMPACTION_TTL,
    COMPACTION_PERIODIC,
    COMPACTION_SPACE_AMP,  /* universal: the newer runs weigh too much against the oldest */
    COMPACTION_SIZE_RATIO, /* universal: runs of like size */
    COMPACTION_RUN_COUNT,  /* universal: too many runs */
    COMPACTION_RUN_SPACE,  /* universal: some neighbours, for want of space for more */
    COMPACTION_FIFO_BYTES,
    COMPACTION_FIFO_TTL,
    COMPACTION_MANUAL,
    COMPACTION_REASON_COUNT,
};

enum {
    /* Neighbours are joined beyond these, which errs to the safe side. */
    COMPACTION_BELOW_COUNT_MAX = 1024,
    COMPACTION_GRANDPARENT_COUNT_MAX = 4096,
    COMPACTION_TEXT_BYTES = 160,
};

/* An input, copied out of its version. */
struct compaction_input {
    uint32_t level;
    uint64_t number;
    uint64_t bytes;
    struct slice smallest, largest; /* internal keys; the plan's */
    uint64_t seq_smallest, seq_largest;
    uint64_t entry_count, deletion_count; /* 0: unknown */
    uint64_t deadline_count;              /* values that may die on the way */
};

/* User keys first..last, both included. */
struct compaction_span {
    struct slice smallest, largest; /* the plan's */
    uint64_t bytes;                 /* of the tables in it */
};

/* Zeroed is an empty one.  Freed by compaction_plan_deinit. */
struct compaction_plan {
    uint32_t cf_id;
    enum compaction_kind kind;
    enum compaction_reason reason;
    char text[COMPACTION_TEXT_BYTES]; /* one line for logs and KV.JOBS */
    double score;                     /* of the level or rule that asked; >= 1 is pressing */
    uint64_t now_s;                   /* the view's: COMPACTION_DEAD drops what was dead then */

    struct compaction_input *inputs; /* by level, then by key; level 0 newest first */
    uint32_t input_count;
    uint64_t input_bytes;
    uint32_t input_level;           /* the uppermost input's */
    struct slice smallest, largest; /* user keys that the inputs span, both included */

    uint32_t output_level;
    uint64_t output_bytes_max; /* cut outputs behind this many bytes */
    enum compression compression;
    bool is_bottommost; /* no older version of any key in the range is outside the inputs */

    /* Where older versions of the inputs' keys may be: disjoint, ascending; the levels below the
     * output, and for an output at level 0 its older tables too.  None: is_bottommost. */
    struct compaction_span *below;
    uint32_t below_count;
    /* The level below the output: an output should not overlap more than grandparent_bytes_max. */
    struct compaction_span *grandparents;
    uint32_t grandparent_count;
    uint64_t grandparent_bytes_max;

    uint8_t *keys; /* the bytes of all keys above */
};

void compaction_plan_deinit(struct compaction_plan *plan);
const char *compaction_reason_name(enum compaction_reason reason);

/* Of the number of tables in level 0, or of the debt, that slows writers: from here on compactions
 * get their share of the cores, and level 0 goes before the other levels. */
#define COMPACTION_PRESSING_SHARE 0.6

/* What the picker sees; all borrowed for the call. */
struct compaction_view {
    const struct version *version;
    const struct compaction_options *options;
    enum compression compression;                 /* the family's */
    const struct compaction_plan *const *running; /* of this family */
    uint32_t running_count;
    bool has_ending; /* one of them only waits to be installed, and frees its way in a moment */
    uint64_t snapshot_oldest; /* the oldest live snapshot's sequence; SEQUENCE_MAX: none is live */
    uint64_t snapshot_newest; /* of the newest one; 0: none is live */
    uint64_t now_s;           /* Unix seconds */
};

/* The most pressing plan that can start now.  False: none; *plan_out is empty. */
bool compaction_pick(const struct compaction_view *view, struct compaction_plan *plan_out);

/* When there is no space for what compaction_pick wants: a plan that reads, and so writes, at most
 * bytes_max, and that leads to where there is more.  Asked over and over it comes to an end. */
bool compaction_pick_within(const struct compaction_view *view, uint64_t bytes_max,
                            struct compaction_plan *plan_out);

/* Who knows the range tombstones of tables: as version_scan_stretch, of a place of the version. */
struct tombstone_source {
    enum kv_status (*stretch)(void *owner, const struct scan_child *place, struct slice key,
                              uint64_t seq_max, struct tombstone_stretch *stretch_out);
    void *owner;
};

/* Any style, apart from the other rules, since it costs no job: the idle tables of which all lies
 * under range tombstones that are newer, and which no snapshot sees, as one DROP.  Without inputs:
 * there are none.  KV_WANT_BLOCK: none that can be told without what the source lacks; ask again
 * when it is there.  A place that the source cannot read hides nothing. */
MUST_CHECK enum kv_status compaction_pick_buried(const struct compaction_view *view,
                                                 const struct tombstone_source *source,
                                                 struct compaction_plan *plan_out);

/* KV.COMPACT: everything in begin..end that was written before the request goes down to the last
 * level; there tables are rewritten that hold deletions or sequence numbers that no snapshot
 * needs, or all if is_forced.  Universal: all runs become one.  FIFO: nothing to do. */
struct compaction_request {
    struct slice begin, end; /* user keys, both included; empty: no bound */
    uint64_t seq_max;        /* the last sequence at the request: what is newer may stay */
    uint64_t number_next;    /* the next file number at the request: newer tables are done */
    bool is_forced;
};

enum compaction_manual {
    COMPACTION_MANUAL_PLAN, /* run it, install it, ask again */
    COMPACTION_MANUAL_WAIT, /* running plans are in the way: ask again when one is installed */
    COMPACTION_MANUAL_DONE,
};

enum compaction_manual compaction_pick_manual(const struct compaction_view *view,
                                              const struct compaction_request *request,
                                              struct compaction_plan *plan_out);

/* User keys that cut a MERGE plan into at most job_count_max jobs of about equal bytes, none of
 * them under job_bytes_min: job i has the keys cuts[i - 1] <= key < cuts[i], the first and the
 * last being open.  Fills at most job_count_max - 1 cuts, ascending, borrowed from the plan;
 * returns how many. */
uint32_t compaction_plan_cut(const struct compaction_plan *plan, uint32_t job_count_max,
                             uint64_t job_bytes_min, struct slice *cuts_out);

struct compaction_level_shape {
    uint32_t file_count;
    uint64_t bytes;
    uint64_t bytes_target; /* 0: has none, or should be empty */
    double score;          /* >= 1: wants a compaction; what runs does not count */
};

struct compaction_shape {
    uint32_t base_level; /* where level 0 goes */
    struct compaction_level_shape levels[LEVEL_COUNT];
    uint64_t debt_bytes; /* estimate: what must be rewritten until no level is above its target */
};

/* Costs a walk over the tables of all levels but the last. */
void compaction_shape_of(const struct compaction_view *view, struct compaction_shape *shape_out);

#endif
