/* checkpoint_keeper.h - the folder `checkpoints` of the data directory, and SAVE's part of it.
 *
 * Clients make checkpoints there by name (KV.CHECKPOINT) and are their owners.  Those that SAVE and
 * BGSAVE make are called save-<milliseconds since 1970>; of them the newest few are kept, by the
 * setting checkpoints-kept.  What a crash has left half made is called *.tmp and is removed.
 */
#ifndef KV_DAEMON_CHECKPOINT_KEEPER_H
#define KV_DAEMON_CHECKPOINT_KEEPER_H

#include "db/db_checkpoint.h"
#include "io/dir_removal.h"

#define CHECKPOINT_SAVE_PREFIX "save-"

struct server;

typedef void checkpoint_saved_fn(void *owner, enum kv_status st,
                                 const struct db_checkpoint_info *info);

struct checkpoint_keeper {
    struct server *server;       /* borrowed; NULL: not begun */
    char parent[PATH_BYTES_MAX]; /* absolute */

    bool is_saving, is_scheduled;
    checkpoint_saved_fn *on_saved; /* of the save under way; NULL: nobody waits */
    void *owner;
    uint64_t save_begun_us; /* io_now_us */
    uint64_t last_save_s;   /* since 1970; of the start, if there is none */
    uint64_t last_save_seq;
    bool last_failed;
    int64_t last_time_s; /* that it took; -1: none was made */
    uint64_t save_count;

    /* Tidying: one directory at a time is renamed and removed. */
    bool has_request; /* in flight */
    struct io_request request;
    char path[PATH_BYTES_MAX];
    struct dir_removal removal;
};

/* Once the engine is open.  Begins to tidy. */
void checkpoint_keeper_init(struct checkpoint_keeper *keeper, struct server *server);
/* Asks what is under way to end; then it is idle soon. */
void checkpoint_keeper_stop(struct checkpoint_keeper *keeper);
bool checkpoint_keeper_is_idle(const struct checkpoint_keeper *keeper);
void checkpoint_keeper_deinit(struct checkpoint_keeper *keeper);

/* As db_checkpoint in the folder; KV_BUSY also while what a crash has left of this one is removed.
 */
MUST_CHECK enum kv_status checkpoint_keeper_make(const struct checkpoint_keeper *keeper,
                                                 const char *name, db_checkpoint_done_fn *on_done,
                                                 void *owner);
/* on_saved may be NULL.  As db_checkpoint returns; KV_BUSY also while another checkpoint is made.
 */
MUST_CHECK enum kv_status checkpoint_keeper_save(struct checkpoint_keeper *keeper,
                                                 checkpoint_saved_fn *on_saved, void *owner);
/* A save is made as soon as no checkpoint is under way. */
void checkpoint_keeper_schedule(struct checkpoint_keeper *keeper);
/* Now and then. */
void checkpoint_keeper_tick(struct checkpoint_keeper *keeper);
/* INFO's lines of it, as Redis calls them. */
void checkpoint_keeper_format(const struct checkpoint_keeper *keeper, struct buffer *target);

#endif
