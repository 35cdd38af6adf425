/* compaction.h - one plan of the picker, from its making to its end; for lib/db only. */
#ifndef KV_DB_COMPACTION_H
#define KV_DB_COMPACTION_H

#include "db/compactor.h"

/* Takes over the plan.  `manual` NULL: the picker's own idea.  `slot_count`: how many of its jobs
 * may run at once. */
struct compaction *compaction_new(struct db *db, struct compaction_plan *plan,
                                  struct manual_compaction *manual, uint32_t slot_count);
/* Gives the jobs to the port, as many as may run, or installs at once what needs none. */
void compaction_start(struct compaction *compaction);
/* It ends with `why`, when its parts have come back. */
void compaction_cancel(struct compaction *compaction, enum kv_status why);
/* The user doesn't want it now: cancelled, and not picked again at once. */
void compaction_reject(struct compaction *compaction);
/* Gives parts to the port that have waited for a slot, or were cancelled by a pause or with their
 * worker. */
void compaction_go_on(struct compaction *compaction);
/* It failed in a way that doesn't pass by itself. */
bool compaction_met_bad_table(const struct compaction *compaction);
/* Its tables may be tried again. */
void compaction_unpark(struct compaction *compaction);
void compaction_pause(struct compaction *compaction, bool is_paused);
/* At the end of the engine: whatever it was doing. */
void compaction_free(struct compaction *compaction);
/* One that was just made: there is no room for its outputs now, and its tables are left alone until
 * there may be. */
void compaction_wait_for_space(struct compaction *compaction);
/* What runs gives its outputs up: a flush needs their space. */
void compaction_yield_space(struct db *db);
/* Bytes of the inputs that its jobs have read. */
uint64_t compaction_bytes_done(const struct compaction *compaction);

/* --- compaction_job.c --- */

/* What all parts share, and the cuts between them. */
void compaction_make_parts(struct compaction *compaction, uint32_t slot_count);
/* New file numbers and what changes from try to try. */
void compaction_fill_job(struct compaction_part *part);
void compaction_keep_tables(struct compaction_part *part, const struct table_summary *tables,
                            uint32_t count);
void compaction_drop_tables(struct compaction_part *part);
/* Whether the new tables may stand where the inputs stood.  KV_CORRUPT: the answer was wrong. */
MUST_CHECK enum kv_status compaction_check_tables(const struct compaction *compaction);
/* Inputs out, outputs in.  The tables move into the edit. */
void compaction_make_edit(struct compaction *compaction, const struct version *version,
                          struct version_edit *edit);

/* What jobs read stays as it is until all of them have answered, whatever becomes of the family. */
void compaction_pin_inputs(struct compaction *compaction);
void compaction_unpin_inputs(struct compaction *compaction);

/* The current version has the input. */
struct table_file *compaction_input_file(const struct version *version,
                                         const struct compaction_input *input);

/* --- compaction_open.c --- */

/* compaction_on_opened comes, perhaps from inside. */
void compaction_open_tables(struct compaction *compaction);
/* What was opened for nothing is closed. */
void compaction_end_opening(struct compaction *compaction);
/* compaction.c: KV_OK, or why one of the tables may not be installed. */
void compaction_on_opened(struct compaction *compaction, enum kv_status st);

/* --- compactor.c --- */

/* A compaction is over: KV_OK, or why not. */
void compactor_on_end(struct compaction *compaction, enum kv_status st);

#endif
