/* compactor_manual.h - KV.COMPACTs under way; for lib/db only.  The states are drawn in
 * compactor.h. */
#ifndef KV_DB_COMPACTOR_MANUAL_H
#define KV_DB_COMPACTOR_MANUAL_H

#include "db/compactor.h"

/* The next step of the first one that can make one.  False: none can now.  May report the end of
 * those that have nothing left to do. */
bool manual_start_next(struct compactor *compactor);
/* Ends those that wait for flushes that go on failing. */
void manual_look_at_flushes(struct compactor *compactor);
/* Reports those that were cancelled. */
void manual_finish_cancelled(struct compactor *compactor);
/* Its step is over. */
void manual_step_ended(struct manual_compaction *manual, const struct compaction *step,
                       enum kv_status st);
/* It ends with `why` at the next turn, or when its step has come back. */
void manual_cancel(struct manual_compaction *manual, enum kv_status why);
void manual_pause(struct manual_compaction *manual, bool is_paused);
/* Without a report. */
void manual_free(struct manual_compaction *manual);

#endif
