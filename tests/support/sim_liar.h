/* sim_liar.h - a struct io between the engine and the simulated machine, for two purposes.
 *
 * It lies: each enum sim_lie makes the engine behave as if it had one certain bug, without a
 * change to the engine.  A simulation that doesn't catch them proves nothing.
 *
 * It gives an afterlife: when the power has failed, the engine object is still there, and can only
 * be freed when it is idle.  In the afterlife everything but reading succeeds and changes nothing,
 * so the engine comes to rest as in a dream, and none of it reaches the disk.
 */
#ifndef KV_TESTS_SUPPORT_SIM_LIAR_H
#define KV_TESTS_SUPPORT_SIM_LIAR_H

#include "support/sim_io.h"

enum sim_lie {
    LIE_NONE,
    LIE_LOG_UNSYNCED,      /* acknowledges log writes before they are durable */
    LIE_CURRENT_UNSYNCED,  /* no directory sync after CURRENT was renamed */
    LIE_TABLE_UNSYNCED,    /* a table is installed without a sync */
    LIE_MANIFEST_UNSYNCED, /* logs go before the MANIFEST edit is durable */
    LIE_SYNC_RETRIED,      /* a failed fsync is made again on the same file, and believed */
    LIE_NAMES_UNSYNCED,    /* no directory sync at all */
    LIE_SHORT_WRITE_WHOLE, /* a short write of the log counts as a whole one */
    LIE_OUTPUT_UNSYNCED,   /* what a compaction wrote is installed without a sync */
    LIE_INPUT_GONE_EARLY, /* its inputs are deleted before the edit that replaces them is durable */
    SIM_LIE_COUNT
};
const char *sim_lie_name(enum sim_lie lie);

struct sim_liar;

/* `sim` is borrowed and must live longer. */
struct sim_liar *sim_liar_new(struct sim_io *sim, enum sim_lie lie);
/* Nothing may be in flight. */
void sim_liar_free(struct sim_liar *liar);
struct io *sim_liar_base(struct sim_liar *liar);
uint64_t sim_liar_lie_count(const struct sim_liar *liar);
/* For LIE_OUTPUT_UNSYNCED: true while a compaction runs; borrowed. */
void sim_liar_watch_compaction(struct sim_liar *liar, const bool *is_compacting);
/* For LIE_INPUT_GONE_EARLY: the file is gone for good, whatever else happens. */
void sim_liar_remove(struct sim_liar *liar, const char *path, const char *dir);
void sim_liar_set_afterlife(struct sim_liar *liar, bool is_on);
/* After one in so many changes of a name (renamed, removed, directory synced) the power fails
 * within the next few operations, where most of what can go wrong does.  0: never. */
void sim_liar_cut_near_names(struct sim_liar *liar, uint32_t one_in);

#endif
