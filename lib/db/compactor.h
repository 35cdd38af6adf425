/* compactor.h - the engine's compactions: asked of the picker, given away, taken back, installed.
 *
 * One struct compaction is one plan of the picker; it may be several jobs, each a part of the key
 * range, whose results are installed together.  Only files of lib/db include this.
 *
 *     compactor.c          what runs next
 *     compaction.c         one plan: its jobs, its end, what is tried again
 *     compaction_open.c    new tables are opened before they are installed
 *     compaction_job.c     from a plan to what a job is told, and from its answer to an edit
 *     compactor_buried.c   what lies under range tombstones
 *     compactor_manual.c   KV.COMPACT: level by level to the bottom
 *     compactor_admin.c    KV.JOBS and the numbers
 *
 * No compaction is ever waited for by a write, a flush or a stop.
 */
#ifndef KV_DB_COMPACTOR_H
#define KV_DB_COMPACTOR_H

#include "compact/compaction_picker.h"
#include "db/compactor_buried.h"
#include "db/db_internal.h"

enum {
    COMPACT_PARTS_MAX = 16,                    /* of one plan */
    COMPACT_PART_BYTES_MIN = 64 * 1024 * 1024, /* smaller plans are not cut */
    /* Plans larger than so many of these are cut even if only one part can run at a time: that
     * much is lost with a worker, and so long level 0 waits when it presses. */
    COMPACT_PART_AIM = 4,
    COMPACT_RETRY_US_MIN = 200 * 1000,
    COMPACT_RETRY_US_MAX = 10 * 1000 * 1000,
    COMPACT_BAD_TABLE_RETRY_US = 300 * 1000 * 1000, /* or at the next KV.COMPACT */
    COMPACT_UNWANTED_RETRY_US = 60 * 1000 * 1000,
    COMPACT_SPACE_RETRY_US = 1000 * 1000, /* no try: a look at what is free */
    COMPACT_STARTS_PER_TURN = 8,
    /* A KV.COMPACT gives up when it has found so many times, about a second apart, that nothing can
     * run; or when what it waits for could not be flushed for so long, through several tries. */
    COMPACT_REFUSAL_COUNT_MAX = 10,
    COMPACT_REFUSAL_US = COMPACT_SPACE_RETRY_US * 9 / 10,
    COMPACT_FLUSH_WAIT_US = 3 * FLUSH_RETRY_US_MAX,
    COMPACT_LOST_COUNT_MAX = 8, /* workers; then the plan has failed */
    COMPACT_AGE_CHECK_US = 60 * 1000 * 1000,
    COMPACT_DEADLINE_CHECK_US = 5 * 1000 * 1000,
};

/* A part of a plan's key range.
 *
 *     WAITING --start--> RUNNING --ok--> DONE
 *        ^                  |
 *        `--paused, made way, worker lost--'
 */
enum part_state { PART_WAITING, PART_RUNNING, PART_DONE };

struct compaction_part {
    struct compaction *compaction;
    enum part_state state;
    struct compact_job job;
    struct slice begin, end;      /* the plan's keys; empty: no bound */
    struct compact_input *inputs; /* owned: the plan's inputs that reach into the part */
    struct compact_range *below;  /* owned, likewise */
    uint64_t *snapshots;          /* owned: those that the job was told of */
    struct table_meta *tables;    /* owned array, when DONE */
    uint32_t table_count;
};

/* A plan on its way to a new version.  From the beginning to the end the picker sees it among
 * those that run, so nothing else touches its inputs or its part of the output level.
 *
 *     made --nothing to rewrite--------------------------------------------------.
 *       |                                                                        v
 *       `---> RUNNING --all parts DONE, they fit--> OPENING --tables open--> INSTALLING --> gone
 *              |   ^ `--paused: parts are cancelled,
 *              |   '---- go on at RESUME
 *              `--a part failed, CANCEL, stop--> ENDING --no part RUNNING--> outputs deleted,
 *                                                  gone, or if it failed: PARKED --later--> gone
 */
enum compaction_state {
    COMPACTION_RUNNING,
    COMPACTION_ENDING,
    COMPACTION_PARKED, /* its tables are left alone for a while */
    COMPACTION_OPENING,
    COMPACTION_INSTALLING,
};

