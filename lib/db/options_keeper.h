/* options_keeper.h - RocksDB's OPTIONS file, written behind the families that come and go.
 *
 * OPTIONS tells of all families, so hundreds that are made one after the other would write it
 * hundreds of times, each time longer.  Hence it is due a tenth of a second after the first change
 * that it lacks; its owner (db_family_change.c) then has it written when nothing else goes on.
 * Embedded; borrows its db, which outlives it.
 */
#ifndef KV_DB_OPTIONS_KEEPER_H
#define KV_DB_OPTIONS_KEEPER_H

#include "db/db_internal.h"
#include "io/file_rewrite.h"

struct options_keeper {
    struct db *db;
    bool is_old; /* families have come or gone since it was written */
    bool is_due;
    bool timer_runs;
    struct buffer names_gone; /* owned: of families that have gone since, a zero behind each */
    struct io_timer timer;

    struct file_rewrite rewrite;
    uint64_t number;                  /* of the file that is being written */
    void (*on_stored)(struct db *db); /* of the write that goes on */
    struct io_request unlink;
    char unlink_path[PATH_BYTES_MAX];
};

void options_keeper_init(struct options_keeper *keeper, struct db *db);
/* Nothing is being written. */
void options_keeper_deinit(struct options_keeper *keeper);
/* A family has come, or this one has gone (NULL: none has). */
void options_keeper_note(struct options_keeper *keeper, const char *name_gone);
/* Whether the file may tell of a family of this name that has gone. */
bool options_keeper_may_name(const struct options_keeper *keeper, const char *name);
/* Begins to write it as it is to be now; not while that goes on.  on_stored follows, never from
 * inside: also if it could not be written, which has been logged, for kvd needs nothing of it. */
void options_keeper_store(struct options_keeper *keeper, void (*on_stored)(struct db *db));

#endif