struct compaction {
    struct db *db;
    struct list link; /* in compactor->compactions */
    uint64_t id;      /* what KV.JOBS calls it; from the same numbers as jobs */
    enum compaction_state state;
    bool is_paused, is_unwanted;
    enum kv_status ending;         /* why it is ENDING */
    struct db_family *family;      /* owned reference */
    struct compaction_plan plan;   /* owned */
    struct compaction_part *parts; /* owned array; none if nothing is rewritten */
    uint32_t part_count;
    struct table_file **inputs; /* owned, a reference to each: jobs may read them; NULL: no jobs */
    struct compact_range *grandparents; /* owned; for all parts */
    struct table_opening *opening;      /* owned; from OPENING on */
    uint64_t creation_time_s;
    uint64_t output_bytes;
    uint64_t started_us;
    uint32_t lost_count;              /* jobs whose workers were lost */
    struct io_timer park_timer;       /* RUNNING: until the next worker is tried */
    uint64_t parked_room_bytes;       /* what it might have written when it was parked */
    struct manual_compaction *manual; /* borrowed; NULL: the picker's own idea */
};

/* A KV.COMPACT under way.
 *
 *     FLUSHING --what was in memory is in tables--> STEPPING <--+
 *                                                     | | `-----' next plan, level by level
 *                    |                                | `--nothing left--> gone, on_done(KV_OK)
 *                    `--------------------------------`--a step failed, none could be started for
 *                          too long, CANCEL--> gone, on_done
 */
enum manual_state { MANUAL_FLUSHING, MANUAL_STEPPING };

struct manual_compaction {
    struct db *db;
    struct list link; /* in compactor->manuals */
    uint64_t id;
    enum manual_state state;
    bool is_paused;
    bool is_patient;           /* for want of space it waits, however long */
    uint32_t refusal_count;    /* since a step went well: nothing could run */
    uint64_t refused_us;       /* when that was counted last */
    enum kv_status last_error; /* why */
    enum kv_status ending;     /* not KV_OK: it ends with this as soon as its step is back */
    uint32_t cf_id;
    struct buffer begin, end; /* owned */
    struct compaction_request request;
    struct compaction *step; /* borrowed: the one that runs; NULL: none */
    uint64_t started_us, bytes_done, step_count;
    db_done_fn *on_done;
    void *owner;
};

struct compactor {
    struct db *db;
    struct list compactions, manuals;
    uint32_t running_count; /* parts that the port has */
    bool must_pick;         /* something has changed since the picker was asked */
    bool has_waiting_parts; /* of plans that have begun */
    bool is_paused;
    bool manual_is_next;         /* turns are taken */
    uint32_t family_next;        /* where the round over the families goes on */
    uint32_t failure_count;      /* in a row */
    uint32_t lost_count;         /* jobs whose workers were lost, in a row */
    uint64_t drain_bytes_per_s;  /* of level 0, measured; 0: not yet */
    uint64_t age_check_us;       /* when to ask for tables that became due by age */
    uint64_t deadline_check_us;  /* the same, where there are deadlines */
    struct io_timer retry_timer; /* asks again for a KV.COMPACT that lacks space */
    struct buried_search buried;
    struct compaction_options view_options; /* of the family that the picker looks at */
    struct db_compaction_totals totals;
};

struct compactor *compactor_new(struct db *db);
/* Jobs that the port has not answered are forgotten: it is closed. */
void compactor_free(struct compactor *compactor);
/* The picker may have something to say: tables or options have changed. */
void compactor_poke(struct compactor *compactor);
/* The same, a while later. */
void compactor_retry_later(struct compactor *compactor);
/* Starts what may start; from db_turn only. */
void compactor_turn(struct compactor *compactor);
/* Nothing is started any more, and what runs is cancelled. */
void compactor_stop(struct compactor *compactor);

/* What the picker is shown of a family, with all that runs.  One at a time; deinit frees what init
 * allocated. */
void compactor_view_init(struct compactor *compactor, const struct column_family *family,
                         struct compaction_view *view);
/* Plans that rest don't count as running. */
void compactor_view_hide_parked(struct compaction_view *view);
void compactor_view_deinit(struct compaction_view *view);
void compactor_get_stats(struct compactor *compactor, struct db_stats *stats);
/* Bytes of the inputs that its jobs have not read. */
uint64_t compaction_bytes_left(const struct compaction *compaction);
/* The latest time by which one under way takes values for dead; 0: none does. */
uint64_t compactor_newest_ms(const struct compactor *compactor);
/* How many jobs may start. */
uint32_t compactor_free_slots(const struct compactor *compactor);

#endif
